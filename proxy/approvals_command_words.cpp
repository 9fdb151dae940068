#include "proxy/approvals_command_words.hpp"

#include "proxy/admin_client.hpp"
#include "telemetry/safe_text.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

namespace sallyport {
namespace {

constexpr std::size_t least_id = 9;

std::string span_words(std::chrono::seconds span) {
  const auto seconds = std::max<std::int64_t>(span.count(), 0);
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 86400) return std::to_string(seconds / 3600) + " h " + std::to_string(seconds / 60 % 60) + " min";
  return std::to_string(seconds / 86400) + " d";
}

std::string span_between(std::string_view earlier, std::string_view later) {
  const auto now = WallClock::now();
  const auto from = parse_moment(earlier, now, Edge::begin);
  const auto to = parse_moment(later, now, Edge::begin);
  if (!from || !to) return {};
  return span_words(std::chrono::duration_cast<std::chrono::seconds>(*to - *from));
}

// How many changes make one of the other (Levenshtein); ids are short.
std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  for (std::size_t at = 0; at < row.size(); ++at) row[at] = at;
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t change = diagonal + (one[i] == other[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, change});
    }
  }
  return row.back();
}

std::string nearest_id(const boost::json::array& list, std::string_view written) {
  std::string nearest;
  std::size_t least = written.size();
  for (const auto& each : list) {
    const std::string id = text_in(each.as_object(), "id");
    const std::size_t changes = distance(std::string_view(id).substr(0, written.size()), written);
    if (changes < least) {
      least = changes;
      nearest = id;
    }
  }
  // A slip, not another id: the first letters are alike in all of them.
  return least <= written.size() / 4 ? nearest : std::string();
}

}  // namespace

const boost::json::object& object_in(const boost::json::object& object, std::string_view key) {
  static const boost::json::object none;
  const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
  return value && value->is_object() ? value->get_object() : none;
}

std::string destination_words(const boost::json::object& question) {
  const std::string host = text_in(question, "host");
  const bool six = host.find(':') != std::string::npos;
  std::string words = shown(six ? '[' + host + ']' : host);
  if (six && words.front() == '"') words = '[' + shown(host) + ']';
  words += ':' + std::to_string(count_in(question, "port"));
  const std::string method = text_in(question, "method");
  const std::string path = text_in(question, "path");
  if (!method.empty()) words = shown(method) + ' ' + words;
  if (!path.empty()) words += ' ' + shown(path);
  return words;
}

std::string rule_words(const boost::json::object& approval) {
  const std::string rule = text_in(approval, "rule");
  return rule.empty() ? "default" : shown(std::filesystem::path(rule).filename().string());
}

std::string agent_words(const boost::json::object& approval) {
  std::string words;
  const auto put = [&words](std::string_view key, const std::string& text) {
    if (!text.empty()) words.append(words.empty() ? "" : ", ").append(key).append(" ").append(in_quotes(text));
  };
  put("reason", text_in(approval, "access_reason"));
  const std::string path = text_in(approval, "request_path");
  if (path != "/") put("path", path);
  const auto& context = object_in(approval, "context");
  put("working on", text_in(context, "reason"));
  for (const char* key : {"tool", "tool_call", "session"}) put(key, text_in(context, key));
  return words;
}

std::string extent_words(const boost::json::object& decided) {
  const std::string scope = text_in(decided, "scope");
  std::string words = text_in(decided, "match") == "subdomains" ? "the host and its subdomains" : "this host";
  if (scope == "once") words += ", once";
  if (scope == "everyone") words += ", for every agent";
  const std::string ttl = text_in(decided, "ttl");
  if (!ttl.empty()) words += ", " + ttl;
  if (decided.contains("uses")) words += ", " + std::to_string(count_in(decided, "uses")) + " times";
  if (decided.contains("upload")) words += ", " + bytes_text(count_in(decided, "upload")) + " sent";
  return words;
}

std::string actor_words(const boost::json::object& by) {
  return shown(text_in(by, "name")) + " (" + shown(text_in(by, "through")) + ')';
}

std::string age_words(std::string_view time) {
  return span_between(time, "now");
}

std::string left_words(std::string_view time) {
  return span_between("now", time);
}

std::string counted(std::uint64_t number, const char* noun) {
  return std::to_string(number) + ' ' + noun + (number == 1 ? "" : "s");
}

std::string checked_count(const std::string& text) {
  const bool number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  const bool good = number && text.size() < 19 && text.find_first_not_of('0') != std::string::npos;
  return good ? std::string() : "write a whole number from 1";
}

std::size_t id_length(const boost::json::array& list) {
  std::size_t length = least_id;
  std::set<std::string> ids;
  for (const auto& each : list) ids.insert(text_in(each.as_object(), "id"));
  const std::string* before = nullptr;
  for (const std::string& id : ids) {
    if (before) {
      const auto differ = std::mismatch(id.begin(), id.end(), before->begin(), before->end()).first;
      length = std::max(length, static_cast<std::size_t>(differ - id.begin()) + 1);
    }
    before = &id;
  }
  return length;
}

Outcome<boost::json::object> find_by_id(const boost::json::array& list, std::string_view written, const char* noun) {
  const boost::json::object* found = nullptr;
  bool several = false;
  for (const auto& each : list) {
    const std::string id = text_in(each.as_object(), "id");
    if (id == written) return each.as_object();
    if (written.size() < 4 || !id.starts_with(written)) continue;
    several = several || found;
    found = &each.as_object();
  }
  const std::string name = in_quotes(written, 64);
  if (several) return Complaint{name, " begins more than one id: write more of it"};
  if (found) return *found;
  const std::string nearest = nearest_id(list, written);
  if (nearest.empty()) return Complaint{"there is no ", noun, " ", name};
  return Complaint{"there is no ", noun, " ", name, ": did you mean ", nearest, "?"};
}

}  // namespace sallyport
