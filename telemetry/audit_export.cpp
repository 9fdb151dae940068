#include "telemetry/audit_export.hpp"

#include "telemetry/safe_text.hpp"

#include <ostream>

namespace sallyport {
namespace {

bool is_checkpoint(const LogRecord& record) {
  return record.kind == RecordKind::lifecycle && record.event == "checkpoint";
}

std::string number_or_nothing(std::uint64_t number) {
  return number == 0 ? std::string() : std::to_string(number);
}

std::string number_or_nothing(const std::optional<std::chrono::milliseconds>& duration) {
  return duration ? std::to_string(duration->count()) : std::string();
}

constexpr const char* csv_heading =
    "sequence,time,what,agent,source,door,host,port,verdict,decided_by,rule,reason,approval,method,scheme,path,status,"
    "type,rcode,bytes_in,bytes_out,duration_ms,held_ms,closed_by,count,program,event,actor,role,operation,grant,scope,"
    "match,note,detail,correlation,policy\r\n";

std::string csv_line(const LogRecord& record) {
  const std::vector<std::string> fields{
      std::to_string(record.sequence),
      time_text(record.time, Precise::yes),
      word_of(record.kind),
      record.agent,
      record.source,
      record.door,
      record.host,
      number_or_nothing(record.port),
      record.verdict_word(),
      record.decided_by,
      record.rule,
      record.reason,
      record.approval,
      record.method,
      record.scheme,
      record.path,
      number_or_nothing(static_cast<std::uint64_t>(record.status)),
      record.type,
      record.rcode,
      std::to_string(record.traffic.in),
      std::to_string(record.traffic.out),
      number_or_nothing(record.duration),
      number_or_nothing(record.held),
      record.closed_by,
      std::to_string(record.count),
      record.program,
      record.event,
      record.actor,
      record.role,
      record.operation,
      record.grant,
      record.scope,
      record.match,
      record.note,
      record.detail,
      record.correlation,
      record.policy_uid,
  };
  std::string line;
  for (const std::string& field : fields) {
    if (!line.empty()) line.push_back(',');
    line += csv_field(field);
  }
  return line + "\r\n";
}

}  // namespace

std::optional<ExportRange> find_range(const std::vector<std::string>& files, const LogFilter& filter) {
  ExportRange range;
  struct End {
    std::uint64_t line, sequence;
  };
  std::optional<End> checkpoint;
  LogReader reader(files);
  while (reader.next()) {
    const LogRecord& record = *reader.record();
    if (!reader.finished()) continue;
    if (filter.in_time(record)) {
      if (range.first_line == 0) {
        range.first_line = reader.number();
        range.first_sequence = record.sequence;
        const auto line = parse_log_line(reader.line());
        if (line) range.before = {record.sequence - 1, line->prev};
      }
      range.last_line = reader.number();
      range.last_sequence = record.sequence;
      checkpoint.reset();
    }
    if (range.last_line != 0 && !checkpoint && is_checkpoint(record)) {
      checkpoint = End{reader.number(), record.sequence};
    }
  }
  if (range.last_line == 0) return std::nullopt;
  if (checkpoint) {
    range.last_line = checkpoint->line;
    range.last_sequence = checkpoint->sequence;
    range.ends_signed = true;
  }
  return range;
}

bool export_lines(const std::vector<std::string>& files, const ExportRange& range, std::ostream& out) {
  LogReader reader(files);
  while (reader.next_line() && reader.number() <= range.last_line) {
    if (reader.number() < range.first_line) continue;
    out << reader.line();
    if (reader.finished()) out << '\n';
  }
  return static_cast<bool>(out.flush());
}

std::optional<std::uint64_t> export_csv(const std::vector<std::string>& files, const LogFilter& filter,
                                        std::ostream& out, OddLines& odd) {
  LogReader reader(files);
  std::uint64_t count = 0;
  out << csv_heading;
  while (reader.next()) {
    if (!filter.matches(*reader.record())) continue;
    out << csv_line(*reader.record());
    ++count;
  }
  odd = reader.odd();
  if (!out.flush()) return std::nullopt;
  return count;
}

}  // namespace sallyport
