#include "policy/diff_probes.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// Labels that no sensible policy names.
constexpr std::string_view witness_label = "sallyport-witness";
constexpr std::size_t most_methods = 24, most_paths = 100, most_programs = 16;

void collect(const Policy::Impl& policy, const std::string& agent, std::vector<const Rule*>& rules) {
  policy.for_each_rule(agent, [&rules](const Rule& rule) { rules.push_back(&rule); });
  if (policy.boundary) collect(policy.boundary->impl(), agent, rules);
}

std::optional<Host> below(const HostName& name) {
  const auto made = HostName::parse(std::string(witness_label) + "." + name.text());
  return made ? std::optional<Host>(*made) : std::nullopt;
}

Address with_bytes(const Address& like, const std::vector<std::uint8_t>& bytes) {
  if (like.is_v4()) {
    std::array<std::uint8_t, 4> four{};
    std::copy_n(bytes.begin(), four.size(), four.begin());
    return Address::v4(four);
  }
  std::array<std::uint8_t, 16> sixteen{};
  std::copy_n(bytes.begin(), sixteen.size(), sixteen.begin());
  return Address::v6(sixteen);
}

// Some addresses of a block: its first, its last, and in between with one bit of the host part set.
std::vector<Address> addresses_in(const Cidr& block) {
  const auto base = block.base().bytes();
  const std::vector<std::uint8_t> first(base.begin(), base.end());
  std::vector<Address> out{block.base()};
  std::vector<std::uint8_t> last = first;
  for (unsigned bit = block.length(); bit < first.size() * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    std::vector<std::uint8_t> one = first;
    one[bit / 8] = static_cast<std::uint8_t>(one[bit / 8] | mask);
    last[bit / 8] = static_cast<std::uint8_t>(last[bit / 8] | mask);
    out.push_back(with_bytes(block.base(), one));
  }
  out.push_back(with_bytes(block.base(), last));
  return out;
}

Host host_in(const Pattern& pattern, const std::set<Pattern>& all) {
  const std::vector<Address> addresses = addresses_in(*pattern.block());
  const auto narrower = [&](const Address& address) {
    return std::any_of(all.begin(), all.end(), [&](const Pattern& other) {
      const bool inside = other.block() != nullptr && pattern.covers(other) && other != pattern;
      return inside && other.matches(Host(address));
    });
  };
  const auto free = std::find_if_not(addresses.begin(), addresses.end(), narrower);
  return {free != addresses.end() ? *free : addresses.front()};
}

void add_witnesses(const Pattern& pattern, const std::set<Pattern>& all, std::vector<Witness>& out) {
  switch (pattern.kind()) {
    case PatternKind::host:
      out.push_back({pattern.text(), *pattern.name()});
      return;
    case PatternKind::host_and_below:
      out.push_back({pattern.name()->text(), *pattern.name()});
      [[fallthrough]];
    case PatternKind::below:
      if (const auto host = below(*pattern.name())) out.push_back({"*." + pattern.name()->text(), *host});
      return;
    case PatternKind::block:
      out.push_back({pattern.text(), host_in(pattern, all)});
      return;
    case PatternKind::any:
      return;
  }
}

// A path that the pattern matches.
std::string path_like(const PathPattern& pattern) {
  std::string path;
  for (std::size_t at = 0; at < pattern.text().size(); ++at) {
    if (pattern.text()[at] != '*') {
      path.push_back(pattern.text()[at]);
      continue;
    }
    path.push_back('x');
    if (at + 1 < pattern.text().size() && pattern.text()[at + 1] == '*') ++at;
  }
  return path;
}

template <class T>
void keep(std::vector<T>& values, T value, std::size_t most) {
  if (values.size() < most && std::find(values.begin(), values.end(), value) == values.end()) {
    values.push_back(std::move(value));
  }
}

}  // namespace

std::vector<const Rule*> rules_of(const Policy& before, const Policy& after, const std::string& agent) {
  std::vector<const Rule*> rules;
  collect(before.impl(), agent, rules);
  collect(after.impl(), agent, rules);
  return rules;
}

std::vector<Witness> witnesses_of(const std::vector<const Rule*>& rules) {
  std::set<Pattern> patterns;
  for (const Rule* rule : rules) {
    patterns.insert(rule->targets.patterns().begin(), rule->targets.patterns().end());
    patterns.insert(rule->except.patterns().begin(), rule->except.patterns().end());
  }
  std::vector<Witness> out;
  for (const Pattern& pattern : patterns) add_witnesses(pattern, patterns, out);
  // What nothing else names. The guard is not asked here, so documentation addresses are as good as any.
  out.push_back({"any other host", HostName::parse(std::string(witness_label) + ".invalid").value()});
  out.push_back({"any other address", Address::v4({198, 51, 100, 233})});
  std::set<std::string> seen;
  out.erase(std::remove_if(out.begin(), out.end(), [&](const Witness& one) { return !seen.insert(one.target).second; }),
            out.end());
  return out;
}

std::vector<const Rule*> naming(const std::vector<const Rule*>& rules, const Host& host) {
  std::vector<const Rule*> out;
  std::copy_if(rules.begin(), rules.end(), std::back_inserter(out),
               [&](const Rule* rule) { return rule->names(host) != Hit::none; });
  return out;
}

std::vector<std::uint16_t> port_runs(const std::vector<const Rule*>& rules) {
  std::set<std::uint16_t> starts{1, 80, 81, 443, 444};
  for (const Rule* rule : rules) {
    for (const PortRange& range : rule->ports) {
      starts.insert(range.first);
      if (range.last < 65535) starts.insert(static_cast<std::uint16_t>(range.last + 1));
    }
  }
  starts.erase(0);
  return {starts.begin(), starts.end()};
}

namespace {

bool looks_at_what_is_spoken(const Rule& rule) {
  return rule.looks_at_requests() || rule.protocol == Protocol::tls || rule.protocol == Protocol::http ||
         rule.protocol == Protocol::ssh;
}

// Each of these by each program that a rule names, by another, and by one that nobody knows.
std::vector<Shape> by_programs(const std::vector<Shape>& shapes, const std::vector<const Rule*>& rules) {
  std::vector<std::string> paths;
  std::vector<Shape> programs;
  for (const Rule* rule : rules) {
    for (const ExeFile& file : rule->exe) {
      if (!file.identity || std::find(paths.begin(), paths.end(), file.path) != paths.end()) continue;
      keep(paths, file.path, most_programs);
      if (programs.size() == paths.size()) continue;
      programs.push_back(
          Shape{.text = "by " + file.path, .program_known = ProgramKnown::known, .program = *file.identity});
    }
  }
  const bool any = std::any_of(rules.begin(), rules.end(), [](const Rule* rule) { return !rule->exe.empty(); });
  if (!any) return shapes;
  programs.push_back(Shape{.text = "by another program", .program_known = ProgramKnown::known});
  programs.push_back(Shape{.text = "by an unknown program"});
  std::vector<Shape> all;
  for (const Shape& shape : shapes) {
    for (const Shape& program : programs) {
      Shape& one = all.emplace_back(shape);
      one.text += (one.text.empty() ? "" : " ") + program.text;
      one.program_known = program.program_known;
      one.program = program.program;
    }
  }
  return all;
}

std::vector<Shape> spoken_shapes(const std::vector<const Rule*>& rules) {
  std::vector<std::string> methods, paths;
  bool restricted = false, ech = false, requests = false;
  for (const Rule* rule : rules) {
    restricted = restricted || looks_at_what_is_spoken(*rule);
    requests = requests || rule->looks_at_requests() || rule->protocol == Protocol::http;
    ech = ech || rule->deny_ech;
    for (const std::string& method : rule->methods) keep(methods, method, most_methods);
    for (const PathPattern& path : rule->paths) keep(paths, path_like(path), most_paths);
  }
  if (!restricted && !ech) return {Shape{""}};
  std::vector<Shape> shapes{Shape{"tls", Spoken::tls}, Shape{"ssh", Spoken::ssh}, Shape{"other", Spoken::other}};
  if (ech) shapes.push_back(Shape{"tls with ECH", Spoken::tls, {}, {}, true});
  if (!requests) return shapes;
  keep(methods, std::string("GET"), most_methods + 1);
  keep(methods, std::string("OTHER"), most_methods + 2);
  const bool any_path = paths.empty();
  keep(paths, "/" + std::string(witness_label), most_paths + 1);
  for (const std::string& method : methods) {
    for (const std::string& path : paths) {
      const std::string where = any_path ? "" : path == paths.back() ? " elsewhere" : " " + path;
      shapes.push_back(Shape{(method == "OTHER" ? "any other method" : method) + where, Spoken::http, method, path});
    }
  }
  return shapes;
}

}  // namespace

std::vector<Shape> shapes_of(const std::vector<const Rule*>& rules) {
  return by_programs(spoken_shapes(rules), rules);
}

}  // namespace sallyport
