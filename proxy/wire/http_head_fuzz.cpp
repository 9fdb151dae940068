#include "proxy/wire/http_forward.hpp"

#include <cstdlib>

namespace wire = sallyport::wire;

namespace {

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// What is sent on must be read by a strict parser as what was understood here.
void check_request(const wire::RequestHead& head) {
  wire::RequestForwarding how;
  how.authority = "decided.test";
  how.upgrading = head.upgrade.empty() ? wire::Upgrading::strip : wire::Upgrading::pass;
  const auto sent = wire::forward_request(head, how);
  if (!sent) return;
  const auto again = wire::parse_request_head(bytes_of(sent->bytes), {.bytes = 1 << 20, .fields = 1000});
  if (!again || again->consumed != sent->bytes.size()) std::abort();
  if (again->value.method != head.method || !(again->value.framing == head.framing)) std::abort();
  if (again->value.host.host != "decided.test") std::abort();
  if (again->value.target.path_and_query() != head.target.path_and_query()) std::abort();
}

void check_response(const wire::ResponseHead& head, std::string_view method) {
  wire::ResponseForwarding how;
  how.upgrading = wire::Upgrading::pass;
  const auto sent = wire::forward_response(head, how);
  if (!sent) return;
  const auto again = wire::parse_response_head(bytes_of(sent->bytes), method, {.bytes = 1 << 20, .fields = 1000});
  if (!again || again->consumed != sent->bytes.size()) std::abort();
  if (again->value.status != head.status || !(again->value.framing == head.framing)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  const auto request = wire::parse_request_head(bytes);
  if (request) check_request(request->value);
  const auto part = wire::parse_request_head(bytes.first(size / 2));
  if (part ? !request || request->consumed != part->consumed
           : part.error() != wire::HeadFault::need_more && (request || request.error() != part.error())) {
    std::abort();
  }
  for (const std::string_view method : {"GET", "HEAD"}) {
    const auto response = wire::parse_response_head(bytes, method);
    if (response) check_response(response->value, method);
  }
  return 0;
}
