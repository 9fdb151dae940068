#include "net/within.hpp"
#include "proxy/bound_session.hpp"
#include "proxy/doors.hpp"
#include "proxy/http_session.hpp"
#include "proxy/wire/identify.hpp"
#include "proxy/wire/socks.hpp"

namespace sallyport {
namespace {

constexpr std::size_t socks_limit = 1024;

// Reads one SOCKS message with `parse`; what follows it stays unread.
template <class T>
Task<boost::system::result<T, Refusal>> read_socks(Connection& client,
                                                   wire::SocksResult<T> (*parse)(std::span<const std::uint8_t>)) {
  for (;;) {
    auto message = parse(client.unread());
    if (message) {
      client.consume(message->consumed);
      co_return std::move(message->value);
    }
    if (message.error() != wire::SocksFault::need_more) {
      Refusal refusal = malformed(400, "SOCKS: " + std::string(wire::sentence(message.error())));
      refusal.socks = wire::socks5_reply_for(message.error());
      co_return refusal;
    }
    const auto got = co_await client.read_more(socks_limit);
    if (!got) {
      Refusal refusal;
      refusal.kind = Refusal::Kind::left;
      refusal.detail = "the client left in the middle of its SOCKS request";
      co_return refusal;
    }
  }
}

Outcome<Host> host_of(const wire::SocksRequest& request) {
  return Host::parse(request.kind == wire::SocksHostKind::ip6 ? "[" + request.host + "]" : request.host);
}

class SocksSession {
 public:
  SocksSession(Session& session, const Identity& identity) : session_(session), identity_(identity) {}

  Task<Result<void>> greet(bool version5) {
    if (version5) {
      co_await greet5();
    } else {
      co_await greet4();
    }
    co_return Result<void>();
  }

  Task<> run(bool version5) {
    session_.origin.door = Door::socks;
    const auto greeted = co_await within(session_.services.shared.config.timeouts.head, greet(version5));
    if (!greeted) co_return co_await turn_away(malformed(408, "the SOCKS request did not arrive in time"));
    if (refusal_) co_return co_await turn_away(*refusal_);
    if (!bound_) co_return;
    bound_->correlation = new_correlation();
    then_serve_bound(session_, std::move(*bound_), version5 ? Voice::socks5 : Voice::socks4);
  }

 private:
  Task<> greet4() {
    voice_ = Voice::socks4;
    auto request = co_await read_socks<wire::SocksRequest>(session_.client, &wire::parse_socks4_request);
    if (!request) {
      refusal_ = request.error();
      co_return;
    }
    // SOCKS4 has a user id and no secret: it can't name an agent.
    know(std::nullopt);
    bind(*request);
  }

  Task<> greet5() {
    voice_ = Voice::raw;
    auto greeting = co_await read_socks<wire::Socks5Greeting>(session_.client, &wire::parse_socks5_greeting);
    if (!greeting) {
      refusal_ = greeting.error();
      co_return;
    }
    const bool password = greeting->offers(wire::SocksMethod::password);
    const bool none = greeting->offers(wire::SocksMethod::none);
    const auto method = password ? wire::SocksMethod::password
                        : none   ? wire::SocksMethod::none
                                 : wire::SocksMethod::unacceptable;
    const auto chosen = wire::socks5_method_reply(method);
    const auto told = co_await session_.client.write(chosen);
    if (!told) co_return;
    if (method == wire::SocksMethod::unacceptable) {
      refusal_ = malformed(400, "SOCKS: no authentication method that is spoken here was offered");
      co_return;
    }
    std::optional<Credentials> credentials;
    if (password) {
      auto login = co_await read_socks<wire::SocksCredentials>(session_.client, &wire::parse_socks5_credentials);
      if (!login) {
        refusal_ = login.error();
        co_return;
      }
      credentials = Credentials{login->user, login->password};
    }
    const bool known = know(credentials);
    if (password) {
      const auto answer = wire::socks5_login_reply(known ? wire::SocksLogin::accepted : wire::SocksLogin::refused);
      const auto answered = co_await session_.client.write(answer);
      if (!answered || !known) co_return;
    }
    voice_ = Voice::socks5;
    auto request = co_await read_socks<wire::SocksRequest>(session_.client, &wire::parse_socks5_request);
    if (!request) {
      refusal_ = request.error();
      co_return;
    }
    bind(*request);
  }

  bool know(const std::optional<Credentials>& credentials) {
    auto name = identify(*session_.policy, identity_, credentials);
    if (!name) {
      refusal_ = name.error();
      return false;
    }
    session_.credentials = credentials;
    if (*name == session_.origin.agent) return true;
    auto permit = session_.services.shared.admission.admit(*name, Clock::now());
    if (!permit) {
      refusal_ = denied_by(DecidedBy::limit, sentence(permit.error()));
      return false;
    }
    session_.permit = std::move(*permit);
    session_.origin.agent = *name;
    return true;
  }

  void bind(const wire::SocksRequest& request) {
    if (refusal_) return;
    const auto host = host_of(request);
    if (!host || request.port == 0) {
      refusal_ = malformed(400, host ? "SOCKS: port 0" : "SOCKS: " + host.error().text);
      return;
    }
    bound_ = BoundTo{Destination{*host, request.port}, NameFrom::socks, {}};
  }

  Task<> turn_away(Refusal refusal) {
    ConnectionRecord record(session_.services.shared.audit, session_.origin);
    record.origin.correlation = new_correlation();
    co_await refuse(session_, record, std::move(refusal), nullptr, voice_, Spoken::other);
  }

  Session& session_;
  const Identity& identity_;
  Voice voice_ = Voice::raw;
  std::optional<Refusal> refusal_;
  std::optional<BoundTo> bound_;
};

Task<> turn_away(Session& session, Refusal refusal, Spoken spoken) {
  ConnectionRecord record(session.services.shared.audit, session.origin);
  record.origin.correlation = new_correlation();
  co_await refuse(session, record, std::move(refusal), nullptr, Voice::raw, spoken);
}

}  // namespace

Task<> serve_explicit(Session& session, const Identity& identity) {
  session.origin.door = Door::proxy;
  const Config& config = session.services.shared.config;
  const auto first = co_await within(config.timeouts.head, session.client.read_more(config.limits.head_bytes));
  // Nothing said, nothing asked for: a health check's connection leaves no record.
  if (!first) co_return;
  const std::uint8_t byte = session.client.unread().front();
  if (byte == 4 || byte == 5) {
    SocksSession socks(session, identity);
    co_await socks.run(byte == 5);
  } else if (byte == 0x16) {
    Refusal refusal = malformed(400, "TLS to the proxy itself is not spoken here: use http:// in the proxy's address");
    refusal.alert = wire::AlertDescription::access_denied;
    co_await turn_away(session, std::move(refusal), Spoken::tls);
  } else {
    co_await serve_http_proxy(session, identity);
  }
}

}  // namespace sallyport
