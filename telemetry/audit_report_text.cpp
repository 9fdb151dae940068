#include "telemetry/audit_report.hpp"
#include "telemetry/record_text.hpp"
#include "telemetry/safe_text.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::size_t most_problems = 20;

std::string span_text(const Seen& seen) {
  if (!seen.first) return "never";
  return time_text(*seen.first) + (seen.first == seen.last ? std::string() : " to " + time_text(*seen.last));
}

std::string destination_name(const std::pair<std::string, std::uint16_t>& key) {
  LogRecord record;
  record.host = key.first;
  record.port = key.second;
  return record.host.empty() && record.port == 0 ? "(no destination known)" : destination_text(record);
}

std::string count_text(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

class Page {
 public:
  std::string text(const AuditReport& report);

 private:
  void line(const std::string& text) { out_ += text + "\n"; }
  void put_chain(const AuditReport& report);
  void put_agent(const std::string& name, const AgentUse& agent);
  void put_use(const std::string& name, const DestinationUse& use);
  void put_deciders(const char* how, const Deciders& deciders);
  void put_happenings(const char* title, const Happenings& happenings, const char* none);
  template <class Wanted>
  void put_section(const char* title, const AgentUse& agent, Wanted wanted);

  std::string out_;
};

void Page::put_chain(const AuditReport& report) {
  const VerifyReport& chain = report.chain;
  if (chain.whole() && report.signatures && chain.signed_up_to != 0) {
    line("Chain:    WHOLE, and signed up to sequence " + std::to_string(chain.signed_up_to));
  } else if (chain.whole()) {
    line("Chain:    WHOLE, but not shown to be signed");
  } else if (chain.holds_no_record()) {
    line("Chain:    NOTHING TO VERIFY: no record is here");
  } else {
    line("Chain:    NOT WHOLE: what follows is only as good as a log that was changed or cut");
  }
  for (std::size_t i = 0; i < std::min(chain.problems.size(), most_problems); ++i) {
    line("          " + chain.problems[i].text);
  }
  const std::uint64_t more =
      chain.further_problems + (chain.problems.size() > most_problems ? chain.problems.size() - most_problems : 0);
  if (more != 0) line("          and " + std::to_string(more) + " more; `sallyport audit verify` names them");
  for (const std::string& note : chain.notes) line("          note: " + note);
  line("Log:      " + count_text(report.files.size(), "file, ", "files, ") + "sequence " +
       std::to_string(chain.first_sequence) + " to " + std::to_string(chain.head.sequence) + ", head " +
       chain.head.text());
  if (!report.odd.none()) line("          " + report.odd.text());
  line("Time:     " + span_text(report.seen) + ", " + count_text(report.records, "record", "records"));
}

void Page::put_deciders(const char* how, const Deciders& deciders) {
  if (deciders.counts.empty()) return;
  std::string text = "        ";
  text += how;
  const char* between = " ";
  for (const auto& [decider, count] : deciders.counts) {
    text += between + decider + " (" + std::to_string(count) + ")";
    between = ", ";
  }
  if (deciders.beyond != 0) text += ", and others (" + std::to_string(deciders.beyond) + ")";
  line(text);
}

void Page::put_use(const std::string& name, const DestinationUse& use) {
  std::string text = "    " + name + "  ";
  const char* between = "";
  const auto add = [&](const std::string& part) {
    text += between + part;
    between = ", ";
  };
  if (use.connections != 0) add(count_text(use.connections, "connection", "connections"));
  if (use.requests != 0) add(count_text(use.requests, "request", "requests"));
  if (use.held != 0) add("held " + count_text(use.held, "time", "times"));
  if (use.refused != 0) add("refused " + count_text(use.refused, "time", "times"));
  if (use.failed != 0) add("failed " + count_text(use.failed, "time", "times"));
  if (use.traffic.in + use.traffic.out != 0) {
    add(bytes_text(use.traffic.in) + " in, " + bytes_text(use.traffic.out) + " out");
  }
  line(text + "; " + span_text(use.seen));
  put_deciders("let through by", use.let_by);
  put_deciders("refused by", use.refused_by);
}

template <class Wanted>
void Page::put_section(const char* title, const AgentUse& agent, Wanted wanted) {
  bool titled = false;
  for (const auto& [key, use] : agent.destinations) {
    if (!wanted(use)) continue;
    if (!titled) line(std::string("  ") + title);
    titled = true;
    put_use(destination_name(key), use);
  }
}

void Page::put_agent(const std::string& name, const AgentUse& agent) {
  line("");
  line("Agent " + (name.empty() ? "(unknown)" : shown(name, 64)) + ": " + span_text(agent.seen) + ", " +
       count_text(agent.lookups, "name look-up", "name look-ups"));
  std::string programs;
  for (const std::string& program : agent.programs) programs += (programs.empty() ? "" : ", ") + shown(program, 64);
  if (!programs.empty()) line("  Programs: " + programs);
  const auto reached = [](const DestinationUse& use) { return use.connections + use.requests != 0; };
  const auto held = [&](const DestinationUse& use) { return !reached(use) && use.held != 0; };
  const auto refused = [&](const DestinationUse& use) { return !reached(use) && use.held == 0; };
  put_section("Reached", agent, reached);
  put_section("Waited for an answer, and did not reach", agent, held);
  put_section("Refused, or failed", agent, refused);
  if (!agent.others) return;
  line("  Further destinations, not told apart");
  put_use("all of them", *agent.others);
}

void Page::put_happenings(const char* title, const Happenings& happenings, const char* none) {
  line("");
  if (happenings.list.empty()) return line(std::string(title) + ": " + none);
  line(title);
  for (const auto& one : happenings.list) line("  " + time_text(one.time) + "  " + one.text);
  if (happenings.beyond != 0) line("  and " + std::to_string(happenings.beyond) + " more");
}

std::string Page::text(const AuditReport& report) {
  line("Sallyport audit report");
  line("");
  put_chain(report);
  for (const auto& [name, agent] : report.agents) put_agent(name, agent);
  if (report.agents_beyond != 0) line("\nFurther agents: " + count_text(report.agents_beyond, "record", "records"));
  put_happenings("Decisions of people", report.people, "none recorded");
  put_happenings("Policy changes", report.policies, "none recorded");
  put_happenings("Starts and stops", report.lives, "none recorded");
  put_happenings("Interception and attached agents", report.guarding, "nothing lost, nothing attached");
  put_happenings("Gaps, torn lines and retired files", report.gaps, "none recorded");
  return std::move(out_);
}

}  // namespace

std::string report_text(const AuditReport& report) {
  return Page().text(report);
}

}  // namespace sallyport
