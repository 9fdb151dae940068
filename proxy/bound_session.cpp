#include "proxy/bound_session.hpp"

#include "net/relay.hpp"
#include "policy/combine.hpp"
#include "proxy/connect_guarded.hpp"
#include "proxy/hold.hpp"
#include "proxy/http_session.hpp"
#include "proxy/inspected_session.hpp"
#include "proxy/internal_name.hpp"
#include "proxy/sniff.hpp"
#include "proxy/still_allowed.hpp"
#include "proxy/tls_facts.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

namespace sallyport {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr std::chrono::milliseconds server_first_wait{300};
constexpr auto too_many = "too many distinct names under a wildcard rule this hour";

bool is_web(std::uint16_t port) {
  return port == 80 || port == 443;
}

ClosedBy closed_by(const RelayEnd& end) {
  switch (end.closed_by) {
    case RelayClosedBy::client:
      return ClosedBy::client;
    case RelayClosedBy::upstream:
      return ClosedBy::upstream;
    case RelayClosedBy::limit:
      return ClosedBy::limit;
    case RelayClosedBy::cancelled:
      return ClosedBy::policy;
    case RelayClosedBy::error:
      return ClosedBy::error;
  }
  return ClosedBy::error;
}

class BoundSession : public std::enable_shared_from_this<BoundSession> {
 public:
  BoundSession(Session& session, BoundTo bound, Voice voice)
      : session_(session),
        services_(session.services),
        voice_(voice),
        from_(bound.from),
        pin_(std::move(bound.pin)),
        attempt_{session.origin.agent,      std::move(bound.to), Spoken::pending, {}, {}, false, {},
                 program_of(session.origin)},
        consent_(std::make_shared<Consent>(services_.shared)),
        record_(std::make_unique<ConnectionRecord>(services_.shared.audit, session.origin)) {
    attempt_.sandboxed = session.origin.door == Door::attached;
    if (!bound.correlation.empty()) record_->origin.correlation = bound.correlation;
    describe();
    session_.live.record = record_.get();
  }
  ~BoundSession() {
    session_.live.last_active = nullptr;
    session_.live.must_end = nullptr;
    session_.live.report_traffic = nullptr;
    if (!record_) return;
    session_.live.record = nullptr;
    if (session_.live.stopped_by) record_->closed(*session_.live.stopped_by);
    consent_->used(record_->counters.up);
  }
  BoundSession(const BoundSession&) = delete;
  BoundSession& operator=(const BoundSession&) = delete;

  Task<> run() {
    Verdict first = decide();
    const bool internal = is_internal_site(attempt_.to);  // answered here once HTTP is seen, and never dialled
    // Of an address that no rule names it may still turn out what host is meant.
    const bool nameless = first.decided_by == DecidedBy::default_ && may_be_named();
    if (first.action == Action::deny && !internal && !nameless) co_return co_await turn_away(denied(first));
    if (first.action == Action::ask && voice_ != Voice::raw) {
      // Its protocol waits for our answer, so nothing more can be learned before the question.
      auto answered = co_await settle(session_, *record_, attempt_, *consent_);
      if (!answered) co_return co_await turn_away(answered.error());
      first = std::move(*answered);
    }
    if (voice_ != Voice::raw && settled(*session_.policy, attempt_, dns())) {
      const bool connected = co_await dial(first);
      if (!connected) co_return;
    }
    const bool told = co_await accept_client(session_, voice_);
    if (!told) co_return;
    voice_ = Voice::raw;
    if (first.identify) {
      co_await serve_identified(first);
    } else {
      co_await serve_unidentified();
    }
  }

 private:
  // The rest of the connection's life, in frames of its own.
  void then(Task<> (BoundSession::*step)()) {
    session_.next = [self = shared_from_this(), step] { return ((*self).*step)(); };
  }

  const DnsConfig& dns() const { return services_.shared.config.dns; }

  // A bare address takes the name that SNI or Host gives, and is then reached by that name's own addresses; not where
  // agents are told real addresses, for then it had to be one of those.
  bool may_be_named() const {
    if (upstream_) return false;  // it has been dialled as what it is
    return from_ == NameFrom::address && !attempt_.to.host.name() && dns().mode != DnsMode::real;
  }

  void describe() {
    Origin& origin = record_->origin;
    origin.host = attempt_.to.host.text();
    origin.port = attempt_.to.port;
    origin.name_from = from_;
    services_.shared.internal.contexts.label(origin);
  }

  Verdict decide() {
    Verdict verdict = judge(*session_.policy, attempt_, dns());
    record_->origin.verdict = verdict;
    return verdict;
  }

  Task<> turn_away(Refusal refusal) {
    co_await refuse(session_, *record_, std::move(refusal), &attempt_.to, voice_, attempt_.spoken);
  }

  // Route, Open, connect. False: the client has been told why not.
  Task<bool> dial(Verdict verdict) {
    if (upstream_) co_return true;
    const HostName* name = attempt_.to.host.name();
    if (verdict.wildcard && name && from_ != NameFrom::lease && !charge_name(*name, verdict)) {
      co_await turn_away(denied_by(DecidedBy::limit, too_many));
      co_return false;
    }
    if (verdict.limits.connections) {
      auto place = services_.shared.admission.admit_rule(attempt_.agent, verdict.rule, *verdict.limits.connections);
      if (!place) {
        co_await turn_away(denied_by(DecidedBy::limit, "the rule's limit of connections is reached"));
        co_return false;
      }
      rule_permit_ = std::move(*place);
    }
    auto route = co_await find_route(services_, session_.policy, attempt_, verdict, record_->origin.door);
    if (!route) {
      co_await turn_away(route.error());
      co_return false;
    }
    if (!route->by_parent) record_->peer = address_of(route->endpoints.front());
    if (!record_->open()) {
      co_await turn_away(denied_by(DecidedBy::guard, std::string(log_trouble)));
      co_return false;
    }
    auto connected = co_await connect_route(services_, std::move(*route), ParentUse::tunnel);
    if (!connected) {
      co_await turn_away(connected.error());
      co_return false;
    }
    upstream_.emplace(std::move(*connected));
    error_code ignored;
    if (!services_.shared.config.parent) {
      const auto peer = upstream_->socket.remote_endpoint(ignored);
      if (!ignored) record_->peer = address_of(peer);
    }
    if (auto refusal = no_longer_allowed(session_, attempt_, record_->peer, *consent_, nullptr)) {
      upstream_.reset();
      co_await turn_away(std::move(*refusal));
      co_return false;
    }
    bound_traffic(verdict);
    co_return true;
  }

  static std::optional<Address> address_of(const asio::ip::tcp::endpoint& endpoint) {
    const auto parsed = Address::parse(endpoint.address().to_string());
    if (!parsed) return std::nullopt;
    return parsed->unmapped();
  }

  bool charge_name(const HostName& name, const Verdict& verdict) {
    const unsigned limit = verdict.limits.names.value_or(dns::NameBudget::default_limit);
    return services_.shared.names.charge(attempt_.agent, name, limit, Clock::now());
  }

  Task<> serve_unidentified() {
    attempt_.spoken = Spoken::other;
    const auto verdict = co_await settle(session_, *record_, attempt_, *consent_);
    if (!verdict) co_return co_await turn_away(verdict.error());
    const bool connected = co_await dial(*verdict);
    if (connected) then(&BoundSession::tunnel);
  }

  Task<> serve_identified(Verdict first) {
    const bool web = is_web(attempt_.to.port) && !first.ssh;
    Patience patience{services_.shared.config.timeouts.sniff, std::nullopt};
    if (!web) patience.first_byte = server_first_wait;
    const auto seen = co_await sniff(session_.client, patience);
    if (!seen) co_return co_await turn_away(seen.error());
    attempt_.spoken = seen->spoken;
    if (seen->spoken == Spoken::silent) co_return co_await serve_silent();
    co_await serve_seen(*seen);
  }

  // What was seen is judged, and goes its way: request by request, or unseen.
  Task<> serve_seen(Sniffed seen) {
    if (seen.spoken == Spoken::http) {
      HttpBinding binding = to_bind();
      co_return co_await serve_http(session_, std::move(binding));
    }
    if (seen.hello) {
      auto refused = agree_on_sni(*seen.hello);
      if (refused) {
        record_->origin.verdict = *refused;
        co_return co_await turn_away(denied(std::move(*refused)));
      }
      const auto wants_it = session_.policy->needs_request(attempt_.query(WallClock::now()));
      if (wants_it) {
        Host shown = shown_host(seen.hello->server_name);
        HttpBinding binding = to_bind();
        co_return co_await serve_inspected(session_, std::move(binding), std::move(shown));
      }
    }
    const auto verdict = co_await approve(seen);
    if (!verdict) co_return co_await turn_away(verdict.error());
    const bool connected = co_await dial(*verdict);
    if (connected) then(&BoundSession::tunnel);
  }

  // Whom the client believes to speak with: what its SNI says is the bound name, or another that is allowed.
  Host shown_host(const std::optional<std::string>& server_name) const {
    if (!server_name) return attempt_.to.host;
    const auto name = HostName::parse(*server_name);
    return name ? Host(*name) : attempt_.to.host;
  }

  // The verdict on what is spoken, once everything that is known agrees.
  Task<Refused<Verdict>> approve(const Sniffed& seen) {
    if (auto refused = disagreement(seen)) {
      record_->origin.verdict = *refused;
      co_return denied(std::move(*refused));
    }
    auto verdict = co_await settle(session_, *record_, attempt_, *consent_);
    if (verdict) bound_traffic(*verdict);
    co_return verdict;
  }

  // What no person is asked about: names that disagree, and a protocol that has no business on this port.
  std::optional<Verdict> disagreement(const Sniffed& seen) {
    if (seen.hello) {
      if (auto refused = agree_on_sni(*seen.hello)) return refused;
    }
    Verdict verdict = decide();
    const bool plain_on_web = is_web(attempt_.to.port) && seen.spoken != Spoken::tls && seen.spoken != Spoken::http;
    if (verdict.action == Action::deny) return verdict;
    if (!plain_on_web || (verdict.ssh && seen.spoken == Spoken::ssh)) return std::nullopt;
    verdict.action = Action::deny;
    verdict.decided_by = DecidedBy::guard;
    verdict.reason = "only TLS and HTTP/1 pass on ports 80 and 443, unless the rule says `protocol: tcp` or `ssh`";
    return verdict;
  }

  // The strictest of what the rules and the grants say.
  void bound_traffic(const Verdict& verdict) {
    RuleLimits strictest = verdict.limits;
    tighten(strictest, named_limits_);
    limits_ = RelayLimits{strictest.upload_bytes, strictest.download_bytes};
    const auto granted = consent_->upload();
    if (granted) limits_.upload = std::min(limits_.upload.value_or(*granted), *granted);
  }

  void remember(const wire::ClientHello& hello) {
    record_->tls = facts_of(hello);
    attempt_.ech = hello.ech;
  }

  static Verdict mismatch(std::string reason) {
    Verdict verdict;
    verdict.decided_by = DecidedBy::guard;
    verdict.reason = "name_mismatch: " + std::move(reason);
    return verdict;
  }

  std::optional<Verdict> agree_on_sni(const wire::ClientHello& hello) {
    remember(hello);
    const HostName* bound = attempt_.to.host.name();
    if (!hello.server_name) {
      if (hello.ech && bound) return mismatch("the ClientHello hides its name (ECH) and shows no outer one");
      return std::nullopt;
    }
    const auto sni = HostName::parse(*hello.server_name);
    if (!sni) return mismatch("the SNI is no host name: " + sni.error().text);
    if (bound && *bound == *sni) return std::nullopt;
    if (may_be_named()) {
      attempt_.rename(*sni);
      from_ = NameFrom::sni;
      describe();
      return std::nullopt;
    }
    if (hello.ech) return mismatch("with ECH the outer SNI must be " + attempt_.to.host.text());
    Attempt other = attempt_;
    other.rename(*sni);
    const auto allowed = allowed_now(services_.shared, std::move(other));
    if (allowed && allowed->wildcard && !charge_name(*sni, *allowed))
      return denied_by(DecidedBy::limit, too_many).verdict;
    if (allowed) {
      // The host that was named keeps its own rule's limits, whatever it is reached through.
      named_limits_ = allowed->limits;
      return std::nullopt;
    }
    return mismatch("the connection is for " + attempt_.to.host.text() + " but its SNI says " + sni->text());
  }

  HttpBinding to_bind() {
    HttpBinding binding{attempt_.to, from_, std::move(record_), std::move(upstream_), attempt_.answered, consent_};
    binding.ech = attempt_.ech;
    binding.named_limits = named_limits_;
    binding.rule_permit = std::move(rule_permit_);
    return binding;
  }

  // The client waits for the server to speak. The dial may begin; its own first bytes are still parsed.
  Task<> serve_silent() {
    const auto verdict = co_await settle(session_, *record_, attempt_, *consent_);
    if (!verdict) co_return co_await turn_away(verdict.error());
    const bool connected = co_await dial(*verdict);
    if (!connected) co_return;
    watch();
    const bool server_first = co_await server_speaks_first();
    if (!server_first) {
      // As if it had spoken at once: the same checks, with the connection already there.
      const Patience patience{services_.shared.config.timeouts.sniff, std::nullopt};
      const auto seen = co_await sniff(session_.client, patience);
      if (!seen) co_return co_await turn_away(seen.error());
      attempt_.spoken = seen->spoken;
      co_return co_await serve_seen(*seen);
    }
    then(&BoundSession::server_first_tunnel);
  }

  Task<bool> server_speaks_first() {
    if (!upstream_->unread().empty()) co_return true;
    auto first = co_await (session_.client.socket.async_wait(asio::socket_base::wait_read, no_throw) ||
                           upstream_->socket.async_wait(asio::socket_base::wait_read, no_throw));
    co_return first.index() == 1;
  }

  // Both directions at once: the server's bytes flow, the client's first ones are judged before they do.
  Task<> server_first_tunnel() {
    co_await (download() && judged_upload());
    record_->closed(upload_refused_ ? ClosedBy::policy : ClosedBy::upstream);
  }

  Task<> download() {
    RelayCounters& counters = record_->counters;
    const bool early = co_await forward_early_answer();
    if (!early) co_return;
    const auto end = co_await pump(upstream_->socket, session_.client.socket, services_.pipes, counters.down,
                                   counters.last_active, remaining(limits_, counters).download);
    end_direction(end, session_.client.socket);
  }

  Task<> judged_upload() {
    const auto got = co_await session_.client.read_more(16 << 10);
    if (!got) {
      error_code ignored;
      upstream_->socket.shutdown(asio::socket_base::shutdown_send, ignored);
      co_return;
    }
    const Patience patience{services_.shared.config.timeouts.sniff, std::nullopt};
    const auto seen = co_await sniff(session_.client, patience);
    std::optional<Refusal> why;
    if (!seen) {
      why = seen.error();
    } else if (seen->spoken == Spoken::http) {
      why = denied(mismatch("HTTP after the server spoke first"));
    } else {
      attempt_.spoken = seen->spoken;
      const auto late = co_await approve(*seen);
      if (!late) why = late.error();
    }
    if (why) {
      upload_refused_ = true;
      record_->refused(*why);
      session_.client.abort();
      upstream_->abort();
      co_return;
    }
    const bool sent = co_await forward_unread();
    if (!sent) co_return;
    RelayCounters& counters = record_->counters;
    const auto left = remaining(limits_, counters).upload;
    const auto end = co_await pump(session_.client.socket, upstream_->socket, services_.pipes, counters.up,
                                   counters.last_active, left);
    end_direction(end, upstream_->socket);
  }

  void end_direction(const PumpEnd& end, Socket& sink) {
    error_code ignored;
    if (end.how == PumpEnd::How::end_of_file) {
      sink.shutdown(asio::socket_base::shutdown_send, ignored);
      return;
    }
    if (end.how == PumpEnd::How::limit) record_->closed(ClosedBy::limit);
    session_.client.socket.close(ignored);
    upstream_->socket.close(ignored);
  }

  Task<bool> forward_unread() {
    const auto bytes = session_.client.unread();
    if (limits_.upload && bytes.size() > *limits_.upload) {
      record_->closed(ClosedBy::limit);
      session_.client.abort();
      upstream_->abort();
      co_return false;
    }
    const auto sent = co_await upstream_->write(bytes);
    if (!sent) {
      record_->closed(ClosedBy::upstream);
      co_return false;
    }
    record_->counters.up += bytes.size();
    session_.client.consume(bytes.size());
    co_return true;
  }

  // From here on the sweep, a reload and the traffic report know of this connection.
  void watch() {
    record_->counters.last_active = Clock::now();
    session_.live.last_active = &record_->counters.last_active;
    session_.live.report_traffic = [this] { record_->report_traffic(); };
    session_.live.must_end = [this](const Policy& policy) -> std::optional<ClosedBy> {
      if (!consent_->lives()) return ClosedBy::revoked;
      const bool allowed = allowed_at(policy, attempt_, record_->peer, dns());
      return allowed && session_.is_same_agent(policy) ? std::nullopt : std::optional(ClosedBy::policy);
    };
  }

  // What a parent proxy sent right behind its 2xx.
  Task<bool> forward_early_answer() {
    const auto bytes = upstream_->unread();
    const auto sent = co_await session_.client.write(bytes);
    record_->counters.down += bytes.size();
    upstream_->consume(bytes.size());
    if (!sent) record_->closed(ClosedBy::client);
    co_return sent.has_value();
  }

  Task<> tunnel() {
    watch();
    const bool sent = co_await forward_unread();
    if (!sent) co_return;
    const bool answered = co_await forward_early_answer();
    if (!answered) co_return;
    const RelayLimits limits = remaining(limits_, record_->counters);
    const RelayEnd end =
        co_await relay(session_.client.socket, upstream_->socket, services_.pipes, record_->counters, limits);
    if (session_.live.stopped_by) record_->closed(*session_.live.stopped_by);
    record_->closed(closed_by(end));
  }

  Session& session_;
  Services& services_;
  Voice voice_;
  NameFrom from_;
  dns::LeasePin pin_;
  Attempt attempt_;
  std::shared_ptr<Consent> consent_;
  std::unique_ptr<ConnectionRecord> record_;
  std::optional<Connection> upstream_;
  Admission::Permit rule_permit_;
  RelayLimits limits_;
  RuleLimits named_limits_;  // of the rule that allows what SNI says
  bool upload_refused_ = false;
};

Task<> serve(Session& session, BoundTo bound, Voice voice) {
  const auto serving = std::make_shared<BoundSession>(session, std::move(bound), voice);
  co_await serving->run();
}

}  // namespace

void then_serve_bound(Session& session, BoundTo bound, Voice voice) {
  // A std::function copies what it holds, and a pin cannot be copied.
  const auto kept = std::make_shared<BoundTo>(std::move(bound));
  session.next = [&session, kept, voice] { return serve(session, std::move(*kept), voice); };
}

}  // namespace sallyport
