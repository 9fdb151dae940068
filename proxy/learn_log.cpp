#include "proxy/learn_log.hpp"

#include "telemetry/recorded_attempts.hpp"

namespace sallyport {

void learn_from(Learner& learner, const LogRecord& record) {
  if (const auto attempt = attempt_of(record)) learner.add(*attempt);
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
