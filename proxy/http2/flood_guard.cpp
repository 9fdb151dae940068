#include "proxy/http2/flood_guard.hpp"

#include <algorithm>

namespace sallyport {

bool Allowance::take(Clock::time_point now) {
  const std::chrono::duration<double> passed = now - at_;
  at_ = now;
  give(passed.count() * rate_);
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

void Allowance::give(double some) {
  left_ = std::min(burst_, left_ + some);
}

}  // namespace sallyport
