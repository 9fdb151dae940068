#include "proxy/http_session.hpp"

#include "net/within.hpp"
#include "policy/combine.hpp"
#include "proxy/attempt.hpp"
#include "proxy/bound_session.hpp"
#include "proxy/connect_guarded.hpp"
#include "proxy/hold.hpp"
#include "proxy/http_body.hpp"
#include "proxy/internal_name.hpp"
#include "proxy/internal_session.hpp"
#include "proxy/wire/http_forward.hpp"
#include "proxy/wire/websocket.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

namespace sallyport {
namespace {

using namespace asio::experimental::awaitable_operators;

enum class After { next_request, close };

// A refused request without a body leaves the connection clean: the next one may follow.
bool leaves_clean(const wire::RequestHead& head) {
  return head.keep_alive && head.framing.kind == wire::Framing::Kind::none;
}

Outcome<Host> host_of(const wire::Authority& authority) {
  return Host::parse(authority.bracketed ? "[" + authority.host + "]" : authority.host);
}

class HttpSession {
 public:
  HttpSession(Session& session, Identity identity)
      : session_(session),
        services_(session.services),
        identity_(std::move(identity)),
        consent_(session.services.shared) {}
  HttpSession(Session& session, HttpBinding binding)
      : session_(session),
        services_(session.services),
        bound_(Destination(binding.to)),
        bound_from_(binding.from),
        record_(std::move(binding.record)),
        upstream_(std::move(binding.upstream)),
        answered_for_all_(std::move(binding.answered)),
        consent_for_all_(std::move(binding.consent)),
        consent_(session.services.shared) {
    if (upstream_) upstream_to_ = *bound_;
    session_.live.record = record_.get();
  }
  ~HttpSession() { end_upstream(session_.live.stopped_by.value_or(ClosedBy::client)); }
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  Task<> run() {
    After after = After::next_request;
    while (after == After::next_request) after = co_await serve_one();
  }

 private:
  const Config& config() const { return services_.shared.config; }

  // --- reading

  Task<Result<wire::RequestHead>> read_head() {
    const wire::HeadLimits limits{.bytes = config().limits.head_bytes};
    for (;;) {
      if (!session_.client.unread().empty()) {
        auto head = wire::parse_request_head(session_.client.unread(), limits);
        if (head) {
          session_.client.consume(head->consumed);
          co_return std::move(head->value);
        }
        head_fault_ = head.error();
        if (head.error() != wire::HeadFault::need_more) co_return error_code(asio::error::invalid_argument);
      }
      const auto got = co_await session_.client.read_more(limits.bytes);
      if (!got) co_return got.error();
    }
  }

  // Waiting for the next request may take as long as any quiet; once it has begun, the head has its own limit.
  Task<Result<wire::RequestHead>> next_head() {
    if (session_.client.unread().empty()) {
      const auto first = co_await within(config().timeouts.idle, session_.client.read_more(config().limits.head_bytes));
      if (!first) co_return first.error();
    }
    auto head = co_await within(config().timeouts.head, read_head());
    co_return head;
  }

  Task<After> serve_one() {
    head_fault_ = wire::HeadFault::need_more;
    if (upstream_) pause_watch();
    auto head = co_await next_head();
    if (!head) {
      co_await refuse_head(head.error());
      co_return After::close;
    }
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

  Task<> refuse_head(error_code error) {
    const bool began = !session_.client.unread().empty() || head_fault_ != wire::HeadFault::need_more;
    if (!began) co_return;  // the client has said all it wanted
    Refusal refusal;
    if (head_fault_ != wire::HeadFault::need_more) {
      refusal = malformed(wire::http_status(head_fault_), std::string(wire::sentence(head_fault_)));
    } else if (error == asio::error::timed_out) {
      refusal = malformed(408, "the request's head did not arrive in time");
    } else if (error == asio::error::no_buffer_space) {
      refusal = malformed(431, "the request's head is larger than limits.head");
    } else {
      co_return;  // the client left in the middle of a head
    }
    co_await refuse_and_close(std::move(refusal), nullptr);
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

  static void name_record(ConnectionRecord& record, const Destination& to, NameFrom from) {
    record.origin.host = to.host.text();
    record.origin.port = to.port;
    record.origin.name_from = from;
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

  Refused<Destination> destination_of(const wire::RequestHead& head) {
    if (head.method == "CONNECT") return malformed(400, "CONNECT inside a tunnel");
    const bool absolute = head.target.form == wire::TargetForm::absolute;
    if (absolute && head.target.scheme != "http" && head.target.scheme != "ws")
      return malformed(400, "only http:// may be asked for in absolute form; use CONNECT for https");
    if (!bound_ && !absolute) return malformed(400, "this is a proxy: ask for http://HOST/PATH, or CONNECT HOST:PORT");
    auto host = host_of(head.host);
    if (!host) return malformed(400, "Host: " + host.error().text);
    const std::uint16_t port = head.host.port.value_or(bound_ ? bound_->port : 80);
    return Destination{*host, port};
  }

  // What the connection is bound to and what Host says must agree (promise 4). Changes `to` into what is reached.
  std::optional<Refusal> agree_on_host(Destination& to, const Attempt& asked) {
    if (!bound_ || to == *bound_) return std::nullopt;
    const bool nameless =
        bound_->host.address() && bound_from_ == NameFrom::address && config().dns.mode != DnsMode::real;
    if (nameless && to.host.name() && to.port == bound_->port) {
      // A bare address and the first name for it: the name is looked up, the client's address never dialled. Nothing
      // that was answered or opened for the address is the name's.
      if (record_ && record_->is_open()) end_upstream(ClosedBy::client);
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
    if (other_verdict_ && name && other_verdict_->wildcard && !charge_name(*name, *other_verdict_))
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
    HttpEvent event = event_of(head);
    auto asked = destination_of(head);
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
    Attempt attempt{session_.origin.agent, to, Spoken::http, head.method, head.target.path, false};
    const auto mismatch = agree_on_host(to, attempt);
    attempt.to = to;
    // What was answered for the connection as a whole holds for what it was bound to.
    if (bound_ && to == *bound_) attempt.answered = answered_for_all_;
    begin_record(to);
    consent_.clear();
    Refused<Verdict> decided = mismatch ? Refused<Verdict>(*mismatch) : Refused<Verdict>(Verdict{});
    const auto held_before = record_->held();
    if (!mismatch) decided = co_await settle(session_, *record_, attempt, consent_);
    event.origin = record_->origin;
    if (record_->held() != held_before) event.held = record_->held();
    if (!decided) {
      if (decided.error().kind == Refusal::Kind::left) co_return co_await client_left(std::move(event));
      event.origin.verdict = decided.error().verdict;
      const After after = co_await refuse_request(head, event, decided.error(), named);
      // Whoever says two names on one connection has no further request to be trusted with.
      if (mismatch && after == After::next_request) co_await say_goodbye(session_);
      co_return mismatch ? After::close : after;
    }
    Verdict verdict = std::move(*decided);
    // The host that was named keeps its own rule's limits, whatever it is reached through.
    if (other_verdict_) tighten(verdict.limits, other_verdict_->limits);
    auto connected = co_await reach(to, attempt, verdict);
    if (!connected) {
      // The request was not begun upstream, so the client's connection is as clean as after a refusal.
      const After after = co_await refuse_request(head, event, connected.error(), named);
      co_return after;
    }
    attempt_ = attempt;
    watch();
    const After after = co_await exchange(head, named, event);
    co_return after;
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
    write(std::move(event));
    co_return keep ? After::next_request : After::close;
  }

  HttpEvent event_of(const wire::RequestHead& head) {
    HttpEvent event;
    event.method = head.method;
    event.scheme = "http";
    event.version = head.minor == 0 ? "1.0" : "1.1";
    event.path = head.target.path;
    if (const auto* agent = wire::find_field(head.fields, "User-Agent")) event.user_agent = agent->value;
    for (const auto& wanted : services_.shared.config.audit.headers) {
      for (const auto& field : head.fields) {
        if (wire::equals_ignoring_case(field.name, wanted)) event.headers.emplace_back(wanted, field.value);
      }
    }
    return event;
  }

  Task<After> client_left(HttpEvent event) {
    event.status_detail = "the client left while its question was open";
    event.origin.time = WallClock::now();
    write(std::move(event));
    end_upstream(ClosedBy::client);
    co_return After::close;
  }

  // A record per destination on the explicit door; a bound connection has its own from the start.
  void begin_record(const Destination& to) {
    if (!bound_ && record_ && !(upstream_ && upstream_to_ == to)) end_upstream(ClosedBy::client);
    if (!record_) {
      record_ = std::make_unique<ConnectionRecord>(services_.shared.audit, session_.origin);
      record_->origin.correlation = new_correlation();
      session_.live.record = record_.get();
    }
    services_.shared.internal.contexts.label(record_->origin);
    if (record_->is_open()) return;
    name_record(*record_, to, bound_ ? bound_from_ : to.host.address() ? NameFrom::address : NameFrom::host);
    record_->origin.agent = session_.origin.agent;
    record_->origin.policy_uid = services_.shared.policy.current()->uid();
  }

  void write(HttpEvent event) { static_cast<void>(services_.shared.audit.append(std::move(event))); }

  // One connection can ask for what is refused as often as it likes, and each time is two records.
  bool is_flood() {
    const bool room =
        services_.shared.admission.charge(session_.origin.agent, Admission::Charge::refusal, Clock::now());
    return !room && !record_->held();
  }

  Task<After> refuse_request(const wire::RequestHead& head, HttpEvent event, Refusal refusal, Destination to) {
    if (is_flood()) {
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
    write(std::move(event));
    if (!record_->is_open()) {
      session_.live.record = nullptr;
      record_.reset();
      upstream_.reset();
    }
    const std::string bytes =
        http_refusal(refusal, &to, correlation, clean ? AfterRefusal::keep_open : AfterRefusal::close, head.method);
    const std::string_view text = bytes;
    const auto sent = co_await within(config().timeouts.head, session_.client.write(text));
    if (sent && clean) co_return After::next_request;
    co_await say_goodbye(session_);
    co_return After::close;
  }

  // Route, Open and connect, unless the connection to this destination is there and usable.
  Task<Refused<void>> reach(Destination to, Attempt attempt, Verdict verdict) {
    bound_traffic(verdict);
    const auto policy = services_.shared.policy.current();
    // Another request's rule may have opened ground that this one's does not.
    const bool same = upstream_ && upstream_to_ == to && allowed_at(*policy, attempt, peer_of_name(), config().dns);
    if (same && still_usable()) co_return Refused<void>();
    upstream_.reset();
    if (auto limit = charge(attempt, verdict)) co_return std::move(*limit);
    auto route = co_await find_route(services_, policy, attempt, verdict, session_.origin.door);
    if (!route) co_return route.error();
    if (!record_->is_open() && !record_->open()) co_return denied_by(DecidedBy::guard, std::string(log_trouble));
    by_parent_ = route->by_parent;
    // In absolute form the parent would resolve the name anew.
    const bool absolute =
        by_parent_ && config().parent->http == ParentHttp::absolute && config().parent->send == ParentSend::name;
    const ParentUse use = absolute ? ParentUse::absolute_form : ParentUse::tunnel;
    auto connected = co_await connect_route(services_, std::move(*route), use);
    if (!connected) {
      record_->failed(connected.error().detail);
      co_return connected.error();
    }
    upstream_.emplace(std::move(*connected));
    upstream_to_ = to;
    absolute_ = absolute;
    error_code error;
    const auto peer = upstream_->socket.remote_endpoint(error);
    const auto address = error ? Outcome<Address>(Complaint{}) : Address::parse(peer.address().to_string());
    if (address && !by_parent_) record_->peer = address->unmapped();
    co_return Refused<void>();
  }

  // The strictest of what the rules and the grants say; the meters count what the whole connection has sent.
  void bound_traffic(const Verdict& verdict) {
    limits_ = RelayLimits{verdict.limits.upload_bytes, verdict.limits.download_bytes};
    sent_before_ = record_->counters.up;
    auto granted = consent_.upload();
    if (granted) *granted += sent_before_;
    const auto for_all = consent_for_all_ ? consent_for_all_->upload() : std::nullopt;
    for (const auto& bound : {granted, for_all}) {
      if (bound) limits_.upload = std::min(limits_.upload.value_or(*bound), *bound);
    }
  }

  bool charge_name(const HostName& name, const Verdict& verdict) {
    const unsigned limit = verdict.limits.names.value_or(dns::NameBudget::default_limit);
    return services_.shared.names.charge(session_.origin.agent, name, limit, Clock::now());
  }

  static Refusal too_many_names() {
    return denied_by(DecidedBy::limit, "too many distinct names under a wildcard rule this hour");
  }

  std::optional<Refusal> charge(const Attempt& attempt, const Verdict& verdict) {
    const HostName* name = attempt.to.host.name();
    if (verdict.wildcard && name && bound_from_ != NameFrom::lease && !charge_name(*name, verdict))
      return too_many_names();
    if (!verdict.limits.connections) return std::nullopt;
    auto place = services_.shared.admission.admit_rule(attempt.agent, verdict.rule, *verdict.limits.connections);
    if (!place) return denied_by(DecidedBy::limit, "the rule's limit of connections is reached");
    rule_permit_ = std::move(*place);
    return std::nullopt;
  }

  // The address that was dialled; none behind a parent proxy that resolves by itself.
  std::optional<Address> peer_of_name() const { return record_ ? record_->peer : std::nullopt; }

  // An idle connection on which anything can be read has been closed by the other side, or spoke out of turn.
  bool still_usable() {
    if (!upstream_->unread().empty()) return false;
    char byte = 0;
    error_code error;
    upstream_->socket.non_blocking(true, error);
    const std::size_t size = upstream_->socket.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, error);
    return size == 0 && error == asio::error::would_block;
  }

  // --- forwarding

  Task<After> exchange(const wire::RequestHead& head, Destination named, HttpEvent event) {
    const auto began = Clock::now();
    const Traffic before{record_->counters.down, record_->counters.up};
    wire::RequestForwarding forwarding;
    forwarding.authority = named.port == 80 ? authority_host(named) : named.text();
    forwarding.form = absolute_ ? wire::SendForm::absolute : wire::SendForm::origin;
    forwarding.instance = services_.shared.instance;
    if (absolute_ && !config().parent->credentials.empty())
      forwarding.parent_credentials = config().parent->credentials;
    const bool upgrading = !head.upgrade.empty() && head.framing.kind == wire::Framing::Kind::none;
    if (upgrading) forwarding.upgrading = wire::Upgrading::pass;
    auto forwarded = wire::forward_request(head, forwarding);
    if (!forwarded && upgrading) {
      // Nothing in it that we would tunnel: it goes on as an ordinary request.
      forwarding.upgrading = wire::Upgrading::strip;
      forwarded = wire::forward_request(head, forwarding);
    }
    if (!forwarded) {
      const Refusal refusal =
          malformed(wire::http_status(forwarded.error()), std::string(wire::sentence(forwarded.error())));
      const After refused = co_await refuse_request(head, std::move(event), refusal, named);
      co_return refused;
    }
    const std::string_view bytes = forwarded->bytes;
    if (limits_.upload && record_->counters.up + bytes.size() > *limits_.upload) {
      const After refused = co_await refuse_request(head, std::move(event), upload_spent(), named);
      co_return refused;
    }
    record_->counters.up += bytes.size();
    const auto sent = co_await upstream_->write(bytes);
    After after = After::close;
    status_ = 0;
    trouble_.clear();
    bad_body_.clear();
    if (sent) {
      after = co_await transfer(head, forwarded->framing, forwarding.upgrading);
    } else {
      trouble_ = "the destination closed the connection";
    }
    if (!bad_body_.empty()) trouble_ = bad_body_;
    event.status = status_;
    event.status_detail = trouble_;
    event.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    event.traffic = Traffic{record_->counters.down - before.in, record_->counters.up - before.out};
    consent_.used(record_->counters.up - sent_before_);
    event.origin.time = WallClock::now();
    write(std::move(event));
    if (status_ == 0) {
      const After told = co_await tell_upstream_trouble(head, named);
      co_return told;
    }
    if (drop_upstream_) {
      upstream_.reset();
      if (!bound_) end_upstream(ClosedBy::upstream);
    }
    co_return after;
  }

  static Refusal upload_spent() { return denied_by(DecidedBy::limit, "the bytes that may be sent there are used up"); }

  static std::string authority_host(const Destination& to) {
    const Address* address = to.host.address();
    return address && !address->is_v4() ? "[" + address->text() + "]" : to.host.text();
  }

  // Nothing of an answer reached the client: it gets ours.
  Task<After> tell_upstream_trouble(const wire::RequestHead& head, Destination to) {
    Refusal refusal = malformed(400, bad_body_);
    if (bad_body_.empty()) {
      refusal.kind = Refusal::Kind::upstream;
      refusal.status = 502;
      refusal.proxy_error = "http_response_incomplete";
      refusal.detail = trouble_.empty() ? "the destination sent no answer" : trouble_;
    }
    const std::string bytes = http_refusal(refusal, &to, record_->origin.correlation, AfterRefusal::close, head.method);
    record_->failed(refusal.detail);
    upstream_.reset();
    const std::string_view text = bytes;
    const auto sent = co_await within(config().timeouts.head, session_.client.write(text));
    static_cast<void>(sent);
    co_await say_goodbye(session_);
    co_return After::close;
  }

  // The body goes up while the answer comes down.
  Task<After> transfer(const wire::RequestHead& head, wire::Framing out, wire::Upgrading upgrading) {
    uploaded_ = head.framing.kind == wire::Framing::Kind::none;
    answered_ = false;
    drop_upstream_ = false;
    after_ = After::close;
    if (uploaded_) {
      co_await download(head, upgrading);
    } else {
      co_await (upload(head.framing, out) && download(head, upgrading));
    }
    co_return after_;
  }

  Task<> upload(wire::Framing in, wire::Framing out) {
    BodyMeter meter{record_->counters.up, record_->counters.last_active, limits_.upload};
    const BodyEnd end = co_await copy_body(session_.client, upstream_->socket, in, out, meter);
    uploaded_ = end == BodyEnd::complete;
    if (uploaded_ || answered_) co_return;
    if (end == BodyEnd::limit) record_->closed(ClosedBy::limit);
    if (end == BodyEnd::malformed) bad_body_ = "the request's body is not well-formed";
    // The answer may still come where only the receiver has stopped taking the body.
    if (end != BodyEnd::sink_failed) close_quietly(upstream_->socket);
  }

  static void close_quietly(Socket& socket) {
    error_code ignored;
    socket.shutdown(asio::socket_base::shutdown_both, ignored);
  }

  Task<> download(const wire::RequestHead& head, wire::Upgrading upgrading) {
    co_await answer_once(head, upgrading);
    answered_ = true;
    // An answer before the body's end: what is left of the body is never read as another request.
    if (!uploaded_) {
      after_ = After::close;
      error_code ignored;
      session_.client.socket.shutdown(asio::socket_base::shutdown_receive, ignored);
      close_quietly(upstream_->socket);
    }
  }

  Task<> answer_once(const wire::RequestHead& head, wire::Upgrading upgrading) {
    for (int interim = 0; interim < 16; ++interim) {
      auto answer = co_await read_answer(head.method);
      if (!answer) co_return;
      if (answer->status == 101) {
        co_await switch_protocols(head, *answer, upgrading);
        co_return;
      }
      const bool final = answer->status >= 200;
      const bool sent = co_await send_answer(head, *answer, final);
      if (!sent || final) co_return;
    }
    trouble_ = "the destination sent too many interim answers";
  }

  Task<Result<wire::ResponseHead>> read_answer(const std::string& method) {
    const wire::HeadLimits limits{.bytes = config().limits.head_bytes};
    for (;;) {
      if (!upstream_->unread().empty()) {
        auto head = wire::parse_response_head(upstream_->unread(), method, limits);
        if (head) {
          upstream_->consume(head->consumed);
          record_->counters.last_active = Clock::now();
          co_return std::move(head->value);
        }
        if (head.error() != wire::HeadFault::need_more) {
          trouble_ = "the destination's answer is not well-formed HTTP: " + std::string(wire::sentence(head.error()));
          co_return error_code(asio::error::invalid_argument);
        }
      }
      const auto got = co_await upstream_->read_more(limits.bytes);
      if (!got) {
        if (trouble_.empty()) trouble_ = "the destination closed the connection without an answer";
        co_return got.error();
      }
    }
  }

  Task<bool> send_answer(const wire::RequestHead& head, const wire::ResponseHead& answer, bool final) {
    if (absolute_ && answer.status == 407) {  // a question for us, which the agent must not be asked
      trouble_ = "the parent proxy does not take the credentials of upstream_proxy";
      co_return false;
    }
    const bool reusable = answer.keep_alive && answer.framing.kind != wire::Framing::Kind::until_close;
    const bool keep = final && head.keep_alive && uploaded_ && answer.framing.kind != wire::Framing::Kind::until_close;
    wire::ResponseForwarding forwarding;
    forwarding.client_minor = head.minor;
    forwarding.instance = services_.shared.instance;
    forwarding.persistence = keep || !final ? wire::Persistence::keep_alive : wire::Persistence::close;
    const auto forwarded = wire::forward_response(answer, forwarding);
    if (!forwarded) {
      trouble_ = std::string(wire::sentence(forwarded.error()));
      co_return false;
    }
    const std::string_view bytes = forwarded->bytes;
    record_->counters.down += bytes.size();
    const auto sent = co_await session_.client.write(bytes);
    if (!sent) co_return false;
    if (!final) co_return true;
    status_ = static_cast<int>(answer.status);
    BodyMeter meter{record_->counters.down, record_->counters.last_active, limits_.download};
    const BodyEnd end =
        co_await copy_body(*upstream_, session_.client.socket, answer.framing, forwarded->framing, meter);
    finish_answer(end, keep && forwarded->framing.kind != wire::Framing::Kind::until_close, reusable);
    co_return true;
  }

  void finish_answer(BodyEnd end, bool keep, bool reusable) {
    if (end == BodyEnd::limit) record_->closed(ClosedBy::limit);
    if (end != BodyEnd::complete) {
      // The client must see that the body is not whole: no orderly end.
      trouble_ = end == BodyEnd::sink_failed ? "the client left" : "the answer broke off";
      record_->closed(end == BodyEnd::sink_failed ? ClosedBy::client : ClosedBy::upstream);
      reset(session_.client.socket);
      return;
    }
    drop_upstream_ = !reusable;  // not yet: the upload may still be using it
    if (keep) {
      after_ = After::next_request;
    } else {
      error_code ignored;
      session_.client.socket.shutdown(asio::socket_base::shutdown_send, ignored);
    }
  }

  Task<> switch_protocols(const wire::RequestHead& head, const wire::ResponseHead& answer, wire::Upgrading upgrading) {
    bool asked = upgrading == wire::Upgrading::pass && !answer.upgrade.empty();
    for (const auto& protocol : answer.upgrade) {
      bool offered = false;
      for (const auto& offer : head.upgrade) offered = offered || offer == protocol;
      asked = asked && offered;
      if (protocol == "websocket") asked = asked && wire::answers_websocket(head, answer);
    }
    wire::ResponseForwarding forwarding;
    forwarding.client_minor = head.minor;
    forwarding.instance = services_.shared.instance;
    forwarding.upgrading = wire::Upgrading::pass;
    const auto forwarded = wire::forward_response(answer, forwarding);
    if (!asked || !forwarded) {
      trouble_ = "the destination switched protocols without being asked to";
      co_return;
    }
    const std::string_view bytes = forwarded->bytes;
    const auto sent = co_await session_.client.write(bytes);
    status_ = 101;
    if (!sent) co_return;
    record_->counters.down += bytes.size() + upstream_->unread().size();
    record_->counters.up += session_.client.unread().size();
    if (limits_.upload && record_->counters.up > *limits_.upload) {
      record_->counters.up -= session_.client.unread().size();
      record_->closed(ClosedBy::limit);
      reset(session_.client.socket);
      reset(upstream_->socket);
      co_return;
    }
    const auto early = co_await session_.client.write(upstream_->unread());
    const auto late = co_await upstream_->write(session_.client.unread());
    if (!early || !late) co_return;
    upstream_->consume(upstream_->unread().size());
    session_.client.consume(session_.client.unread().size());
    const RelayLimits left = remaining(limits_, record_->counters);
    const RelayEnd end =
        co_await relay(session_.client.socket, upstream_->socket, services_.pipes, record_->counters, left);
    record_->closed(end.closed_by == RelayClosedBy::upstream ? ClosedBy::upstream
                    : end.closed_by == RelayClosedBy::limit  ? ClosedBy::limit
                                                             : ClosedBy::client);
  }

  // --- the sweep, reloads, the end

  void watch() {
    record_->counters.last_active = Clock::now();
    session_.live.last_active = &record_->counters.last_active;
    session_.live.report_traffic = [this] {
      if (record_) record_->report_traffic();
    };
    session_.live.must_end = [this](const Policy& policy) -> std::optional<ClosedBy> {
      if (!upstream_) return std::nullopt;
      if (!consent_.lives() || (consent_for_all_ && !consent_for_all_->lives())) return ClosedBy::revoked;
      const bool allowed = allowed_at(policy, attempt_, peer_of_name(), config().dns);
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
      if (consent_for_all_) consent_for_all_->used(record_->counters.up);
      record_->closed(by);
    }
    upstream_.reset();
    session_.live.record = nullptr;
    session_.live.grants.clear();
    record_.reset();
    rule_permit_ = Admission::Permit();
  }

  Session& session_;
  Services& services_;
  Identity identity_;
  std::optional<Destination> bound_;
  NameFrom bound_from_ = NameFrom::host;
  std::unique_ptr<ConnectionRecord> record_;
  std::optional<Connection> upstream_;
  std::vector<std::string> answered_for_all_;
  std::shared_ptr<Consent> consent_for_all_;
  std::optional<Verdict> other_verdict_;  // of the host that this request names in place of the one it is bound to
  Consent consent_;                       // of the request being answered, and of the last one until the next begins
  std::uint64_t sent_before_ = 0;
  Destination upstream_to_{Address::v4({}), 0};
  Attempt attempt_{{}, {Address::v4({}), 0}, Spoken::http, {}, {}, false};
  Admission::Permit rule_permit_;
  RelayLimits limits_;
  bool by_parent_ = false;
  bool absolute_ = false;
  wire::HeadFault head_fault_ = wire::HeadFault::need_more;

  // Of the request being answered.
  bool uploaded_ = false;
  bool answered_ = false;
  bool drop_upstream_ = false;
  After after_ = After::close;
  int status_ = 0;
  std::string trouble_;
  std::string bad_body_;  // what is wrong with the request's own body
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
