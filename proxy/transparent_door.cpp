#include "net/listener.hpp"
#include "proxy/bound_session.hpp"
#include "proxy/connect_guarded.hpp"
#include "proxy/doors.hpp"

#include <algorithm>

namespace sallyport {
namespace {

struct SteeredTo {
  Address address;
  std::uint16_t port;
};

std::optional<SteeredTo> steered_to(Socket& client, Steering steering, const Shared& shared) {
  error_code error;
  const auto local = client.local_endpoint(error);
  if (error) return std::nullopt;
  asio::ip::tcp::endpoint to = local;
  if (steering == Steering::redirect) {
    const auto original = original_destination(client);
    if (!original) return std::nullopt;
    to = *original;
  }
  if (steering == Steering::redirect && to == local) return std::nullopt;
  const auto address = Address::parse(to.address().to_string());
  if (!address || to.port() == 0) return std::nullopt;
  // Somebody who dials our listener itself was not steered.
  const auto& own = shared.own_ports;
  const bool own_port = std::find(own.begin(), own.end(), to.port()) != own.end();
  if (steering == Steering::tproxy && own_port && is_own_address(address->unmapped())) return std::nullopt;
  return SteeredTo{address->unmapped(), to.port()};
}

Task<> turn_away(Session& session, std::optional<Destination> to, Refusal refusal) {
  ConnectionRecord record(session.services.shared.audit, session.origin);
  record.origin.correlation = new_correlation();
  if (to) {
    record.origin.host = to->host.text();
    record.origin.port = to->port;
    record.origin.name_from = NameFrom::address;
  }
  const Destination* named = to ? &*to : nullptr;
  const Spoken spoken = to ? Spoken::pending : Spoken::other;
  co_await refuse(session, record, std::move(refusal), named, Voice::raw, spoken);
}

// In mode `real` the name an agent was given this address for, else the bare address.
BoundTo bound_by_address(const Shared& shared, const std::string& agent, const SteeredTo& steered) {
  BoundTo bound{Destination{steered.address, steered.port}, NameFrom::address, new_correlation()};
  if (shared.config.dns.mode != DnsMode::real) return bound;
  const auto names = shared.given.names(agent, steered.address, Clock::now());
  if (names.empty()) return bound;
  bound.to.host = names.front();
  bound.from = NameFrom::lease;
  return bound;
}

}  // namespace

Task<> serve_transparent(Session& session, Steering steering) {
  Shared& shared = session.services.shared;
  const auto steered = steered_to(session.client.socket, steering, shared);
  if (!steered) {
    co_await turn_away(session, std::nullopt,
                       denied_by(DecidedBy::guard, "this door takes only connections that were steered to it"));
    co_return;
  }
  const std::string& agent = session.origin.agent;
  if (!shared.leases.in_pool(steered->address)) {
    then_serve_bound(session, bound_by_address(shared, agent, *steered), Voice::raw);
    co_return;
  }
  const auto lease = shared.leases.find(agent, steered->address);
  if (!lease) {
    const bool foreign = lease.error() == dns::LeaseFault::foreign_lease;
    std::string reason = foreign ? "foreign_lease: " : "unknown_lease: ";
    reason += dns::sentence(lease.error());
    const Destination to{steered->address, steered->port};
    Refusal refusal = denied_by(DecidedBy::guard, std::move(reason));
    co_await turn_away(session, to, std::move(refusal));
    co_return;
  }
  BoundTo bound{Destination{lease->name, steered->port}, NameFrom::lease, lease->correlation};
  bound.pin = shared.leases.pin(agent, steered->address);
  then_serve_bound(session, std::move(bound), Voice::raw);
}

}  // namespace sallyport
