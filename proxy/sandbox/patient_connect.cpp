#include "proxy/sandbox/patient_connect.hpp"

#include <sys/syscall.h>
#include <sys/time.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace sallyport {
namespace {

using Clock = std::chrono::steady_clock;

// What a signal may be late by. One that comes just before the wait begins is made good by the next.
constexpr long tick_ns = 20'000'000;

class Ticking {
 public:
  explicit Ticking(timer_t timer) : timer_(timer) { set(tick_ns); }
  Ticking(const Ticking&) = delete;
  Ticking& operator=(const Ticking&) = delete;
  ~Ticking() {
    const int error = errno;
    set(0);
    errno = error;
  }

 private:
  void set(long nanoseconds) const {
    const itimerspec every{{0, nanoseconds}, {0, nanoseconds}};
    ::timer_settime(timer_, 0, &every, nullptr);
  }
  timer_t timer_;
};

Clock::duration limit_of(int socket) {
  timeval limit{};
  socklen_t size = sizeof limit;
  if (::getsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, &size) != 0) return Clock::duration::zero();
  return std::chrono::seconds(limit.tv_sec) + std::chrono::microseconds(limit.tv_usec);
}

// As the kernel says that the time is over.
int too_late(const sockaddr* to) {
  return to->sa_family == AF_UNIX ? -EAGAIN : -EINPROGRESS;
}

}  // namespace

void PatientConnect::prepare_process() {
  sigset_t others;
  ::sigfillset(&others);
  ::sigdelset(&others, SIGALRM);
  ::sigprocmask(SIG_SETMASK, &others, nullptr);
  struct sigaction tick {};
  tick.sa_handler = [](int) {};  // without SA_RESTART
  ::sigaction(SIGALRM, &tick, nullptr);
}

PatientConnect::PatientConnect() {
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGALRM;
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  has_ticks_ = ::timer_create(CLOCK_MONOTONIC, &event, &ticks_) == 0;
}

PatientConnect::~PatientConnect() {
  if (has_ticks_) ::timer_delete(ticks_);
}

int PatientConnect::connect(int socket, const sockaddr* to, socklen_t size,
                            const std::function<bool()>& is_waited_for) const {
  const int flags = ::fcntl(socket, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK) != 0 || !has_ticks_) return ::connect(socket, to, size) == 0 ? 0 : -errno;
  const auto limit = limit_of(socket);
  const auto begun = Clock::now();
  const Ticking ticking(ticks_);
  // Asked again, the kernel goes on where it was interrupted.
  while (::connect(socket, to, size) != 0) {
    if (errno != EINTR) return -errno;
    if (!is_waited_for()) return -EINTR;
    if (limit > Clock::duration::zero() && Clock::now() - begun >= limit) return too_late(to);
  }
  return 0;
}

}  // namespace sallyport
