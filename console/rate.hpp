// A token bucket for each caller.
#pragma once
#include "net/task.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace sallyport {

// One thread's.
class CallerRates {
 public:
  CallerRates(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  // False: past the limit.
  bool take(const std::string& caller, Clock::time_point now) {
    auto [place, fresh] = buckets_.try_emplace(caller, Bucket{burst_, now});
    Bucket& bucket = place->second;
    const std::chrono::duration<double> passed = now - bucket.since;
    bucket.left = std::min(burst_, bucket.left + passed.count() * per_second_);
    bucket.since = now;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

 private:
  struct Bucket {
    double left;
    Clock::time_point since;
  };
  double per_second_, burst_;
  std::map<std::string, Bucket> buckets_;  // callers have names, of which there are few
};

}  // namespace sallyport
