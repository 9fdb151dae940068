// Questions that are asked again and again, told of together: most programs look a name up before every connection.
#pragma once
#include "dns/query_record.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace sallyport::dns {

// One thread's. Reads no clock: its owner calls take() one window after fold() has first counted something.
class Repeats {
 public:
  // As late as a record may be on disk (DESIGN section 9).
  static constexpr std::chrono::milliseconds window{200};

  struct Repeated {
    QueryRecord record;  // the first repeat; a source_port of 0 where they came from several
    std::uint64_t count;
    WallClock::time_point last;
  };

  // False: to be told of by itself, and the same question with the same answer is counted from now on. `record` is
  // only looked at.
  bool fold(const QueryRecord& record);
  bool empty() const { return seen_.empty(); }
  // What was counted; begins anew.
  std::vector<Repeated> take();

 private:
  struct Seen {
    QueryRecord record;
    std::uint64_t repeats = 0;
    WallClock::time_point last{};
  };
  static constexpr std::size_t most = 4096;
  std::unordered_map<std::size_t, Seen> seen_;  // by hash; of two that share one, the second is told of by itself
};

}  // namespace sallyport::dns
