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
  std::vector<std::string> answered{};    // Verdict::rule_key of the rules that a grant has answered with yes
  std::optional<FileIdentity> program{};  // whose connection it is, where it was found; see program_of()
  bool sandboxed = false;                 // it came by an attached door: there host.sallyport.internal is this host

  // A grant has answered the rule of this verdict. False: it had been answered before.
  bool answer(const Verdict& verdict);
  // Another host: no answer is one to it.
  void rename(Host host);
  Query query(WallClock::time_point now) const;
};

// What means this host's loopback, to who is in a sandbox on it and where a rule names it (DESIGN section 7).
bool is_this_host(const Host& host);

// Which program opened the connection of this record.
std::optional<FileIdentity> program_of(const Origin& origin);

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
