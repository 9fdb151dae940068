// Answers given a moment ago. Most programs look a name up before every connection, so the same question comes again
// and again: it gets the same answer without being judged anew, and within a short window it is one counted record.
#pragma once
#include "dns/query_record.hpp"
#include "dns/wire/message.hpp"
#include "telemetry/event.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sallyport::dns {

// A query as it came: its bytes but for the id, and whose they are.
struct AskedBytes {
  std::string_view agent;
  Address source;
  Transport transport;
  std::span<const std::uint8_t> query;
};

// One thread's. It reads no clock.
class RecentAnswers {
 public:
  using Steady = std::chrono::steady_clock::time_point;
  // As late as a record may be on disk (DESIGN section 9).
  static constexpr std::chrono::milliseconds window{200};
  static constexpr std::size_t most = 16384;
  static constexpr std::size_t longest_query = 320;  // a name and an OPT record; what is longer is not kept

  class Answer {
   public:
    const Bytes& reply() const { return reply_; }  // with the id of the query it was made for

   private:
    friend class RecentAnswers;
    Bytes reply_;
    DnsEvent repeats_;           // those counted in this window; a count of 0: none
    std::uint64_t told_in_ = 0;  // the window that told of it by itself
  };

  // An answer is kept for less than `keep`, and no longer than the policy it was judged by. Its lease must live longer.
  explicit RecentAnswers(std::chrono::milliseconds keep) : keep_(keep) {}

  // Null: not kept. The pointer holds until the next find() or keep().
  Answer* find(const AskedBytes& asked, const std::shared_ptr<const Policy>& policy, Steady now);
  // Keeps an answer to the query that find() was just asked for. Null: there is no room.
  Answer* keep(const Bytes& reply, std::shared_ptr<const DnsText> text);
  // Lets go of what is too old, and of an earlier policy with it: wanted now and then, where nobody asks.
  void forget_old(const std::shared_ptr<const Policy>& policy, Steady now);

  // What to tell of by itself; nothing: it was counted.
  std::optional<DnsEvent> tell(Answer& answer, WallClock::time_point time, std::uint16_t port);
  // Something was told of in this window: take_repeats() is wanted when it has lasted for `window`.
  bool window_is_open() const { return window_is_open_; }
  // What was counted in the window, which ends.
  std::vector<DnsEvent> take_repeats();

 private:
  void forget();

  const std::chrono::milliseconds keep_;
  std::unordered_map<std::string, Answer> answers_;
  std::shared_ptr<const Policy> policy_;  // that judged them
  Steady since_{};                        // none of them is older
  std::string key_;                       // of the query that find() was asked for last; empty: it isn't to be kept
  std::uint64_t window_ = 1;
  bool window_is_open_ = false;
  std::vector<Answer*> counted_;     // those with repeats in this window
  std::vector<DnsEvent> forgotten_;  // repeats in this window whose answers are no longer kept
};

}  // namespace sallyport::dns
