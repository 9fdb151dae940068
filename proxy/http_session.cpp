#include "proxy/http_session.hpp"

#include "net/within.hpp"
#include "policy/combine.hpp"
#include "proxy/attempt.hpp"
#include "proxy/bound_session.hpp"
#include "proxy/hold.hpp"
#include "proxy/http_destination.hpp"
#include "proxy/http_exchange.hpp"
#include "proxy/http_heads.hpp"
#include "proxy/http_inject.hpp"
#include "proxy/http_record.hpp"
#include "proxy/http_upstream.hpp"
#include "proxy/internal_name.hpp"
#include "proxy/internal_session.hpp"
#include "proxy/still_allowed.hpp"
#include "proxy/tls_refusal.hpp"

namespace sallyport {
namespace {

using After = AfterRequest;

// A refused request without a body leaves the connection clean: the next one may follow.
bool leaves_clean(const wire::RequestHead& head) {
  return head.keep_alive && head.framing.kind == wire::Framing::Kind::none;
}

class HttpSession {
 public:
  HttpSession(Session& session, Identity identity)
      : session_(session),
        services_(session.services),
        identity_(std::move(identity)),
        requests_(services_.shared.audit),
        upstream_(session),
        consent_(session.services.shared) {}
  HttpSession(Session& session, HttpBinding binding)
      : session_(session),
        services_(session.services),
        bound_(Destination(binding.to)),
        bound_from_(binding.from),
        inspected_(binding.inspected),
        ech_(binding.ech),
        named_limits_(binding.named_limits),
        version_(std::move(binding.version)),
        record_(std::move(binding.record)),
        tls_(record_->tls),
        requests_(services_.shared.audit),
        shared_(binding.shared),
        upstream_(session, shared_ ? &shared_->upstreams : nullptr),
        answered_for_all_(std::move(binding.answered)),
        consent_for_all_(std::move(binding.consent)),
        consent_(session.services.shared) {
    if (binding.upstream) upstream_.adopt(std::move(*binding.upstream), *bound_, std::move(binding.rule_permit));
    session_.live.record = record_.get();
    if (binding.first) adopt(std::move(*binding.first));
  }
  ~HttpSession() {
    const ClosedBy by = session_.live.stopped_by.value_or(ClosedBy::client);
    if (record_) requests_.cut_short(*record_, by);
    end_upstream(by);
  }
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  Task<> run() {
    After after = After::next;
    while (after == After::next) after = co_await serve_one();
  }

 private:
  void adopt(DialledFirst first) {
    trouble_ = std::move(first.trouble);
    if (!first.upstream) return;
    Connection connection(std::move(first.upstream->secured), session_.client.socket.get_executor());
    upstream_.adopt(std::move(connection), *bound_, std::move(first.upstream->rule));
    attempt_ = std::move(first.as);
    watch();
  }

  const Config& config() const { return services_.shared.config; }
  Spoken spoken() const { return inspected_ ? Spoken::tls : Spoken::http; }

  Task<After> serve_one() {
    if (upstream_.is_there()) pause_watch();
    auto head = co_await next_request_head(session_.client, config());
    if (!head) {
      const bool left = head.error().kind == Refusal::Kind::left;
      const bool unasked = left && inspected_ && !asked_ && !session_.live.stopped_by;
      if (unasked && record_) record_->refused(client_left_unasked());
      if (left) co_return After::close;
      co_await refuse_and_close(head.error(), nullptr);
      co_return After::close;
    }
    asked_ = true;
    if (!bound_) {
      const bool known = co_await know_agent(*head);
      if (!known) co_return After::close;
      if (head->method == "CONNECT") {
        co_await serve_connect(std::move(*head));
        co_return After::close;
      }
    }
    const After after = co_await serve_request(std::move(*head));
    co_return after;
  }

  // For what is refused before there is a request to speak of.
  Task<> refuse_and_close(Refusal refusal, const Destination* to) {
    if (!record_ || record_->is_open()) {
      ConnectionRecord attempt(services_.shared.audit, session_.origin);
      attempt.origin.correlation = new_correlation();
      if (to) name_record(attempt, *to, NameFrom::host);
      co_await refuse(session_, attempt, std::move(refusal), to, Voice::raw, Spoken::http);
      co_return;
    }
    co_await refuse(session_, *record_, std::move(refusal), to, Voice::raw, Spoken::http);
  }

  // --- who

  Task<bool> know_agent(const wire::RequestHead& head) {
    std::optional<Credentials> credentials;
    if (const auto* field = wire::find_field(head.fields, "Proxy-Authorization"))
      credentials = parse_basic(field->value).value_or(Credentials{});
    // By the policy of now: an agent may have lost its token, or its address, since the last request.
    session_.policy = services_.shared.policy.current();
    if (session_.origin.source) identity_ = identify_by_address(*session_.policy, config(), *session_.origin.source);
    auto name = identify(*session_.policy, identity_, credentials);
    if (!name) {
      co_await refuse_and_close(name.error(), nullptr);
      co_return false;
    }
    session_.credentials = credentials;
    if (*name != session_.origin.agent) {
      // What the other agent opened is not this one's, nor is its record.
      end_upstream(ClosedBy::client);
      auto permit = services_.shared.admission.admit(*name, Clock::now());
      if (!permit) {
        co_await refuse_and_close(denied_by(DecidedBy::limit, sentence(permit.error())), nullptr);
        co_return false;
      }
      session_.permit = std::move(*permit);
      session_.origin.agent = *name;
    }
    co_return true;
  }

  // --- where to

  Task<> serve_connect(wire::RequestHead head) {
    end_upstream(ClosedBy::client);
    const auto host = host_of(head.host);
    if (!host || !head.host.port) {
      Refusal refusal = malformed(400, host ? "CONNECT needs HOST:PORT" : host.error().text);
      co_await refuse_and_close(std::move(refusal), nullptr);
      co_return;
    }
    BoundTo bound{Destination{*host, *head.host.port}, NameFrom::connect, new_correlation()};
    then_serve_bound(session_, std::move(bound), Voice::connect);
  }

  // What the connection is bound to and what Host says must agree (promise 4). Changes `to` into what is reached.
  std::optional<Refusal> agree_on_host(Destination& to, const Attempt& asked) {
    if (!bound_ || to == *bound_) return std::nullopt;
    const bool nameless =
        bound_->host.address() && bound_from_ == NameFrom::address && config().dns.mode != DnsMode::real;
    if (nameless && to.host.name() && to.port == bound_->port) {
      // A bare address and the first name for it: the name is looked up, the client's address never dialled. Nothing
      // that was answered or opened for the address is the name's.
      if (record_ && (record_->is_open() || trouble_)) end_upstream(ClosedBy::client);
      trouble_.reset();
      bound_->host = to.host;
      bound_from_ = NameFrom::host;
      answered_for_all_.clear();
      consent_for_all_.reset();
      return std::nullopt;
    }
    Attempt other = asked;
    other.to = to;
    other.answered.clear();
    const HostName* name = to.host.name();
    other_verdict_ = to.port == bound_->port ? allowed_now(services_.shared, std::move(other)) : std::nullopt;
    if (other_verdict_ && name && other_verdict_->wildcard && !charge_name(session_, *name, *other_verdict_))
      return too_many_names();
    if (other_verdict_) {
      to = *bound_;
      return std::nullopt;
    }
    return denied_by(DecidedBy::guard,
                     "name_mismatch: the connection is for " + bound_->text() + " but Host says " + to.text());
  }

  // --- one request

  Task<After> serve_request(wire::RequestHead head) {
    make_canonical(head.target.path);
    HttpEvent event = event_of(head, inspected_ ? "https" : "http", config().audit);
    if (!version_.empty()) event.version = version_;
    const HttpWay way = inspected_ ? HttpWay::inspected : bound_ ? HttpWay::bound : HttpWay::proxy;
    auto asked = destination_of(head, way, bound_ ? bound_->port : usual_http_port);
    if (!asked) {
      co_await refuse_and_close(asked.error(), nullptr);
      co_return After::close;
    }
    Destination to = *asked;
    if (is_for_internal_site(to)) {
      const After after = co_await serve_internal_request(head, std::move(event), to);
      co_return after;
    }
    const Destination named = to;
    event.host = named.host.text();
    other_verdict_.reset();
    Attempt attempt{session_.origin.agent, to, spoken(), head.method, head.target.path, ech_};
    attempt.program = program_of(session_.origin);
    attempt.sandboxed = session_.origin.door == Door::attached;
    const auto mismatch = agree_on_host(to, attempt);
    attempt.to = to;
    begin_record(to);
    requests_.began(event, *record_);
    Refused<Verdict> decided = mismatch ? Refused<Verdict>(*mismatch) : Refused<Verdict>(Verdict{});
    const auto held_before = record_->held();
    if (!mismatch) decided = co_await decide(attempt);
    event.origin = record_->origin;
    if (record_->held() != held_before) event.held = record_->held();
    if (!decided) {
      if (decided.error().kind == Refusal::Kind::left) co_return co_await client_left(std::move(event));
      event.origin.verdict = decided.error().verdict;
      const After after = co_await refuse_request(head, event, decided.error(), named);
      // Whoever says two names on one connection has no further request to be trusted with.
      if (mismatch && after == After::next) co_await say_goodbye(session_);
      co_return mismatch ? After::close : after;
    }
    Verdict verdict = std::move(*decided);
    // The host that was named keeps its own rule's limits, whatever it is reached through.
    if (other_verdict_) tighten(verdict.limits, other_verdict_->limits);
    tighten(verdict.limits, named_limits_);
    bound_traffic(verdict);
    const Wrapping wrapping = inspected_ ? Wrapping::tls : Wrapping::plain;
    const bool counts_name = bound_from_ != NameFrom::lease;
    // Only to the host that was decided: no other one's secret, whatever it is reached through.
    injections_.clear();
    if (inspected_ && to == named) injections_ = verdict.injections;
    Refused<void> connected;
    if (trouble_) {
      connected = *std::exchange(trouble_, std::nullopt);
    } else {
      connected = co_await upstream_.reach(attempt, std::move(verdict), *record_, wrapping, counts_name);
    }
    if (!connected) {
      // The request was not begun upstream, so the client's connection is as clean as after a refusal.
      const After after = co_await refuse_request(head, event, connected.error(), named);
      co_return after;
    }
    if (auto refusal = no_longer_allowed(session_, attempt, record_->peer, consent_, consent_for_all_.get())) {
      record_->refused(*refusal);
      upstream_.end();
      const After after = co_await refuse_request(head, event, std::move(*refusal), named);
      end_upstream(ClosedBy::policy);
      co_return after;
    }
    attempt_ = attempt;
    if (shared_) shared_->last = attempt;
    watch();
    const After after = co_await exchange(head, named, event);
    co_return after;
  }

  // What was answered for the connection as a whole holds for what it was bound to, and as long as that answer does.
  Task<Refused<Verdict>> decide(Attempt& attempt) {
    for (;;) {
      if (consent_for_all_ && !consent_for_all_->lives()) {
        answered_for_all_.clear();
        consent_for_all_.reset();
      }
      attempt.answered.clear();
      if (bound_ && attempt.to == *bound_) attempt.answered = answered_for_all_;
      consent_.clear();
      auto decided = co_await settle(session_, *record_, attempt, consent_);
      const bool stands = !consent_for_all_ || consent_for_all_->lives();
      if (stands || !decided) co_return decided;
    }
  }

  // A bare address is not made Sallyport's own by what Host says.
  bool is_for_internal_site(const Destination& asked) const {
    if (!bound_) return is_internal_site(asked);
    return is_internal_site(*bound_) && bound_from_ != NameFrom::host;
  }

  Task<After> serve_internal_request(const wire::RequestHead& head, HttpEvent event, Destination asked) {
    begin_record(bound_.value_or(asked));
    if (!record_->is_open()) record_->origin.verdict = internal_verdict();
    if (!record_->is_open() && !record_->open()) {
      Refusal refusal = denied_by(DecidedBy::guard, std::string(log_trouble));
      co_return co_await refuse_request(head, std::move(event), std::move(refusal), asked);
    }
    event.origin = record_->origin;
    const bool keep = co_await serve_internal(session_, *record_, head, asked, event);
    event.origin.time = WallClock::now();
    requests_.write(std::move(event));
    co_return keep ? After::next : After::close;
  }

  Task<After> client_left(HttpEvent event) {
    event.status_detail = "the client left while its question was open";
    event.origin.time = WallClock::now();
    requests_.write(std::move(event));
    end_upstream(ClosedBy::client);
    co_return After::close;
  }

  // A record per destination on the explicit door; a bound connection has its own from the start.
  void begin_record(const Destination& to) {
    if (!bound_ && record_ && !upstream_.is_to(to)) end_upstream(ClosedBy::client);
    if (!record_) {
      record_ = std::make_unique<ConnectionRecord>(services_.shared.audit, session_.origin);
      record_->origin.correlation = new_correlation();
      record_->tls = tls_;
      session_.live.record = record_.get();
    }
    services_.shared.internal.contexts.label(record_->origin);
    if (record_->is_open()) return;
    name_record(*record_, to, bound_ ? bound_from_ : to.host.address() ? NameFrom::address : NameFrom::host);
    record_->origin.agent = session_.origin.agent;
    record_->origin.policy_uid = services_.shared.policy.current()->uid();
  }

  // One connection can ask for what is refused as often as it likes, and each time is two records.
  bool is_flood() {
    const bool room =
        services_.shared.admission.charge(session_.origin.agent, Admission::Charge::refusal, Clock::now());
    return !room && !record_->held();
  }

  Task<After> refuse_request(const wire::RequestHead& head, HttpEvent event, Refusal refusal, Destination to) {
    if (is_flood()) {
      requests_.forget();
      record_->forget();  // it is counted, and told of in one collective record
      end_upstream(ClosedBy::client);
      co_await say_goodbye(session_);
      co_return After::close;
    }
    const bool clean = leaves_clean(head);
    event.status = static_cast<int>(refusal.status);
    event.status_detail = refusal.detail;
    event.origin.time = WallClock::now();
    if (!record_->is_open()) record_->refused(refusal);
    const std::string correlation = record_->origin.correlation;
    requests_.write(std::move(event));
    if (!record_->is_open()) {
      session_.live.record = nullptr;
      record_.reset();
      upstream_.drop();
    }
    const std::string bytes =
        http_refusal(refusal, &to, correlation, clean ? AfterRefusal::keep_open : AfterRefusal::close, head.method);
    const std::string_view text = bytes;
    const auto sent = co_await within(config().timeouts.head, session_.client.write(text));
    if (sent && clean) co_return After::next;
    co_await say_goodbye(session_);
    co_return After::close;
  }

  // The strictest of what the rules and the grants say; the meters count what the whole connection has sent.
  void bound_traffic(const Verdict& verdict) {
    sent_before_ = record_->counters.up;
    auto granted = consent_.upload();
    if (granted) *granted += sent_before_;
    limits_ = RelayLimits{granted, std::nullopt};
    const auto for_all = consent_for_all_ ? consent_for_all_->upload() : std::nullopt;
    whole_limits_ = strictest({verdict.limits.upload_bytes, verdict.limits.download_bytes}, {for_all, std::nullopt});
  }

  // --- forwarding

  Task<After> exchange(const wire::RequestHead& head, Destination named, HttpEvent event) {
    const auto began = Clock::now();
    Reflection secrets;
    auto request = prepare(head, named, secrets);
    if (request && !has_room_up(*record_, limits_, whole_limits_, request->head.bytes.size())) request = upload_spent();
    if (!request) {
      const After refused = co_await refuse_request(head, std::move(event), request.error(), named);
      co_return refused;
    }
    ExchangeOptions options{limits_, whole_limits_, upstream_.in_absolute_form(), std::move(secrets)};
    HttpExchange exchange(session_, upstream_.connection(), *record_, std::move(options));
    const Exchanged done = co_await exchange.run(head, std::move(*request));
    event.status = done.status;
    event.status_detail = done.trouble;
    if (record_->is_part() && record_->closed_by() == ClosedBy::limit)
      event.status_detail = "the bytes that may be moved there are used up";
    const auto stopped_by = session_.live.stopped_by;
    const bool whole = done.status != 0 && done.trouble.empty();
    if (stopped_by && !whole) event.status_detail = cut_short(*stopped_by);
    event.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    event.traffic = requests_.moved(*record_);
    consent_.used(record_->counters.up - sent_before_);
    event.origin.time = WallClock::now();
    requests_.write(std::move(event));
    if (stopped_by) co_return After::close;  // nobody is left to be told
    if (done.status == 0) {
      const After told = co_await tell_upstream_trouble(head, named, done);
      co_return told;
    }
    if (done.upstream_clean) upstream_.give_back(*record_);
    if (done.upstream_done) {
      upstream_.drop();
      if (!bound_) end_upstream(ClosedBy::upstream);
    }
    co_return done.after;
  }

  // The head that goes on, secrets included: from here on it is nobody's to see but the destination's.
  Refused<RequestToSend> prepare(const wire::RequestHead& head, const Destination& named, Reflection& secrets) const {
    wire::RequestHead changed = head;
    auto put = put_secrets(services_.shared, changed, injections_);
    if (!put) return put.error();
    secrets = std::move(*put);
    return write_request(changed, forwarding_to(named));
  }

  wire::RequestForwarding forwarding_to(const Destination& named) const {
    wire::RequestForwarding forwarding;
    forwarding.authority = authority_of(named, inspected_ ? usual_https_port : usual_http_port);
    forwarding.instance = services_.shared.instance;
    if (!upstream_.in_absolute_form()) return forwarding;
    forwarding.form = wire::SendForm::absolute;
    if (!config().parent->credentials.empty()) forwarding.parent_credentials = config().parent->credentials;
    return forwarding;
  }

  static Refusal upload_spent() { return denied_by(DecidedBy::limit, "the bytes that may be sent there are used up"); }

  // Nothing of an answer reached the client: it gets ours.
  Task<After> tell_upstream_trouble(const wire::RequestHead& head, Destination to, const Exchanged& done) {
    const Refusal refusal = no_answer(done);
    const std::string bytes = http_refusal(refusal, &to, record_->origin.correlation, AfterRefusal::close, head.method);
    record_->failed(refusal.detail);
    upstream_.drop();
    const std::string_view text = bytes;
    const auto sent = co_await within(config().timeouts.head, session_.client.write(text));
    static_cast<void>(sent);
    co_await say_goodbye(session_);
    co_return After::close;
  }

  // --- the sweep, reloads, the end

  void watch() {
    record_->counters.last_active = Clock::now();
    session_.live.last_active = &record_->counters.last_active;
    session_.live.report_traffic = [this] {
      if (record_) record_->report_traffic();
    };
    session_.live.must_end = [this](const Policy& policy) -> std::optional<ClosedBy> {
      if (!upstream_.is_there()) return std::nullopt;
      const auto peer = record_ ? record_->peer : std::nullopt;
      if (!consent_.lives() || (consent_for_all_ && !consent_for_all_->lives())) return ClosedBy::revoked;
      const bool allowed = allowed_at(policy, attempt_, peer, config().dns);
      return allowed && session_.is_same_agent(policy) ? std::nullopt : std::optional(ClosedBy::policy);
    };
  }

  // Between requests the wait for the next head has its own limit.
  void pause_watch() { session_.live.last_active = nullptr; }

  void end_upstream(ClosedBy by) {
    session_.live.last_active = nullptr;
    session_.live.must_end = nullptr;
    session_.live.report_traffic = nullptr;
    if (record_) {
      if (consent_for_all_) consent_for_all_->used(record_->moved().out);
      record_->closed(by);
    }
    upstream_.end();
    session_.live.record = nullptr;
    session_.live.grants.clear();
    record_.reset();
  }

  Session& session_;
  Services& services_;
  Identity identity_;
  std::optional<Destination> bound_;
  NameFrom bound_from_ = NameFrom::host;
  bool inspected_ = false;
  bool ech_ = false;
  bool asked_ = false;  // a request has come
  RuleLimits named_limits_;
  std::string version_;
  std::unique_ptr<ConnectionRecord> record_;
  std::optional<TlsFacts> tls_;  // of the client's connection, for each of its records
  RequestLog requests_;
  RequestsShare* const shared_ = nullptr;
  HttpUpstream upstream_;
  std::optional<Refusal> trouble_;  // why there is no upstream, before there was a request
  std::vector<std::string> answered_for_all_;
  std::shared_ptr<Consent> consent_for_all_;
  std::optional<Verdict> other_verdict_;  // of the host that this request names in place of the one it is bound to
  Consent consent_;                       // of the request being answered, and of the last one until the next begins
  std::uint64_t sent_before_ = 0;
  Attempt attempt_{{}, {Address::v4({}), 0}, Spoken::http, {}, {}, false};
  RelayLimits limits_, whole_limits_;  // of the request being answered, and of all on its connection
  std::vector<std::shared_ptr<const Injection>> injections_;  // into the request being answered
};

}  // namespace

Task<> serve_http_proxy(Session& session, const Identity& identity) {
  HttpSession serving(session, identity);
  co_await serving.run();
}

Task<> serve_http(Session& session, HttpBinding binding) {
  HttpSession serving(session, std::move(binding));
  co_await serving.run();
}

}  // namespace sallyport
