#include "policy/learn.hpp"

#include "policy/address_class.hpp"
#include "policy/agent_name.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::size_t most_agents = 500, most_destinations = 2000, most_programs = 8, most_sources = 8;

// Programs name themselves: what is no plain word is no help in a comment.
bool is_plain_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._+-").find(c) != std::string_view::npos;
  });
}

bool is_own(const Host& host) {
  return host.name() != nullptr && host.name()->text() == "sallyport.internal";
}

}  // namespace

void Learner::look_up_failed(const std::string& agent, const Host& host, std::uint16_t port) {
  const auto whose = agents_.find(agent);
  if (whose == agents_.end()) return;
  const auto use = whose->second.uses.find({host, port});
  if (use != whose->second.uses.end()) ++use->second.unknown;
}

void Learner::refuse(const std::string& agent, const Host& host, std::uint16_t port) {
  const auto known = agents_.find(agent);
  if (known == agents_.end() && (!is_agent_name(agent) || agents_.size() == most_agents)) return;
  Agent& whose = known == agents_.end() ? agents_[agent] : known->second;
  if (whose.refused.size() < 4 * most_destinations) ++whose.refused[{host, port}];
}

void Learner::add(const RecordedAttempt& attempt) {
  // What was only looked up was not gone to, and what a default denied nobody asked about.
  if (attempt.kind == RecordedAttempt::Kind::lookup || !is_agent_name(attempt.agent)) return;
  if (is_own(attempt.host)) return;
  if (attempt.verdict == Action::deny) {
    const bool by_intent = attempt.decided_by != DecidedBy::default_ && attempt.decided_by != DecidedBy::limit;
    // One request refused by its method or path says nothing about the destination as a whole.
    if (by_intent && attempt.kind == RecordedAttempt::Kind::connection) {
      refuse(attempt.agent, attempt.host, attempt.port);
    }
    return;
  }
  const auto known = agents_.find(attempt.agent);
  if (known == agents_.end() && agents_.size() == most_agents) {
    beyond_ += attempt.count;
    return;
  }
  Agent& agent = known == agents_.end() ? agents_[attempt.agent] : known->second;
  const Key key{attempt.host, attempt.port};
  auto use = agent.uses.find(key);
  if (use == agent.uses.end()) {
    if (agent.uses.size() == most_destinations) {
      agent.beyond += attempt.count;
      return;
    }
    use = agent.uses.emplace(key, Use{}).first;
  }
  // A request is counted with its connection.
  if (attempt.kind == RecordedAttempt::Kind::connection) {
    (attempt.let_through ? use->second.reached : use->second.asked) += attempt.count;
  }
  use->second.last = std::max(use->second.last, attempt.time);
  if (is_plain_word(attempt.program) && use->second.programs.size() < most_programs) {
    use->second.programs.insert(attempt.program);
  }
  const auto source = Address::parse(attempt.source);
  if (source && agent.sources.size() < most_sources) agent.sources.insert(source->text());
}

bool Learner::is_wanted(const Agent& agent, const Key& key, const Use& use) {
  if (agent.refused.contains(key)) return false;
  if (use.unknown != 0 && use.reached <= use.unknown) return false;
  const Address* address = key.first.address();
  if (address == nullptr || use.reached != 0) return true;
  return classify(*address).kind == AddressClass::global;
}

std::size_t Learner::learned() const {
  std::size_t count = 0;
  for (const auto& [name, agent] : agents_) {
    for (const auto& [key, use] : agent.uses) count += is_wanted(agent, key, use) ? 1 : 0;
  }
  return count;
}

std::size_t Learner::left_out() const {
  std::size_t count = 0;
  for (const auto& [name, agent] : agents_) {
    for (const auto& [key, use] : agent.uses) count += is_wanted(agent, key, use) ? 0 : 1;
  }
  return count;
}

}  // namespace sallyport
