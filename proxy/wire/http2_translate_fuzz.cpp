// Any block of fields, as a request, an answer and trailers: what comes out is read by our own strict parser as one
// head, with nothing behind it and with the names and values that went in.
#include "proxy/wire/http2_translate.hpp"

#include <cstdlib>

namespace wire = sallyport::wire;

namespace {

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Each field is a length of its name, one of its value, and both.
wire::Fields read_block(std::span<const std::uint8_t> data) {
  wire::Fields block;
  const auto take = [&data](std::size_t size) {
    size = std::min(size, data.size());
    std::string text(reinterpret_cast<const char*>(data.data()), size);
    data = data.subspan(size);
    return text;
  };
  while (data.size() >= 2 && block.size() < 100) {
    const std::size_t name = data[0] % 32;
    const std::size_t value = data[1] % 64;
    data = data.subspan(2);
    std::string its_name = take(name);
    block.push_back({std::move(its_name), take(value)});
  }
  return block;
}

constexpr wire::HeadLimits wide{.bytes = 1 << 20, .fields = 1000};

void check_request(const wire::Fields& block, wire::Body body) {
  const auto head = wire::request_to_http1(block, body, "https");
  if (!head) return;
  const auto parsed = wire::parse_request_head(bytes_of(head->bytes), wide);
  // The method in lower case, an Expect of another kind and the like are its reader's to refuse.
  if (!parsed) return;
  if (parsed->consumed != head->bytes.size() || !(parsed->value.framing == head->framing)) std::abort();
  if (parsed->value.fields.size() > block.size() + 1) std::abort();
  if (body == wire::Body::none && parsed->value.framing.kind == wire::Framing::Kind::chunked) std::abort();
  const auto back = wire::request_to_http2(parsed->value, "https");
  if (back && !wire::request_to_http1(*back, body, "https")) std::abort();
}

void check_response(const wire::Fields& block, wire::Body body, std::string_view method) {
  const auto head = wire::response_to_http1(block, body, method);
  if (!head) return;
  const auto parsed = wire::parse_response_head(bytes_of(head->bytes), method, wide);
  if (!parsed) return;
  if (parsed->consumed != head->bytes.size() || !(parsed->value.framing == head->framing)) std::abort();
  if (head->interim != (parsed->value.status < 200)) std::abort();
  const auto back = wire::response_to_http2(parsed->value);
  if (!back || !wire::response_to_http1(*back, head->interim ? wire::Body::follows : body, method)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const wire::Body body = data[0] & 1 ? wire::Body::follows : wire::Body::none;
  const wire::Fields block = read_block({data + 1, size - 1});

  wire::Fields request{{":method", "GET"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", "/"}};
  request.insert(request.end(), block.begin(), block.end());
  wire::Fields answer{{":status", "200"}};
  answer.insert(answer.end(), block.begin(), block.end());

  check_request(block, body);
  check_request(request, body);
  for (const std::string_view method : {"GET", "HEAD"}) {
    check_response(block, body, method);
    check_response(answer, body, method);
  }
  if (const auto trailers = wire::trailers_from_http2(block)) {
    if (!wire::trailers_from_http2(wire::trailers_to_http2(*trailers))) std::abort();
  }
  return 0;
}
