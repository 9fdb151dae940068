#include "proxy/http_upstream.hpp"

#include "proxy/tls_refusal.hpp"

namespace sallyport {

bool charge_name(Session& session, const HostName& name, const Verdict& verdict) {
  const unsigned limit = verdict.limits.names.value_or(dns::NameBudget::default_limit);
  return session.services.shared.names.charge(session.origin.agent, name, limit, Clock::now());
}

Refusal too_many_names() {
  return denied_by(DecidedBy::limit, "too many distinct names under a wildcard rule this hour");
}

void HttpUpstream::adopt(Connection connection, Destination to, Admission::Permit rule) {
  connection_.emplace(std::move(connection));
  rule_permit_ = std::move(rule);
  to_ = std::move(to);
  absolute_ = false;
}

void HttpUpstream::end() {
  connection_.reset();
  permit_ = Admission::Permit();
  rule_permit_ = Admission::Permit();
}

Task<Refused<void>> HttpUpstream::reach(Attempt attempt, Verdict verdict, ConnectionRecord& record, Wrapping wrapping,
                                        bool counts_name) {
  Services& services = session_.services;
  // An Open has said so by itself; a further request has none.
  const AuditLog& log = services.shared.audit;
  if (log.options().on_failure == OnFailure::block && !log.healthy())
    co_return denied_by(DecidedBy::guard, std::string(log_trouble));
  const auto policy = services.shared.policy.current();
  // Another request's rule may have opened ground that this one's does not.
  const bool same = is_to(attempt.to) && allowed_at(*policy, attempt, record.peer, services.shared.config.dns);
  if (same && wrapping == Wrapping::tls && connection_->is_plain()) {
    auto wrapped = co_await wrap(std::move(attempt), record);
    co_return wrapped;
  }
  if (same && connection_->is_quiet()) co_return Refused<void>();
  connection_.reset();
  if (auto limit = charge_name_of(attempt, verdict, counts_name)) co_return std::move(*limit);
  std::optional<UpstreamPool::Turn> turn;
  if (pool_) {
    auto lent = co_await pool_->borrow(attempt.to);
    const bool fits =
        lent && allowed_at(*services.shared.policy.current(), attempt, lent->peer, services.shared.config.dns);
    if (fits) {
      if (!record.is_open() && !record.open()) co_return denied_by(DecidedBy::guard, std::string(log_trouble));
      take(std::move(*lent), attempt.to, record);
      co_return Refused<void>();
    }
    if (auto limit = admit()) co_return std::move(*limit);
    turn.emplace(*pool_, attempt.to.text());
  }
  auto dialled = co_await dial(attempt, std::move(verdict), record, wrapping);
  if (!dialled || wrapping == Wrapping::plain) co_return dialled;
  auto wrapped = co_await wrap(std::move(attempt), record);
  co_return wrapped;
}

Task<Refused<UpstreamPool::Dialled>> HttpUpstream::dial_first(Attempt attempt, Verdict verdict,
                                                              ConnectionRecord& record, Protocols protocols,
                                                              bool counts_name) {
  const auto policy = session_.services.shared.policy.current();
  const bool there = is_to(attempt.to) && connection_->is_quiet() &&
                     allowed_at(*policy, attempt, record.peer, session_.services.shared.config.dns);
  if (!there) {
    connection_.reset();
    if (auto limit = charge_name_of(attempt, verdict, counts_name)) co_return std::move(*limit);
    auto dialled = co_await dial(attempt, std::move(verdict), record, Wrapping::tls);
    if (!dialled) co_return dialled.error();
  }
  auto secured = co_await secure(attempt.to.host, record, protocols);
  if (!secured) co_return secured.error();
  co_return UpstreamPool::Dialled{std::move(*secured), record.peer, std::move(permit_), std::move(rule_permit_)};
}

std::optional<Refusal> HttpUpstream::charge_name_of(const Attempt& attempt, const Verdict& verdict, bool counts_name) {
  const HostName* name = attempt.to.host.name();
  if (verdict.wildcard && name && counts_name && !charge_name(session_, *name, verdict)) return too_many_names();
  return std::nullopt;
}

std::optional<Refusal> HttpUpstream::charge_rule(const Attempt& attempt, const Verdict& verdict) {
  rule_permit_ = Admission::Permit();  // of a connection that is no more
  if (!verdict.limits.connections) return std::nullopt;
  auto place = session_.services.shared.admission.admit_rule(attempt.agent, verdict.rule, *verdict.limits.connections);
  if (!place) return denied_by(DecidedBy::limit, "the rule's limit of connections is reached");
  rule_permit_ = std::move(*place);
  return std::nullopt;
}

void HttpUpstream::take(UpstreamPool::Lent lent, const Destination& to, ConnectionRecord& record) {
  connection_.emplace(std::move(lent.connection));
  permit_ = std::move(lent.permit);
  rule_permit_ = std::move(lent.rule);
  to_ = to;
  absolute_ = false;
  record.peer = lent.peer;
}

void HttpUpstream::give_back(const ConnectionRecord& record) {
  if (!pool_ || !connection_) return;
  pool_->give_back(
      UpstreamPool::Lent{std::move(*connection_), record.peer, std::move(permit_), std::move(rule_permit_)}, to_);
  connection_.reset();
}

// The requests of one client make connections that its own one does not count for.
std::optional<Refusal> HttpUpstream::admit() {
  auto permit = session_.services.shared.admission.admit(session_.origin.agent, Clock::now());
  if (!permit) return denied_by(DecidedBy::limit, sentence(permit.error()));
  permit_ = std::move(*permit);
  return std::nullopt;
}

// Rule's place, route, Open, connect.
Task<Refused<void>> HttpUpstream::dial(Attempt attempt, Verdict verdict, ConnectionRecord& record, Wrapping wrapping) {
  Services& services = session_.services;
  if (auto limit = charge_rule(attempt, verdict)) co_return std::move(*limit);
  const auto policy = services.shared.policy.current();
  auto route = co_await find_route(services, policy, attempt, verdict, session_.origin.door);
  if (!route) co_return route.error();
  if (!record.is_open() && !record.open()) co_return denied_by(DecidedBy::guard, std::string(log_trouble));
  const auto& parent = services.shared.config.parent;
  const bool by_parent = route->by_parent;
  // In absolute form the parent would resolve the name anew.
  absolute_ = by_parent && wrapping == Wrapping::plain && parent->http == ParentHttp::absolute &&
              parent->send == ParentSend::name;
  const ParentUse use = absolute_ ? ParentUse::absolute_form : ParentUse::tunnel;
  auto connected = co_await connect_route(services, std::move(*route), use);
  if (!connected) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() == asio::cancellation_type::none) record.failed(connected.error().detail);
    co_return connected.error();
  }
  connection_.emplace(std::move(*connected));
  to_ = attempt.to;
  error_code error;
  const auto peer = connection_->socket.remote_endpoint(error);
  const auto address = error ? Outcome<Address>(Complaint{}) : Address::parse(peer.address().to_string());
  if (address && !by_parent) record.peer = address->unmapped();
  co_return Refused<void>();
}

// The server must be who was approved; nothing of the request is sent before that is proven.
Task<Refused<std::unique_ptr<TlsStream>>> HttpUpstream::secure(Host host, ConnectionRecord& record,
                                                               Protocols protocols) {
  const Shared& shared = session_.services.shared;
  Connection bare = std::move(*connection_);
  connection_.reset();
  const Inspection* inspection = shared.inspection;
  const Clock::duration limit = shared.config.timeouts.connect;
  if (!inspection) co_return denied_by(DecidedBy::guard, "inspection is not set up");
  auto secured = co_await inspection->connect(std::move(bare), host, protocols, limit);
  if (!secured) {
    Refusal refusal = server_tls_refusal(secured.error(), host);
    // Where it was ended by us, or by the client, it is not the server that failed.
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() == asio::cancellation_type::none) record.failed(refusal.detail);
    co_return refusal;
  }
  co_return std::move(*secured);
}

Task<Refused<void>> HttpUpstream::wrap(Attempt attempt, ConnectionRecord& record) {
  const Protocols protocols = pool_ ? Protocols::http2_or_http1 : Protocols::http1;
  const Executor executor = connection_->socket.get_executor();
  auto secured = co_await secure(attempt.to.host, record, protocols);
  if (!secured) co_return secured.error();
  if (!pool_) {
    connection_.emplace(std::move(*secured), executor);
    co_return Refused<void>();
  }
  UpstreamPool::Dialled dialled{std::move(*secured), record.peer, std::move(permit_), std::move(rule_permit_)};
  take(pool_->share(std::move(dialled), to_), attempt.to, record);
  co_return Refused<void>();
}

}  // namespace sallyport
