#include "policy/load_context.hpp"

#include "policy/read_file.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace sallyport {

void LoadContext::add_error(Complaint complaint) {
  // A group that is used twice is read twice; its fault is said once.
  if (said_.insert(complaint.text).second) errors_.push_back(std::move(complaint));
}

std::string LoadContext::did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  const std::string near = nearest(word, known);
  return near.empty() ? std::string() : ", did you mean \"" + near + "\"?";
}

bool LoadContext::check_keys(const YamlNode& map, const std::string& what, const std::vector<std::string_view>& known) {
  if (map.kind != YamlNode::Kind::map) {
    error(map, what + " is written as \"key: value\" pairs");
    return false;
  }
  for (const auto& entry : map.entries) {
    const YamlNode& key = entry.first;
    if (std::find(known.begin(), known.end(), key.scalar) != known.end()) continue;
    std::string hint = did_you_mean(key.scalar, known);
    if (hint.empty()) {
      hint = "; its keys are";
      for (const std::string_view name : known) hint.append(" ").append(name);
    }
    std::string text = what;
    text.append(" has no key \"").append(key.scalar).append("\"").append(hint);
    error(key, text);
  }
  return true;
}

std::optional<std::string> LoadContext::text(const YamlNode& node, const std::string& expected) {
  if (node.kind == YamlNode::Kind::scalar && !node.scalar.empty()) return node.scalar;
  error(node, "expected " + expected);
  return std::nullopt;
}

std::optional<bool> LoadContext::boolean(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::scalar && !node.quoted) {
    if (node.scalar == "true") return true;
    if (node.scalar == "false") return false;
  }
  error(node, "expected true or false");
  return std::nullopt;
}

std::optional<std::uint64_t> LoadContext::number(const YamlNode& node, std::uint64_t min, std::uint64_t max) {
  std::uint64_t value = 0;
  const char* end = node.scalar.data() + node.scalar.size();
  const auto [rest, fault] = std::from_chars(node.scalar.data(), end, value);
  const bool is_number = node.kind == YamlNode::Kind::scalar && fault == std::errc{} && rest == end;
  if (is_number && value >= min && value <= max) return value;
  error(node, "expected a number from " + std::to_string(min) + " to " + std::to_string(max));
  return std::nullopt;
}

std::vector<const YamlNode*> LoadContext::items(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::list) return {&node};
  std::vector<const YamlNode*> result;
  for (const YamlNode& item : node.items) result.push_back(&item);
  return result;
}

std::string LoadContext::full_path(const std::string& path) const {
  return std::filesystem::path(directory_).append(path).lexically_normal().string();
}

std::string LoadContext::where(const YamlNode& at) const {
  return std::filesystem::path(file_).filename().string() + ":" + std::to_string(at.line);
}

void LoadContext::watch(const std::string& path) {
  if (std::find(files.begin(), files.end(), path) == files.end()) files.push_back(path);
}

std::optional<std::string> LoadContext::other_rule_with_id(const std::string& id, const std::string& here) {
  const auto [place, is_new] = ids_.emplace(id, here);
  return is_new ? std::nullopt : std::optional(place->second);
}

const SecretSource* LoadContext::use_secret(const std::string& name) {
  const auto found =
      std::find_if(secrets.begin(), secrets.end(), [&name](const SecretSource& secret) { return secret.name == name; });
  if (found == secrets.end()) return nullptr;
  used_secrets_.insert(name);
  return &*found;
}

std::shared_ptr<const NameSet> LoadContext::list(const YamlNode& at, const std::string& path, NameListUse use) {
  const std::string full = full_path(path);
  const auto known = lists_.find({full, use});
  if (known != lists_.end()) return known->second;
  auto& result = lists_[{full, use}];
  auto bytes = bytes_.find(full);
  if (bytes == bytes_.end()) {
    watch(full);
    auto read = read_file(full);
    if (!read) {
      error(at, read.error().text);
      return nullptr;
    }
    hash.update(*read);
    bytes = bytes_.emplace(full, std::move(*read)).first;
  }
  auto set = read_name_list(bytes->second, full, use);
  if (!set) {
    add_error(set.error());
    return nullptr;
  }
  result = std::make_shared<const NameSet>(std::move(*set));
  return result;
}

}  // namespace sallyport
