#include "proxy/sniff.hpp"

#include "net/within.hpp"
#include "proxy/wire/identify.hpp"

namespace sallyport {
namespace {

// Room for a ClientHello of the largest size and what came with it.
constexpr std::size_t sniff_limit = wire::hello_limit + 4096;

Refusal nothing_in_time(std::string detail) {
  Refusal refusal = malformed(408, std::move(detail));
  refusal.kind = Refusal::Kind::silent;
  refusal.verdict.decided_by = DecidedBy::guard;
  refusal.alert = wire::AlertDescription::access_denied;
  return refusal;
}

Refusal after_read(const error_code& error, bool something_came) {
  if (error == asio::error::timed_out)
    return nothing_in_time(something_came ? "the client's protocol could not be identified in time"
                                          : "the client sent nothing in time, and this port needs identification");
  Refusal refusal;
  refusal.kind = Refusal::Kind::left;
  refusal.detail = "the client left before it could be identified";
  return refusal;
}

Refused<Sniffed> of_hello(std::span<const std::uint8_t> bytes, bool& more) {
  auto hello = wire::parse_client_hello(bytes);
  if (hello) return Sniffed{Spoken::tls, std::move(*hello)};
  more = hello.error() == wire::HelloFault::need_more;
  Refusal refusal = malformed(400, "TLS ClientHello: " + std::string(wire::sentence(hello.error())));
  refusal.alert = wire::AlertDescription::illegal_parameter;
  return refusal;
}

// What the bytes so far tell; `more`: nothing yet.
Refused<Sniffed> look(std::span<const std::uint8_t> bytes, bool& more) {
  more = false;
  switch (wire::identify(bytes)) {
    case wire::FirstBytes::need_more:
      more = true;
      return Sniffed{};
    case wire::FirstBytes::tls:
      return of_hello(bytes, more);
    case wire::FirstBytes::http:
      return Sniffed{Spoken::http, std::nullopt};
    case wire::FirstBytes::h2_preface:
      return malformed(400, "HTTP/2 without TLS is not understood here");
    case wire::FirstBytes::ssh:
      return Sniffed{Spoken::ssh, std::nullopt};
    default:
      return Sniffed{Spoken::other, std::nullopt};
  }
}

}  // namespace

Task<Refused<Sniffed>> sniff(Connection& client, Patience patience) {
  const auto end = Clock::now() + patience.whole;
  for (;;) {
    bool more = false;
    if (!client.unread().empty()) {
      auto seen = look(client.unread(), more);
      if (!more) co_return seen;
    }
    const bool first = client.unread().empty();
    const Clock::duration left = end - Clock::now();
    const bool short_wait = first && patience.first_byte && *patience.first_byte < left;
    const Clock::duration limit = short_wait ? Clock::duration(*patience.first_byte) : left;
    if (limit <= Clock::duration::zero()) co_return after_read(asio::error::timed_out, !first);
    const auto got = co_await within(limit, client.read_more(sniff_limit));
    if (got) continue;
    if (short_wait && got.error() == asio::error::timed_out) co_return Sniffed{};
    co_return after_read(got.error(), !first);
  }
}

}  // namespace sallyport
