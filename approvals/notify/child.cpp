#include "approvals/notify/child.hpp"

#include "net/descriptor.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <unistd.h>
#include <utility>

namespace sallyport {
namespace {

constexpr std::size_t kept_output = 4096;

Complaint failed(const char* what) {
  return Complaint{what, ": ", std::strerror(errno)};
}

// A file in memory: it holds any length, and nobody has to write while the program reads.
int file_of(const std::string& text) {
  Descriptor file(::memfd_create("notice", MFD_CLOEXEC));
  if (!file) return -1;
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(file.get(), text.data() + done, text.size() - done);
    if (wrote <= 0) return -1;
    done += static_cast<std::size_t>(wrote);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return -1;
  return file.release();
}

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

  bool prepare(int input, int output) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    // SIGPIPE is ignored by us, which a program would inherit.
    return posix_spawn_file_actions_adddup2(&actions, input, 0) == 0 &&
           posix_spawn_file_actions_adddup2(&actions, output, 1) == 0 &&
           posix_spawn_file_actions_adddup2(&actions, output, 2) == 0 &&
           posix_spawn_file_actions_addclosefrom_np(&actions, 3) == 0 &&
           posix_spawn_file_actions_addchdir_np(&actions, "/") == 0 &&
           posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
           posix_spawnattr_setsigdefault(&attributes, &all) == 0 &&
           posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID) ==
               0;
  }
};

std::string home() {
  const passwd* entry = ::getpwuid(::geteuid());
  return std::string("HOME=") + (entry != nullptr && entry->pw_dir != nullptr ? entry->pw_dir : "/");
}

Outcome<pid_t> spawn(const std::vector<std::string>& arguments, int input, int output) {
  Plan plan;
  if (!plan.prepare(input, output)) return Complaint{"it cannot be prepared"};
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", where = home();
  std::array<char*, 3> environment{path.data(), where.data(), nullptr};
  std::vector<std::string> words = arguments;
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t pid = -1;
  errno =
      posix_spawn(&pid, words.front().c_str(), &plan.actions, &plan.attributes, pointers.data(), environment.data());
  if (errno != 0) return failed("it cannot be started");
  return pid;
}

}  // namespace

Outcome<Child> Child::start(asio::io_context& context, const std::vector<std::string>& arguments,
                            const std::string& input) {
  const Descriptor text(file_of(input));
  if (!text) return failed("its input cannot be kept");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("it cannot be listened to");
  Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  const auto pid = spawn(arguments, text.get(), theirs.get());
  if (!pid) return pid.error();
  // glibc 2.36 declares pidfd_open() for C alone.
  Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  if (!process) {
    const Complaint why = failed("it cannot be watched");
    ::kill(-*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    return why;
  }
  return Child(context, *pid, process.release(), ours.release());
}

Child::Child(asio::io_context& context, pid_t pid, int process, int output)
    : pid_(pid), process_(context, process), output_(context, output) {
  output_.non_blocking(true);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      process_(std::move(other.process_)),
      output_(std::move(other.output_)),
      said_(std::move(other.said_)) {}

Child::~Child() {
  if (pid_ > 0) reap();
}

// While it is not reaped, its number is nobody else's: so the group is killed first.
int Child::reap() {
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Child::keep(const char* bytes, std::size_t size) {
  said_.append(bytes, std::min(size, kept_output - said_.size()));
}

Task<> Child::listen() {
  std::vector<char> bytes(kept_output);
  const auto in = asio::buffer(bytes);
  for (;;) {
    const auto [error, size] = co_await output_.async_read_some(in, no_throw);
    if (error) co_return;
    keep(bytes.data(), size);
  }
}

Task<> Child::ended() {
  const auto [error] = co_await process_.async_wait(asio::posix::descriptor_base::wait_read, no_throw);
  static_cast<void>(error);
}

Task<Result<Child::End>> Child::finish() {
  using namespace asio::experimental::awaitable_operators;
  const auto first = co_await (ended() || listen());
  if (first.index() == 1) co_await ended();
  // What it said last, now that nobody adds to it; something it left behind may hold the pipe open.
  std::array<char, kept_output> bytes{};
  const ssize_t rest = ::read(output_.native_handle(), bytes.data(), bytes.size());
  if (rest > 0) keep(bytes.data(), static_cast<std::size_t>(rest));
  End end{reap(), std::move(said_)};
  co_return end;
}

}  // namespace sallyport
