#include "policy/rule_loader.hpp"

#include "policy/expiry.hpp"
#include "policy/inject_loader.hpp"
#include "policy/program_loader.hpp"

#include <algorithm>
#include <array>

namespace sallyport {
namespace {

const std::vector<std::string_view>& rule_keys() {
  static const std::vector<std::string_view> keys{"allow",   "ask",     "deny",   "ports",  "protocol", "except",
                                                  "private", "methods", "paths",  "limits", "expires",  "dns",
                                                  "ech",     "exe",     "inject", "id",     "reason"};
  return keys;
}

class RuleLoader {
 public:
  RuleLoader(const YamlNode& node, LoadContext& context, TargetLoader& targets)
      : node_(node), context_(context), targets_(targets) {}

  std::optional<Rule> load() {
    if (!context_.check_keys(node_, "a rule", rule_keys())) return std::nullopt;
    if (!load_action_and_targets()) return std::nullopt;
    rule_.where = context_.where(node_);
    rule_.line = node_.line;
    rule_.column = node_.column;
    with("ports", &RuleLoader::load_ports);
    with("protocol", &RuleLoader::load_protocol);
    with("private", &RuleLoader::load_private);
    with("methods", &RuleLoader::load_methods);
    with("paths", &RuleLoader::load_paths);
    with("limits", &RuleLoader::load_limits);
    with("expires", &RuleLoader::load_expires);
    with("dns", &RuleLoader::load_dns);
    with("ech", &RuleLoader::load_ech);
    with("exe", &RuleLoader::load_exe);
    with("inject", &RuleLoader::load_inject);
    with("id", &RuleLoader::load_id);
    with("reason", &RuleLoader::load_reason);
    check_combinations();
    rule_.key = key_of(rule_);
    return std::move(rule_);
  }

 private:
  void with(std::string_view key, void (RuleLoader::*load_value)(const YamlNode&)) {
    if (const YamlNode* value = node_.find(key)) (this->*load_value)(*value);
  }

  bool load_action_and_targets() {
    constexpr std::array actions{Action::allow, Action::ask, Action::deny};
    const YamlNode* named = nullptr;
    for (const Action action : actions) {
      const YamlNode* value = node_.find(to_text(action));
      if (value == nullptr) continue;
      if (named != nullptr) {
        context_.error(node_, "a rule has one of allow, ask and deny: write two rules");
        return false;
      }
      named = value;
      rule_.action = action;
    }
    if (named == nullptr) {
      context_.error(node_, "a rule says what it does: write allow, ask or deny, and a pattern");
      return false;
    }
    const NameListUse use = rule_.action == Action::deny ? NameListUse::deny : NameListUse::allow;
    rule_.targets = targets_.load(*named, use);
    if (const YamlNode* except = node_.find("except")) rule_.except = targets_.load(*except, NameListUse::deny);
    return true;
  }

  void load_ports(const YamlNode& node) {
    for (const YamlNode* item : LoadContext::items(node)) {
      const auto range = item->kind == YamlNode::Kind::scalar ? parse_range(item->scalar) : std::nullopt;
      if (range) {
        rule_.ports.push_back(*range);
      } else {
        context_.error(*item, "expected a port from 1 to 65535, or a range such as \"8000-8100\"");
      }
    }
    if (node.kind == YamlNode::Kind::list && node.items.empty()) {
      context_.error(node, "no port at all would match nothing: name ports, or leave the key out");
    }
  }

  static std::optional<std::uint16_t> parse_port(std::string_view text) {
    if (text.empty() || text.size() > 5 || text[0] == '0') return std::nullopt;
    unsigned value = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value <= 65535 ? std::optional(static_cast<std::uint16_t>(value)) : std::nullopt;
  }

  static std::optional<PortRange> parse_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto first = parse_port(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return PortRange{*first, *last};
  }

  void load_protocol(const YamlNode& node) {
    constexpr std::array protocols{Protocol::any, Protocol::tls, Protocol::http, Protocol::ssh, Protocol::tcp};
    for (const Protocol protocol : protocols) {
      if (node.kind == YamlNode::Kind::scalar && node.scalar == to_text(protocol)) {
        rule_.protocol = protocol;
        return;
      }
    }
    context_.error(node, "expected any, tls, http, ssh or tcp" +
                             LoadContext::did_you_mean(node.scalar, {"any", "tls", "http", "ssh", "tcp"}));
  }

  void load_private(const YamlNode& node) { rule_.private_ok = context_.boolean(node).value_or(false); }

  void load_methods(const YamlNode& node) {
    for (const YamlNode* item : LoadContext::items(node)) load_method(*item);
    if (node.kind == YamlNode::Kind::list && node.items.empty()) {
      context_.error(node, "no method at all would match nothing: name methods, or leave the key out");
    }
  }

  void load_method(const YamlNode& node) {
    const auto method = context_.text(node, "a method such as GET, or read-only");
    if (!method) return;
    if (*method == "read-only") {
      rule_.methods.insert(rule_.methods.end(), {"GET", "HEAD", "OPTIONS"});
      return;
    }
    const bool upper =
        std::all_of(method->begin(), method->end(), [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
    if (upper) {
      warn_of_unknown_method(node, *method);
      rule_.methods.push_back(*method);
    } else {
      context_.error(node, "methods are written in capitals, such as GET or POST; or read-only");
    }
  }

  // Any method is good, but one that nobody knows is a typo more often than not.
  void warn_of_unknown_method(const YamlNode& node, const std::string& method) {
    static const std::vector<std::string_view> known{
        "GET",  "HEAD", "POST", "PUT",    "PATCH",  "DELETE", "OPTIONS", "CONNECT",    "TRACE", "QUERY", "PROPFIND",
        "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "MKCOL",   "MKCALENDAR", "ACL",   "PURGE", "PROPPATCH"};
    if (std::find(known.begin(), known.end(), method) != known.end()) return;
    std::string hint = LoadContext::did_you_mean(method, known);
    const auto swapped = std::find_if(known.begin(), known.end(), [&method](std::string_view name) {
      return std::is_permutation(name.begin(), name.end(), method.begin(), method.end());
    });
    if (swapped != known.end()) hint = LoadContext::did_you_mean(*swapped, {*swapped});
    context_.warn(node, "\"" + method + "\" is no method that is known here" + hint);
  }

  void load_paths(const YamlNode& node) {
    for (const YamlNode* item : LoadContext::items(node)) {
      const auto text = context_.text(*item, "a path such as \"/repos/**\"");
      if (!text) continue;
      auto path = PathPattern::parse(*text);
      if (path) {
        rule_.paths.push_back(std::move(*path));
      } else {
        context_.error(*item, path.error().text);
      }
    }
    if (node.kind == YamlNode::Kind::list && node.items.empty()) {
      context_.error(node, "no path at all would match nothing: name paths, or leave the key out");
    }
  }

  void load_limits(const YamlNode& node) {
    if (!context_.check_keys(node, "limits", {"upload", "download", "connections", "names"})) return;
    load_bytes(node, "upload", rule_.limits.upload_bytes);
    load_bytes(node, "download", rule_.limits.download_bytes);
    load_count(node, "connections", rule_.limits.connections);
    load_count(node, "names", rule_.limits.names);
  }

  void load_bytes(const YamlNode& limits, std::string_view key, std::optional<std::uint64_t>& into) {
    const YamlNode* node = limits.find(key);
    if (node == nullptr) return;
    const auto bytes = parse_bytes(node->kind == YamlNode::Kind::scalar ? node->scalar : "");
    if (bytes) {
      into = *bytes;
    } else {
      context_.error(*node, bytes.error().text);
    }
  }

  void load_count(const YamlNode& limits, std::string_view key, std::optional<unsigned>& into) {
    const YamlNode* node = limits.find(key);
    if (node == nullptr) return;
    if (const auto count = context_.number(*node, 0, 1'000'000'000)) into = static_cast<unsigned>(*count);
  }

  void load_expires(const YamlNode& node) {
    const auto moment = parse_expiry(node.kind == YamlNode::Kind::scalar ? node.scalar : "");
    if (moment) {
      rule_.expires = *moment;
    } else {
      context_.error(node, moment.error().text);
    }
  }

  void load_dns(const YamlNode& node) {
    static const std::vector<std::string_view> types{"TXT",  "MX",    "SRV", "NS",     "SOA", "CAA", "NAPTR",
                                                     "TLSA", "SSHFP", "DS",  "DNSKEY", "URI", "LOC"};
    for (const YamlNode* item : LoadContext::items(node)) {
      const auto type = context_.text(*item, "a DNS type such as TXT or SRV");
      if (!type) continue;
      if (std::find(types.begin(), types.end(), *type) != types.end()) {
        rule_.dns.push_back(*type);
      } else {
        context_.error(
            *item, "expected a DNS type in capitals such as TXT, MX or SRV" + LoadContext::did_you_mean(*type, types));
      }
    }
  }

  void load_ech(const YamlNode& node) {
    rule_.deny_ech = node.kind == YamlNode::Kind::scalar && node.scalar == "deny";
    if (!rule_.deny_ech) context_.error(node, "expected deny; without the key, ECH is let through and recorded");
  }

  void load_exe(const YamlNode& node) { rule_.exe = load_programs(node, rule_.action, context_); }

  void load_inject(const YamlNode& node) { rule_.inject = load_injections(node, rule_, context_); }

  void load_id(const YamlNode& node) {
    rule_.id = one_line(node, "a short name for the rule");
    // A grant answers the rule it was asked by: two rules of one name would answer for each other.
    const auto other = rule_.id.empty() ? std::nullopt : context_.other_rule_with_id(rule_.id, rule_.where);
    if (other) context_.error(node, "the rule at " + *other + " has this id already: each needs one of its own");
  }
  void load_reason(const YamlNode& node) { rule_.reason = one_line(node, "a sentence"); }

  // Ids and reasons reach refusals, headers and logs.
  std::string one_line(const YamlNode& node, const std::string& expected) {
    const auto text = context_.text(node, expected);
    if (!text) return {};
    const bool controls = std::any_of(text->begin(), text->end(),
                                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (!controls && text->size() <= 500) return *text;
    context_.error(node, "expected " + expected + ": one line of at most 500 bytes");
    return {};
  }

  void check_combinations() {
    if (rule_.action == Action::deny) {
      for (const std::string_view key : {"private", "limits", "dns", "ech"}) {
        if (const YamlNode* value = node_.find(key)) {
          context_.error(*value, std::string(key) + " belongs to allow or ask: a deny takes it all, leave it out");
        }
      }
    }
    const bool unseen = rule_.protocol == Protocol::ssh || rule_.protocol == Protocol::tcp;
    if (rule_.looks_at_requests() && unseen) {
      context_.error(node_,
                     "methods and paths need requests that are seen: write protocol: http, or leave protocol out");
    }
    if (rule_.protocol == Protocol::ssh && rule_.ports.empty() && rule_.action != Action::deny) {
      context_.warn(node_, "without ports this is 80 and 443 only: write ports: [22]");
    }
  }

  const YamlNode& node_;
  LoadContext& context_;
  TargetLoader& targets_;
  Rule rule_;
};

}  // namespace

std::vector<Rule> load_rules(const YamlNode& node, LoadContext& context, TargetLoader& targets) {
  std::vector<Rule> rules;
  if (node.kind == YamlNode::Kind::null) return rules;
  if (node.kind != YamlNode::Kind::list) {
    context.error(node, "rules is a list: begin each rule with \"- allow:\", \"- ask:\" or \"- deny:\"");
    return rules;
  }
  for (const YamlNode& item : node.items) {
    if (auto rule = RuleLoader(item, context, targets).load()) rules.push_back(std::move(*rule));
  }
  return rules;
}

std::optional<Action> load_action(const YamlNode& node, LoadContext& context) {
  for (const Action action : {Action::allow, Action::ask, Action::deny}) {
    if (node.kind == YamlNode::Kind::scalar && node.scalar == to_text(action)) return action;
  }
  context.error(node, "expected allow, ask or deny" + LoadContext::did_you_mean(node.scalar, {"allow", "ask", "deny"}));
  return std::nullopt;
}

}  // namespace sallyport
