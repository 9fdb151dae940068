#include "policy/secret_loader.hpp"

#include "policy/agent_name.hpp"

#include <algorithm>

namespace sallyport {
namespace {

using Kind = SecretSource::Kind;

constexpr std::string_view forms = "write { env: VARIABLE }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }";

void load_command(const YamlNode& node, LoadContext& context, SecretSource& secret) {
  if (node.kind != YamlNode::Kind::list || node.items.empty()) {
    return context.error(node, "a command is a list, run without a shell: write command: [pass, show, github]");
  }
  for (const YamlNode& item : node.items) {
    if (item.kind == YamlNode::Kind::scalar && item.scalar.find('\0') == std::string::npos) {
      secret.command.push_back(item.scalar);
    } else {
      context.error(item, "expected a word of the command");
    }
  }
  if (!secret.command.empty() && secret.command.front().empty()) context.error(node, "the command's program is empty");
}

void load_every(const YamlNode& node, LoadContext& context, SecretSource& secret) {
  if (secret.kind != Kind::command) {
    return context.error(node, "every is for a command; a file is read again when it changes: leave it out");
  }
  const auto period = parse_duration(node.kind == YamlNode::Kind::scalar ? node.scalar : "");
  if (!period) return context.error(node, period.error().text);
  if (*period < std::chrono::seconds(10)) return context.error(node, "expected 10s or longer");
  secret.every = *period;
}

void load_secret(const YamlNode& key, const YamlNode& node, LoadContext& context) {
  SecretSource secret;
  secret.name = key.scalar;
  secret.where = context.where(key);
  if (!is_secret_name(secret.name)) {
    return context.error(key, "a secret's name has 1 to 64 letters, digits, \"-\", \"_\" and \".\"");
  }
  if (node.kind != YamlNode::Kind::map) {
    return context.error(node, std::string(forms) + "; never the secret itself");
  }
  if (!context.check_keys(node, "a secret", {"env", "file", "command", "every"})) return;
  const YamlNode* variable = node.find("env");
  const YamlNode* file = node.find("file");
  const YamlNode* command = node.find("command");
  if ((variable != nullptr) + (file != nullptr) + (command != nullptr) != 1) {
    return context.error(node, "a secret comes from one place: " + std::string(forms));
  }
  if (variable != nullptr) {
    secret.place = context.text(*variable, "the name of an environment variable").value_or("");
    if (secret.place.find('=') != std::string::npos) context.error(*variable, "a variable's name has no \"=\"");
  }
  if (file != nullptr) {
    secret.kind = Kind::file;
    const auto path = context.text(*file, "the path of a file that holds the secret");
    if (path) secret.place = context.full_path(*path);
  }
  if (command != nullptr) {
    secret.kind = Kind::command;
    load_command(*command, context, secret);
  }
  if (const YamlNode* every = node.find("every")) load_every(*every, context, secret);
  context.secrets.push_back(std::move(secret));
}

}  // namespace

bool is_secret_name(std::string_view name) {
  return is_agent_name(name);
}

void load_secrets(const YamlNode& node, LoadContext& context) {
  if (node.kind == YamlNode::Kind::null) return;
  if (node.kind != YamlNode::Kind::map) {
    return context.error(node, "secrets is written as \"NAME: { env: VARIABLE }\"");
  }
  for (const auto& [key, value] : node.entries) load_secret(key, value, context);
}

void warn_of_unused_secrets(const YamlNode& node, LoadContext& context) {
  for (const auto& entry : node.entries) {
    if (context.is_secret_used(entry.first.scalar)) continue;
    context.warn(entry.first, "no rule injects the secret \"" + entry.first.scalar + "\"");
  }
}

}  // namespace sallyport
