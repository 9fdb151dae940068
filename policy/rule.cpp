#include "policy/rule.hpp"

#include "policy/sha256.hpp"

#include <algorithm>

namespace sallyport {
namespace {

bool same_but_for_case(std::string_view a, std::string_view b) {
  const auto fold = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return fold(x) == fold(y); });
}

Fit protocol_fit(const Rule& rule, const Query& query) {
  const auto when = [](bool matches) { return matches ? Fit::matches : Fit::other_protocol; };
  if (rule.protocol == Protocol::any || rule.protocol == Protocol::tcp) return Fit::matches;
  if (query.spoken == Spoken::pending && !query.request) {
    return rule.action == Action::allow ? Fit::matches : Fit::not_yet;
  }
  if (rule.protocol == Protocol::http) return when(query.request || query.spoken == Spoken::http);
  if (rule.protocol == Protocol::tls) return when(query.spoken == Spoken::tls);
  return when(query.spoken == Spoken::ssh);
}

// An allow takes a method as it is written; deny and ask take it in any case, since a server might.
bool method_matches(const Rule& rule, std::string_view method) {
  if (rule.methods.empty()) return true;
  return std::any_of(rule.methods.begin(), rule.methods.end(), [&](const std::string& named) {
    return rule.action == Action::allow ? named == method : same_but_for_case(named, method);
  });
}

// Many rules ask about one path, and an odd one takes long to read.
const PathReadings& readings_of(std::string_view path) {
  struct Last {
    std::string path;
    PathReadings readings = read_path({});
  };
  thread_local Last last;
  if (last.path != path) last = Last{std::string(path), read_path(path)};
  return last.readings;
}

bool path_matches(const Rule& rule, std::string_view path) {
  if (rule.paths.empty()) return true;
  const PathReadings& readings = readings_of(path);
  return std::any_of(rule.paths.begin(), rule.paths.end(), [&](const PathPattern& pattern) {
    return rule.action == Action::allow ? pattern.allows(readings) : pattern.catches(readings);
  });
}

// Which file it is says the kernel; the paths are for people.
Fit program_fit(const Rule& rule, const Query& query) {
  if (rule.exe.empty()) return Fit::matches;
  const bool allows = rule.action == Action::allow;
  switch (query.program_known) {
    case ProgramKnown::pending:
      return allows ? Fit::matches : Fit::not_yet;
    case ProgramKnown::unknown:
      return allows ? Fit::unknown_program : Fit::matches;
    case ProgramKnown::known:
      break;
  }
  const bool named = std::any_of(rule.exe.begin(), rule.exe.end(),
                                 [&](const ExeFile& file) { return file.identity == query.program.file; });
  return named ? Fit::matches : Fit::other_program;
}

Fit request_fit(const Rule& rule, const Query& query) {
  if (!rule.looks_at_requests()) return Fit::matches;
  if (query.request) {
    if (!method_matches(rule, query.request->method)) return Fit::other_method;
    return path_matches(rule, query.request->path) ? Fit::matches : Fit::other_path;
  }
  if (query.spoken == Spoken::pending) return rule.action == Action::allow ? Fit::matches : Fit::not_yet;
  return rule.action == Action::allow ? Fit::not_seen : Fit::matches;
}

void append(std::string& text, std::string_view key, const std::vector<std::string>& values) {
  if (values.empty()) return;
  text.append(", ").append(key);
  for (const std::string& value : values) text.append(" ").append(value);
}

}  // namespace

bool Rule::covers_port(std::uint16_t port) const {
  if (ports.empty()) return action == Action::deny || port == 80 || port == 443;
  return std::any_of(ports.begin(), ports.end(),
                     [port](const PortRange& range) { return range.first <= port && port <= range.last; });
}

Fit Rule::fits_connection(const Query& query) const {
  if (is_expired(query.now)) return Fit::expired;
  if (!covers_port(query.to.port)) return Fit::other_port;
  const Fit by_program = program_fit(*this, query);
  if (by_program == Fit::other_program || by_program == Fit::unknown_program) return by_program;
  const Fit by_protocol = protocol_fit(*this, query);
  if (by_protocol != Fit::matches) return by_protocol;
  const Fit by_request = request_fit(*this, query);
  return by_request == Fit::matches ? by_program : by_request;
}

bool Rule::adds_something() const {
  return limits.upload_bytes || limits.download_bytes || limits.connections || limits.names || private_ok || deny_ech ||
         !dns.empty() || !inject.empty() || protocol == Protocol::tcp || protocol == Protocol::ssh;
}

HostFit fits(const Rule& rule, const Query& query) {
  const Hit hit = rule.names(query.to.host);
  if (hit == Hit::none) return {Fit::other_host, hit};
  if (rule.except.find(query.to.host) != Hit::none) return {Fit::excepted, hit};
  return {rule.fits_connection(query), hit};
}

std::string key_of(const Rule& rule) {
  if (!rule.id.empty()) return "id:" + rule.id;
  std::string said(to_text(rule.action));
  said.append("\n").append(rule.targets.text()).append("\n").append(conditions_text(rule));
  return "sha256:" + hex(sha256(said));
}

bool is_answered(const std::string& key, std::span<const std::string> answered) {
  return std::find(answered.begin(), answered.end(), key) != answered.end();
}

const std::string& default_key() {
  static const std::string key = "default";
  return key;
}

std::string conditions_text(const Rule& rule) {
  std::string text;
  std::vector<std::string> ports;
  for (const PortRange& range : rule.ports) {
    std::string& text_of_range = ports.emplace_back(std::to_string(range.first));
    if (range.first != range.last) text_of_range.append(1, '-').append(std::to_string(range.last));
  }
  append(text, rule.ports.size() == 1 && rule.ports[0].first == rule.ports[0].last ? "port" : "ports", ports);
  if (rule.protocol != Protocol::any) text.append(", protocol ").append(to_text(rule.protocol));
  append(text, "methods", rule.methods);
  std::vector<std::string> paths;
  for (const PathPattern& path : rule.paths) paths.push_back(path.text());
  append(text, "paths", paths);
  append(text, "dns", rule.dns);
  std::vector<std::string> programs;
  for (const ExeFile& file : rule.exe) programs.push_back(file.path);
  append(text, "exe", programs);
  if (!rule.except.empty()) text += ", except " + rule.except.text();
  if (rule.private_ok) text += ", private addresses too";
  if (rule.deny_ech) text += ", without ECH";
  for (const auto& injection : rule.inject) text += ", injects " + injection->text();
  return text;
}

std::string_view to_text(Action action) {
  switch (action) {
    case Action::allow:
      return "allow";
    case Action::ask:
      return "ask";
    case Action::deny:
      return "deny";
  }
  return "deny";
}

std::string_view to_text(Protocol protocol) {
  switch (protocol) {
    case Protocol::any:
      return "any";
    case Protocol::tls:
      return "tls";
    case Protocol::http:
      return "http";
    case Protocol::ssh:
      return "ssh";
    case Protocol::tcp:
      return "tcp";
  }
  return "any";
}

}  // namespace sallyport
