#include "proxy/admission.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// Separates agent and rule in a key; it occurs in neither.
constexpr char separator = '\0';

constexpr std::size_t window_bytes = 16 << 20;

}  // namespace

Admission::Permit& Admission::Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  admission_ = other.admission_;
  key_ = std::move(other.key_);
  other.admission_ = nullptr;
  return *this;
}

void Admission::Permit::give_back() noexcept {
  if (admission_) admission_->release(key_);
  admission_ = nullptr;
}

bool Admission::Bucket::take(double rate, Clock::time_point now) {
  if (fresh) {
    tokens = rate;
    fresh = false;
  } else {
    tokens = std::min(rate, tokens + rate * std::chrono::duration<double>(now - filled).count());
  }
  filled = now;
  if (tokens < 1) return false;
  tokens -= 1;
  return true;
}

Admission::Answer Admission::admit(const std::string& name, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  Agent& agent = agents_[name];
  if (!agent.connections.take(static_cast<double>(limits_.rate_per_agent), now)) {
    ++agent.refused;
    return Fault::rate;
  }
  return take_place(name, agent);
}

Admission::Answer Admission::admit_request(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return take_place(name, agents_[name]);
}

std::shared_ptr<WindowBudget> Admission::windows(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& windows = agents_[name].windows;
  if (!windows) windows = std::make_shared<WindowBudget>(window_bytes);
  return windows;
}

Admission::Answer Admission::take_place(const std::string& name, Agent& agent) {
  if (agent.open >= limits_.per_agent) return Fault::per_agent;
  if (open_ >= limits_.connections) return Fault::total;
  // The last fifth of the whole is for those who hold less than an even share, also of one who comes later: whoever is
  // alone now must not take it all.
  const auto active = static_cast<std::uint64_t>(
      std::count_if(agents_.begin(), agents_.end(), [](const auto& entry) { return entry.second.open > 0; }));
  const bool scarce = open_ >= limits_.connections - limits_.connections / 5;
  if (scarce && agent.open > 0 && agent.open >= limits_.connections / (active + 1)) return Fault::total;
  ++agent.open;
  ++open_;
  return Permit(this, name);
}

bool Admission::charge(const std::string& name, Charge what, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  Agent& agent = agents_[name];
  const auto rate = static_cast<double>(limits_.rate_per_agent);
  const bool taken = what == Charge::refusal ? agent.refusals.take(rate, now) : agent.queries.take(2 * rate, now);
  if (!taken) ++agent.refused;
  return taken;
}

std::optional<Admission::Permit> Admission::admit_rule(const std::string& agent, const std::string& rule,
                                                       unsigned limit) {
  const std::lock_guard lock(mutex_);
  const std::string key = agent + separator + rule;
  auto& open = rules_[key];
  if (open >= limit) return std::nullopt;
  ++open;
  return Permit(this, key);
}

void Admission::release(const std::string& key) noexcept {
  const std::lock_guard lock(mutex_);
  if (key.find(separator) != std::string::npos) {
    const auto rule = rules_.find(key);
    if (rule != rules_.end() && --rule->second == 0) rules_.erase(rule);
    return;
  }
  const auto agent = agents_.find(key);
  if (agent == agents_.end()) return;
  --agent->second.open;
  --open_;
}

std::vector<Admission::Flood> Admission::take_floods() {
  const std::lock_guard lock(mutex_);
  std::vector<Flood> floods;
  for (auto& [name, agent] : agents_) {
    if (agent.refused > 0) floods.push_back(Flood{name, agent.refused});
    agent.refused = 0;
  }
  return floods;
}

std::string sentence(Admission::Fault fault) {
  switch (fault) {
    case Admission::Fault::rate:
      return "this agent connects, asks for names or makes requests faster than limits.rate_per_agent lets it";
    case Admission::Fault::per_agent:
      return "this agent has as many connections and requests open as limits.per_agent lets it";
    case Admission::Fault::total:
      return "Sallyport has as many connections open as limits.connections lets it";
  }
  return "a limit was reached";
}

}  // namespace sallyport
