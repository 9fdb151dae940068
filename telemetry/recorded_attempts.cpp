#include "telemetry/recorded_attempts.hpp"

#include <array>

namespace sallyport {
namespace {

// The log's text is whatever its file holds: only what is a host or an address becomes one.
std::optional<Host> host_of(const std::string& text) {
  if (const auto address = Address::parse(text)) return Host(*address);
  if (const auto name = HostName::parse(text)) return Host(*name);
  return std::nullopt;
}

DecidedBy decider_of(const std::string& word) {
  for (const DecidedBy by : {DecidedBy::rule, DecidedBy::grant, DecidedBy::guard, DecidedBy::limit}) {
    if (word == word_of(by)) return by;
  }
  return DecidedBy::default_;
}

std::optional<RecordedAttempt::Kind> kind_of(const LogRecord& record) {
  using Kind = RecordedAttempt::Kind;
  switch (record.kind) {
    case RecordKind::open:
    case RecordKind::refuse:
    case RecordKind::hold:
      return Kind::connection;
    case RecordKind::request:
      return Kind::request;
    case RecordKind::lookup:
      if (record.type == "A" || record.type == "AAAA") return Kind::lookup;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

Spoken spoken_of(const LogRecord& record) {
  if (record.kind == RecordKind::request) return record.scheme == "https" ? Spoken::tls : Spoken::http;
  return record.tls ? Spoken::tls : Spoken::pending;
}

}  // namespace

std::optional<RecordedAttempt> attempt_of(const LogRecord& record) {
  const auto kind = kind_of(record);
  const auto host = host_of(record.host);
  const bool lookup = kind == RecordedAttempt::Kind::lookup;
  if (!kind || !host || !record.verdict || (!lookup && record.port == 0)) return std::nullopt;
  RecordedAttempt attempt{*kind, record.agent, *host, lookup ? std::uint16_t{0} : record.port};
  attempt.spoken = spoken_of(record);
  attempt.method = record.method;
  attempt.path = record.path;
  attempt.ech = record.ech;
  attempt.verdict = *record.verdict;
  attempt.decided_by = decider_of(record.decided_by);
  attempt.let_through =
      *record.verdict == Action::allow && record.kind != RecordKind::refuse && record.kind != RecordKind::hold;
  attempt.count = record.count;
  attempt.time = record.time;
  attempt.program = record.program;
  attempt.source = record.source;
  attempt.correlation = record.correlation;
  return attempt;
}

}  // namespace sallyport
