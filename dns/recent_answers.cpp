#include "dns/recent_answers.hpp"

#include <utility>

namespace sallyport::dns {
namespace {

constexpr std::size_t id_size = 2;

// Agent names are text without a NUL.
void write_key(const AskedBytes& asked, std::string& key) {
  const auto put = [&](std::span<const std::uint8_t> bytes) {
    key.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  key.assign(asked.agent);
  key.push_back('\0');
  key.push_back(asked.transport == Transport::udp ? 'u' : 't');
  key.push_back(asked.source.is_v4() ? '4' : '6');
  put(asked.source.bytes());
  put(asked.query.subspan(id_size));
}

}  // namespace

RecentAnswers::Answer* RecentAnswers::find(const AskedBytes& asked, const std::shared_ptr<const Policy>& policy,
                                           Steady now) {
  forget_old(policy, now);
  key_.clear();
  if (asked.query.size() < id_size || asked.query.size() > longest_query) return nullptr;
  write_key(asked, key_);
  const auto found = answers_.find(key_);
  return found == answers_.end() ? nullptr : &found->second;
}

RecentAnswers::Answer* RecentAnswers::keep(const Bytes& reply, std::shared_ptr<const DnsText> text) {
  if (key_.empty()) return nullptr;
  if (answers_.size() >= most) forget();
  Answer& answer = answers_[key_];
  answer.reply_ = reply;
  answer.repeats_.text = std::move(text);
  answer.repeats_.count = 0;
  return &answer;
}

void RecentAnswers::forget_old(const std::shared_ptr<const Policy>& policy, Steady now) {
  if (policy == policy_ && now - since_ < keep_) return;
  forget();
  policy_ = policy;
  since_ = now;
}

std::optional<DnsEvent> RecentAnswers::tell(Answer& answer, WallClock::time_point time, std::uint16_t port) {
  window_is_open_ = true;
  DnsEvent& repeats = answer.repeats_;
  if (answer.told_in_ != window_) {
    answer.told_in_ = window_;
    return DnsEvent{time, port, repeats.text};
  }
  if (repeats.count == 0) {
    repeats.time = time;
    repeats.source_port = port;
    counted_.push_back(&answer);
  } else if (repeats.source_port != port) {
    repeats.source_port = 0;
  }
  ++repeats.count;
  repeats.last_time = time;
  return std::nullopt;
}

std::vector<DnsEvent> RecentAnswers::take_repeats() {
  std::vector<DnsEvent> all = std::exchange(forgotten_, {});
  for (Answer* answer : counted_) {
    all.push_back(answer->repeats_);
    answer->repeats_.count = 0;
  }
  counted_.clear();
  ++window_;
  window_is_open_ = false;
  return all;
}

void RecentAnswers::forget() {
  for (Answer* answer : counted_) forgotten_.push_back(std::move(answer->repeats_));
  counted_.clear();
  answers_.clear();
}

}  // namespace sallyport::dns
