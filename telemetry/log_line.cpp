#include "telemetry/log_line.hpp"

#include "telemetry/json_read.hpp"

#include <algorithm>
#include <array>

namespace sallyport {
namespace {

namespace json = boost::json;

template <class T, std::size_t N>
std::optional<T> from_word(std::string_view word, const std::array<T, N>& all) {
  for (const T one : all) {
    if (word == word_of(one)) return one;
  }
  return std::nullopt;
}

std::optional<Verdict> verdict_of(const json::object* ours) {
  constexpr std::array actions{Action::allow, Action::ask, Action::deny};
  constexpr std::array deciders{DecidedBy::rule, DecidedBy::default_, DecidedBy::grant, DecidedBy::guard,
                                DecidedBy::limit};
  const auto action = from_word(text_at(ours, "verdict"), actions);
  if (!action) return std::nullopt;
  Verdict verdict;
  verdict.action = *action;
  verdict.decided_by = from_word(text_at(ours, "decided_by"), deciders).value_or(DecidedBy::default_);
  verdict.rule = text_at(ours, "rule");
  verdict.reason = text_at(ours, "reason");
  return verdict;
}

Origin origin_of(const json::object& line) {
  constexpr std::array doors{Door::proxy, Door::socks, Door::transparent, Door::attached, Door::dns};
  const json::object* ours = object_at(object_at(&line, "unmapped"), "sallyport");
  const json::object* source = object_at(&line, "src_endpoint");
  const json::object* destination = object_at(&line, "dst_endpoint");
  Origin origin;
  origin.correlation = text_at(object_at(&line, "metadata"), "correlation_uid");
  origin.agent = text_at(ours, "agent");
  origin.door = from_word(text_at(ours, "door"), doors).value_or(Door::proxy);
  if (const auto address = Address::parse(text_at(source, "ip"))) origin.source = *address;
  origin.source_port = static_cast<std::uint16_t>(number_at(source, "port"));
  origin.host = text_at(destination, "hostname");
  if (origin.host.empty()) origin.host = text_at(destination, "ip");
  origin.port = static_cast<std::uint16_t>(number_at(destination, "port"));
  origin.policy_uid = text_at(object_at(&line, "policy"), "uid");
  origin.verdict = verdict_of(ours);
  origin.approval = text_at(ours, "approval");
  return origin;
}

}  // namespace

std::optional<LogLine> parse_log_line(std::string_view text) {
  const ParsedJson parsed(text);
  const json::object* line = parsed.object();
  const json::object* ours = object_at(object_at(line, "unmapped"), "sallyport");
  LogLine out;
  out.sequence = number_at(object_at(line, "metadata"), "sequence");
  out.prev = text_at(ours, "prev");
  if (out.sequence == 0 || out.prev.size() != no_previous.size()) return std::nullopt;
  const std::string event = text_at(ours, "event");
  out.tells_of_torn = event == "log_torn";
  out.starts = event == "start";
  if (event == "log_retired") out.begins = number_at(ours, "begins");
  // Far beyond any clock, and far from overflow.
  out.time = std::chrono::milliseconds(std::min<std::uint64_t>(number_at(line, "time"), 1ULL << 52));
  if (event != "checkpoint") return out;
  const json::object* checkpoint = object_at(ours, "checkpoint");
  out.checkpoint = Checkpoint{{number_at(checkpoint, "sequence"), text_at(checkpoint, "sha256")},
                              text_at(checkpoint, "key"),
                              text_at(checkpoint, "signature")};
  return out;
}

std::optional<ConnectionEvent> crashed_connection(std::string_view text) {
  const ParsedJson parsed(text);
  const json::object* line = parsed.object();
  if (!line) return std::nullopt;
  ConnectionEvent event;
  event.origin = origin_of(*line);
  event.activity = ConnectionEvent::Activity::fail;
  event.closed_by = ClosedBy::crash;
  event.status_detail = "Sallyport ended without recording how this connection did.";
  if (const json::object* total = object_at(line, "cumulative_traffic")) {
    event.cumulative = Traffic{number_at(total, "bytes_in"), number_at(total, "bytes_out")};
  }
  const auto peer = Address::parse(text_at(object_at(line, "dst_endpoint"), "ip"));
  if (peer) event.peer = *peer;
  return event;
}

}  // namespace sallyport
