#include "proxy/http2/exchange.hpp"

#include <algorithm>

namespace sallyport {

using Kind = wire::Framing::Kind;

namespace {

constexpr std::size_t small = 4 << 10;    // pieces are joined up to that
constexpr std::size_t framing_room = 16;  // for a chunk's size and its ends of lines

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

void Exchange::put_head(const wire::Http1Head& head) {
  framed_ += head.bytes;
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
  if (data.empty()) return true;
  unopened_ += data.size();
  waiting_bytes_ += data.size();
  const bool joins = !waiting_.empty() && waiting_.back().size() + data.size() <= small;
  if (!joins) waiting_.emplace_back();
  waiting_.back().append(reinterpret_cast<const char*>(data.data()), data.size());
  return true;
}

bool Exchange::put_end(const wire::Fields& trailers) {
  if (in_left_ > 0) return false;
  wire::frame_end(end_, trailers, in_framing_);
  in_is_whole_ = true;
  return true;
}

bool Exchange::frame_next() {
  if (framed_start_ < framed_.size()) return true;
  std::string().swap(framed_);
  framed_start_ = 0;
  if (!waiting_.empty()) {
    const std::string& next = waiting_.front();
    framed_.reserve(next.size() + framing_room);
    wire::frame_data(framed_, bytes_of(next), in_framing_);
    framed_body_ = next.size();
    waiting_bytes_ -= next.size();
    waiting_.pop_front();
  } else {
    framed_.swap(end_);
  }
  return !framed_.empty();
}

std::size_t Exchange::flush_in() {
  std::size_t opened = 0;
  while (frame_next()) {
    const std::size_t step = far_->write_now(bytes_of(framed_).subspan(framed_start_));
    if (step == 0) break;
    framed_start_ += step;
    // A piece's framing counts as well; that opens the window a little early, and never for more than the piece.
    const std::size_t body = std::min(step, framed_body_);
    framed_body_ -= body;
    opened += body;
  }
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
