// The question a session asks the policy: who wants to reach what, and what is known of how.
#pragma once
#include "policy/policy.hpp"
#include "proxy/connection_record.hpp"
#include "proxy/services.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

struct Attempt {
  std::string agent;
  Destination to;
  Spoken spoken = Spoken::pending;
  std::optional<std::string> method, path;
  bool ech = false;
  std::vector<std::string> answered{};  // Verdict::rule_key of the rules that a grant has answered with yes

  // A grant has answered the rule of this verdict. False: it had been answered before.
  bool answer(const Verdict& verdict);
  // Another host: no answer is one to it.
  void rename(Host host);
  Query query(WallClock::time_point now) const;
};

// What is spoken, as people are told: "tls", "http", "ssh", "tcp"; empty: not known yet.
std::string protocol_of(Spoken spoken);

// The verdict of this policy now, with the guard's word on a bare address: that one needs no look-up, so it comes
// first.
Verdict judge(const Policy& policy, const Attempt& attempt, const DnsConfig& dns);

// Whether what was let in may go on under this policy: the verdict, and the guard's word on the address that was
// reached.
bool allowed_at(const Policy& policy, const Attempt& attempt, const std::optional<Address>& peer, const DnsConfig& dns);

// True where every way of speaking to this destination is allowed: then it may be dialled before anything is read.
bool settled(const Policy& policy, const Attempt& attempt, const DnsConfig& dns);

}  // namespace sallyport
