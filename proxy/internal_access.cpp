#include "proxy/internal_access.hpp"

#include "approvals/json.hpp"
#include "proxy/attempt.hpp"
#include "proxy/consent.hpp"

#include <boost/json.hpp>

namespace sallyport {
namespace {

namespace json = boost::json;

void say_where(json::object& body, const Destination& to) {
  body["host"] = to.host.text();
  body["port"] = to.port;
}

InternalAnswer allowed(const Destination& to, const Verdict& verdict, const std::optional<Answer>& by) {
  json::object body;
  body["state"] = "allowed";
  say_where(body, to);
  body["rule"] = verdict.rule;
  body["reason"] = verdict.reason;
  if (by) body["expires"] = time_text(by->expires);
  body["next"] = "Connect: it is let through.";
  return internal_json(200, body);
}

InternalAnswer denied(const Destination& to, const Verdict& verdict, const std::string& reason) {
  json::object body;
  body["state"] = "denied";
  say_where(body, to);
  body["rule"] = verdict.rule;
  body["reason"] = reason;
  body["next"] = "Go without it, or ask the operator to change the policy.";
  return internal_json(200, body);
}

std::string refusal_of(const std::string& by, const std::string& note) {
  return by + " said no" + (note.empty() ? "" : ": " + plain_text(note));
}

std::string wait_next(const std::string& id) {
  return "Somebody has been asked. GET http://sallyport.internal/v1/access/" + id + "?wait=30s waits for the answer.";
}

InternalAnswer pending(const std::string& id, const Destination& to) {
  json::object body;
  body["id"] = id;
  body["state"] = "pending";
  say_where(body, to);
  body["next"] = wait_next(id);
  InternalAnswer answer = internal_json(202, body);
  answer.fields.emplace_back("Location", "/v1/access/" + id);
  answer.approval = id;
  return answer;
}

InternalAnswer not_asked(Approvals::Fault fault) {
  const bool store = fault == Approvals::Fault::store;
  InternalAnswer answer = internal_problem(store ? 503 : 429, "The question could not be asked", sentence(fault),
                                           "Try again later; fewer questions are answered sooner.");
  answer.fields.emplace_back("Retry-After", "30");
  return answer;
}

class AskAhead {
 public:
  AskAhead(Shared& shared, const Origin& origin, AccessRequest request)
      : shared_(shared),
        origin_(origin),
        request_(std::move(request)),
        policy_(shared.policy.current()),
        attempt_{origin.agent, request_.to, Spoken::pending, request_.method, request_.path, false} {
    attempt_.sandboxed = origin.door == Door::attached;
  }

  InternalAnswer run() {
    // As a tunnel is asked about: first for itself, then for what is spoken in it.
    if (request_.spoken != Spoken::http) {
      if (auto answer = pass(Spoken::pending)) return std::move(*answer);
    }
    if (auto answer = pass(request_.spoken)) return std::move(*answer);
    return allowed(request_.to, verdict_, last_);
  }

 private:
  // What stands in the way; nullopt: nothing.
  std::optional<InternalAnswer> pass(Spoken spoken) {
    attempt_.spoken = spoken;
    for (;;) {
      verdict_ = judge(*policy_, attempt_, shared_.config.dns);
      if (verdict_.action == Action::allow) return std::nullopt;
      if (verdict_.action == Action::deny) return denied(request_.to, verdict_, verdict_.reason);
      const Question question = question_of(attempt_, verdict_);
      const auto known = shared_.approvals.find(question);
      if (!known) return ask(question);
      if (!known->approved) return denied(request_.to, verdict_, refusal_of(known->by, known->note));
      last_ = known;
      // An answer that changes nothing would be looked up for ever.
      if (!attempt_.answer(verdict_)) return denied(request_.to, verdict_, "the answer does not fit the question");
    }
  }

  InternalAnswer ask(const Question& question) {
    Circumstances known;
    known.rule = verdict_.rule;
    known.reason = verdict_.reason;
    known.protocol = protocol_of(request_.spoken);
    known.request_path = request_.path.value_or("");
    known.access_reason = request_.reason;
    known.door = origin_.door;
    known.source = origin_.source;
    known.process = origin_.process;
    known.context = origin_.context;
    known.policy_uid = policy_->uid();
    known.correlation = origin_.correlation;
    const auto asked = shared_.approvals.ask(question, std::move(known));
    return asked ? pending(*asked, request_.to) : not_asked(asked.error());
  }

  Shared& shared_;
  const Origin& origin_;
  AccessRequest request_;
  std::shared_ptr<const Policy> policy_;
  Attempt attempt_;
  Verdict verdict_;
  std::optional<Answer> last_;
};

std::optional<Approval> own_approval(Shared& shared, const std::string& agent, const std::string& id) {
  auto approval = shared.approvals.approval(id);
  if (approval && approval->question.agent != agent) approval.reset();
  return approval;
}

// What the policy says now to an approval's question. It may ask still, or have been changed meanwhile.
Verdict verdict_now(Shared& shared, const Approval& approval) {
  const auto policy = shared.policy.current();
  const std::string& protocol = approval.first.protocol;
  Attempt attempt{approval.question.agent, approval.question.to, Spoken::pending, {}, {}, false};
  attempt.sandboxed = approval.first.door == Door::attached;
  if (protocol == "http" && !approval.question.method.empty()) {
    attempt.method = approval.question.method;
    attempt.path = approval.first.request_path;
    attempt.spoken = Spoken::http;
  } else if (protocol == "tls") {
    attempt.spoken = Spoken::tls;
  } else if (protocol == "ssh") {
    attempt.spoken = Spoken::ssh;
  } else if (protocol == "tcp") {
    attempt.spoken = Spoken::other;
  }
  return judge(*policy, attempt, shared.config.dns);
}

// A decision may have ended since.
const char* state_of(Shared& shared, const Approval& approval) {
  const auto grant = shared.approvals.grant(approval.grant);
  if (!grant || grant->end != Grant::End::none) return "ended";
  return approval.state == Approval::State::approved ? "allowed" : "denied";
}

}  // namespace

InternalAnswer ask_ahead(Shared& shared, const Origin& origin, AccessRequest request) {
  AskAhead asking(shared, origin, std::move(request));
  return asking.run();
}

bool is_undecided(Shared& shared, const std::string& agent, const std::string& id) {
  const auto approval = own_approval(shared, agent, id);
  if (!approval || approval->state != Approval::State::pending) return false;
  return verdict_now(shared, *approval).action == Action::ask;
}

InternalAnswer access_state(Shared& shared, const std::string& agent, const std::string& id) {
  const auto approval = own_approval(shared, agent, id);
  if (!approval)
    return internal_problem(404, "There is no such question", "no question of yours has this id",
                            "POST /v1/access {to, reason} asks, and answers with an id.");
  const Destination& to = approval->question.to;
  json::object body;
  body["id"] = approval->id;
  const Verdict verdict = verdict_now(shared, *approval);
  std::string state = "expired", next = "Nobody answered. Ask again: POST /v1/access.", reason;
  if (verdict.action == Action::deny) {
    state = "denied";
    reason = verdict.reason;
  } else if (approval->state == Approval::State::pending) {
    state = verdict.action == Action::allow ? "allowed" : "pending";
    reason = verdict.reason;
  } else if (approval->state != Approval::State::expired) {
    state = state_of(shared, *approval);
    const std::string note = approval->decision ? approval->decision->note : std::string();
    const bool yes = approval->state == Approval::State::approved;
    reason = yes ? approval->by.name + " said yes" : refusal_of(approval->by.name, note);
    if (yes && !note.empty()) reason += ": " + plain_text(note);
  }
  if (state == "pending") next = wait_next(id);
  if (state == "allowed") next = "Connect: it is let through.";
  if (state == "denied") next = "Go without it, or ask the operator to change the policy.";
  if (state == "ended") next = "The answer is no longer in force. Ask again: POST /v1/access.";
  body["state"] = state;
  say_where(body, to);
  if (!approval->question.method.empty()) body["method"] = approval->question.method;
  if (!approval->question.path.empty()) body["path"] = approval->question.path;
  body["first_seen"] = time_text(approval->first_seen);
  if (!reason.empty()) body["reason"] = reason;
  if (const auto grant = shared.approvals.grant(approval->grant)) body["expires"] = time_text(grant->expires);
  body["next"] = next;
  InternalAnswer answer = internal_json(200, body);
  if (state == "pending") answer.fields.emplace_back("Retry-After", "10");
  answer.approval = approval->id;
  return answer;
}

}  // namespace sallyport
