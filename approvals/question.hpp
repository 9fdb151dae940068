// What is asked of a person: may AGENT reach DESTINATION? (DESIGN sections 2, 3 and 11)
#pragma once
#include "policy/destination.hpp"
#include "policy/policy.hpp"
#include "telemetry/event.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace sallyport {

// Connections that wait on equal questions are one approval.
struct Question {
  std::string agent;
  Destination to;
  std::string rule_key;      // Verdict::rule_key of the rule that asks: a grant answers this rule and no other
  std::string method, path;  // where that rule looks at requests: the method, and the path pattern that matched

  // Every field, unambiguously, as one string: equal exactly where the questions are.
  std::string key() const;
};

// What a reviewer is shown besides the question; taken from the first who asked. Text of an agent stands as it came.
struct Circumstances {
  std::string rule;           // "policy.yaml:12", or empty: the default asks
  std::string reason;         // the rule's reason, a plain sentence
  std::string protocol;       // "tls", "http", "ssh", "tcp", "dns TXT"; empty: not known yet
  std::string request_path;   // the path as received, where a request was seen
  std::string access_reason;  // what the agent gave as its reason (POST /v1/access)
  Door door = Door::proxy;
  std::optional<Address> source;
  std::optional<ProcessInfo> process;
  std::optional<AgentContext> context;
  std::string policy_uid, correlation;
};

}  // namespace sallyport
