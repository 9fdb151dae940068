#include "proxy/connect_guarded.hpp"

#include "net/happy_eyeballs.hpp"
#include "net/within.hpp"
#include "proxy/wire/http_head.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <ifaddrs.h>
#include <stdexcept>

namespace sallyport {
namespace {

asio::ip::address to_asio(const Address& address) {
  const auto bytes = address.bytes();
  if (address.is_v4()) {
    asio::ip::address_v4::bytes_type v4{};
    std::copy(bytes.begin(), bytes.end(), v4.begin());
    return asio::ip::address_v4(v4);
  }
  asio::ip::address_v6::bytes_type v6{};
  std::copy(bytes.begin(), bytes.end(), v6.begin());
  return asio::ip::address_v6(v6);
}

// What no rule can open: our own listeners and our own pools.
std::optional<std::string> never(const Shared& shared, const Address& address, std::uint16_t port) {
  if (shared.leases.in_pool(address)) return "address " + address.text() + " is one of Sallyport's synthetic ones";
  const auto& own = shared.own_ports;
  if (std::find(own.begin(), own.end(), port) != own.end() && is_own_address(address))
    return "that is Sallyport's own listener";
  return std::nullopt;
}

Refusal upstream_trouble(unsigned status, std::string error, std::string detail, wire::Socks5Reply reply) {
  Refusal refusal;
  refusal.kind = Refusal::Kind::upstream;
  refusal.status = status;
  refusal.proxy_error = std::move(error);
  refusal.detail = std::move(detail);
  refusal.socks = reply;
  refusal.alert = wire::AlertDescription::internal_error;
  return refusal;
}

Refusal resolve_trouble(const HostName& name, const error_code& error) {
  const bool slow = error == dns::ResolveFault::timeout;
  return upstream_trouble(slow ? 504 : 502, slow ? "dns_timeout" : "dns_error",
                          "looking up " + name.text() + " failed: " + error.message(),
                          wire::Socks5Reply::host_unreachable);
}

Refusal connect_trouble(const error_code& error) {
  if (error == asio::error::timed_out)
    return upstream_trouble(504, "connection_timeout", "the destination did not answer in time",
                            wire::Socks5Reply::host_unreachable);
  if (error == asio::error::connection_refused)
    return upstream_trouble(502, "connection_refused", "the destination refused the connection",
                            wire::Socks5Reply::connection_refused);
  return upstream_trouble(502, "destination_unavailable", "connecting failed: " + error.message(),
                          wire::Socks5Reply::host_unreachable);
}

// Resolved addresses through the guard. All of them refused: the reason of the first.
Refused<std::vector<Address>> check_addresses(const Shared& shared, const Policy& policy, const Attempt& attempt,
                                              const Verdict& verdict, const std::vector<Address>& addresses) {
  std::vector<Address> good;
  std::string first_reason;
  const Query query = attempt.query(WallClock::now());
  for (const Address& address : addresses) {
    auto reason = policy.guard(query, verdict, address, shared.config.dns.nat64);
    if (!reason) reason = never(shared, address.unmapped(), attempt.to.port);
    if (!reason) {
      good.push_back(address.unmapped());
    } else if (first_reason.empty()) {
      first_reason = *reason;
    }
  }
  if (good.empty()) return denied_by(DecidedBy::guard, first_reason.empty() ? "the name has no address" : first_reason);
  return good;
}

std::optional<Refusal> check_aliases(const Policy& policy, const Attempt& attempt,
                                     const std::vector<HostName>& aliases) {
  for (const HostName& alias : aliases) {
    Attempt target = attempt;
    target.to.host = alias;
    const Verdict verdict = policy.decide(target.query(WallClock::now()));
    if (verdict.action != Action::deny || verdict.decided_by != DecidedBy::rule) continue;
    Verdict refused = verdict;
    refused.reason =
        attempt.to.host.text() + " is an alias of " + alias.text() + ", which is denied: " + verdict.reason;
    return denied(std::move(refused));
  }
  return std::nullopt;
}

Refused<Route> route_to_this_host(const Shared& shared, const Attempt& attempt, Door door) {
  if (door != Door::attached || !attempt.sandboxed)
    return denied_by(DecidedBy::guard, "host.sallyport.internal exists only inside a sandbox that Sallyport made");
  Route route;
  for (const Address& address : {Address::v4({127, 0, 0, 1}), *Address::parse("::1")}) {
    if (auto reason = never(shared, address, attempt.to.port)) return denied_by(DecidedBy::guard, *reason);
    route.endpoints.emplace_back(to_asio(address), attempt.to.port);
  }
  return route;
}

Task<Refused<std::vector<Address>>> resolve_checked(Services& services, std::shared_ptr<const Policy> policy,
                                                    Attempt attempt, Verdict verdict) {
  const Shared& shared = services.shared;
  std::vector<Address> addresses;
  if (const Address* literal = attempt.to.host.address()) {
    addresses.push_back(*literal);
  } else {
    const HostName name = *attempt.to.host.name();
    auto answer = co_await services.resolver.resolve(name);
    if (!answer) co_return resolve_trouble(name, answer.error());
    if (auto refusal = check_aliases(*policy, attempt, answer->aliases)) co_return std::move(*refusal);
    addresses = std::move(answer->addresses);
  }
  co_return check_addresses(shared, *policy, attempt, verdict, addresses);
}

Task<Refused<Route>> route_to_parent(Services& services, ParentProxy parent, std::string target) {
  Route route;
  route.by_parent = true;
  route.parent_target = std::move(target);
  std::vector<Address> addresses;
  if (const Address* literal = parent.at.host.address()) {
    addresses.push_back(*literal);
  } else {
    const HostName name = *parent.at.host.name();
    auto answer = co_await services.resolver.resolve(name);
    if (!answer) co_return resolve_trouble(name, answer.error());
    addresses = std::move(answer->addresses);
  }
  for (const Address& address : addresses) route.endpoints.emplace_back(to_asio(address), parent.at.port);
  co_return route;
}

// CONNECT to the parent. The tunnel begins only after its own 2xx (RFC 9110, 9.3.6).
Task<Result<unsigned>> open_tunnel(Connection& parent, std::string target, std::string credentials,
                                   std::size_t head_bytes) {
  std::string head = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!credentials.empty()) head += "Proxy-Authorization: " + credentials + "\r\n";
  head += "\r\n";
  const auto sent = co_await parent.write(std::string_view(head));
  if (!sent) co_return sent.error();
  const wire::HeadLimits limits{.bytes = head_bytes};
  for (;;) {
    const auto answer = wire::parse_response_head(parent.unread(), "CONNECT", limits);
    if (answer) {
      parent.consume(answer->consumed);
      if (answer->value.status >= 200) co_return answer->value.status;
      continue;
    }
    if (answer.error() != wire::HeadFault::need_more) co_return error_code(asio::error::invalid_argument);
    const auto got = co_await parent.read_more(head_bytes);
    if (!got) co_return got.error();
  }
}

}  // namespace

bool is_own_address(const Address& address) {
  ifaddrs* list = nullptr;
  // Not knowing is no leave: without the list every address counts as ours.
  if (getifaddrs(&list) != 0) return true;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  const auto bytes = address.bytes();
  for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
    if (!entry->ifa_addr) continue;
    const void* own = nullptr;
    if (entry->ifa_addr->sa_family == AF_INET && address.is_v4()) {
      own = &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr;
    } else if (entry->ifa_addr->sa_family == AF_INET6 && !address.is_v4()) {
      own = &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
    }
    if (own && std::equal(bytes.begin(), bytes.end(), static_cast<const std::uint8_t*>(own))) return true;
  }
  return false;
}

void throw_exception_from_error(const Refusal& refusal, const boost::source_location&) {
  throw std::runtime_error(refusal.detail);
}

Task<Refused<Route>> find_route(Services& services, std::shared_ptr<const Policy> policy, Attempt attempt,
                                Verdict verdict, Door door) {
  if (is_this_host(attempt.to.host)) co_return route_to_this_host(services.shared, attempt, door);
  const auto& parent = services.shared.config.parent;
  const bool by_parent = parent && parent->serves(attempt.to.host);
  if (by_parent && parent->send == ParentSend::name) {
    auto to_parent = co_await route_to_parent(services, *parent, attempt.to.text());
    co_return to_parent;
  }
  const std::uint16_t port = attempt.to.port;
  auto addresses = co_await resolve_checked(services, std::move(policy), std::move(attempt), std::move(verdict));
  if (!addresses) co_return addresses.error();
  if (by_parent) {
    const Destination checked{addresses->front(), port};
    auto to_parent = co_await route_to_parent(services, *parent, checked.text());
    co_return to_parent;
  }
  Route route;
  for (const Address& address : *addresses) route.endpoints.emplace_back(to_asio(address), port);
  co_return route;
}

Task<Refused<Connection>> connect_route(Services& services, Route route, ParentUse use) {
  const Config& config = services.shared.config;
  ConnectOptions options;
  options.limit = config.timeouts.connect;
  auto socket = co_await connect_any(route.endpoints, options);
  if (!socket) co_return connect_trouble(socket.error());
  Connection connection(std::move(*socket));
  if (!route.by_parent || use == ParentUse::absolute_form) co_return Refused<Connection>(std::move(connection));
  auto tunnel = open_tunnel(connection, route.parent_target, config.parent->credentials, config.limits.head_bytes);
  const auto status = co_await within(config.timeouts.connect, std::move(tunnel));
  if (!status) co_return connect_trouble(status.error());
  if (*status / 100 != 2)
    co_return upstream_trouble(502, "destination_unavailable",
                               "the parent proxy answered " + std::to_string(*status) + " to CONNECT",
                               wire::Socks5Reply::general_failure);
  co_return Refused<Connection>(std::move(connection));
}

}  // namespace sallyport
