#include "proxy/http_heads.hpp"

#include "net/within.hpp"

namespace sallyport {
namespace {

// `fault` says what was wrong where the bytes were.
Task<Result<wire::RequestHead>> read_request(Connection& client, wire::HeadLimits limits, wire::HeadFault& fault) {
  for (;;) {
    if (!client.unread().empty()) {
      auto head = wire::parse_request_head(client.unread(), limits);
      if (head) {
        client.consume(head->consumed);
        co_return std::move(head->value);
      }
      fault = head.error();
      if (fault != wire::HeadFault::need_more) co_return error_code(asio::error::invalid_argument);
    }
    const auto got = co_await client.read_more(limits.bytes);
    if (!got) co_return got.error();
  }
}

Refusal has_left() {
  Refusal refusal;
  refusal.kind = Refusal::Kind::left;
  refusal.detail = "the client left";
  return refusal;
}

Refusal trouble(const error_code& error, wire::HeadFault fault) {
  if (fault != wire::HeadFault::need_more)
    return malformed(wire::http_status(fault), std::string(wire::sentence(fault)));
  if (error == asio::error::timed_out) return malformed(408, "the request's head did not arrive in time");
  if (error == asio::error::no_buffer_space) return malformed(431, "the request's head is larger than limits.head");
  return has_left();  // in the middle of a head
}

Complaint no_answer(const error_code& error) {
  const std::string said = "the destination closed the connection without an answer";
  if (error == asio::error::eof) return Complaint{said};
  return Complaint{said, ": ", error.message()};
}

}  // namespace

Task<Refused<wire::RequestHead>> next_request_head(Connection& client, const Config& config) {
  const wire::HeadLimits limits{.bytes = config.limits.head_bytes};
  if (client.unread().empty()) {
    const auto first = co_await within(config.timeouts.idle, client.read_more(limits.bytes));
    if (!first) co_return has_left();  // it has said all it wanted
  }
  wire::HeadFault fault = wire::HeadFault::need_more;
  auto head = co_await within(config.timeouts.head, read_request(client, limits, fault));
  if (!head) co_return trouble(head.error(), fault);
  co_return std::move(*head);
}

Task<Outcome<wire::ResponseHead>> next_answer_head(Connection& upstream, std::string method, std::size_t head_bytes) {
  const wire::HeadLimits limits{.bytes = head_bytes};
  for (;;) {
    if (!upstream.unread().empty()) {
      auto head = wire::parse_response_head(upstream.unread(), method, limits);
      if (head) {
        upstream.consume(head->consumed);
        co_return std::move(head->value);
      }
      if (head.error() != wire::HeadFault::need_more)
        co_return Complaint{"the destination's answer is not well-formed HTTP: ",
                            std::string(wire::sentence(head.error()))};
    }
    const auto got = co_await upstream.read_more(limits.bytes);
    if (!got) co_return no_answer(got.error());
  }
}

}  // namespace sallyport
