#include "policy/combine.hpp"

#include <algorithm>

namespace sallyport {
namespace {

template <class T>
void take_smaller(std::optional<T>& mine, const std::optional<T>& other) {
  if (other && (!mine || *other < *mine)) mine = other;
}

}  // namespace

void tighten(RuleLimits& limits, const RuleLimits& others) {
  take_smaller(limits.upload_bytes, others.upload_bytes);
  take_smaller(limits.download_bytes, others.download_bytes);
  take_smaller(limits.connections, others.connections);
  take_smaller(limits.names, others.names);
}

std::vector<std::string> answered_within_boundary(std::span<const std::string> answered) {
  std::vector<std::string> within;
  for (const std::string& key : answered) {
    if (key.starts_with(boundary_prefix)) within.push_back(key.substr(boundary_prefix.size()));
  }
  return within;
}

Verdict stricter(const Verdict& mine, Verdict boundary) {
  if (boundary.action == Action::deny && mine.action != Action::deny) {
    boundary.reason = "the boundary does not let this policy open it: " + boundary.reason;
    return boundary;
  }
  Verdict verdict = boundary.action > mine.action ? boundary : mine;
  const Verdict& other = boundary.action > mine.action ? mine : boundary;
  verdict.identify = mine.identify || boundary.identify;
  verdict.ssh = mine.ssh && boundary.ssh;
  verdict.private_ok = mine.private_ok && boundary.private_ok;
  verdict.wildcard = mine.wildcard || boundary.wildcard;
  // A boundary injects nothing.
  verdict.injections.clear();
  if (verdict.action == Action::allow) verdict.injections = mine.injections;
  tighten(verdict.limits, other.limits);
  take_smaller(verdict.expires, other.expires);
  return verdict;
}

}  // namespace sallyport
