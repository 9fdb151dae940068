#include "proxy/terminal/question_text.hpp"

#include "telemetry/safe_text.hpp"

#include <filesystem>

namespace sallyport {
namespace {

constexpr std::size_t longest_host = 80, longest_word = 120;
constexpr std::string_view line_end = "\r\n", indent = "           ";  // as wide as "sallyport: "
constexpr std::string_view bold = "\033[1m", plain = "\033[0m";

std::string cut_in_the_middle(const std::string& text) {
  if (text.size() <= longest_host) return text;
  const std::size_t end = longest_host / 2;  // the end of a name says more than its beginning
  return text.substr(0, longest_host - end - 3) + "..." + text.substr(text.size() - end);
}

std::string program(const ProcessInfo& process) {
  std::string text = "by " + shown(process.path.empty() ? process.name : process.path, longest_word);
  if (process.pid != 0) text += " (process " + std::to_string(process.pid) + ")";
  if (!process.cmd_line.empty()) text += ", which calls itself " + in_quotes(process.cmd_line, longest_word);
  return text;
}

std::string waiting(const Approval& approval) {
  std::string text = std::to_string(approval.waiting);
  text += approval.waiting == 1 ? " connection waits" : " connections wait";
  if (!approval.first.protocol.empty()) text += " (" + shown(approval.first.protocol, 32) + ")";
  if (approval.first.rule.empty()) return text + ", and no rule decides";
  const std::string file = std::filesystem::path(approval.first.rule).filename().string();
  return text + ", " + shown(file, longest_word) + " asks: " + in_quotes(approval.first.reason, longest_word);
}

std::string agents_words(const Approval& approval) {
  std::string text;
  const auto put = [&text](std::string_view what, const std::string& words) {
    if (words.empty()) return;
    text.append(text.empty() ? "the agent says: " : ", ").append(what).append(in_quotes(words, longest_word));
  };
  put("", approval.first.access_reason);
  put("path ", approval.first.request_path == "/" ? "" : approval.first.request_path);
  if (approval.first.context) {
    put("working on ", approval.first.context->reason);
    put("tool ", approval.first.context->tool);
  }
  return text;
}

std::string answers(const QuestionStyle& style) {
  std::string text = "[o]nce / this [r]un / ";
  if (!style.policy.empty()) text += "[a]lways, in " + shown(style.policy, longest_word) + " / ";
  text += "[n]o";
  if (style.more != 0) text += "  (" + std::to_string(style.more) + (style.more == 1 ? " more waits)" : " more wait)");
  return text + ": ";
}

}  // namespace

std::string destination_text(const Approval& approval, bool colour) {
  const Host& host = approval.question.to.host;
  std::string name = cut_in_the_middle(host.text());
  const bool marked = colour && !approval.domain.empty() && name.ends_with(approval.domain);
  if (marked) name.insert(name.size() - approval.domain.size(), bold);
  if (marked) name += plain;
  if (host.address() && name.find(':') != std::string::npos) name = '[' + name + ']';
  std::string text = name + ':' + std::to_string(approval.question.to.port);
  if (!approval.question.method.empty()) text = shown(approval.question.method, 32) + ' ' + text;
  if (!approval.question.path.empty()) text += ' ' + shown(approval.question.path, longest_word);
  return text;
}

std::string question_text(const Approval& approval, const QuestionStyle& style) {
  const auto line = [](std::string text) { return text.insert(0, indent).append(line_end); };
  std::string head = "sallyport: ";
  if (style.colour) head = std::string(bold) + "\033[7msallyport:" + std::string(plain) + ' ';
  std::string text = head + "may " + shown(approval.question.agent, 64) + " reach " +
                     destination_text(approval, style.colour) + " ?" + std::string(line_end);
  if (approval.first.process) text += line(program(*approval.first.process));
  text += line(waiting(approval));
  if (const std::string words = agents_words(approval); !words.empty()) text += line(words);
  return text + std::string(indent) + answers(style);
}

}  // namespace sallyport
