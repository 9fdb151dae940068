#include "proxy/audit_source.hpp"

#include "proxy/config.hpp"
#include "telemetry/chain.hpp"
#include "telemetry/log_reader.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>

namespace sallyport {
namespace {

void take_daemons_own(const Config& config, std::vector<std::string>& arguments, std::string& key) {
  arguments.push_back(config.audit.path);
  const std::string own = (std::filesystem::path(config.data) / "audit.pub").string();
  std::error_code error;
  if (key.empty() && std::filesystem::exists(own, error)) key = own;
}

}  // namespace

void add_source(CLI::App& command, AuditSource& source) {
  command.add_option("FILE", source.files,
                     "audit.jsonl (its older files beside it are read too), an older file, or the log's folder; "
                     "without it, the log of a daemon with no configuration file");
  command.add_option("-c,--config", source.config, "sallyport.yaml: the log that daemon writes");
}

void add_times(CLI::App& command, FilterWords& words) {
  command.add_option("--since", words.since, "from then on: 2026-06-01T12:00:00Z, 2026-06-01, 7d, or \"2h ago\"");
  command.add_option("--until", words.until, "before then");
}

void add_filters(CLI::App& command, FilterWords& words) {
  command.add_option("--agent", words.agent, "only this agent");
  command.add_option("--host", words.host, "only this host: example.com, \"*.example.com\", or an address");
  command.add_option("--verdict", words.verdict, "allow, ask or deny")->check(CLI::IsMember({"allow", "ask", "deny"}));
  command.add_option("--door", words.door, "proxy, socks, transparent, attached or dns")
      ->check(CLI::IsMember({"proxy", "socks", "transparent", "attached", "dns"}));
}

Outcome<FoundLog> find_log(const AuditSource& source) {
  FoundLog log;
  log.key = source.key;
  std::vector<std::string> arguments = source.files;
  if (!source.config.empty()) {
    const auto config = load_config(source.config);
    if (!config) return config.error().front();
    take_daemons_own(*config, arguments, log.key);
  }
  if (arguments.empty()) take_daemons_own(Config::embedded(), arguments, log.key);
  auto files = find_log_files(arguments);
  if (!files) return files.error();
  // A wrong key is no finding about the log.
  if (!log.key.empty()) {
    const auto read = VerifyingKey::read(log.key);
    if (!read) return Complaint{"--key: ", read.error().text};
  }
  log.files = std::move(*files);
  return log;
}

Outcome<LogFilter> filter_of(const FilterWords& words) {
  LogFilter filter;
  filter.agent = words.agent;
  filter.verdict = words.verdict;
  filter.door = words.door;
  if (!words.host.empty()) {
    const auto set = filter.set_host(words.host);
    if (!set) return Complaint{"--host: ", set.error().text};
  }
  const auto now = WallClock::now();
  if (!words.since.empty()) {
    const auto since = parse_moment(words.since, now, Edge::begin);
    if (!since) return Complaint{"--since: ", since.error().text};
    filter.since = *since;
  }
  if (!words.until.empty()) {
    const auto until = parse_moment(words.until, now, Edge::end);
    if (!until) return Complaint{"--until: ", until.error().text};
    filter.until = *until;
  }
  if (filter.since && filter.until && *filter.since >= *filter.until) return Complaint{"--since is not before --until"};
  return filter;
}

}  // namespace sallyport
