#include "proxy/consent.hpp"

#include <algorithm>

namespace sallyport {

void Consent::add(const Answer& answer) {
  grants_.push_back(Held{answer.grant, answer.upload});
}

void Consent::clear() {
  give_back();
  grants_.clear();
  used_.reset();
}

// Every reservation is ended, also one of which nothing is left: until then the grant lets nobody else in.
void Consent::give_back() {
  for (Held& held : grants_) {
    if (!held.upload) continue;
    const std::uint64_t sent = std::min(used_.value_or(*held.upload), *held.upload);
    shared_.approvals.give_back(held.grant, *held.upload - sent);
    held.upload.reset();
  }
}

std::optional<std::uint64_t> Consent::upload() const {
  std::optional<std::uint64_t> least;
  for (const Held& held : grants_) {
    if (held.upload) least = std::min(least.value_or(*held.upload), *held.upload);
  }
  return least;
}

bool Consent::lives() const {
  if (shared_.config.approvals.on_revoke == OnRevoke::keep) return true;
  return std::all_of(grants_.begin(), grants_.end(),
                     [this](const Held& held) { return shared_.approvals.lives(held.grant); });
}

std::string Consent::text() const {
  std::string all;
  for (const Held& held : grants_) all += (all.empty() ? "" : " ") + held.grant;
  return all;
}

RelayLimits strictest(const RelayLimits& one, const RelayLimits& other) {
  const auto least = [](std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) {
    if (!a || !b) return a ? a : b;
    return std::optional(std::min(*a, *b));
  };
  return RelayLimits{least(one.upload, other.upload), least(one.download, other.download)};
}

Question question_of(const Attempt& attempt, const Verdict& verdict) {
  return Question{attempt.agent, attempt.to, verdict.rule_key, verdict.asks_method, verdict.asks_path};
}

std::optional<Verdict> allowed_now(const Shared& shared, Attempt attempt) {
  const auto policy = shared.policy.current();
  for (;;) {
    Verdict verdict = judge(*policy, attempt, shared.config.dns);
    if (verdict.action == Action::deny) return std::nullopt;
    if (verdict.action == Action::allow) return verdict;
    const auto answer = shared.approvals.find(question_of(attempt, verdict));
    if (!answer || !answer->approved || answer->bounded || !attempt.answer(verdict)) return std::nullopt;
  }
}

}  // namespace sallyport
