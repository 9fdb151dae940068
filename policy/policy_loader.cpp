// Policy::load and Policy::parse: the file as a whole.
#include "policy/agent_loader.hpp"
#include "policy/load_context.hpp"
#include "policy/policy_impl.hpp"
#include "policy/read_file.hpp"
#include "policy/rule_loader.hpp"
#include "policy/secret_loader.hpp"
#include "policy/target_loader.hpp"

#include <filesystem>

namespace sallyport {
namespace {

using Loaded = Outcome<std::shared_ptr<const Policy>, std::vector<Complaint>>;

enum class Role { policy, boundary };

Loaded parse_as(Role role, std::string_view text, const std::string& name, const std::string& directory,
                const FileIdentifier& identify);

Loaded load_as(Role role, const std::string& path, const FileIdentifier& identify) {
  const auto bytes = read_file(path);
  if (!bytes) return std::vector<Complaint>{bytes.error()};
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return parse_as(role, *bytes, path, directory.empty() ? "." : directory, identify);
}

void check_version(const YamlNode& root, LoadContext& context) {
  const YamlNode* version = root.find("version");
  if (version == nullptr) return context.error(root, "the version is missing: write \"version: 1\" at the top");
  if (version->scalar != "1") context.error(*version, "expected 1: this program reads version 1 only");
}

void refuse_injections(const std::vector<Rule>& rules, LoadContext& context) {
  for (const Rule& rule : rules) {
    YamlNode at;
    at.line = rule.line;
    at.column = rule.column;
    if (!rule.inject.empty()) context.error(at, "a boundary injects nothing: leave inject out");
  }
}

void load_boundary(const YamlNode& node, Role role, LoadContext& context, const FileIdentifier& identify,
                   Policy::Impl& policy) {
  if (role == Role::boundary) return context.error(node, "a boundary has no boundary of its own: leave it out");
  const auto path = context.text(node, "the path of a policy file");
  if (!path) return;
  const std::string full = context.full_path(*path);
  context.watch(full);
  auto boundary = load_as(Role::boundary, full, identify);
  if (!boundary) {
    context.error(node, "the boundary cannot be loaded");
    for (Complaint& complaint : boundary.error()) context.add_error(std::move(complaint));
    return;
  }
  policy.boundary = *boundary;
  context.hash.update(policy.boundary->uid());
  for (const std::string& file : policy.boundary->files()) context.watch(file);
  for (const Complaint& warning : policy.boundary->warnings()) context.warnings.push_back(warning);
  for (const Complaint& note : policy.boundary->notes()) context.notes.push_back(note);
}

std::optional<PolicyTest> load_test(const YamlNode& node, LoadContext& context, const Policy::Impl& policy) {
  if (!context.check_keys(node, "a test", {"agent", "to", "method", "exe", "expect"})) return std::nullopt;
  PolicyTest test;
  test.where = context.where(node);
  if (const YamlNode* agent = node.find("agent")) {
    test.agent = context.text(*agent, "an agent's name").value_or("default");
    if (test.agent != "default" && policy.agent(test.agent) == nullptr) {
      std::vector<std::string_view> names;
      for (const auto& entry : policy.agents) names.push_back(entry.first);
      context.error(*agent, "there is no agent \"" + test.agent + "\"" + LoadContext::did_you_mean(test.agent, names));
    }
  }
  if (const YamlNode* method = node.find("method")) {
    test.method = context.text(*method, "a method such as GET").value_or("GET");
  }
  if (const YamlNode* exe = node.find("exe")) {
    test.exe = context.text(*exe, "the path of a program").value_or("");
    test.program = context.identify(test.exe);
    if (!test.program && !test.exe.empty()) context.error(*exe, "there is no file " + test.exe + " here");
  }
  const YamlNode* to = node.find("to");
  const YamlNode* expect = node.find("expect");
  if (to == nullptr) context.error(node, "a test says where to: write to: \"https://example.org/\"");
  if (expect == nullptr) context.error(node, "a test says what it expects: write expect: allow, ask or deny");
  if (to == nullptr || expect == nullptr) return std::nullopt;
  const auto url = context.text(*to, "an address such as \"https://example.org/\"");
  const auto action = load_action(*expect, context);
  if (!url || !action) return std::nullopt;
  const auto target = parse_target(*url);
  if (!target) {
    context.error(*to, target.error().text);
    return std::nullopt;
  }
  test.to = *url;
  test.target = *target;
  test.expect = *action;
  return test;
}

void load_tests(const YamlNode& node, LoadContext& context, Policy::Impl& policy) {
  if (node.kind == YamlNode::Kind::null) return;
  if (node.kind != YamlNode::Kind::list) {
    return context.error(node, "tests is a list: begin each with \"- { to: \"https://example.org/\", expect: deny }\"");
  }
  for (const YamlNode& item : node.items) {
    if (auto test = load_test(item, context, policy)) policy.tests.push_back(std::move(*test));
  }
}

void load_root(const YamlNode& root, Role role, LoadContext& context, const FileIdentifier& identify,
               Policy::Impl& policy) {
  if (root.kind == YamlNode::Kind::null) {
    return context.error(root, "the policy is empty: write \"version: 1\" and rules");
  }
  if (!context.check_keys(root, "a policy",
                          {"version", "default", "groups", "rules", "agents", "secrets", "tests", "boundary"})) {
    return;
  }
  check_version(root, context);
  const YamlNode* secrets = root.find("secrets");
  if (secrets != nullptr && role == Role::boundary) context.error(*secrets, "a boundary injects nothing: leave it out");
  if (secrets != nullptr) load_secrets(*secrets, context);
  if (const YamlNode* node = root.find("default")) {
    policy.default_action = load_action(*node, context).value_or(Action::deny);
  }
  const YamlNode* groups = root.find("groups");
  TargetLoader targets(context, groups != nullptr && groups->kind == YamlNode::Kind::null ? nullptr : groups);
  if (const YamlNode* node = root.find("rules")) policy.rules = load_rules(*node, context, targets);
  if (const YamlNode* node = root.find("agents")) policy.agents = load_agents(*node, context, targets);
  if (const YamlNode* node = root.find("boundary")) load_boundary(*node, role, context, identify, policy);
  if (const YamlNode* node = root.find("tests")) load_tests(*node, context, policy);
  if (secrets != nullptr) warn_of_unused_secrets(*secrets, context);
  if (role == Role::policy) return;
  refuse_injections(policy.rules, context);
  for (const auto& entry : policy.agents) refuse_injections(entry.second.rules, context);
}

Loaded parse_as(Role role, std::string_view text, const std::string& name, const std::string& directory,
                const FileIdentifier& identify) {
  const auto root = parse_yaml(text, name);
  if (!root) return std::vector<Complaint>{root.error()};
  LoadContext context(name, directory, identify);
  context.hash.update(text);
  context.watch(name);
  auto policy = std::make_unique<Policy::Impl>();
  load_root(*root, role, context, identify, *policy);
  if (context.failed()) return context.take_errors();
  policy->uid = hex(context.hash.finish());
  policy->text = text;
  policy->files = std::move(context.files);
  policy->warnings = std::move(context.warnings);
  policy->notes = std::move(context.notes);
  policy->secrets = std::move(context.secrets);
  policy->index_rules();
  // The only clock in loading: it tells which rules have already expired, and decides nothing.
  for (Complaint& warning : lint_rules(*policy, name, WallClock::now())) policy->warnings.push_back(std::move(warning));
  return std::shared_ptr<const Policy>(std::make_shared<Policy>(std::move(policy)));
}

}  // namespace

Outcome<std::shared_ptr<const Policy>, std::vector<Complaint>> Policy::load(const std::string& path,
                                                                            const FileIdentifier& identify) {
  return load_as(Role::policy, path, identify);
}

Outcome<std::shared_ptr<const Policy>, std::vector<Complaint>> Policy::parse(std::string_view text,
                                                                             const std::string& name,
                                                                             const std::string& directory,
                                                                             const FileIdentifier& identify) {
  return parse_as(Role::policy, text, name, directory, identify);
}

std::shared_ptr<const Policy> Policy::embedded() {
  constexpr std::string_view text = "version: 1\ndefault: ask\n";
  auto policy = std::make_unique<Impl>();
  policy->uid = hex(sha256(text));
  return std::make_shared<Policy>(std::move(policy));
}

}  // namespace sallyport
