#include "approvals/grant_index.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// No field but the path can hold a NUL, and it stands between others of known form.
std::string answer_key(const Question& question) {
  std::string key;
  key.reserve(question.rule_key.size() + question.method.size() + question.path.size() + 340);
  key.append(std::to_string(question.rule_key.size())).append(1, ':').append(question.rule_key);
  key.append(std::to_string(question.method.size())).append(1, ':').append(question.method);
  key.append(std::to_string(question.path.size())).append(1, ':').append(question.path);
  return key.append(std::to_string(question.to.port)).append(1, '/');
}

void append_agent(std::string& key, std::string_view agent) {
  key.append(std::to_string(agent.size())).append(1, ':').append(agent);
}

std::string_view agent_of(const Grant& grant) {
  return grant.decision.scope == Scope::everyone ? std::string_view() : std::string_view(grant.question.agent);
}

std::string answer_key(const Grant& grant) {
  std::string key = answer_key(grant.question);
  append_agent(key, agent_of(grant));
  return key.append(grant.question.to.host.text());
}

std::string open_key(std::string_view agent, std::string_view host) {
  std::string key;
  append_agent(key, agent);
  return key.append(host);
}

// "a.b.c" gives "b.c"; empty at the end.
std::string_view parent_of(std::string_view host) {
  const std::size_t dot = host.find('.');
  return dot == std::string_view::npos ? std::string_view() : host.substr(dot + 1);
}

void erase_from(std::unordered_map<std::string, std::vector<GrantRecord*>>& map, const std::string& key,
                GrantRecord& grant) {
  const auto found = map.find(key);
  if (found == map.end()) return;
  std::erase(found->second, &grant);
  if (found->second.empty()) map.erase(found);
}

// The search, from the narrowest outwards: keeps the first approval while it looks for a denial.
struct Search {
  WallClock::time_point now;
  GrantRecord* approval = nullptr;
  GrantRecord* denial = nullptr;

  void look(const std::vector<GrantRecord*>& grants, bool above) {
    GrantRecord* best = nullptr;
    for (GrantRecord* one : grants) {
      if (above && one->grant().decision.match != Match::subdomains) continue;
      if (!one->offers(now)) continue;
      if (!one->grant().decision.approve) {
        denial = one;
        return;
      }
      if (best == nullptr || (best->is_bounded() && !one->is_bounded())) best = one;
    }
    if (approval == nullptr) approval = best;
  }
};

}  // namespace

void GrantIndex::add(GrantRecord& grant) {
  answers_[answer_key(grant.grant())].push_back(&grant);
  if (grant.grant().decision.approve) {
    opens_[open_key(agent_of(grant.grant()), grant.grant().question.to.host.text())].push_back(&grant);
  }
  ++size_;
}

void GrantIndex::remove(GrantRecord& grant) {
  erase_from(answers_, answer_key(grant.grant()), grant);
  erase_from(opens_, open_key(agent_of(grant.grant()), grant.grant().question.to.host.text()), grant);
  --size_;
}

GrantRecord* GrantIndex::find(const Question& question, WallClock::time_point now) const {
  if (answers_.empty()) return nullptr;
  const std::string exact = question.to.host.text();
  std::string own = answer_key(question);
  std::string shared = own;
  append_agent(own, question.agent);
  append_agent(shared, {});
  const std::size_t own_size = own.size();
  const std::size_t shared_size = shared.size();
  Search search{now};
  std::string_view host = exact;
  while (!host.empty()) {
    for (auto& [key, size] : {std::pair(&own, own_size), std::pair(&shared, shared_size)}) {
      key->resize(size);
      key->append(host);
      const auto found = answers_.find(*key);
      if (found != answers_.end()) search.look(found->second, host.size() != exact.size());
      if (search.denial != nullptr) return search.denial;
    }
    host = question.to.host.name() != nullptr ? parent_of(host) : std::string_view();
  }
  return search.approval;
}

bool GrantIndex::opens(const std::string& agent, const HostName& name, WallClock::time_point now) const {
  if (opens_.empty()) return false;
  for (std::string_view host = name.text(); !host.empty(); host = parent_of(host)) {
    const bool above = host.size() != name.text().size();
    for (const std::string_view who : {std::string_view(agent), std::string_view()}) {
      const auto found = opens_.find(open_key(who, host));
      if (found == opens_.end()) continue;
      Search search{now};
      search.look(found->second, above);
      if (search.approval != nullptr) return true;
    }
  }
  return false;
}

bool GrantIndex::covers(const Grant& grant, const Question& question) {
  const Question& of = grant.question;
  if (of.rule_key != question.rule_key || of.method != question.method || of.path != question.path) return false;
  if (of.to.port != question.to.port) return false;
  if (grant.decision.scope != Scope::everyone && of.agent != question.agent) return false;
  if (of.to.host == question.to.host) return true;
  if (grant.decision.match != Match::subdomains) return false;
  const HostName* name = question.to.host.name();
  return name != nullptr && of.to.host.name() != nullptr && name->is_below(of.to.host.name()->text());
}

}  // namespace sallyport
