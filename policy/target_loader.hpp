// Patterns, groups, presets and lists of policy.yaml, expanded into Targets.
#pragma once
#include "policy/load_context.hpp"
#include "policy/targets.hpp"

#include <set>

namespace sallyport {

class TargetLoader {
 public:
  // `groups` may be null. Complains of groups that are wrong, used or not.
  TargetLoader(LoadContext& context, const YamlNode* groups);

  // One item or a list of them: "host", "@group", "@preset/x", { pattern: … }, { list: FILE }.
  Targets load(const YamlNode& node, NameListUse use);

 private:
  struct Expansion {
    NameListUse use;
    std::vector<Pattern> patterns;
    std::vector<std::shared_ptr<const NameSet>> lists;
    std::set<std::string> done;       // groups, each once
    std::vector<std::string> inside;  // the groups we are in
  };
  void expand(const YamlNode& node, Expansion& out);
  void expand_item(const YamlNode& item, Expansion& out);
  void expand_map(const YamlNode& item, Expansion& out);
  void expand_group(const YamlNode& at, const std::string& name, Expansion& out);
  void expand_preset(const YamlNode& at, const std::string& name, Expansion& out);
  void add_pattern(const YamlNode& at, const std::string& text, bool public_suffix, Expansion& out);

  LoadContext& context_;
  const YamlNode* groups_;
};

}  // namespace sallyport
