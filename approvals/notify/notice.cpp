#include "approvals/notify/notice.hpp"

#include "approvals/json.hpp"

#include <boost/json/serialize.hpp>

namespace sallyport {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_quote = 300;

const char* word_of(Notice::Event event) {
  switch (event) {
    case Notice::Event::asked:
      return "asked";
    case Notice::Event::decided:
      return "decided";
    case Notice::Event::expired:
      return "expired";
  }
  return "unknown";
}

// Nothing ends a code span but a backtick. Slack reads &, < and > there, too.
std::string code(std::string_view text) {
  std::string out = "`";
  for (const char c : plain_text(text, longest_quote)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '`':
        out += '\'';
        break;
      default:
        out += c;
    }
  }
  return out + '`';
}

void add(std::string& text, const char* what, std::string_view words) {
  if (!words.empty()) text += std::string("\n") + what + ' ' + code(words);
}

std::string headline(const Notice& notice) {
  const Approval& approval = notice.approval;
  std::string what = code(approval.question.agent) + " to reach " + code(approval.question.to.text());
  if (!approval.question.method.empty())
    what += " with " + code(approval.question.method + ' ' + approval.question.path);
  if (notice.event == Notice::Event::asked) return "Sallyport asks: may " + what + '?';
  if (notice.event == Notice::Event::expired) return "Nobody answered whether Sallyport should let " + what + '.';
  const bool yes = approval.decision && approval.decision->approve;
  return code(approval.by.name) + (yes ? " approved for " : " denied ") + what + '.';
}

}  // namespace

bool Notice::is_among(const NotifyEvents& events) const {
  return (event == Event::asked && events.asked) || (event == Event::decided && events.decided) ||
         (event == Event::expired && events.expired);
}

std::string Notice::id() const {
  return "msg_" + approval.id + '_' + word_of(event);
}

std::string standard_body(const Notice& notice) {
  return json::serialize(json::object{{"type", std::string("approval.") + word_of(notice.event)},
                                      {"timestamp", time_text(notice.time)},
                                      {"data", approval_json(notice.approval)}});
}

std::string slack_body(const Notice& notice) {
  const Approval& approval = notice.approval;
  std::string text = headline(notice);
  if (notice.event == Notice::Event::asked) {
    add(text, "The rule says:", approval.first.reason);
    add(text, "The rule is", approval.first.rule);
    add(text, "The agent says:", approval.first.access_reason);
    if (approval.first.context) add(text, "The agent's context says:", approval.first.context->reason);
  }
  if (notice.event == Notice::Event::decided && approval.decision) add(text, "Note:", approval.decision->note);
  add(text, "Approval", approval.id);
  return json::serialize(
      json::object{{"text", text}, {"parse", "none"}, {"unfurl_links", false}, {"unfurl_media", false}});
}

}  // namespace sallyport
