#include "proxy/run_secrets.hpp"

#include "policy/yaml.hpp"
#include "proxy/secrets.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

void hide_file(SandboxPlan& plan, const fs::path& path) {
  std::error_code error;
  if (fs::exists(path, error)) plan.hidden.push_back(fs::canonical(path).string());
}

void take_variable(SandboxPlan& plan, const std::string& name) {
  std::erase_if(plan.environment, [&](const std::string& entry) { return entry.starts_with(name + "="); });
}

// In these settings a file or a variable by these keys is a secret, wherever they stand: a section that is new is kept
// without a word here.
void keep_below(SandboxPlan& plan, const YamlNode& node, const fs::path& folder) {
  for (const auto& item : node.items) keep_below(plan, item, folder);
  for (const auto& [key, value] : node.entries) {
    if (value.kind == YamlNode::Kind::scalar && (key.scalar == "file" || key.scalar == "key"))
      hide_file(plan, folder / value.scalar);
    if (value.kind == YamlNode::Kind::scalar && key.scalar == "env") take_variable(plan, value.scalar);
    keep_below(plan, value, folder);
  }
}

}  // namespace

std::vector<std::string> programs_run_outside(const Policy& policy, const Config& config) {
  std::vector<std::string> found;
  const auto add = [&found](const std::vector<std::string>& words) {
    std::error_code error;
    for (const auto& word : words) {
      if (word.find('/') != std::string::npos && fs::is_regular_file(word, error)) found.push_back(word);
    }
  };
  for (const auto& secret : policy.secrets()) add(secret.command);
  for (const auto& command : config.approvals.notify.commands) add(command.arguments);
  return found;
}

void keep_secrets_of_policy(SandboxPlan& plan, const Policy& policy) {
  for (const auto& [variable, placeholder] : placeholder_variables(policy.secrets())) {
    for (auto& entry : plan.environment) {
      if (entry.starts_with(variable + "=")) entry.replace(variable.size() + 1, std::string::npos, placeholder);
    }
  }
  for (const auto& secret : policy.secrets()) {
    if (secret.kind == SecretSource::Kind::file) hide_file(plan, secret.place);
  }
}

void keep_secrets_of_settings(SandboxPlan& plan, const std::string& settings) {
  std::error_code error;
  const fs::path path = fs::absolute(settings, error);
  std::ifstream file(path);
  if (settings.empty() || error || !file) return;
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (const auto root = parse_yaml(text, settings)) keep_below(plan, *root, path.parent_path());
}

}  // namespace sallyport
