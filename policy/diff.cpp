#include "policy/diff.hpp"

#include "policy/diff_probes.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace sallyport {
namespace {

constexpr std::size_t most_shapes_told = 8;

// One row before its ports and agents are joined. What widens sorts first: see order().
struct Row {
  std::string target, how;
  Action before, after;
  std::string note;
  bool widens;
  auto key() const { return std::tie(target, how, before, after, note, widens); }
  friend bool operator<(const Row& a, const Row& b) { return a.key() < b.key(); }
};
using Ports = std::vector<PortRange>;
using Rows = std::map<Row, Ports>;

void add_port(Ports& ports, PortRange range) {
  if (!ports.empty() && ports.back().last + 1 == range.first) {
    ports.back().last = range.last;
  } else {
    ports.push_back(range);
  }
}

std::string text_of(const Ports& ports) {
  if (ports.size() == 1 && ports[0] == PortRange{1, 65535}) return "every port";
  std::string out;
  for (const PortRange& range : ports) {
    out += (out.empty() ? "" : ", ") + std::to_string(range.first);
    if (range.first != range.last) out += "-" + std::to_string(range.last);
  }
  return out;
}

template <class T>
bool is_looser(const std::optional<T>& before, const std::optional<T>& after) {
  return before && (!after || *after > *before);
}

bool are_looser(const RuleLimits& before, const RuleLimits& after) {
  return is_looser(before.upload_bytes, after.upload_bytes) || is_looser(before.download_bytes, after.download_bytes) ||
         is_looser(before.connections, after.connections) || is_looser(before.names, after.names);
}

// Where both say the same, and it is no deny: what comes with it.
std::optional<Row> side_change(const std::string& target, const Verdict& before, const Verdict& after) {
  const auto row = [&](const char* note, bool widens) {
    return Row{target, "", before.action, after.action, note, widens};
  };
  if (before.action != after.action || before.action == Action::deny) return std::nullopt;
  if (before.private_ok != after.private_ok) {
    return after.private_ok ? row("private addresses too", true) : row("private addresses no more", false);
  }
  if (before.identify != after.identify) {
    return after.identify ? row("what is spoken is looked at again", false) : row("whatever is spoken", true);
  }
  if (are_looser(before.limits, after.limits)) return row("with looser limits", true);
  if (are_looser(after.limits, before.limits)) return row("with tighter limits", false);
  if (before.expires != after.expires) {
    const bool longer = before.expires && (!after.expires || *after.expires > *before.expires);
    return longer ? row("for longer", true) : row("for shorter", false);
  }
  return std::nullopt;
}

class AgentDiff {
 public:
  AgentDiff(const Policy& before, const Policy& after, std::string agent, WallClock::time_point now)
      : before_(before), after_(after), agent_(std::move(agent)), now_(now) {}

  Rows rows() {
    const auto rules = rules_of(before_, after_, agent_);
    for (const Witness& witness : witnesses_of(rules)) {
      const auto near = naming(rules, witness.host);
      const auto runs = port_runs(near);
      const auto shapes = shapes_of(near);
      for (std::size_t i = 0; i < runs.size(); ++i) {
        const auto last = i + 1 < runs.size() ? static_cast<std::uint16_t>(runs[i + 1] - 1) : std::uint16_t{65535};
        compare(witness, {runs[i], last}, shapes);
      }
    }
    return std::move(rows_);
  }

 private:
  using Actions = std::pair<Action, Action>;

  Query query_of(const Destination& to, const Shape& shape) const {
    Query query{agent_, to, shape.spoken, std::nullopt, shape.ech, now_};
    if (!shape.method.empty()) query.request = SeenRequest{shape.method, shape.path};
    query.program.file = shape.program;
    query.program_known = shape.program_known;
    return query;
  }
  Verdict ask(const Policy& policy, const Destination& to, const Shape& shape) const {
    return policy.decide(query_of(to, shape));
  }
  Actions actions(const Destination& to, const Shape& shape) const {
    return {ask(before_, to, shape).action, ask(after_, to, shape).action};
  }
  // The same request inside TLS, which a policy sees only where it needs it.
  Actions actions_inside_tls(const Destination& to, const Shape& shape) const {
    const auto inside = [&](const Policy& policy) {
      Query query = query_of(to, shape);
      query.spoken = Spoken::tls;
      if (!policy.needs_request(query)) query.request.reset();
      return policy.decide(query).action;
    };
    return {inside(before_), inside(after_)};
  }
  bool is_inspected(const Destination& to, const Shape& shape) const {
    const Query query = query_of(to, shape);
    return before_.needs_request(query) || after_.needs_request(query);
  }

  void compare(const Witness& witness, PortRange ports, const std::vector<Shape>& shapes) {
    const Destination to{witness.host, ports.first};
    std::map<Actions, std::vector<std::string>> found;
    for (const Shape& shape : shapes) {
      const bool is_request = !shape.method.empty();
      const bool inspected = (is_request || shape.spoken == Spoken::tls) && is_inspected(to, shape);
      // There is no TLS here of which nobody sees the requests.
      if (inspected && !is_request) continue;
      const Actions plain = actions(to, shape);
      found[plain].push_back(shape.text);
      if (!inspected) continue;
      const Actions inside = actions_inside_tls(to, shape);
      if (inside != plain) found[inside].push_back(shape.text + " over https");
    }
    for (const auto& [actions, texts] : found) {
      if (actions.first == actions.second) continue;
      std::string how;
      for (std::size_t i = 0; found.size() > 1 && i < std::min(texts.size(), most_shapes_told); ++i) {
        how += (i == 0 ? "" : ", ") + texts[i];
      }
      if (found.size() > 1 && texts.size() > most_shapes_told) {
        how += " and " + std::to_string(texts.size() - most_shapes_told) + " more";
      }
      const Row row{witness.target, how, actions.first, actions.second, "", actions.second < actions.first};
      add_port(rows_[row], ports);
    }
    const Shape any{""};
    const auto side = side_change(witness.target, ask(before_, to, any), ask(after_, to, any));
    if (side) add_port(rows_[*side], ports);
  }

  const Policy &before_, &after_;
  const std::string agent_;
  const WallClock::time_point now_;
  Rows rows_;
};

std::set<std::string> agents_of(const Policy& before, const Policy& after) {
  std::set<std::string> names{"default"};
  for (const Policy* policy : {&before, &after}) {
    for (const auto& [name, agent] : policy->impl().agents) names.insert(name);
  }
  return names;
}

std::string text_of(const std::vector<Cidr>& from) {
  std::string out;
  for (const Cidr& block : from) out += (out.empty() ? "" : ", ") + block.text();
  return out.empty() ? "nowhere" : out;
}

void compare_identity(const Policy& before, const Policy& after, const std::string& name, PolicyDiff& diff) {
  const AgentPolicy* old = before.impl().agent(name);
  const AgentPolicy* fresh = after.impl().agent(name);
  if (old == nullptr && fresh == nullptr) return;
  if (old == nullptr) {
    diff.notes.push_back("agent " + name + " is new, from " + text_of(fresh->from) +
                         (fresh->token ? ", or with its token" : ""));
    return;
  }
  if (fresh == nullptr) return diff.notes.push_back("agent " + name + " is gone");
  if (old->from != fresh->from) {
    diff.notes.push_back("agent " + name + " was at " + text_of(old->from) + ", is at " + text_of(fresh->from));
  }
  if (old->token == fresh->token) return;
  diff.notes.push_back("agent " + name +
                       (!old->token     ? " may be claimed with a token now"
                        : !fresh->token ? " has no token any more"
                                        : " has another token"));
}

std::size_t listed_names(const Policy& policy, const std::string& agent) {
  std::size_t count = 0;
  policy.impl().for_each_rule(agent, [&](const Rule& rule) {
    for (const auto& list : rule.targets.lists()) count += list->size();
  });
  return count;
}

// What is injected, where and from which secret; never a value.
std::set<std::string> injections_of(const Policy& policy, const std::string& agent) {
  std::set<std::string> all;
  policy.impl().for_each_rule(agent, [&all](const Rule& rule) {
    for (const auto& injection : rule.inject) {
      all.insert(injection->text() + " for " + rule.targets.text());
    }
  });
  return all;
}

void note_injections(const Policy& before, const Policy& after, const std::string& agent, PolicyDiff& diff) {
  const std::set<std::string> old = injections_of(before, agent), fresh = injections_of(after, agent);
  const auto note = [&](const std::set<std::string>& some, const std::set<std::string>& others, const char* what) {
    for (const std::string& one : some) {
      if (!others.contains(one)) diff.notes.push_back(std::string("agent ").append(agent).append(what).append(one));
    }
  };
  note(fresh, old, " is newly given ");
  note(old, fresh, " is no longer given ");
}

void note_secrets(const Policy& before, const Policy& after, PolicyDiff& diff) {
  for (const SecretSource& fresh : after.secrets()) {
    for (const SecretSource& old : before.secrets()) {
      const bool same = old.kind == fresh.kind && old.place == fresh.place && old.command == fresh.command;
      if (old.name == fresh.name && !same) diff.notes.push_back("the secret " + fresh.name + " comes from elsewhere");
    }
  }
}

void note_lists(const Policy& before, const Policy& after, const std::string& agent, PolicyDiff& diff) {
  const std::size_t old = listed_names(before, agent), fresh = listed_names(after, agent);
  if (old == 0 && fresh == 0) return;
  diff.caveats.push_back("agent " + agent + ": what is inside list files is not compared (" + std::to_string(old) +
                         " entries before, " + std::to_string(fresh) + " after); compare those files as text");
}

bool in_order(const PolicyChange& a, const PolicyChange& b) {
  const auto key = [](const PolicyChange& change) {
    return std::tuple(!change.widens, change.after, change.agent, change.target, change.ports, change.how);
  };
  return key(a) < key(b);
}

}  // namespace

PolicyDiff diff_policies(const Policy& before, const Policy& after, WallClock::time_point now) {
  PolicyDiff diff;
  note_secrets(before, after, diff);
  const std::set<std::string> agents = agents_of(before, after);
  // Who has the same row with the same ports.
  std::map<std::pair<Row, std::string>, std::set<std::string>> rows;
  for (const std::string& agent : agents) {
    compare_identity(before, after, agent, diff);
    note_lists(before, after, agent, diff);
    note_injections(before, after, agent, diff);
    for (const auto& [row, ports] : AgentDiff(before, after, agent, now).rows()) {
      rows[{row, text_of(ports)}].insert(agent);
    }
  }
  for (const auto& [row_and_ports, who] : rows) {
    const auto& [row, ports] = row_and_ports;
    const PolicyChange change{"", row.target, ports, row.how, row.before, row.after, row.note, row.widens};
    if (who == agents) {
      diff.changes.push_back(change);
      continue;
    }
    for (const std::string& agent : who) {
      diff.changes.push_back(change);
      diff.changes.back().agent = agent;
    }
  }
  std::sort(diff.changes.begin(), diff.changes.end(), in_order);
  return diff;
}

}  // namespace sallyport
