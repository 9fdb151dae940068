#include "proxy/learn_log.hpp"

#include "telemetry/recorded_attempts.hpp"

namespace sallyport {

void learn_from(Learner& learner, const LogRecord& record) {
  if (auto attempt = attempt_of(record)) {
    // Who is in a sandbox is known by that: an address inside it is nobody's outside.
    if (record.door == word_of(Door::attached)) attempt->source.clear();
    learner.add(*attempt);
  }
  const auto name = HostName::parse(record.host);
  if (name && record.kind == RecordKind::fail && record.detail.starts_with("looking up ")) {
    learner.look_up_failed(record.agent, *name, record.port);
  }
  // A person who denies an approval refuses what it asked about.
  if (record.kind != RecordKind::api || record.operation != "approvals.deny" || record.port == 0) return;
  if (const auto address = Address::parse(record.host)) {
    learner.refuse(record.agent, *address, record.port);
  } else if (name) {
    learner.refuse(record.agent, *name, record.port);
  }
}

}  // namespace sallyport
