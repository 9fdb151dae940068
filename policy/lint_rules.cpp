// Rules that can never decide anything. They are warnings: the policy means what it says, but its writer may not know.
#include "policy/address_class.hpp"
#include "policy/policy_impl.hpp"
#include "policy/yaml.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// Every rule is compared with every other one.
constexpr std::size_t max_compared = 2'000;

bool covers_ports(const Rule& wide, const Rule& narrow) {
  if (wide.action == Action::deny && wide.ports.empty()) return true;
  if (narrow.action == Action::deny && narrow.ports.empty()) return false;
  const auto within = [&wide](const PortRange& range) {
    if (wide.ports.empty()) return range.first == range.last && wide.covers_port(range.first);
    return std::any_of(wide.ports.begin(), wide.ports.end(), [&range](const PortRange& around) {
      return around.first <= range.first && range.last <= around.last;
    });
  };
  if (narrow.ports.empty()) return within({80, 80}) && within({443, 443});
  return std::all_of(narrow.ports.begin(), narrow.ports.end(), within);
}

bool outlasts(const Rule& wide, const Rule& narrow) {
  return !wide.expires || (narrow.expires && *wide.expires >= *narrow.expires);
}

// Hosts, ports and time: wherever `narrow` could match, `wide` can too.
bool covers_place(const Rule& wide, const Rule& narrow) {
  const bool spared = wide.except.empty() || (wide.except.patterns() == narrow.except.patterns() &&
                                              wide.except.lists() == narrow.except.lists());
  return spared && outlasts(wide, narrow) && covers_ports(wide, narrow) && wide.targets.covers(narrow.targets);
}

bool same_programs(const Rule& a, const Rule& b) {
  return std::equal(a.exe.begin(), a.exe.end(), b.exe.begin(), b.exe.end(),
                    [](const ExeFile& one, const ExeFile& other) { return one.path == other.path; });
}

bool same_injections(const Rule& a, const Rule& b) {
  return std::equal(a.inject.begin(), a.inject.end(), b.inject.begin(), b.inject.end(),
                    [](const auto& x, const auto& y) {
                      return x->kind == y->kind && x->name == y->name && x->user == y->user && x->value == y->value;
                    });
}

bool same_conditions(const Rule& a, const Rule& b) {
  return a.action == b.action && a.protocol == b.protocol && a.methods == b.methods && a.paths == b.paths &&
         a.private_ok == b.private_ok && a.deny_ech == b.deny_ech && a.dns == b.dns && same_programs(a, b) &&
         same_injections(a, b) && a.limits.upload_bytes == b.limits.upload_bytes &&
         a.limits.download_bytes == b.limits.download_bytes && a.limits.connections == b.limits.connections &&
         a.limits.names == b.limits.names;
}

// Why `rule` never decides, with `other` there; empty where it may.
std::string made_pointless_by(const Rule& rule, const Rule& other, bool other_is_earlier) {
  const bool other_is_plain = !other.is_restricted();
  if (other.action == Action::deny && rule.action != Action::deny && other_is_plain && covers_place(other, rule)) {
    return "never decides: everything it names is denied by " + other.where;
  }
  if (same_conditions(rule, other) && covers_place(other, rule)) {
    const bool mutual = covers_place(rule, other);
    if (!mutual || other_is_earlier) return "repeats " + other.where + ": remove one of them";
  }
  if (rule.action == Action::allow && other.action == Action::allow && rule.is_restricted() && other_is_plain &&
      !rule.adds_something() && covers_place(other, rule)) {
    return "never decides: " + other.where + " allows the same without its restriction";
  }
  return {};
}

class Linter {
 public:
  Linter(const std::string& file, WallClock::time_point now) : file_(file), now_(now) {}

  // `own` rules are judged beside `common` ones, which hold for the same agent.
  void check(const std::vector<Rule>& own, const std::vector<Rule>& common) {
    const bool few = own.size() + common.size() <= max_compared;
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (check_alone(own[i]) || !few) continue;
      bool said = false;
      for (std::size_t j = 0; j < own.size() && !said; ++j) said = j != i && check_pair(own[i], own[j], j < i);
      for (std::size_t j = 0; j < common.size() && !said; ++j) said = check_pair(own[i], common[j], true);
    }
  }

  std::vector<Complaint> take() { return std::move(warnings_); }

 private:
  void warn(const Rule& rule, const std::string& text) {
    YamlNode at;
    at.line = rule.line;
    at.column = rule.column;
    warnings_.push_back(complain(file_, at, "this rule " + text));
  }
  bool check_alone(const Rule& rule) {
    if (rule.targets.empty()) {
      warn(rule, "names nothing, so it never matches");
      return true;
    }
    if (rule.is_expired(now_)) {
      warn(rule, "has expired: remove it or write a later date");
      return true;
    }
    if (!rule.except.empty() && rule.except.covers(rule.targets)) {
      warn(rule, "never matches: its exceptions take away everything it names");
      return true;
    }
    warn_of_loopback(rule);
    warn_of_own_names(rule);
    return false;
  }
  void warn_of_own_names(const Rule& rule) {
    for (const Pattern& pattern : rule.targets.patterns()) {
      if (pattern.name() == nullptr) continue;
      const std::string_view name = pattern.name()->text();
      if (name == "localhost" || name.ends_with(".localhost")) {
        warn(rule, "names " + std::string(name) + ", which is the sandbox's own loopback and never gets here");
      }
      if (name == "sallyport.internal") {
        warn(rule, "names sallyport.internal, which Sallyport answers itself whatever the rules say");
      }
    }
  }
  void warn_of_loopback(const Rule& rule) {
    if (rule.action == Action::deny) return;
    for (const Pattern& pattern : rule.targets.patterns()) {
      const bool own_host = pattern.name() != nullptr && pattern.name()->text() == "host.sallyport.internal";
      const bool loopback =
          pattern.block() != nullptr && classify(pattern.block()->base()).kind == AddressClass::loopback;
      if (own_host) warn(rule, "names host.sallyport.internal, which exists only under `sallyport run` and attach");
      if (loopback) warn(rule, "names the loopback " + pattern.text() + ", which is never reached by address");
    }
  }
  bool check_pair(const Rule& rule, const Rule& other, bool other_is_earlier) {
    if (other.is_expired(now_)) return false;
    const std::string why = made_pointless_by(rule, other, other_is_earlier);
    if (!why.empty()) warn(rule, why);
    return !why.empty();
  }

  const std::string& file_;
  WallClock::time_point now_;
  std::vector<Complaint> warnings_;
};

}  // namespace

std::vector<Complaint> lint_rules(const Policy::Impl& policy, const std::string& file, WallClock::time_point now) {
  Linter linter(file, now);
  linter.check(policy.rules, {});
  for (const auto& entry : policy.agents) linter.check(entry.second.rules, policy.rules);
  return linter.take();
}

}  // namespace sallyport
