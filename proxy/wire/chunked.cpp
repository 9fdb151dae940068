#include "proxy/wire/chunked.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace sallyport::wire {
namespace {

constexpr int most_digits = 16;
constexpr std::uint64_t largest_chunk = std::numeric_limits<std::int64_t>::max();

constexpr std::array<std::string_view, 36> never_trailers{"accept",
                                                          "accept-encoding",
                                                          "age",
                                                          "authorization",
                                                          "cache-control",
                                                          "connection",
                                                          "content-encoding",
                                                          "content-length",
                                                          "content-range",
                                                          "content-type",
                                                          "cookie",
                                                          "date",
                                                          "expect",
                                                          "expires",
                                                          "forwarded",
                                                          "host",
                                                          "http2-settings",
                                                          "if-match",
                                                          "if-modified-since",
                                                          "if-none-match",
                                                          "if-range",
                                                          "if-unmodified-since",
                                                          "keep-alive",
                                                          "location",
                                                          "max-forwards",
                                                          "pragma",
                                                          "range",
                                                          "retry-after",
                                                          "set-cookie",
                                                          "te",
                                                          "trailer",
                                                          "transfer-encoding",
                                                          "upgrade",
                                                          "vary",
                                                          "via",
                                                          "www-authenticate"};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view sentence(ChunkFault fault) {
  switch (fault) {
    case ChunkFault::bad_size:
      return "a chunk size is not a plain hexadecimal number";
    case ChunkFault::bad_extension:
      return "a chunk extension holds a control character";
    case ChunkFault::bad_line_end:
      return "a line or chunk does not end with CR LF";
    case ChunkFault::bad_trailer:
      return "a trailer field is malformed";
    case ChunkFault::forbidden_trailer:
      return "a trailer field is one that may not come after the body";
    case ChunkFault::too_large:
      return "chunk extensions or trailers are too large";
  }
  return "unknown fault";
}

boost::system::result<ChunkedDecoder::Step, ChunkFault> ChunkedDecoder::feed(std::span<const std::uint8_t> input) {
  Step result;
  while (result.consumed < input.size() && state_ != State::done && state_ != State::failed) {
    if (state_ == State::data) {
      result.data = take_data(input.subspan(result.consumed));
      result.consumed += result.data.size();
      return result;
    }
    if (step(static_cast<char>(input[result.consumed]))) ++result.consumed;
  }
  if (state_ == State::failed) return fault_;
  result.done = done();
  return result;
}

std::span<const std::uint8_t> ChunkedDecoder::take_data(std::span<const std::uint8_t> input) {
  const auto data = input.first(static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), remaining_)));
  remaining_ -= data.size();
  decoded_ += data.size();
  if (remaining_ == 0) state_ = State::data_cr;
  return data;
}

// One byte of what isn't data. False only after a fault.
bool ChunkedDecoder::step(char byte) {
  const auto expect = [&](char wanted, State next) {
    if (byte != wanted) return refuse(ChunkFault::bad_line_end);
    state_ = next;
    return true;
  };
  switch (state_) {
    case State::size_start:
    case State::size:
      return step_size(byte);
    case State::extension:
      return step_extension(byte);
    case State::size_lf:
      return expect('\n', remaining_ == 0 ? State::trailer : State::data);
    case State::data_cr:
      return expect('\r', State::data_lf);
    case State::data_lf:
      return expect('\n', State::size_start);
    case State::trailer:
      return step_trailer(byte);
    case State::trailer_lf:
      return byte == '\n' ? end_trailer_line() : refuse(ChunkFault::bad_line_end);
    default:
      return false;
  }
}

bool ChunkedDecoder::step_size(char byte) {
  if (state_ == State::size_start) {
    remaining_ = 0;
    digits_ = 0;
  }
  const int value = hex_value(byte);
  if (value >= 0) {
    if (++digits_ > most_digits) return refuse(ChunkFault::bad_size);
    // The sixteenth digit may not reach the sign bit: lengths beyond it are signed somewhere.
    if (remaining_ > largest_chunk >> 4) return refuse(ChunkFault::bad_size);
    remaining_ = (remaining_ << 4) | static_cast<std::uint64_t>(value);
    state_ = State::size;
    return true;
  }
  if (digits_ == 0) return refuse(ChunkFault::bad_size);
  if (byte == '\r') {
    state_ = State::size_lf;
    return true;
  }
  if (byte == '\n') return refuse(ChunkFault::bad_line_end);
  if (byte != ';') return refuse(ChunkFault::bad_size);
  state_ = State::extension;
  return step_extension(byte);
}

bool ChunkedDecoder::step_extension(char byte) {
  if (byte == '\r') {
    state_ = State::size_lf;
    return true;
  }
  if (byte == '\n') return refuse(ChunkFault::bad_line_end);
  const auto code = static_cast<unsigned char>(byte);
  if ((code < 0x20 && byte != '\t') || code == 0x7f) return refuse(ChunkFault::bad_extension);
  if (++extension_bytes_ > limits_.extension_bytes) return refuse(ChunkFault::too_large);
  return true;
}

bool ChunkedDecoder::step_trailer(char byte) {
  if (++trailer_bytes_ > limits_.trailer_bytes) return refuse(ChunkFault::too_large);
  if (byte == '\n') return refuse(ChunkFault::bad_line_end);
  if (byte == '\r') {
    state_ = State::trailer_lf;
  } else {
    line_ += byte;
  }
  return true;
}

bool ChunkedDecoder::end_trailer_line() {
  if (line_.empty()) {
    state_ = State::done;
    return true;
  }
  auto field = parse_field_line(line_);
  if (!field) return refuse(ChunkFault::bad_trailer);
  if (forbidden_in_trailers(field->name)) return refuse(ChunkFault::forbidden_trailer);
  if (trailers_.size() == limits_.trailer_fields) return refuse(ChunkFault::too_large);
  trailers_.push_back(std::move(*field));
  line_.clear();
  state_ = State::trailer;
  return true;
}

bool ChunkedDecoder::refuse(ChunkFault fault) {
  fault_ = fault;
  state_ = State::failed;
  return false;
}

bool forbidden_in_trailers(std::string_view name) {
  const auto same = [name](std::string_view each) { return equals_ignoring_case(each, name); };
  return std::any_of(never_trailers.begin(), never_trailers.end(), same) || starts_ignoring_case(name, "proxy-") ||
         starts_ignoring_case(name, "x-forwarded-") || starts_ignoring_case(name, "x-sallyport-");
}

std::string chunk_header(std::uint64_t size) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), digits[size & 0x0f]);
    size >>= 4;
  } while (size != 0);
  return text + "\r\n";
}

std::string last_chunk(const Fields& trailers) {
  std::string text = "0\r\n";
  for (const Field& field : trailers) text.append(field.name).append(": ").append(field.value).append("\r\n");
  return text + "\r\n";
}

}  // namespace sallyport::wire
