// connect() in another's stead, which ends when that would have ended.
#pragma once
#include <sys/socket.h>

#include <ctime>
#include <functional>

namespace sallyport {

// For one thread, of which the tick's signal interrupts the calls.
class PatientConnect {
 public:
  // To be called before any thread is made: the tick's signal is SIGALRM, and every other one is blocked.
  static void prepare_process();

  PatientConnect();
  PatientConnect(const PatientConnect&) = delete;
  PatientConnect& operator=(const PatientConnect&) = delete;
  ~PatientConnect();

  // 0 or a negative error. A socket that blocks waits as long as its own time limit says, and is asked every now and
  // then whether somebody still waits for it: if not, the result is -EINTR.
  int connect(int socket, const sockaddr* to, socklen_t size, const std::function<bool()>& is_waited_for) const;

 private:
  timer_t ticks_{};
  bool has_ticks_ = false;
};

}  // namespace sallyport
