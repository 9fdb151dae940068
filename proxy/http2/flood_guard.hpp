// Counts what a peer may do only so often without getting anything done by it.
#pragma once
#include "net/task.hpp"

#include <cstdint>

namespace sallyport {

// A budget that fills again with time.
class Allowance {
 public:
  Allowance(double burst, double per_second, Clock::time_point now) : burst_(burst), rate_(per_second), at_(now) {
    left_ = burst;
  }
  // False where nothing is left.
  bool take(Clock::time_point now);
  void give(double some);

 private:
  double burst_;
  double rate_;
  double left_ = 0;
  Clock::time_point at_;
};

// What HTTP/2 lets a peer repeat at little cost to itself: streams opened and reset by either side (CVE-2023-44487,
// CVE-2025-8671), PING, SETTINGS, PRIORITY, WINDOW_UPDATE, and DATA without data (CVE-2019-9511 and its kin). Data that
// moves earns the window updates and pings that come with it.
class FloodGuard {
 public:
  explicit FloodGuard(Clock::time_point now) : resets_(200, 50, now), control_(2000, 200, now) {}

  // False: the connection is to be ended.
  bool reset(Clock::time_point now) { return resets_.take(now); }
  bool control(Clock::time_point now) { return control_.take(now); }
  void data() { control_.give(4); }

 private:
  Allowance resets_;
  Allowance control_;
};

}  // namespace sallyport
