#include "net/child_process.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <utility>

namespace sallyport {
namespace {

// What posix_spawn is told; destroyed in any case.
struct Plan {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};

  Plan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~Plan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // The number of what went wrong, or 0.
  int prepare(const Spawn& spawn) {
    if (const int fault = set_descriptors(spawn); fault != 0) return fault;
    if (!spawn.folder.empty()) {
      if (const int fault = posix_spawn_file_actions_addchdir_np(&actions, spawn.folder.c_str())) return fault;
    }
    return set_signals();
  }

 private:
  int set_descriptors(const Spawn& spawn) {
    if (const int fault = put(spawn.input, 0, O_RDONLY)) return fault;
    if (const int fault = put(spawn.output, 1, O_WRONLY)) return fault;
    if (const int fault = put(spawn.errors, 2, O_WRONLY)) return fault;
    return posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  }

  int put(std::optional<int> descriptor, int as, int mode) {
    return descriptor ? posix_spawn_file_actions_adddup2(&actions, *descriptor, as)
                      : posix_spawn_file_actions_addopen(&actions, as, "/dev/null", mode, 0);
  }

  int set_signals() {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (const int fault = posix_spawnattr_setsigmask(&attributes, &none)) return fault;
    if (const int fault = posix_spawnattr_setsigdefault(&attributes, &all)) return fault;
    return posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
};

// As C wants a list: it lives as long as the words do.
std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

boost::system::error_code because(int fault) {
  return {fault, boost::system::system_category()};
}

}  // namespace

boost::system::result<ChildProcess> ChildProcess::start(const Spawn& spawn) {
  Plan plan;
  pid_t pid = -1;
  int fault = plan.prepare(spawn);
  if (fault == 0) {
    std::vector<std::string> words = spawn.arguments,
                             variables = spawn.environment.value_or(std::vector<std::string>());
    const auto arguments = pointers_to(words), environment = pointers_to(variables);
    fault = ::posix_spawnp(&pid, words.front().c_str(), &plan.actions, &plan.attributes, arguments.data(),
                           spawn.environment ? environment.data() : environ);
  }
  if (fault != 0) return because(fault);
  ChildProcess child(pid);
  if (!child.ended_) return because(errno);
  return child;
}

// glibc 2.36 declares pidfd_open() for C alone.
ChildProcess::ChildProcess(pid_t pid) : pid_(pid), ended_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_), ended_(std::move(other.ended_)) {}

ChildProcess::~ChildProcess() {
  static_cast<void>(end());
}

// While it is not reaped, its number is nobody else's: so the group is killed first.
int ChildProcess::end() {
  if (pid_ <= 0) return status_;
  ::kill(-pid_, SIGKILL);
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status_;
}

}  // namespace sallyport
