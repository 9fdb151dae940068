// How the view is drawn.
#include "proxy/admin_client.hpp"
#include "proxy/approvals_command_table.hpp"
#include "proxy/approvals_command_words.hpp"
#include "proxy/watch_view.hpp"
#include "telemetry/safe_text.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::string_view bold = "\033[1m";
constexpr std::string_view faint = "\033[2m";
constexpr std::string_view reverse = "\033[7m";
constexpr std::string_view plain = "\033[0m";

constexpr std::string_view keys =
    "a approve  o once  s subdomains  e everyone  d deny  n note  j/k move  ? help  q quit";

constexpr std::string_view help[] = {
    "One key decides the question under the cursor.",
    "",
    "  a   approve: this agent, this host and port, for the usual time (approvals.grant, 8h)",
    "  o   approve once: the connections that wait now",
    "  s   approve the host and all its subdomains",
    "  e   approve for every agent",
    "  d   deny: refuse what waits, and what comes, for the usual time",
    "  n   write a note first; it is recorded, and a refused client is told",
    "  j k or the arrows move the cursor;  q quits, and what waits goes on waiting",
    "",
    "What stands in quotes is what the agent says itself: its word, not ours.",
    "A decision is taken back with `sallyport approvals revoke`.",
};

std::string padded(std::string_view text, std::size_t places) {
  std::string out = cut_in_middle(text, places);
  out.append(places - std::min(places, places_of(out)), ' ');
  return out;
}

// " < "bash" < "node"": who started the program, the nearest first.
std::string parents_of(const boost::json::object& process) {
  const auto* parents = process.if_contains("parents");
  std::string words;
  if (!parents || !parents->is_array()) return words;
  for (const auto& each : parents->get_array()) {
    if (each.is_object()) words += " < " + in_quotes(text_in(each.get_object(), "name"), 32);
  }
  return words;
}

}  // namespace

std::string WatchView::row_line(const Row& row, bool selected, std::size_t places, bool colour) const {
  const auto& approval = row.approval;
  const std::size_t agent = std::min<std::size_t>(20, places / 5);
  constexpr std::size_t waiting = 9;
  constexpr std::size_t age = 10;
  const std::size_t rest = agent + waiting + age + 5;
  const std::size_t wide = places > rest + 8 ? places - rest : 8;
  const auto count = count_in(approval, "waiting");
  std::string target = padded(destination_words(approval), wide);
  const std::string domain = text_in(approval, "domain");
  const auto at = colour && !selected && !domain.empty() ? target.find(domain) : std::string::npos;
  if (at != std::string::npos) {
    target.insert(at + domain.size(), plain);
    target.insert(at, bold);
  }
  std::string line = selected ? "> " : "  ";
  line += padded(shown(text_in(approval, "agent")), agent) + ' ' + target + ' ' +
          padded(std::to_string(count) + " wait", waiting) + ' ' +
          padded(age_words(text_in(approval, "first_seen")), age);
  if (places < rest + 8) line = cut_at_end(line, places);
  if (selected && colour) return std::string(reverse) + line + std::string(plain);
  return line;
}

std::vector<std::string> WatchView::details(std::size_t places) const {
  std::vector<std::string> lines;
  if (rows_.empty()) return lines;
  const auto& approval = rows_[cursor_].approval;
  std::string asked = "asked by " + rule_words(approval);
  const std::string reason = text_in(approval, "reason");
  if (!reason.empty()) asked += ": " + in_quotes(reason);
  lines.push_back(asked);
  std::string by = "through " + shown(text_in(approval, "door"));
  const std::string protocol = text_in(approval, "protocol");
  if (!protocol.empty()) by += ", " + shown(protocol);
  const std::string source = text_in(approval, "source");
  if (!source.empty()) by += ", from " + shown(source);
  const std::string command = text_in(object_in(approval, "process"), "cmd_line");
  if (!command.empty()) by += ", by " + in_quotes(command) + parents_of(object_in(approval, "process"));
  lines.push_back(by + ", " + counted(count_in(approval, "tries"), "attempt"));
  const std::string said = agent_words(approval);
  if (!said.empty()) lines.push_back("the agent says: " + said);
  if (editing_ || !note_.empty()) lines.push_back("note: " + in_quotes(note_, 2000) + (editing_ ? "_" : ""));
  for (std::string& line : lines) line = cut_at_end(line, places);
  return lines;
}

void WatchView::list_lines(std::vector<std::string>& into, std::size_t rows, std::size_t places, bool colour) {
  if (help_) {
    for (const auto line : help) into.push_back(cut_at_end(line, places));
    return;
  }
  if (rows_.empty()) {
    into.push_back(cut_at_end("  Nobody waits for an answer.", places));
    return;
  }
  const std::size_t shown_rows = std::max<std::size_t>(rows, 1);
  if (cursor_ < top_) top_ = cursor_;
  if (cursor_ >= top_ + shown_rows) top_ = cursor_ + 1 - shown_rows;
  top_ = std::min(top_, rows_.size() > shown_rows ? rows_.size() - shown_rows : 0);
  const std::size_t end = std::min(rows_.size(), top_ + shown_rows);
  for (std::size_t at = top_; at < end; ++at) into.push_back(row_line(rows_[at], at == cursor_, places, colour));
}

std::vector<std::string> WatchView::lines(std::size_t rows, std::size_t places, bool colour) {
  std::uint64_t held = 0;
  for (const Row& row : rows_) held += count_in(row.approval, "waiting");
  const std::string title = "sallyport: " + std::to_string(rows_.size()) + " pending, " + std::to_string(held) +
                            (held == 1 ? " connection waits" : " connections wait");
  const auto about = help_ ? std::vector<std::string>() : details(places);
  const std::size_t around = about.size() + 5;  // title, two empty lines, message, keys
  std::vector<std::string> all{cut_at_end(title, places), ""};
  list_lines(all, rows > around ? rows - around : 1, places, colour);
  all.emplace_back();
  for (const std::string& line : about) all.push_back(line);
  if (all.size() + 2 > rows) all.resize(rows > 2 ? rows - 2 : 0);
  while (all.size() + 2 < rows) all.emplace_back();
  all.push_back(cut_at_end(editing_ ? "Enter keeps the note, Escape drops it" : message_, places));
  const std::string last = cut_at_end(keys, places);
  all.push_back(colour ? std::string(faint) + last + std::string(plain) : last);
  if (colour) all.front() = std::string(bold) + all.front() + std::string(plain);
  all.resize(std::max<std::size_t>(rows, 1));
  return all;
}

}  // namespace sallyport
