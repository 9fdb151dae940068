#include "proxy/run_report.hpp"

#include "proxy/learn_log.hpp"
#include "telemetry/safe_text.hpp"

namespace sallyport {
namespace {

// Of each kind; the log has the others.
constexpr std::size_t most_shown = 20;

}  // namespace

RunReport::RunReport(const std::string& log, WallClock::time_point since) : log_(log) {
  auto files = find_log_files({log});
  if (!files) {
    trouble_ = files.error().text;
    return;
  }
  LogReader reader(std::move(*files));
  while (reader.next()) {
    if (reader.record()->time >= since) add(*reader.record());
  }
}

void RunReport::add(const LogRecord& record) {
  learn_from(learner_, record);
  const bool end = record.kind == RecordKind::close || record.kind == RecordKind::reset ||
                   record.kind == RecordKind::fail || record.kind == RecordKind::traffic;
  if (end) {
    traffic_.in += record.traffic.in;
    traffic_.out += record.traffic.out;
  }
  if (record.host.empty()) return;
  std::string where = shown(record.host, 100);
  if (record.port != 0) where += ":" + std::to_string(record.port);
  if (record.kind == RecordKind::open) reached_[where] += record.count;
  if (record.kind == RecordKind::hold) held_[where] += record.count;
  if (record.kind == RecordKind::fail) failed_[where] += record.count;
  const bool lookup_refused = record.kind == RecordKind::lookup && record.verdict == Action::deny;
  if (record.kind == RecordKind::refuse || lookup_refused) refused_[where] += record.count;
}

std::string RunReport::line(const char* what, const Counts& counts) {
  if (counts.empty()) return "";
  std::string text = std::string("  ") + what;
  std::size_t told = 0;
  for (const auto& [where, times] : counts) {
    if (++told > most_shown) {
      text += " and " + std::to_string(counts.size() - most_shown) + " more,";
      break;
    }
    text += " " + where + (times > 1 ? " (" + std::to_string(times) + " times)," : ",");
  }
  text.back() = '\n';
  return text;
}

std::string RunReport::text() const {
  if (!trouble_.empty()) return "sallyport: the log can't be read: " + trouble_ + "\n";
  const bool quiet = reached_.empty() && held_.empty() && refused_.empty() && failed_.empty();
  if (quiet) return "sallyport: nothing asked for the network; log " + log_ + "\n";
  return "sallyport: " + bytes_text(traffic_.out) + " out, " + bytes_text(traffic_.in) + " in; log " + log_ + "\n" +
         line("reached", reached_) + line("held   ", held_) + line("refused", refused_) + line("failed ", failed_);
}

}  // namespace sallyport
