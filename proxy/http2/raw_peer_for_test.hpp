// The other side of an HTTP/2 connection, frame by frame, so that it may say what no library would.
#pragma once
#include "net/memory_stream.hpp"
#include "proxy/wire/http_field.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nghttp2/nghttp2.h>
#include <string>
#include <vector>

namespace sallyport::testing {

struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t id = 0;
  std::string payload;
  wire::Fields fields;  // of HEADERS
};

enum Flag : std::uint8_t { no_flag = 0, end_stream = 1, ack = 1, end_headers = 4 };

inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::string number(std::uint32_t value, int size = 4) {
  std::string text;
  for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) text += static_cast<char>((value >> shift) & 0xff);
  return text;
}

// Literals without indexing, whatever they hold (RFC 7541, 6.2.2).
inline std::string hpack(const wire::Fields& fields) {
  const auto text = [](std::string_view value) {
    std::string out;
    constexpr std::size_t prefix = 127;
    if (value.size() < prefix) {
      out += static_cast<char>(value.size());
    } else {
      out += static_cast<char>(prefix);
      std::size_t rest = value.size() - prefix;
      for (; rest >= 128; rest /= 128) out += static_cast<char>(rest % 128 + 128);
      out += static_cast<char>(rest);
    }
    return out.append(value);
  };
  std::string block;
  for (const auto& field : fields) block += '\0' + text(field.name) + text(field.value);
  return block;
}

class RawPeer {
 public:
  explicit RawPeer(std::unique_ptr<MemoryStream> stream) : stream_(std::move(stream)) {
    nghttp2_hd_inflater* made = nullptr;
    nghttp2_hd_inflate_new(&made);
    inflater_.reset(made);
  }

  void raw(std::string_view bytes) {
    const auto left = bytes_of(bytes);
    ASSERT_EQ(stream_->write_now(left), left.size());
  }
  void frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload) {
    raw(number(static_cast<std::uint32_t>(payload.size()), 3) + static_cast<char>(type) + static_cast<char>(flags) +
        number(id) + std::string(payload));
  }
  void client_preface() {
    raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    settings({});
  }
  void settings(const std::map<std::uint16_t, std::uint32_t>& entries) {
    std::string payload;
    for (const auto& [name, value] : entries) payload += number(name, 2) + number(value);
    frame(NGHTTP2_SETTINGS, no_flag, 0, payload);
  }
  void headers(std::uint32_t id, const wire::Fields& fields, int flags = end_stream) {
    frame(NGHTTP2_HEADERS, static_cast<std::uint8_t>(flags | end_headers), id, hpack(fields));
  }
  void data(std::uint32_t id, std::string_view bytes, std::uint8_t flags = no_flag) {
    frame(NGHTTP2_DATA, flags, id, bytes);
  }
  void reset(std::uint32_t id, std::uint32_t code) { frame(NGHTTP2_RST_STREAM, no_flag, id, number(code)); }
  void open_window(std::uint32_t id, std::uint32_t size) { frame(NGHTTP2_WINDOW_UPDATE, no_flag, id, number(size)); }

  // Reads what has come. Acknowledges nothing by itself.
  void read() {
    input_ += text_of(stream_->readable());
    stream_->consume(stream_->readable().size());
    while (input_.size() >= 9) {
      const auto byte = [this](std::size_t at) {
        return static_cast<std::uint32_t>(static_cast<std::uint8_t>(input_[at]));
      };
      const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
      if (input_.size() < 9 + size) return;
      Frame frame;
      frame.type = static_cast<std::uint8_t>(byte(3));
      frame.flags = static_cast<std::uint8_t>(byte(4));
      frame.id = byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
      frame.payload = input_.substr(9, size);
      input_.erase(0, 9 + size);
      if (frame.type == NGHTTP2_HEADERS) frame.fields = inflate(frame.payload);
      frames.push_back(std::move(frame));
    }
  }

  const Frame* find(std::uint8_t type, std::uint32_t id) const {
    for (const Frame& frame : frames) {
      if (frame.type == type && frame.id == id && !(type == NGHTTP2_SETTINGS && (frame.flags & ack))) return &frame;
    }
    return nullptr;
  }
  // The code of the RST_STREAM or, for stream 0, of the GOAWAY; -1 where there is none.
  int code(std::uint32_t id) const {
    const Frame* frame = id == 0 ? find(NGHTTP2_GOAWAY, 0) : find(NGHTTP2_RST_STREAM, id);
    return frame ? static_cast<std::uint8_t>(frame->payload[id == 0 ? 7 : 3]) : -1;
  }
  std::string body(std::uint32_t id) const {
    std::string all;
    for (const Frame& frame : frames) {
      if (frame.type == NGHTTP2_DATA && frame.id == id) all += frame.payload;
    }
    return all;
  }
  bool ended(std::uint32_t id) const {
    for (const Frame& frame : frames) {
      const bool carries = frame.type == NGHTTP2_DATA || frame.type == NGHTTP2_HEADERS;
      if (carries && frame.id == id && (frame.flags & end_stream)) return true;
    }
    return false;
  }

  MemoryStream& stream() { return *stream_; }
  void leave() { stream_.reset(); }

  std::vector<Frame> frames;

 private:
  wire::Fields inflate(const std::string& block) {
    wire::Fields fields;
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv pair{};
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater_.get(), &pair, &flags, at, left, 1);
      if (used < 0) break;
      at += used;
      left -= static_cast<std::size_t>(used);
      if (flags & NGHTTP2_HD_INFLATE_EMIT)
        fields.push_back({text_of({pair.name, pair.namelen}), text_of({pair.value, pair.valuelen})});
      if (flags & NGHTTP2_HD_INFLATE_FINAL) nghttp2_hd_inflate_end_headers(inflater_.get());
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) || (left == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT))) break;
    }
    return fields;
  }

  struct Deleter {
    void operator()(nghttp2_hd_inflater* inflater) const { nghttp2_hd_inflate_del(inflater); }
  };
  std::unique_ptr<MemoryStream> stream_;
  std::unique_ptr<nghttp2_hd_inflater, Deleter> inflater_;
  std::string input_;
};

}  // namespace sallyport::testing
