#include "policy/agent_loader.hpp"

#include "policy/agent_name.hpp"
#include "policy/read_file.hpp"
#include "policy/rule_loader.hpp"

#include <algorithm>
#include <cstdlib>

namespace sallyport {
namespace {

// Who claims which source block, to find two that claim the same.
using Claims = std::map<Cidr, std::string>;

void load_from(const YamlNode& node, const std::string& name, LoadContext& context, Claims& claims,
               AgentPolicy& agent) {
  for (const YamlNode* item : LoadContext::items(node)) {
    const auto text = context.text(*item, "a source address such as 10.20.0.7 or 10.20.1.0/24");
    if (!text) continue;
    const auto parsed = Cidr::parse(*text);
    if (!parsed) {
      context.error(*item, parsed.error().text);
      continue;
    }
    const Pattern canonical = Pattern::of(*parsed);
    const auto [claim, is_new] = claims.emplace(*canonical.block(), name);
    if (is_new) {
      agent.from.push_back(claim->first);
    } else {
      context.error(*item, *text + " is already a source address of the agent \"" + claim->second + "\"");
    }
  }
}

std::optional<unsigned> hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10U;
  return std::nullopt;
}

std::optional<Sha256Digest> digest_from_hex(std::string_view text) {
  if (text.size() != 64) return std::nullopt;
  Sha256Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const auto high = hex_value(text[2 * i]);
    const auto low = hex_value(text[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(*high * 16U + *low);
  }
  return digest;
}

// A token that is missing where the policy is only checked, or not yet there, leaves the agent without one: nobody can
// claim its name then. So this is a warning.
std::optional<std::string> token_from_environment(const YamlNode& node, LoadContext& context) {
  const auto variable = context.text(node, "the name of an environment variable");
  if (!variable) return std::nullopt;
  const char* value = std::getenv(variable->c_str());
  if (value != nullptr && *value != '\0') return std::string(value);
  context.warn(node, "the environment variable " + *variable + " is not set: this agent can't be named by credentials");
  return std::nullopt;
}

std::optional<std::string> token_from_file(const YamlNode& node, LoadContext& context) {
  const auto path = context.text(node, "the path of a file that holds the token");
  if (!path) return std::nullopt;
  const std::string full = context.full_path(*path);
  context.watch(full);
  auto token = read_file(full);
  if (token) {
    while (!token->empty() && (token->back() == '\n' || token->back() == '\r')) token->pop_back();
    if (!token->empty()) return std::move(*token);
  }
  context.warn(node, (token ? full + " is empty" : token.error().text) + ": this agent can't be named by credentials");
  return std::nullopt;
}

std::optional<Sha256Digest> load_token(const YamlNode& node, LoadContext& context) {
  if (node.kind != YamlNode::Kind::map || node.entries.size() != 1) {
    context.error(node, "write token: { env: VARIABLE }, { sha256: HEX } or { file: PATH }; never the token itself");
    return std::nullopt;
  }
  if (!context.check_keys(node, "token", {"env", "sha256", "file"})) return std::nullopt;
  if (const YamlNode* digest = node.find("sha256")) {
    auto value = digest_from_hex(digest->scalar);
    if (!value) context.error(*digest, "expected 64 hex digits, as `printf %s TOKEN | sha256sum` prints them");
    return value;
  }
  std::optional<std::string> token;
  if (const YamlNode* variable = node.find("env")) token = token_from_environment(*variable, context);
  if (const YamlNode* file = node.find("file")) token = token_from_file(*file, context);
  return token ? std::optional(sha256(*token)) : std::nullopt;
}

AgentPolicy load_agent(const YamlNode& key, const YamlNode& node, LoadContext& context, TargetLoader& targets,
                       Claims& claims) {
  AgentPolicy agent;
  if (node.kind == YamlNode::Kind::null) return agent;
  if (!context.check_keys(node, "an agent", {"from", "token", "default", "rules"})) return agent;
  for (const std::string_view naming : {"from", "token"}) {
    const YamlNode* value = node.find(naming);
    if (value != nullptr && key.scalar == "default") {
      context.error(*value, "the agent default is whoever has no other name: leave " + std::string(naming) + " out");
    }
  }
  if (const YamlNode* from = node.find("from")) load_from(*from, key.scalar, context, claims, agent);
  if (const YamlNode* token = node.find("token")) agent.token = load_token(*token, context);
  if (const YamlNode* action = node.find("default")) {
    agent.default_action = load_action(*action, context);
    agent.default_where = context.where(*action);
  }
  if (const YamlNode* rules = node.find("rules")) agent.rules = load_rules(*rules, context, targets);
  return agent;
}

}  // namespace

std::map<std::string, AgentPolicy, std::less<>> load_agents(const YamlNode& node, LoadContext& context,
                                                            TargetLoader& targets) {
  std::map<std::string, AgentPolicy, std::less<>> agents;
  if (node.kind == YamlNode::Kind::null) return agents;
  if (node.kind != YamlNode::Kind::map) {
    context.error(node, "agents is written as \"NAME:\" with from, token, default and rules under it");
    return agents;
  }
  Claims claims;
  for (const auto& [key, value] : node.entries) {
    if (!is_agent_name(key.scalar)) {
      context.error(key, "an agent's name has 1 to 64 letters, digits, \"-\", \"_\" and \".\"");
      continue;
    }
    agents.emplace(key.scalar, load_agent(key, value, context, targets, claims));
  }
  return agents;
}

}  // namespace sallyport
