#include "console/answers.hpp"
#include "console/newest_lines.hpp"
#include "telemetry/log_filter.hpp"
#include "telemetry/log_record.hpp"
#include "telemetry/safe_text.hpp"

namespace sallyport {
namespace {

// What one request may read; a cursor goes on from there.
constexpr std::uint64_t most_bytes = 32U << 20U;
constexpr auto slack = std::chrono::minutes(1);
constexpr auto most_time = std::chrono::seconds(2);

Outcome<LogFilter> filter_of(const ApiRequest& request) {
  LogFilter filter;
  filter.agent = request.parameter("agent");
  filter.verdict = request.parameter("verdict");
  filter.correlation = request.parameter("correlation");
  if (!filter.verdict.empty() && filter.verdict != "allow" && filter.verdict != "ask" && filter.verdict != "deny")
    return Complaint{"verdict: allow, ask or deny"};
  const std::string host(request.parameter("host"));
  if (!host.empty()) {
    const auto set = filter.set_host(host);
    if (!set) return Complaint{"host: ", set.error().text};
  }
  for (const char* name : {"since", "until"}) {
    const auto text = request.parameter(name);
    if (text.empty()) continue;
    const auto time = parse_moment(text, WallClock::now(), name[0] == 's' ? Edge::begin : Edge::end);
    if (!time) return Complaint{name, ": ", time.error().text};
    (name[0] == 's' ? filter.since : filter.until) = *time;
  }
  return filter;
}

}  // namespace

// Newest first. A line of the log is given as it stands: it is JSON that escapes whatever an agent supplied.
ApiResponse query_audit(const Desk& desk, const ApiRequest& request) {
  const auto filter = filter_of(request);
  if (!filter) return problem(400, filter.error().text);
  const auto limit = limit_of(request, 100, 1000);
  if (!limit) return problem(400, "limit: 1 to 1000");
  std::optional<LogPlace> place;
  if (const auto cursor = request.parameter("cursor"); !cursor.empty()) {
    place = LogPlace::parse(cursor);
    if (!place) return problem(400, "cursor: use `next` of the answer before");
  }
  auto lines = NewestLines::open(desk.backend.audit.options().path, place);
  if (!lines) return problem(place ? 410 : 503, lines.error().text);

  const auto until = std::chrono::steady_clock::now() + most_time;
  std::string records;
  std::size_t found = 0;
  std::string next;
  bool searched = true;
  while (lines->next()) {
    const auto read = read_log_record(lines->line());
    // Records stand in the order of their writing, which their own times follow but roughly.
    if (read.record && filter->since && read.record->time < *filter->since - slack) break;
    if (read.record && filter->matches(*read.record)) {
      if (found > 0) records += ',';
      records += lines->line();
      ++found;
    }
    const bool full = found == *limit;
    const bool tired = lines->bytes_read() > most_bytes || std::chrono::steady_clock::now() > until;
    if (!full && !tired) continue;
    next = lines->place().text();
    searched = full;
    break;
  }
  std::string body = "{\"records\":[" + records + "],\"searched\":" + (searched ? "true" : "false");
  if (!next.empty()) body += ",\"next\":\"" + next + '"';
  return {200, "application/json", body + "}\n", {}};
}

}  // namespace sallyport
