#include "policy/target_loader.hpp"

#include "policy/presets.hpp"
#include "policy/public_suffix.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::size_t max_group_depth = 32;
constexpr std::string_view preset_prefix = "@preset/";

std::vector<std::string_view> keys_of(const YamlNode& map) {
  std::vector<std::string_view> keys;
  for (const auto& entry : map.entries) keys.push_back(entry.first.scalar);
  return keys;
}

}  // namespace

TargetLoader::TargetLoader(LoadContext& context, const YamlNode* groups) : context_(context), groups_(groups) {
  if (groups_ == nullptr) return;
  if (groups_->kind != YamlNode::Kind::map) {
    context_.error(*groups_, "groups is written as \"name: [patterns]\" pairs");
    groups_ = nullptr;
    return;
  }
  for (const auto& [name, group] : groups_->entries) {
    if (name.scalar.rfind("preset/", 0) == 0) {
      context_.error(name, "names that begin with \"preset/\" are for the presets: choose another");
    }
    // Wildcards over public suffixes are judged where the group is used.
    Expansion all{NameListUse::deny, {}, {}, {}, {}};
    expand_group(name, name.scalar, all);
  }
}

Targets TargetLoader::load(const YamlNode& node, NameListUse use) {
  Expansion out{use, {}, {}, {}, {}};
  expand(node, out);
  return {std::move(out.patterns), std::move(out.lists)};
}

void TargetLoader::expand(const YamlNode& node, Expansion& out) {
  for (const YamlNode* item : LoadContext::items(node)) expand_item(*item, out);
}

void TargetLoader::expand_item(const YamlNode& item, Expansion& out) {
  if (item.kind == YamlNode::Kind::map) return expand_map(item, out);
  const auto text = context_.text(item, "a pattern such as example.org, \"*.example.org\" or \"@group\"");
  if (!text) return;
  if (text->rfind(preset_prefix, 0) == 0) return expand_preset(item, text->substr(preset_prefix.size()), out);
  if (text->front() == '@') return expand_group(item, text->substr(1), out);
  add_pattern(item, *text, false, out);
}

void TargetLoader::expand_map(const YamlNode& item, Expansion& out) {
  context_.check_keys(item, "a pattern", {"pattern", "list", "public_suffix"});
  const YamlNode* pattern = item.find("pattern");
  const YamlNode* list = item.find("list");
  const YamlNode* flag = item.find("public_suffix");
  const bool public_suffix = flag != nullptr && context_.boolean(*flag).value_or(false);
  if ((pattern == nullptr) == (list == nullptr)) {
    return context_.error(item, "write either { pattern: \"*.example.org\" } or { list: FILE }");
  }
  if (pattern != nullptr) {
    const auto text = context_.text(*pattern, "a pattern such as \"*.example.org\"");
    if (text && text->front() == '@')
      return context_.error(*pattern, "a group stands by itself: write \"" + *text + "\"");
    if (text) add_pattern(*pattern, *text, public_suffix, out);
    return;
  }
  const auto path = context_.text(*list, "the path of a file with one pattern a line");
  if (!path) return;
  const bool wider = public_suffix && out.use == NameListUse::allow;
  auto set = context_.list(*list, *path, wider ? NameListUse::allow_public_suffix : out.use);
  if (set) out.lists.push_back(std::move(set));
}

void TargetLoader::expand_group(const YamlNode& at, const std::string& name, Expansion& out) {
  const YamlNode* group = groups_ == nullptr ? nullptr : groups_->find(name);
  if (group == nullptr) {
    std::vector<std::string_view> known = groups_ == nullptr ? std::vector<std::string_view>{} : keys_of(*groups_);
    const bool is_preset = !preset(name).empty();
    const std::string hint =
        is_preset ? "; the preset is written \"@preset/" + name + "\"" : LoadContext::did_you_mean(name, known);
    return context_.error(at, "there is no group \"" + name + "\"" + (hint.empty() ? ": write it under groups" : hint));
  }
  if (std::find(out.inside.begin(), out.inside.end(), name) != out.inside.end()) {
    return context_.error(at, "the group \"" + name + "\" holds itself: leave it out here");
  }
  if (!out.done.insert(name).second) return;
  if (out.inside.size() >= max_group_depth) return context_.error(at, "groups are nested more than 32 deep");
  out.inside.push_back(name);
  expand(*group, out);
  out.inside.pop_back();
}

void TargetLoader::expand_preset(const YamlNode& at, const std::string& name, Expansion& out) {
  const auto patterns = preset(name);
  if (patterns.empty()) {
    const auto known = preset_names();
    std::string hint = LoadContext::did_you_mean(name, known);
    if (hint.empty()) {
      hint = "; there are";
      for (const std::string_view other : known) hint.append(" ").append(other);
    }
    return context_.error(at, "there is no preset \"" + name + "\"" + hint);
  }
  for (const std::string_view pattern : patterns) add_pattern(at, std::string(pattern), true, out);
}

void TargetLoader::add_pattern(const YamlNode& at, const std::string& text, bool public_suffix, Expansion& out) {
  const auto pattern = parse_pattern(text);
  if (!pattern) return context_.error(at, pattern.error().text);
  if (out.use != NameListUse::deny) {
    const auto complaint = check_wildcard(*pattern, public_suffix ? PrivateSuffix::accepted : PrivateSuffix::refused);
    if (complaint) return context_.error(at, complaint->text);
  }
  out.patterns.push_back(*pattern);
}

}  // namespace sallyport
