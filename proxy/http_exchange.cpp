#include "proxy/http_exchange.hpp"

#include "proxy/consent.hpp"
#include "proxy/http_heads.hpp"
#include "proxy/wire/websocket.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>

namespace sallyport {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr int most_interim_answers = 16;
constexpr unsigned switching_protocols = 101;
constexpr unsigned proxy_authentication_required = 407;

ClosedBy closed_by(const RelayEnd& end) {
  if (end.closed_by == RelayClosedBy::upstream) return ClosedBy::upstream;
  return end.closed_by == RelayClosedBy::limit ? ClosedBy::limit : ClosedBy::client;
}

bool was_offered(const wire::RequestHead& head, const wire::ResponseHead& answer) {
  if (answer.upgrade.empty()) return false;
  for (const auto& protocol : answer.upgrade) {
    if (std::find(head.upgrade.begin(), head.upgrade.end(), protocol) == head.upgrade.end()) return false;
    if (protocol == "websocket" && !wire::answers_websocket(head, answer)) return false;
  }
  return true;
}

bool fits(const std::optional<std::uint64_t>& limit, std::uint64_t moved, std::uint64_t bytes) {
  return !limit || moved + bytes <= *limit;
}

}  // namespace

bool has_room_up(const ConnectionRecord& record, const RelayLimits& own, const RelayLimits& whole,
                 std::uint64_t bytes) {
  return fits(own.upload, record.counters.up, bytes) && fits(whole.upload, record.moved().out, bytes);
}

Refused<RequestToSend> write_request(const wire::RequestHead& head, wire::RequestForwarding forwarding) {
  const bool upgrading = !head.upgrade.empty() && head.framing.kind == wire::Framing::Kind::none;
  if (upgrading) forwarding.upgrading = wire::Upgrading::pass;
  auto forwarded = wire::forward_request(head, forwarding);
  if (!forwarded && upgrading) {
    // Nothing in it that we would tunnel: it goes on as an ordinary request.
    forwarding.upgrading = wire::Upgrading::strip;
    forwarded = wire::forward_request(head, forwarding);
  }
  if (!forwarded)
    return malformed(wire::http_status(forwarded.error()), std::string(wire::sentence(forwarded.error())));
  return RequestToSend{std::move(*forwarded), forwarding.upgrading};
}

Refusal no_answer(const Exchanged& done) {
  Refusal refusal = malformed(400, done.trouble);
  if (done.bad_body) return refusal;
  refusal.kind = Refusal::Kind::upstream;
  refusal.status = 502;
  refusal.proxy_error = "http_response_incomplete";
  refusal.detail = done.trouble.empty() ? "the destination sent no answer" : done.trouble;
  return refusal;
}

HttpExchange::HttpExchange(Session& session, Connection& upstream, ConnectionRecord& record, ExchangeOptions options)
    : session_(session), client_(session.client), upstream_(upstream), record_(record), options_(std::move(options)) {}

Task<Exchanged> HttpExchange::run(const wire::RequestHead& head, RequestToSend request) {
  const std::string_view bytes = request.head.bytes;
  record_.counters.up += bytes.size();
  const auto sent = co_await upstream_.write(bytes);
  if (sent) {
    co_await transfer(head, request.head.framing, request.upgrading);
  } else {
    note("the destination closed the connection");
  }
  co_return std::move(done_);
}

// A bad body explains whatever follows from it.
void HttpExchange::note(std::string trouble) {
  if (!done_.bad_body) done_.trouble = std::move(trouble);
}

BodyMeter HttpExchange::up_meter() {
  const auto has_room = [this](std::size_t bytes) {
    return has_room_up(record_, options_.limits, options_.whole, bytes);
  };
  return BodyMeter{record_.counters.up, record_.counters.last_active, has_room};
}

BodyMeter HttpExchange::down_meter() {
  const auto has_room = [this](std::size_t bytes) {
    return fits(options_.limits.download, record_.counters.down, bytes) &&
           fits(options_.whole.download, record_.moved().in, bytes);
  };
  return BodyMeter{record_.counters.down, record_.counters.last_active, has_room, &options_.secrets};
}

// The body goes up while the answer comes down.
Task<> HttpExchange::transfer(const wire::RequestHead& head, wire::Framing out, wire::Upgrading upgrading) {
  uploaded_ = head.framing.kind == wire::Framing::Kind::none;
  if (uploaded_) {
    co_await download(head, upgrading);
  } else {
    co_await (upload(head.framing, out) && download(head, upgrading));
  }
}

Task<> HttpExchange::upload(wire::Framing in, wire::Framing out) {
  BodyMeter meter = up_meter();
  const BodyEnd end = co_await copy_body(client_, upstream_, in, out, std::move(meter));
  uploaded_ = end == BodyEnd::complete;
  if (uploaded_ || answered_) co_return;
  if (end == BodyEnd::limit) record_.closed(ClosedBy::limit);
  if (end == BodyEnd::malformed) {
    done_.bad_body = true;
    done_.trouble = "the request's body is not well-formed";
  }
  // The answer may still come where only the receiver has stopped taking the body.
  if (end != BodyEnd::sink_failed) upstream_.cut();
}

Task<> HttpExchange::download(const wire::RequestHead& head, wire::Upgrading upgrading) {
  co_await answer_once(head, upgrading);
  answered_ = true;
  // An answer before the body's end: what is left of the body is never read as another request.
  if (!uploaded_) {
    done_.after = AfterRequest::close;
    client_.stop_reading();
    upstream_.cut();
  }
}

Task<> HttpExchange::answer_once(const wire::RequestHead& head, wire::Upgrading upgrading) {
  const std::size_t head_bytes = session_.services.shared.config.limits.head_bytes;
  for (int interim = 0; interim < most_interim_answers; ++interim) {
    auto answer = co_await next_answer_head(upstream_, head.method, head_bytes);
    if (!answer) {
      if (done_.trouble.empty()) note(answer.error().text);
      co_return;
    }
    record_.counters.last_active = Clock::now();
    options_.secrets.mask(*answer);
    if (answer->status == switching_protocols) {
      co_await switch_protocols(head, *answer, upgrading);
      co_return;
    }
    const bool final = answer->status >= 200;
    const bool sent = co_await send_answer(head, *answer, final);
    if (!sent || final) co_return;
  }
  note("the destination sent too many interim answers");
}

wire::ResponseForwarding HttpExchange::forwarding_for(const wire::RequestHead& head) const {
  wire::ResponseForwarding forwarding;
  forwarding.client_minor = head.minor;
  forwarding.instance = session_.services.shared.instance;
  return forwarding;
}

Task<bool> HttpExchange::send_answer(const wire::RequestHead& head, const wire::ResponseHead& answer, bool final) {
  if (options_.to_parent && answer.status == proxy_authentication_required) {  // which the agent must not be asked
    note("the parent proxy does not take the credentials of upstream_proxy");
    co_return false;
  }
  const bool reusable = answer.keep_alive && answer.framing.kind != wire::Framing::Kind::until_close;
  const bool keep = final && head.keep_alive && uploaded_ && answer.framing.kind != wire::Framing::Kind::until_close;
  wire::ResponseForwarding forwarding = forwarding_for(head);
  forwarding.persistence = keep || !final ? wire::Persistence::keep_alive : wire::Persistence::close;
  auto forwarded = wire::forward_response(answer, forwarding);
  if (!forwarded) {
    note(std::string(wire::sentence(forwarded.error())));
    co_return false;
  }
  record_.counters.down += forwarded->bytes.size();
  if (!final) {
    const std::string_view bytes = forwarded->bytes;
    const auto sent = co_await client_.write(bytes);
    co_return sent.has_value();
  }
  done_.status = static_cast<int>(answer.status);
  BodyMeter meter = down_meter();
  std::string bytes = std::move(forwarded->bytes);
  const BodyEnd end =
      co_await copy_body(upstream_, client_, answer.framing, forwarded->framing, std::move(meter), std::move(bytes));
  finish_answer(end, keep && forwarded->framing.kind != wire::Framing::Kind::until_close, reusable);
  co_return true;
}

void HttpExchange::finish_answer(BodyEnd end, bool keep, bool reusable) {
  if (end == BodyEnd::limit) record_.closed(ClosedBy::limit);
  if (end != BodyEnd::complete) {
    // The client must see that the body is not whole: no orderly end.
    note(end == BodyEnd::sink_failed ? "the client left" : "the answer broke off");
    record_.closed(end == BodyEnd::sink_failed ? ClosedBy::client : ClosedBy::upstream);
    client_.abort();
    return;
  }
  done_.upstream_clean = reusable && uploaded_;
  done_.upstream_done = !reusable;  // not yet: the upload may still be using it
  if (keep) {
    done_.after = AfterRequest::next;
  } else {
    client_.finish();
  }
}

Task<> HttpExchange::switch_protocols(const wire::RequestHead& head, const wire::ResponseHead& answer,
                                      wire::Upgrading upgrading) {
  wire::ResponseForwarding forwarding = forwarding_for(head);
  forwarding.upgrading = wire::Upgrading::pass;
  const auto forwarded = wire::forward_response(answer, forwarding);
  if (upgrading != wire::Upgrading::pass || !was_offered(head, answer) || !forwarded) {
    note("the destination switched protocols without being asked to");
    co_return;
  }
  const std::string_view bytes = forwarded->bytes;
  const auto sent = co_await client_.write(bytes);
  done_.status = static_cast<int>(answer.status);
  if (!sent) co_return;
  record_.counters.down += bytes.size();
  co_await tunnel();
}

Task<> HttpExchange::tunnel() {
  RelayCounters& counters = record_.counters;
  if (!has_room_up(record_, options_.limits, options_.whole, client_.unread().size())) {
    record_.closed(ClosedBy::limit);
    client_.abort();
    upstream_.abort();
    co_return;
  }
  counters.down += upstream_.unread().size();
  counters.up += client_.unread().size();
  const auto early = co_await client_.write(upstream_.unread());
  const auto late = co_await upstream_.write(client_.unread());
  if (!early || !late) co_return;
  upstream_.consume(upstream_.unread().size());
  client_.consume(client_.unread().size());
  const RelayLimits left = remaining(strictest(options_.limits, options_.whole), counters);
  const RelayEnd end = co_await relay(client_, upstream_, session_.services.pipes, counters, left);
  record_.closed(closed_by(end));
}

}  // namespace sallyport
