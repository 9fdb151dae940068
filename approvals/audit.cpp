// What the audit log is told of decisions and ends.
#include "approvals/state.hpp"

namespace sallyport {
namespace {

std::string seconds_text(std::chrono::milliseconds time) {
  const auto tenths = time.count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

std::string bounds_text(const Decision& decision) {
  std::string text;
  if (decision.uses) text += ", " + std::to_string(*decision.uses) + " uses";
  if (decision.upload) text += ", " + std::to_string(*decision.upload) + " bytes of upload";
  return text;
}

void describe(ApiEvent& event, const Grant& grant, const Actor& actor) {
  event.actor = actor.name;
  event.role = actor.role;
  event.through = actor.through;
  event.source = actor.source;
  event.grant = grant.id;
  event.scope = word_of(grant.decision.scope);
  event.match = word_of(grant.decision.match);
}

std::string times_text(std::uint64_t times) {
  return std::to_string(times) + (times == 1 ? " time" : " times");
}

std::string used_text(const Grant& grant) {
  return "Used " + times_text(grant.used) + ".";
}

}  // namespace

// A log that blocks what it cannot record blocks decisions, too.
bool Approvals::State::log_works() const {
  return audit.healthy() || audit.options().on_failure == OnFailure::proceed;
}

ApiEvent Approvals::State::event_of(const Approval& approval, const char* operation, WallClock::time_point at) const {
  ApiEvent event;
  event.time = at;
  event.correlation = approval.first.correlation;
  event.operation = operation;
  event.agent = approval.question.agent;
  event.host = approval.question.to.host.text();
  event.port = approval.question.to.port;
  event.approval = approval.id;
  event.policy_uid = approval.first.policy_uid;
  return event;
}

bool Approvals::State::log_decision(const Approval& approval, const Grant& grant, bool success) {
  const bool approve = grant.decision.approve;
  ApiEvent event = event_of(approval, approve ? "approvals.approve" : "approvals.deny", grant.created);
  describe(event, grant, grant.by);
  event.note = grant.decision.note;
  event.success = success;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(grant.created - approval.first_seen);
  event.decision_time = std::max(took, std::chrono::milliseconds(0));
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(grant.expires - grant.created);
  event.status_detail = success ? "Decided after " + seconds_text(*event.decision_time) + ", for " +
                                      std::to_string(ttl.count()) + " s" + bounds_text(grant.decision) + "."
                                : "The decision could not be written to disk and is not in force.";
  return audit.append(std::move(event));
}

bool Approvals::State::log_revocation(const Grant& grant, const std::string& correlation, bool success) {
  ApiEvent event;
  event.time = grant.ended;
  event.correlation = correlation;
  event.activity = ApiEvent::Activity::remove;
  event.operation = "grants.revoke";
  event.agent = grant.question.agent;
  event.host = grant.question.to.host.text();
  event.port = grant.question.to.port;
  event.approval = grant.approval;
  describe(event, grant, grant.ended_by);
  event.success = success;
  event.status_detail =
      success ? used_text(grant) : "The revocation could not be written to disk; the grant is in force.";
  return audit.append(std::move(event));
}

// Its time came, or its uses did: Sallyport's own doing. Where the log is full this is counted there as lost.
void Approvals::State::log_end(const Grant& grant) {
  const auto asked = approvals.find(grant.approval);
  ApiEvent event;
  if (asked != approvals.end()) event = event_of(asked->second->approval(), "", grant.ended);
  event.activity = ApiEvent::Activity::remove;
  event.operation = grant.end == Grant::End::used_up ? "grants.used_up" : "grants.expire";
  event.approval = grant.approval;
  describe(event, grant, grant.ended_by);
  event.status_detail = used_text(grant);
  (void)audit.append(std::move(event));
}

void Approvals::State::log_expiry(const Approval& approval) {
  ApiEvent event = event_of(approval, "approvals.expire", approval.decided);
  event.actor = "sallyport";
  event.status_detail = "Nobody decided; it was asked " + times_text(approval.tries) + ".";
  (void)audit.append(std::move(event));
}

}  // namespace sallyport
