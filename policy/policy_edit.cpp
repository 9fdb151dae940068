#include "policy/policy_edit.hpp"

#include "policy/yaml.hpp"
#include "policy/yaml_lines.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::size_t longest_comment = 300;

// One line of plain characters, whatever it was made of.
std::string comment_line(std::string_view comment) {
  std::string text = "# ";
  for (const char c : comment.substr(0, longest_comment)) text += c >= 0x20 && c < 0x7f ? c : '?';
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

bool is_plain(const std::string& text) {
  const bool letter = !text.empty() && text[0] >= 'a' && text[0] <= 'z' && text.find('.') != std::string::npos;
  return letter && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string::npos;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs pairs_of(const NewRule& rule) {
  const std::string host = rule.to.host.text();
  Pairs pairs{{"allow", is_plain(host) ? host : quoted(host)}};
  if (rule.to.port != 80 && rule.to.port != 443) pairs.emplace_back("ports", "[" + std::to_string(rule.to.port) + "]");
  if (rule.ssh) pairs.emplace_back("protocol", "ssh");
  if (!rule.method.empty()) pairs.emplace_back("methods", "[" + quoted(rule.method) + "]");
  if (!rule.path.empty()) pairs.emplace_back("paths", "[" + quoted(rule.path) + "]");
  return pairs;
}

std::string in_braces(const Pairs& pairs) {
  std::string text = "{ ";
  for (const auto& [key, value] : pairs) {
    text.append(text.size() > 2 ? ", " : "").append(key).append(": ").append(value);
  }
  return text + " }";
}

bool same(const YamlNode& one, const YamlNode& other) {
  const auto same_entry = [](const YamlEntry& a, const YamlEntry& b) {
    return same(a.first, b.first) && same(a.second, b.second);
  };
  return one.kind == other.kind && one.scalar == other.scalar && one.quoted == other.quoted &&
         std::equal(one.items.begin(), one.items.end(), other.items.begin(), other.items.end(), same) &&
         std::equal(one.entries.begin(), one.entries.end(), other.entries.begin(), other.entries.end(), same_entry);
}

YamlEntry* entry_of(YamlNode& map, std::string_view key) {
  const auto found = std::find_if(map.entries.begin(), map.entries.end(),
                                  [key](const YamlEntry& entry) { return entry.first.scalar == key; });
  return found == map.entries.end() ? nullptr : &*found;
}

// Where the rules are, or belong: the file as a whole, or an agent's section; and the line at which that has ended.
struct Section {
  YamlNode* map;
  std::size_t end;
};

class Editor {
 public:
  Editor(std::string_view text, const NewRule& rule, std::string_view comment)
      : lines_(text), pairs_(pairs_of(rule)), agent_(rule.agent), comment_(comment_line(comment)) {}

  Outcome<std::string> edit() {
    auto root = parse_yaml(lines_.text(), "the policy");
    if (!root) return root.error();
    auto item = parse_yaml(in_braces(pairs_), "the rule");
    if (!item) return item.error();
    Outcome<std::string> edited = root->kind == YamlNode::Kind::null ? begin_file() : put_into(*root);
    if (!edited) return edited;
    if (root->kind == YamlNode::Kind::null) *root = *parse_yaml("version: 1\nrules: []\n", "");
    expect(*section_of(*root).map, std::move(*item));
    const auto now = parse_yaml(*edited, "the policy");
    if (!now || !same(*now, *root)) return Complaint{"it is written so that a rule can't be put in by a program"};
    return edited;
  }

 private:
  // What the file should say afterwards.
  static void expect(YamlNode& map, YamlNode item) {
    YamlEntry* rules = entry_of(map, "rules");
    if (rules == nullptr) {
      YamlNode key;
      key.kind = YamlNode::Kind::scalar;
      key.scalar = "rules";
      rules = &map.entries.emplace_back(std::move(key), YamlNode());
    }
    rules->second.kind = YamlNode::Kind::list;
    rules->second.items.push_back(std::move(item));
  }

  static std::size_t line_of(const YamlNode& node) { return static_cast<std::size_t>(std::max(node.line, 1)) - 1; }

  Section section_of(YamlNode& root) const {
    YamlEntry* agents = entry_of(root, "agents");
    YamlEntry* own = agents ? entry_of(agents->second, agent_) : nullptr;
    const std::size_t end = lines_.document_end(line_of(root));
    if (own == nullptr) return {&root, end};
    return {&own->second, next_line(agents->second, own, next_line(root, agents, end))};
  }

  // Of the key behind this one; `otherwise` for the last.
  static std::size_t next_line(const YamlNode& map, const YamlEntry* entry, std::size_t otherwise) {
    return entry == &map.entries.back() ? otherwise : line_of((entry + 1)->first);
  }

  Outcome<std::string> begin_file() const {
    std::string text(lines_.text());
    const std::string end(lines_.line_end());
    if (!text.empty() && text.back() != '\n') text += end;
    return text + "version: 1" + end + "rules:" + end + item(2, 1);
  }

  Outcome<std::string> put_into(YamlNode& root) const {
    const Section section = section_of(root);
    if (section.map->kind != YamlNode::Kind::map || section.map->entries.empty())
      return Complaint{"its section for the agent is empty"};
    const std::size_t first = line_of(section.map->entries.front().first);
    const std::size_t indent = lines_.indent(first);
    const bool block = lines_.ink(first).find('{') != 0 && line_of(*section.map) == first;
    if (!block) return Complaint{"it is written in braces"};
    YamlEntry* rules = entry_of(*section.map, "rules");
    if (rules == nullptr) {
      const std::string end(lines_.line_end());
      const std::size_t last = lines_.last_of_block(first, section.end, indent + 1);
      const std::string head = (indent == 0 ? end : "") + std::string(indent, ' ') + "rules:" + end;
      return lines_.with_lines_after(last, head + item(indent + 2, 1));
    }
    return put_among(*rules, next_line(*section.map, rules, section.end));
  }

  Outcome<std::string> put_among(const YamlEntry& rules, std::size_t end) const {
    const std::size_t key = line_of(rules.first);
    const std::size_t indent = lines_.indent(key);
    if (rules.second.kind == YamlNode::Kind::null) {
      if (!lines_.value_on(key).empty()) return Complaint{"its rules are written as a word"};
      return lines_.with_lines_after(lines_.skip_comments(key, end, indent + 1), item(indent + 2, 1));
    }
    if (rules.second.kind != YamlNode::Kind::list) return Complaint{"its rules are no list"};
    const std::size_t first = lines_.value_on(key).empty() ? lines_.next_ink(key + 1, end) : key;
    const std::string_view value = first == key ? lines_.value_on(key) : lines_.ink(first);
    if (value.starts_with('[')) return put_in_brackets(lines_.offset_of(value), indent);
    if (!value.starts_with('-') || first == key) return Complaint{"its rules are written in a way that is not known"};
    const std::size_t dash = lines_.indent(first);
    const std::size_t gap = std::min(value.find_first_not_of(' ', 1), value.size()) - 1;
    const std::size_t last = lines_.last_of_block(first, end, std::max<std::size_t>(dash, 1));
    return lines_.with_lines_after(last, item(dash, gap == 0 || gap > 8 ? 1 : gap));
  }

  // "- allow: …" with `gap` spaces behind the dash, and the comment before it.
  std::string item(std::size_t indent, std::size_t gap) const {
    const std::string end(lines_.line_end());
    std::string before = std::string(indent, ' ') + '-' + std::string(gap, ' ');
    std::string text = std::string(indent, ' ') + comment_ + end;
    for (const auto& [key, value] : pairs_) {
      text.append(before).append(key).append(": ").append(value).append(end);
      before = std::string(indent + 1 + gap, ' ');
    }
    return text;
  }

  Outcome<std::string> put_in_brackets(std::size_t open, std::size_t indent) const {
    const auto list = find_brackets(lines_.text(), open);
    if (!list) return Complaint{"its brackets are not understood"};
    const std::string end(lines_.line_end());
    std::string text(lines_.text());
    const bool on_one_line = text.substr(open, list->close - open).find('\n') == std::string::npos;
    if (list->last == open + 1 && on_one_line) {
      const std::size_t line = lines_.line_at(open);
      text.erase(open, list->close + 1 - open);
      while (open > 0 && text[open - 1] == ' ') text.erase(--open, 1);
      return YamlLines(text).with_lines_after(line, item(indent + 2, 1));
    }
    const std::string more = std::string(indent + 2, ' ') + comment_ + end + std::string(indent + 2, ' ');
    const bool comma = list->last != open + 1 && text[list->last - 1] != ',';
    // A comment behind the last item runs to the end of its line.
    const std::size_t line_start = text.rfind('\n', list->close) + 1;
    const bool below = line_start > list->last;
    text.insert(below ? line_start : list->last, (below ? "" : end) + more + in_braces(pairs_) + (below ? end : ""));
    if (comma) text.insert(list->last, ",");
    return text;
  }

  YamlLines lines_;
  Pairs pairs_;
  std::string agent_, comment_;
};

}  // namespace

Outcome<std::string> add_rule(std::string_view text, const NewRule& rule, std::string_view comment) {
  return Editor(text, rule, comment).edit();
}

}  // namespace sallyport
