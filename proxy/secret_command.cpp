#include "proxy/secret_command.hpp"

#include "net/descriptor.hpp"
#include "proxy/inject/secret_values.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr std::size_t most_printed = 64 * 1024;

using Clock = std::chrono::steady_clock;

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

  bool prepare(int output) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    return posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0 &&
           posix_spawn_file_actions_adddup2(&actions, output, 1) == 0 &&
           posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) == 0 &&
           posix_spawn_file_actions_addclosefrom_np(&actions, 3) == 0 &&
           posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
           posix_spawnattr_setsigdefault(&attributes, &all) == 0 &&
           posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID) ==
               0;
  }
};

// Killed with its group and reaped, at the latest at its end.
class Process {
 public:
  explicit Process(pid_t pid) : pid_(pid) {}
  ~Process() { static_cast<void>(end()); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Its status. While it is not reaped, its number is nobody else's: so the group is killed first.
  int end() {
    if (pid_ <= 0) return status_;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status_;
  }

 private:
  pid_t pid_;
  int status_ = -1;
};

enum class Reading { ended, too_late, too_much, failed };

bool wait_for(int descriptor, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd one{descriptor, POLLIN, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::min<long long>(left, 1'000'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Reading read_all(int pipe, Clock::time_point until, std::string& text) {
  text.reserve(most_printed);
  std::array<char, 4096> bytes{};
  for (;;) {
    if (!wait_for(pipe, until)) return Reading::too_late;
    const ssize_t size = ::read(pipe, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Reading::failed;
    if (size == 0) break;
    if (text.size() + static_cast<std::size_t>(size) > most_printed) return Reading::too_much;
    text.append(bytes.data(), static_cast<std::size_t>(size));
  }
  ::explicit_bzero(bytes.data(), bytes.size());
  return Reading::ended;
}

Outcome<std::string> first_line(std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  wipe(text);
  return line;
}

}  // namespace

Outcome<std::string> run_secret_command(const std::vector<std::string>& arguments, std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Complaint{"its command cannot be listened to"};
  const Descriptor ours(ends[0]);
  Plan plan;
  pid_t pid = -1;
  {
    const Descriptor theirs(ends[1]);
    if (!plan.prepare(theirs.get())) return Complaint{"its command cannot be prepared"};
    std::vector<std::string> words = arguments;
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const int fault =
        ::posix_spawnp(&pid, words.front().c_str(), &plan.actions, &plan.attributes, pointers.data(), environ);
    if (fault != 0) return Complaint{"its command cannot be started: ", std::strerror(fault)};
  }
  Process process(pid);
  // glibc 2.36 declares pidfd_open() for C alone.
  const Descriptor watched(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  std::string text;
  const Reading reading = read_all(ours.get(), until, text);
  const bool in_time = reading == Reading::ended && watched && wait_for(watched.get(), until);
  const int status = process.end();
  const bool good = in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (good) return first_line(text);
  wipe(text);
  if (reading == Reading::too_much) return Complaint{"its command printed more than 64 KiB"};
  if (!in_time) return Complaint{"its command took too long"};
  if (WIFEXITED(status)) return Complaint{"its command failed with status ", std::to_string(WEXITSTATUS(status))};
  return Complaint{"its command was killed"};
}

}  // namespace sallyport
