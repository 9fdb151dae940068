// No private ground (DESIGN section 8.3): what a rule, a grant or a person can't turn off by accident.
#include "policy/address_class.hpp"
#include "policy/policy_impl.hpp"

#include <algorithm>

namespace sallyport {
namespace {

bool is_single(const Cidr& block) {
  return block.length() == (block.base().is_v4() ? 32U : 128U);
}

// The IPv4 address that a NAT64 prefix carries (RFC 6052, 2.2): a deny of it holds behind the translator too.
std::optional<Address> behind_nat64(const Address& address, const Cidr& prefix) {
  if (address.is_v4() || !prefix.contains(address)) return std::nullopt;
  const auto bytes = address.bytes();
  std::array<std::uint8_t, 4> v4{};
  std::size_t at = prefix.length() / 8;
  for (std::uint8_t& byte : v4) {
    if (at == 8) ++at;  // bits 64 to 71 are zero
    if (at >= bytes.size()) return std::nullopt;
    byte = bytes[at++];
  }
  return Address::v4(v4);
}

// Every address that a packet to `address` may mean.
std::vector<Address> meanings(const Address& address, std::span<const Cidr> nat64) {
  std::vector<Address> result{address, address.unmapped()};
  const auto well_known = Cidr::parse("64:ff9b::/96");
  if (well_known) {
    if (const auto v4 = behind_nat64(address, *well_known)) result.push_back(*v4);
  }
  for (const Cidr& prefix : nat64) {
    if (const auto v4 = behind_nat64(address, prefix)) result.push_back(*v4);
  }
  return result;
}

const Rule* denying_rule(const Policy::Impl& policy, const Query& query, const std::vector<Address>& addresses) {
  const Rule* found = nullptr;
  policy.for_each_rule(query.agent, [&](const Rule& rule) {
    if (found != nullptr || rule.action != Action::deny || rule.fits_connection(query) != Fit::matches) return;
    if (rule.except.find(query.to.host) != Hit::none) return;
    for (const Address& address : addresses) {
      if (rule.targets.block_of(address) && !rule.except.block_of(address)) found = &rule;
    }
  });
  return found;
}

// A rule that lets this destination through names the address itself, or a block that lies within the special one.
bool is_named(const Policy::Impl& policy, const Query& query, const Address& address, const AddressKind& kind) {
  bool named = false;
  policy.for_each_rule(query.agent, [&](const Rule& rule) {
    if (named || rule.action == Action::deny || fits(rule, query).fit != Fit::matches) return;
    const auto block = rule.targets.block_of(address);
    if (!block) return;
    const bool within = kind.range && kind.range->contains(*block);
    named = is_single(*block) || (kind.kind != AddressClass::metadata && within);
  });
  return named;
}

std::string refusal(const Address& address, const AddressKind& kind) {
  const std::string where = address.text() + " is in " + std::string(kind.block);
  switch (kind.kind) {
    case AddressClass::private_:
      return where + ": a rule opens it with private: true, or by naming the address";
    case AddressClass::special:
      return where + ": only a rule that names the address opens it";
    case AddressClass::metadata:
      return where + ": a cloud metadata address, which only a rule with the exact address opens";
    case AddressClass::loopback:
      return where + ": the host's own loopback is never reached this way";
    case AddressClass::global:
      break;
  }
  return where;
}

std::optional<std::string> guard_alone(const Policy::Impl& policy, const Query& query, const Verdict& verdict,
                                       const Address& address, std::span<const Cidr> nat64) {
  if (verdict.action == Action::deny) return verdict.reason;
  if (const Rule* rule = denying_rule(policy, query, meanings(address, nat64))) {
    return rule->reason.empty() ? address.text() + " is denied by " + rule->where : rule->reason;
  }
  const AddressKind kind = classify(address, nat64);
  if (kind.kind == AddressClass::global) return std::nullopt;
  if (kind.kind == AddressClass::loopback) return refusal(address, kind);
  if (kind.kind == AddressClass::private_ && verdict.private_ok) return std::nullopt;
  if (is_named(policy, query, address.unmapped(), kind)) return std::nullopt;
  return refusal(address, kind);
}

}  // namespace

std::optional<std::string> Policy::guard(const Query& query, const Verdict& verdict, const Address& address,
                                         std::span<const Cidr> nat64) const {
  auto refused = guard_alone(*impl_, query, verdict, address, nat64);
  if (refused || !impl_->boundary) return refused;
  // The boundary decides by itself, so that a grant cannot open what it keeps closed.
  return impl_->boundary->guard(query, impl_->boundary->decide(query), address, nat64);
}

}  // namespace sallyport
