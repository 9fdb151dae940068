#include "proxy/http2/exchange.hpp"

#include <algorithm>

namespace sallyport {

using Kind = wire::Framing::Kind;

namespace {

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

void Exchange::put_head(const wire::Http1Head& head) {
  waiting_ += head.bytes;
  if (head.interim) return;
  in_has_head_ = true;
  in_framing_ = head.framing;
  in_left_ = head.framing.length;
}

bool Exchange::put_data(std::span<const std::uint8_t> data) {
  if (in_framing_.kind != Kind::chunked) {
    if (data.size() > in_left_) return false;
    in_left_ -= data.size();
  }
  unopened_ += data.size();
  wire::frame_data(waiting_, data, in_framing_);
  return true;
}

bool Exchange::put_end(const wire::Fields& trailers) {
  if (in_left_ > 0) return false;
  wire::frame_end(waiting_, trailers, in_framing_);
  in_is_whole_ = true;
  return true;
}

std::size_t Exchange::flush_in() {
  if (in_is_flushed()) return 0;
  const auto bytes = bytes_of(waiting_).subspan(waiting_start_);
  const std::size_t size = far_->write_now(bytes);
  waiting_start_ += size;
  if (in_is_flushed()) {
    std::string().swap(waiting_);
    waiting_start_ = 0;
  } else if (waiting_start_ > waiting_.size() / 2) {
    // Or what has gone would pile up for as long as the reader is a little slower than the peer.
    waiting_.erase(0, waiting_start_);
    waiting_start_ = 0;
  }
  // The framing's bytes count as well; that opens the window a little early, and never for more than came.
  const std::size_t opened = std::min(size, unopened_);
  unopened_ -= opened;
  return opened;
}

std::optional<std::size_t> Exchange::wider_window(std::size_t opened, std::size_t widest) {
  const bool behind = unopened_ > window_ / 2;
  kept_up_ = behind ? 0 : kept_up_ + opened;
  if (kept_up_ < window_ || window_ >= widest) return std::nullopt;
  kept_up_ = 0;
  const std::size_t wider = std::min(2 * window_, widest);
  if (!loan_.take(wider - window_)) return std::nullopt;
  window_ = wider;
  return wider;
}

std::span<const std::uint8_t> Exchange::gather_head(std::size_t limit) {
  // In small steps: what comes after the head would wait here in addition to what waits in the stream.
  constexpr std::size_t step = 1024;
  constexpr std::string_view end = "\r\n\r\n";
  while (source_.size() < limit && !far_->readable().empty()) {
    const auto bytes = far_->readable().first(std::min({far_->readable().size(), limit - source_.size(), step}));
    const std::size_t known = source_.size();
    source_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    far_->consume(bytes.size());
    if (source_.find(end, known - std::min(known, end.size())) != std::string::npos) break;
  }
  return bytes_of(source_);
}

void Exchange::drop_head(std::size_t size) {
  source_.erase(0, size);
}

void Exchange::begin_body(std::size_t size, wire::Framing framing) {
  source_.erase(0, size);
  body_.emplace(framing);
}

bool Exchange::out_is_cut() const {
  if (!body_) return far_->is_broken() || far_->at_end();
  return !body_->done() && source_.empty() && far_->is_broken();
}

Exchange::Copied Exchange::copy_body(std::span<std::uint8_t> into) {
  Copied copied;
  while (!body_->done() && copied.size < into.size()) {
    const bool from_source = !source_.empty();
    const auto available = from_source ? bytes_of(source_) : far_->readable();
    if (available.empty()) {
      if (far_->is_broken()) return {Out::broken, 0};
      if (!far_->at_end()) break;
      if (!body_->end_of_source()) return {Out::broken, 0};
      break;
    }
    const auto step = body_->feed(available.first(std::min(available.size(), into.size() - copied.size)));
    if (!step) return {Out::broken, 0};
    std::copy(step->data.begin(), step->data.end(), into.begin() + static_cast<std::ptrdiff_t>(copied.size));
    copied.size += step->data.size();
    if (from_source) {
      source_.erase(0, step->consumed);
    } else {
      far_->consume(step->consumed);
    }
  }
  if (body_->done()) {
    copied.state = Out::end;
  } else if (copied.size > 0) {
    copied.state = Out::some;
  }
  return copied;
}

}  // namespace sallyport
