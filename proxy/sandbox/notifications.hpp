// System calls that the kernel hands to somebody else to do (SECCOMP_RET_USER_NOTIF).
#pragma once
#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace sallyport {

// One end of a filter's listener, for one thread; several threads may each have one of the same listener.
class Notifications {
 public:
  explicit Notifications(int listener);

  // Waits for the next call. nullopt: none ever comes again. A pointer among the arguments leads into the caller's
  // memory, which it can change at any time: what is there is read once, and is_waiting() asked afterwards.
  std::optional<seccomp_notif> next();
  // Whether the caller still waits: then what was found by its number is its own.
  bool is_waiting(std::uint64_t id) const;
  // `result` as the kernel has it: negative, an error. The call itself is never let go on.
  void answer(std::uint64_t id, int result);

 private:
  int listener_;
  std::vector<char> call_, answer_;  // as large as the kernel has them
};

}  // namespace sallyport
