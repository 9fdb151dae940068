#include "proxy/wire/hello_records.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace sallyport::wire {
namespace {

constexpr std::size_t record_header = 5;
constexpr std::size_t handshake_header = 4;
constexpr std::size_t longest_record = 1 << 14;
constexpr std::uint8_t handshake = 0x16;
constexpr std::uint8_t client_hello_type = 1;

// Walks over the records without copying, and knows when the hello is whole.
class RecordWalk {
 public:
  explicit RecordWalk(std::span<const std::uint8_t> stream)
      : stream_(stream.first(std::min(stream.size(), hello_limit))) {}

  // Where the hello ends in the stream, or why there is none.
  boost::system::result<std::size_t, HelloFault> end() {
    while (true) {
      if (auto fault = enter_record(); fault) return *fault;
      const std::size_t present = std::min(record_, stream_.size() - at_);
      for (std::size_t i = 0; i < present && gathered_ + i < handshake_header; ++i)
        header_[gathered_ + i] = stream_[at_ + i];
      if (auto fault = check_header(present); fault) return *fault;
      if (present < record_) return more();
      at_ += record_;
      gathered_ += record_;
      if (gathered_ == message_) return at_;
    }
  }

  std::size_t message() const { return message_; }

 private:
  HelloFault more() const { return stream_.size() == hello_limit ? HelloFault::too_large : HelloFault::need_more; }

  // Reads a record's header byte by byte: a fault may lie in the first of them.
  std::optional<HelloFault> enter_record() {
    const auto bad = at_ == 0 ? HelloFault::not_tls : HelloFault::malformed;
    const std::size_t left = stream_.size() - at_;
    if (left < 1) return more();
    if (stream_[at_] != handshake) return bad;
    if (left < 2) return more();
    if (stream_[at_ + 1] != 3) return bad;
    if (left < record_header) return more();
    record_ = static_cast<std::size_t>((stream_[at_ + 3] << 8) | stream_[at_ + 4]);
    if (record_ == 0 || record_ > longest_record) return HelloFault::malformed;
    at_ += record_header;
    return std::nullopt;
  }

  std::optional<HelloFault> check_header(std::size_t present) {
    const std::size_t known = gathered_ + present;
    if (known >= 1 && header_[0] != client_hello_type) return HelloFault::malformed;
    if (known < handshake_header) return std::nullopt;  // a later record may bring the rest
    message_ = handshake_header + (static_cast<std::size_t>(header_[1]) << 16) +
               (static_cast<std::size_t>(header_[2]) << 8) + header_[3];
    if (message_ > hello_limit) return HelloFault::too_large;
    if (gathered_ + record_ > message_) return HelloFault::malformed;
    return std::nullopt;
  }

  std::span<const std::uint8_t> stream_;
  std::size_t at_ = 0;
  std::size_t record_ = 0;
  std::size_t gathered_ = 0;
  std::size_t message_ = 0;  // with its header; 0 while unknown
  std::array<std::uint8_t, handshake_header> header_{};
};

}  // namespace

boost::system::result<std::vector<std::uint8_t>, HelloFault> gather_hello(std::span<const std::uint8_t> stream) {
  RecordWalk walk(stream);
  const auto end = walk.end();
  if (!end) return end.error();

  std::vector<std::uint8_t> message;
  message.reserve(walk.message());
  for (std::size_t at = 0; at < *end;) {
    const auto length = static_cast<std::size_t>((stream[at + 3] << 8) | stream[at + 4]);
    const auto payload = stream.subspan(at + record_header, length);
    message.insert(message.end(), payload.begin(), payload.end());
    at += record_header + length;
  }
  message.erase(message.begin(), message.begin() + handshake_header);
  return message;
}

}  // namespace sallyport::wire
