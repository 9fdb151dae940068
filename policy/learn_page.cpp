// The policy that was learned, as text.
#include "policy/learn.hpp"
#include "policy/pattern.hpp"
#include "policy/presets.hpp"
#include "policy/public_suffix.hpp"

#include <algorithm>
#include <vector>

namespace sallyport {
namespace {

constexpr std::size_t names_for_a_wildcard = 5, most_left_out = 50;

std::string date_of(WallClock::time_point time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  const auto two = [](unsigned number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return std::to_string(static_cast<int>(date.year())) + "-" + two(static_cast<unsigned>(date.month())) + "-" +
         two(static_cast<unsigned>(date.day()));
}

std::string times(std::uint64_t count) {
  return count == 1 ? "once" : std::to_string(count) + " times";
}

std::string in_quotes(const std::string& plain) {
  return "\"" + plain + "\"";
}

std::vector<Pattern> patterns_of(std::string_view name) {
  std::vector<Pattern> patterns;
  for (const std::string_view text : preset(name)) {
    if (auto pattern = parse_pattern(text)) patterns.push_back(std::move(*pattern));
  }
  return patterns;
}

bool any_matches(const std::vector<Pattern>& patterns, const Host& host) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& pattern) { return pattern.matches(host); });
}

}  // namespace

struct Learner::Page {
  using Ports = std::set<std::uint16_t>;
  struct Learned {
    Ports ports;
    Use use;
  };
  // Hosts that were reached at the same ports: one rule.
  using Group = std::map<Host, Use>;

  std::string out;

  void line(const std::string& text) { out += text + "\n"; }
  void put_agent(const std::string& name, const Agent& agent);
  void put_rule(const Ports& ports, Group group, const Agent& agent);
  void put_presets(Group& group, const Ports& ports, const Agent& agent);
  void put_suggestions(const Group& group);
  void put_left_out(const Agent& agent);
  static std::map<Ports, Group> groups_of(const Agent& agent);
  static bool is_fit(const std::vector<Pattern>& patterns, const Group& group, const Ports& ports, const Agent& agent);
  static std::string seen(const Use& use);
};

std::string Learner::Page::seen(const Use& use) {
  std::string text;
  if (use.reached != 0) text += "reached " + times(use.reached);
  if (use.asked != 0) text += (text.empty() ? "" : ", ") + ("asked " + times(use.asked));
  if (text.empty()) text = "requests";
  text += ", last " + date_of(use.last);
  const char* between = "; ";
  for (const std::string& program : use.programs) {
    text += between + program;
    between = ", ";
  }
  return text;
}

std::map<Learner::Page::Ports, Learner::Page::Group> Learner::Page::groups_of(const Agent& agent) {
  std::map<Host, Learned> hosts;
  for (const auto& [key, use] : agent.uses) {
    if (!is_wanted(agent, key, use)) continue;
    Learned& learned = hosts[key.first];
    learned.ports.insert(key.second);
    learned.use.reached += use.reached;
    learned.use.asked += use.asked;
    learned.use.last = std::max(learned.use.last, use.last);
    learned.use.programs.insert(use.programs.begin(), use.programs.end());
  }
  std::map<Ports, Group> groups;
  for (auto& [host, learned] : hosts) groups[learned.ports].emplace(host, std::move(learned.use));
  return groups;
}

// A preset may stand for some of these hosts where it opens nothing that was refused, and no wildcard of which nothing
// was seen.
bool Learner::Page::is_fit(const std::vector<Pattern>& patterns, const Group& group, const Ports& ports,
                           const Agent& agent) {
  for (const Pattern& pattern : patterns) {
    const bool hit =
        std::any_of(group.begin(), group.end(), [&](const auto& one) { return pattern.matches(one.first); });
    if (pattern.is_wildcard() && !hit) return false;
  }
  return std::none_of(agent.refused.begin(), agent.refused.end(), [&](const auto& one) {
    return ports.count(one.first.second) != 0 && any_matches(patterns, one.first.first);
  });
}

void Learner::Page::put_presets(Group& group, const Ports& ports, const Agent& agent) {
  const bool web =
      std::all_of(ports.begin(), ports.end(), [](std::uint16_t port) { return port == 80 || port == 443; });
  if (!web) return;
  for (const std::string_view name : preset_names()) {
    const std::vector<Pattern> patterns = patterns_of(name);
    const bool any =
        std::any_of(group.begin(), group.end(), [&](const auto& one) { return any_matches(patterns, one.first); });
    if (!any || !is_fit(patterns, group, ports, agent)) continue;
    line("          - " + in_quotes("@preset/" + std::string(name)));
    for (auto at = group.begin(); at != group.end();) {
      if (!any_matches(patterns, at->first)) {
        ++at;
        continue;
      }
      line("            # for " + at->first.text() + ": " + seen(at->second));
      at = group.erase(at);
    }
  }
}

void Learner::Page::put_suggestions(const Group& group) {
  std::map<std::string, std::size_t> domains;
  for (const auto& [host, use] : group) {
    if (host.name() == nullptr) continue;
    const std::string domain = registrable_domain(*host.name());
    if (host.name()->is_below(domain) && suffix_kind(domain) == SuffixKind::none) ++domains[domain];
  }
  for (const auto& [domain, count] : domains) {
    if (count < names_for_a_wildcard) continue;
    std::string text = "          # " + std::to_string(count);
    text.append(" names are under ").append(domain).append("; \"*.").append(domain);
    line(text + "\" would cover them, and every other name there");
  }
}

void Learner::Page::put_rule(const Ports& ports, Group group, const Agent& agent) {
  line("      - allow:");
  put_presets(group, ports, agent);
  for (const auto& [host, use] : group) line("          - " + in_quotes(host.text()) + "  # " + seen(use));
  put_suggestions(group);
  if (ports == Ports{80, 443}) return;
  std::string list;
  for (const std::uint16_t port : ports) list += (list.empty() ? "" : ", ") + std::to_string(port);
  line("        ports: [" + list + "]");
}

void Learner::Page::put_left_out(const Agent& agent) {
  std::size_t count = 0;
  for (const auto& [key, use] : agent.uses) {
    if (is_wanted(agent, key, use)) continue;
    if (count++ == most_left_out) return line("    # and more left out");
    const std::string to = Destination{key.first, key.second}.text();
    const auto refused = agent.refused.find(key);
    const char* why = use.unknown != 0 ? ", a name that no look-up found"
                                       : ", an address of no public network that was asked for and never reached";
    line("    # left out: " + to +
         (refused != agent.refused.end() ? ", refused " + times(refused->second) : std::string(why)));
  }
  if (agent.beyond != 0) line("    # left out: " + std::to_string(agent.beyond) + " attempts at further destinations");
}

void Learner::Page::put_agent(const std::string& name, const Agent& agent) {
  const auto groups = groups_of(agent);
  line("  " + in_quotes(name) + ":");
  std::string sources;
  for (const std::string& source : agent.sources) sources += (sources.empty() ? "" : ", ") + in_quotes(source);
  if (!sources.empty() && name != "default") line("    # from: [" + sources + "]  # where it was seen");
  put_left_out(agent);
  line(groups.empty() ? "    rules: []" : "    rules:");
  for (const auto& [ports, group] : groups) put_rule(ports, group, agent);
}

std::string Learner::policy() const {
  Page page;
  page.line("# Learned from a log. Read it before use: it lets through what the agents reached or asked for, and asks");
  page.line("# about everything else. Try it with `sallyport policy replay`.");
  page.line("version: 1");
  page.line("default: ask");
  if (beyond_ != 0) page.line("# left out: " + std::to_string(beyond_) + " attempts of further agents");
  if (!agents_.empty()) page.line("\nagents:");
  for (const auto& [name, agent] : agents_) page.put_agent(name, agent);
  return std::move(page.out);
}

}  // namespace sallyport
