#include "policy/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_set>

namespace sallyport {
namespace {

constexpr std::size_t max_depth = 64;
constexpr std::size_t max_text = 64U << 20U;

std::string place(const std::string& file, int line, int column) {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": ";
}

// Thrown out of the event handler only, and caught in parse_yaml(): yaml-cpp knows no other way to stop it.
struct Refused {
  int line, column;
  std::string text;
};

// Builds the tree from events, so that depth and aliases are refused before anything is built for them.
class TreeBuilder final : public YAML::EventHandler {
 public:
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add(made(mark, YamlNode::Kind::null));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases are not used here: write the value out, or make a group");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    if (tag != "?" && tag != "!" && !tag.empty()) refuse(mark, "tags such as \"" + tag + "\" are not used here");
    YamlNode node = made(mark, YamlNode::Kind::scalar);
    node.scalar = value;
    node.quoted = tag == "!";
    const bool says_null = value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL";
    if (!node.quoted && says_null) {
      node.kind = YamlNode::Kind::null;
      node.scalar.clear();
    }
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::map);
  }
  void OnMapEnd() override { close(); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { refuse_anchor(mark, 1); }

 private:
  struct Level {
    YamlNode node;
    YamlNode key;  // of a map, waiting for its value
    bool has_key = false;
    std::unordered_set<std::string> keys;
  };

  [[noreturn]] static void refuse(const YAML::Mark& mark, std::string text) {
    throw Refused{mark.line + 1, mark.column + 1, std::move(text)};
  }
  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) refuse(mark, "anchors are not used here: write the value out, or make a group");
  }
  static YamlNode made(const YAML::Mark& mark, YamlNode::Kind kind) {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    refuse_anchor(mark, anchor);
    if (tag != "?" && tag != "!" && !tag.empty()) refuse(mark, "tags such as \"" + tag + "\" are not used here");
    if (levels_.size() >= max_depth) refuse(mark, "more than 64 levels deep: write it flatter");
    levels_.push_back(Level{made(mark, kind), {}, false, {}});
  }
  void close() {
    YamlNode done = std::move(levels_.back().node);
    levels_.pop_back();
    add(std::move(done));
  }
  void add(YamlNode node) {
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.kind == YamlNode::Kind::list) {
      level.node.items.push_back(std::move(node));
    } else if (!level.has_key) {
      add_key(level, std::move(node));
    } else {
      level.node.entries.emplace_back(std::move(level.key), std::move(node));
      level.has_key = false;
    }
  }
  static void add_key(Level& level, YamlNode key) {
    if (key.kind != YamlNode::Kind::scalar) {
      throw Refused{key.line, key.column, "a key must be a word: write \"key: value\""};
    }
    if (!level.keys.insert(key.scalar).second) {
      throw Refused{key.line, key.column, "the key \"" + key.scalar + "\" stands here twice: keep one of them"};
    }
    level.key = std::move(key);
    level.has_key = true;
  }

  YamlNode root_;
  std::vector<Level> levels_;
};

// The line that is indented with a tab, among the one where the syntax broke and the one before; 0: neither.
int line_with_tab(std::string_view text, int broken) {
  int line = 1;
  int found = 0;
  while (!text.empty() && line <= broken) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::size_t ink = std::min(text.substr(0, end).find_first_not_of(" \t\r"), end);
    const bool tab = ink != end && text.substr(0, ink).find('\t') != std::string_view::npos;
    if (tab && line + 1 >= broken && found == 0) found = line;
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line;
  }
  return found;
}

Outcome<YamlNode> parse_documents(std::string_view text, const std::string& file) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  TreeBuilder first;
  if (!parser.HandleNextDocument(first)) {
    YamlNode nothing;
    nothing.line = nothing.column = 1;
    return nothing;
  }
  TreeBuilder second;
  if (parser.HandleNextDocument(second)) {
    const YamlNode other = second.take();
    return Complaint{place(file, std::max(other.line, 1), std::max(other.column, 1)) +
                     "a second document begins here: one file holds one document, remove the \"---\""};
  }
  YamlNode root = first.take();
  if (root.line == 0) root.line = root.column = 1;
  return root;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.scalar == key) return &value;
  }
  return nullptr;
}

Outcome<YamlNode> parse_yaml(std::string_view text, const std::string& file) {
  if (text.size() > max_text) {
    return Complaint{place(file, 1, 1) + "larger than 64 MiB: put long lists into files of their own, { list: FILE }"};
  }
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(nul), '\n') + 1;
    return Complaint{place(file, static_cast<int>(line), 1) + "a NUL byte: the file must be UTF-8 text"};
  }
  try {
    return parse_documents(text, file);
  } catch (const Refused& refused) {
    return Complaint{place(file, refused.line, refused.column) + refused.text};
  } catch (const YAML::Exception& error) {  // yaml-cpp reports bad syntax this way only
    if (const int tab = line_with_tab(text, error.mark.line + 1)) {
      return Complaint{place(file, tab, 1) + "indented with a tab: indent with spaces, not tabs"};
    }
    return Complaint{place(file, error.mark.line + 1, error.mark.column + 1) + "not YAML: " + error.msg};
  }
}

Complaint complain(const std::string& file, const YamlNode& at, const std::string& text) {
  return Complaint{place(file, at.line, at.column) + text};
}

}  // namespace sallyport
