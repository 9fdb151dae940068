#include "proxy/sandbox/connect_supervisor.hpp"

#include "proxy/sandbox/connects.hpp"
#include "proxy/sandbox/descriptor_passing.hpp"
#include "proxy/sandbox/process_name.hpp"

#include <cap-ng.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr char listener_word = 'l', ready_word = 'r';

// Those that wait for a full queue of a server each keep a thread; who keeps all of them busy keeps itself waiting.
constexpr int most_threads = 256, most_idle = 4;
constexpr std::size_t stack_size = std::size_t{512} << 10;

Complaint system_complaint(const char* what) {
  return Complaint{what, ": ", std::strerror(errno)};
}

class Crew {
 public:
  Crew(ConnectRules& rules, int listener) : rules_(rules), listener_(listener) {}

  bool add() {
    ++threads_;
    pthread_attr_t attributes;
    pthread_t thread{};
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, stack_size);
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const bool made = ::pthread_create(&thread, &attributes, begin, this) == 0;
    ::pthread_attr_destroy(&attributes);
    if (!made) --threads_;
    return made;
  }

  // By somebody there is always one that waits for the next call.
  void work() {
    Connects connects(rules_, listener_);
    ++idle_;
    while (connects.wait()) {
      if (--idle_ == 0 && threads_ < most_threads) add();
      connects.serve();
      if (++idle_ > most_idle) {
        --idle_;
        --threads_;
        return;
      }
    }
    ::_exit(0);  // nobody is left who could call
  }

 private:
  static void* begin(void* crew) {
    try {
      static_cast<Crew*>(crew)->work();
    } catch (...) {
      ::_exit(1);  // with it the listener goes: every connect() fails
    }
    return nullptr;
  }

  ConnectRules& rules_;
  int listener_;
  std::atomic<int> threads_{0}, idle_{0};
};

// Standard output of the command ends with the command, not with who serves it.
bool keep_only(const OwnedFd& channel) {
  const OwnedFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(nothing.get(), standard) < 0) return false;
  }
  const auto kept = static_cast<unsigned>(channel.get());
  if (kept > 3) ::syscall(SYS_close_range, 3U, kept - 1, 0U);
  return ::syscall(SYS_close_range, kept + 1, ~0U, 0U) == 0;
}

bool keep_few_capabilities() {
  capng_clear(CAPNG_SELECT_ALL);
  const auto kept = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
  return capng_updatev(CAPNG_ADD, kept, CAP_SYS_PTRACE, CAP_NET_ADMIN, CAP_SYS_CHROOT, -1) == 0 &&
         capng_apply(CAPNG_SELECT_ALL) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

void want_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// With itself for another process: what is refused here is refused altogether.
bool can_look_into_others(const ConnectRules& rules) {
  const Caller self(rules.proc.get(), ::getpid());
  const char letter = 'x';
  const auto read = self.read(reinterpret_cast<std::uintptr_t>(&letter), 1);
  return self.take(STDIN_FILENO).get() >= 0 && read && read->front() == letter;
}

// Returns only what has gone wrong.
Complaint be_supervisor(const OwnedFd& channel, const std::vector<std::string>& shared) {
  ::setsid();
  show_process_as("sallyport-conn");
  PatientConnect::prepare_process();
  if (!keep_only(channel)) return Complaint{"the process that connects can't close its descriptors"};
  want_many_descriptors();
  ConnectRules rules(shared);
  if (!keep_few_capabilities()) return Complaint{"the process that connects can't give up its capabilities"};
  if (!can_look_into_others(rules)) {
    return Complaint{
        "the process that connects can't take descriptors or read memory; in a container its seccomp profile may "
        "forbid pidfd_getfd or process_vm_readv"};
  }
  std::vector<OwnedFd> descriptors;
  const auto word = receive_descriptors(channel.get(), descriptors);
  if (!word || word->front() != listener_word || descriptors.size() != 1) return Complaint{"nobody is to be served"};
  Crew crew(rules, descriptors.front().get());
  if (!crew.add()) return Complaint{"the process that connects can't start a thread"};
  if (::send(channel.get(), &ready_word, 1, MSG_NOSIGNAL) != 1) return Complaint{"nobody waits to be served"};
  for (;;) ::pause();
}

void tell(const OwnedFd& channel, const std::string& what) {
  static_cast<void>(::send(channel.get(), what.data(), what.size(), MSG_NOSIGNAL));
}

}  // namespace

Outcome<ConnectSupervisor> ConnectSupervisor::start(const std::vector<std::string>& shared) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return system_complaint("socketpair");
  OwnedFd ours(ends[0]);
  OwnedFd theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_complaint("the process that connects can't be started");
  if (pid == 0) {
    ours = OwnedFd();
    try {
      tell(theirs, be_supervisor(theirs, shared).text);
    } catch (const std::exception& fault) {
      tell(theirs, fault.what());
    }
    ::_exit(1);
  }
  return ConnectSupervisor(std::move(ours));
}

Outcome<void> ConnectSupervisor::take_over(const OwnedFd& listener) const {
  // What has gone wrong over there is to be heard even when nobody is there any more.
  static_cast<void>(send_descriptors(channel_.get(), listener_word, {listener.get()}));
  std::vector<OwnedFd> none;
  const auto answer = receive_descriptors(channel_.get(), none);
  if (!answer) return Complaint{"the process that connects has ended"};
  if (*answer != std::string(1, ready_word)) return Complaint{*answer};
  return {};
}

}  // namespace sallyport
