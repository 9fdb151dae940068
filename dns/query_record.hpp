// What is known of one DNS query, for the audit log.
#pragma once
#include "dns/wire/message.hpp"
#include "policy/address.hpp"
#include "policy/policy.hpp"
#include "telemetry/event.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::dns {

enum class Transport { udp, tcp };

struct QueryRecord {
  WallClock::time_point time;
  std::string agent;
  Address source = Address::v4({});
  std::uint16_t source_port = 0;
  Transport transport = Transport::udp;
  std::string name;  // as asked, escaped; empty where the query couldn't be read
  RecordType type = RecordType::a;
  Rcode rcode = Rcode::no_error;
  std::vector<std::string> answers;  // addresses and names as text, other records as their type
  Action verdict = Action::deny;
  DecidedBy decided_by = DecidedBy::default_;
  std::string rule;         // "policy.yaml:12", or empty
  std::string reason;       // a plain sentence
  std::string correlation;  // the lease's id, else one of its own
  std::string approval;     // id of the question it raised, or empty
  bool lasting = false;     // the same question gets the same answer while policy and lease are the same
};

// As the audit log is told of it.
DnsFacts facts_of(QueryRecord record, const std::string& policy_uid);

}  // namespace sallyport::dns
