#include "proxy/session.hpp"

#include "net/within.hpp"
#include "proxy/sniff.hpp"
#include "proxy/wire/identify.hpp"

#include <sys/socket.h>

namespace sallyport {
namespace {

constexpr auto goodbye_limit = std::chrono::seconds(1);
constexpr std::size_t goodbye_bytes = 256 << 10;

// Takes what the client is still sending, so that closing does not turn into a reset that overtakes the answer.
Task<Result<void>> drain(Connection& client) {
  std::size_t taken = 0;
  while (taken < goodbye_bytes) {
    client.consume(client.unread().size());
    const auto got = co_await client.read_more(64 << 10);
    if (!got) break;
    taken += *got;
  }
  co_return Result<void>();
}

Task<> answer(Session& session, std::string bytes) {
  const std::string_view text = bytes;
  const auto sent = co_await within(goodbye_limit, session.client.write(text));
  static_cast<void>(sent);  // whoever does not read its refusal has it in the log
  co_await say_goodbye(session);
}

template <class Bytes>
std::string text_of_bytes(const Bytes& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace

bool Session::is_same_agent(const Policy& now) const {
  if (origin.door == Door::attached || !origin.source) return true;
  const auto name = identify(now, identify_by_address(now, services.shared.config, *origin.source), credentials);
  return name && *name == origin.agent;
}

Task<> say_goodbye(Session& session) {
  session.client.finish();
  const auto drained = co_await within(goodbye_limit, drain(session.client));
  static_cast<void>(drained);
  session.client.close();
}

Task<bool> accept_client(Session& session, Voice voice) {
  std::string reply;
  switch (voice) {
    case Voice::connect:
      reply = "HTTP/1.1 200 Connection established\r\n\r\n";
      break;
    case Voice::socks4:
      reply = text_of_bytes(wire::socks4_reply(wire::Socks4Reply::granted));
      break;
    case Voice::socks5:
      reply = text_of_bytes(wire::socks5_reply(wire::Socks5Reply::succeeded));
      break;
    case Voice::raw:
      co_return true;
  }
  const std::string_view text = reply;
  const auto sent = co_await session.client.write(text);
  co_return sent.has_value();
}

Task<> refuse(Session& session, ConnectionRecord& record, Refusal refusal, const Destination* to, Voice voice,
              Spoken spoken) {
  record.refused(refusal);
  if (refusal.kind == Refusal::Kind::left) co_return;
  if (voice == Voice::connect) {
    co_await answer(session, http_refusal(refusal, to, record.origin.correlation, AfterRefusal::close, "CONNECT"));
    co_return;
  }
  if (voice == Voice::socks4) {
    co_await answer(session, text_of_bytes(wire::socks4_reply(wire::Socks4Reply::refused)));
    co_return;
  }
  if (voice == Voice::socks5) {
    co_await answer(session, text_of_bytes(wire::socks5_reply(refusal.socks)));
    co_return;
  }
  if (spoken == Spoken::pending) {
    const Patience patience{session.services.shared.config.timeouts.sniff, std::nullopt};
    const auto seen = co_await sniff(session.client, patience);
    spoken = seen ? seen->spoken : Spoken::other;
    // Cleartext HTTP/2 (RFC 9113, 3.3): its client shows the status line of an HTTP/1 answer to whoever reads on.
    if (!seen && wire::identify(session.client.unread()) == wire::FirstBytes::h2_preface) spoken = Spoken::http;
    if (!seen && wire::looks_like_tls(session.client.unread())) spoken = Spoken::tls;
    // Who speaks HTTP/2 in clear can read an answer of HTTP/1.
    if (!seen && wire::identify(session.client.unread()) == wire::FirstBytes::h2_preface) spoken = Spoken::http;
  }
  if (spoken == Spoken::tls) {
    co_await answer(session, text_of_bytes(wire::fatal_alert(refusal.alert)));
  } else if (spoken == Spoken::http) {
    co_await answer(session, http_refusal(refusal, to, record.origin.correlation, AfterRefusal::close, "GET"));
  } else {
    session.client.abort();
  }
}

}  // namespace sallyport
