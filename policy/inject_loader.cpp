#include "policy/inject_loader.hpp"

#include "policy/public_suffix.hpp"
#include "policy/secret_loader.hpp"

#include <algorithm>
#include <array>

namespace sallyport {
namespace {

constexpr std::string_view opening = "${secret:";

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

class InjectLoader {
 public:
  InjectLoader(const Rule& rule, LoadContext& context) : rule_(rule), context_(context) {}

  void load(const YamlNode& node) {
    if (!context_.check_keys(node, "inject", {"header", "value", "basic", "query", "placeholder"})) return;
    constexpr std::array kinds{"header", "basic", "query", "placeholder"};
    const auto named =
        std::count_if(kinds.begin(), kinds.end(), [&](const char* key) { return node.find(key) != nullptr; });
    if (named != 1) {
      return context_.error(
          node,
          "inject is one of { header: NAME, value: V }, { basic: { user: U, password: P } }, { query: "
          "NAME, value: V } and { placeholder: SECRET }; a list takes several");
    }
    Injection injection;
    injection.rule = rule_.where;
    if (const YamlNode* name = node.find("header")) load_header(node, *name, injection);
    if (const YamlNode* basic = node.find("basic")) load_basic(node, *basic, injection);
    if (const YamlNode* name = node.find("query")) load_query(node, *name, injection);
    if (const YamlNode* name = node.find("placeholder")) load_placeholder(node, *name, injection);
    refuse_twice(node, injection);
    made_.push_back(std::make_shared<const Injection>(std::move(injection)));
  }

  std::vector<std::shared_ptr<const Injection>> take() { return std::move(made_); }

 private:
  void load_header(const YamlNode& node, const YamlNode& name, Injection& injection) {
    injection.name = context_.text(name, "a header such as Authorization").value_or("X");
    if (!is_token(injection.name)) context_.error(name, "a header's name is one word, such as X-Api-Key");
    if (is_framing_field(injection.name)) {
      context_.error(name, injection.name +
                               " says how the request travels and is written by Sallyport itself: inject "
                               "Authorization or another header");
    }
    load_value(node, injection.value);
  }

  void load_basic(const YamlNode& node, const YamlNode& basic, Injection& injection) {
    injection.kind = Injection::Kind::basic;
    refuse_value(node, "basic has user and password");
    if (!context_.check_keys(basic, "basic", {"user", "password"})) return;
    const YamlNode* user = basic.find("user");
    const YamlNode* password = basic.find("password");
    if (password == nullptr) context_.error(basic, "the password is missing: write password: \"${secret:NAME}\"");
    if (user != nullptr) injection.user = secret_text(*user);
    if (password != nullptr) injection.value = secret_text(*password);
    const auto& pieces = injection.user.pieces;
    const bool colon = std::any_of(pieces.begin(), pieces.end(), [](const SecretText::Piece& piece) {
      return piece.kind == SecretText::Kind::plain && piece.text.find(':') != std::string::npos;
    });
    if (colon) context_.error(*user, "a user of basic auth has no \":\" (RFC 7617): it would begin the password");
  }

  void load_query(const YamlNode& node, const YamlNode& name, Injection& injection) {
    injection.kind = Injection::Kind::query;
    injection.name = context_.text(name, "a parameter such as api_key").value_or("x");
    if (std::any_of(injection.name.begin(), injection.name.end(), is_control)) {
      context_.error(name, "a parameter's name has no control characters");
    }
    load_value(node, injection.value);
  }

  void load_placeholder(const YamlNode& node, const YamlNode& name, Injection& injection) {
    injection.kind = Injection::Kind::placeholder;
    refuse_value(node, "a placeholder is replaced where the agent wrote it");
    const auto secret = context_.text(name, "the name of a secret");
    if (secret) add_secret(name, *secret, injection.value);
  }

  void load_value(const YamlNode& node, SecretText& into) {
    const YamlNode* value = node.find("value");
    if (value == nullptr) return context_.error(node, "the value is missing: write value: \"${secret:NAME}\"");
    into = secret_text(*value);
  }

  void refuse_value(const YamlNode& node, const std::string& why) {
    if (const YamlNode* value = node.find("value")) context_.error(*value, why + ": leave value out");
  }

  SecretText secret_text(const YamlNode& node) {
    SecretText result;
    const auto text = context_.text(node, "a text such as \"Bearer ${secret:github}\"");
    if (!text) return result;
    if (std::any_of(text->begin(), text->end(), is_control)) {
      context_.error(node, "an injected value is one line: leave line breaks and control characters out");
      return result;
    }
    std::string_view rest = *text;
    while (!rest.empty()) {
      const std::size_t begin = std::min(rest.find("${"), rest.size());
      if (begin > 0) result.pieces.push_back({SecretText::Kind::plain, std::string(rest.substr(0, begin))});
      rest.remove_prefix(begin);
      if (rest.empty()) break;
      const std::size_t end = rest.find('}');
      if (!rest.starts_with(opening) || end == std::string_view::npos) {
        context_.error(node, "after \"$\" stands {secret:NAME}: write ${secret:NAME}");
        break;
      }
      add_secret(node, std::string(rest.substr(opening.size(), end - opening.size())), result);
      rest.remove_prefix(end + 1);
    }
    return result;
  }

  void add_secret(const YamlNode& at, const std::string& name, SecretText& into) {
    if (context_.use_secret(name) != nullptr) {
      into.pieces.push_back({SecretText::Kind::secret, name});
      return;
    }
    std::vector<std::string_view> names;
    for (const SecretSource& secret : context_.secrets) names.push_back(secret.name);
    std::string hint = LoadContext::did_you_mean(name, names);
    if (hint.empty() && is_secret_name(name)) hint = ": write secrets: { " + name + ": { env: VARIABLE } }";
    context_.error(at, "there is no secret \"" + (is_secret_name(name) ? name : std::string("…")) + "\"" + hint);
  }

  void refuse_twice(const YamlNode& node, const Injection& injection) {
    const auto place = [](const Injection& one) {
      const bool header = one.kind == Injection::Kind::header;
      if (one.kind == Injection::Kind::basic) return std::string("header authorization");
      return header ? "header " + lower(one.name) : one.text();
    };
    const bool twice =
        std::any_of(made_.begin(), made_.end(), [&](const auto& other) { return place(*other) == place(injection); });
    if (twice) context_.error(node, "this rule injects " + injection.text() + " already: leave one of them out");
  }

  const Rule& rule_;
  LoadContext& context_;
  std::vector<std::shared_ptr<const Injection>> made_;
};

bool only_port_80(const Rule& rule) {
  return !rule.ports.empty() && std::all_of(rule.ports.begin(), rule.ports.end(), [](const PortRange& range) {
    return range.first == 80 && range.last == 80;
  });
}

void check_rule(const YamlNode& node, const Rule& rule, LoadContext& context) {
  if (rule.action != Action::allow) {
    context.error(node, "inject belongs to allow: write a rule of its own with allow and inject");
  }
  if (rule.protocol == Protocol::ssh || rule.protocol == Protocol::tcp) {
    context.error(node, "inject needs requests inside TLS: leave protocol out");
  }
  if (only_port_80(rule)) {
    context.error(node, "a secret goes over verified TLS only, and port 80 is plain http: write ports: [443]");
  }
  for (const Pattern& pattern : rule.targets.patterns()) {
    const bool open = pattern.is_wildcard() && suffix_kind(pattern.name()->text()) != SuffixKind::none;
    if (!open && pattern.kind() != PatternKind::any) continue;
    context.warn(node, "the secret goes to whatever host the agent names under \"" + pattern.text() +
                           "\": name the hosts that need it");
  }
}

}  // namespace

std::vector<std::shared_ptr<const Injection>> load_injections(const YamlNode& node, const Rule& rule,
                                                              LoadContext& context) {
  check_rule(node, rule, context);
  InjectLoader loader(rule, context);
  for (const YamlNode* item : LoadContext::items(node)) loader.load(*item);
  if (node.kind == YamlNode::Kind::list && node.items.empty()) {
    context.error(node, "nothing is injected: write { header: Authorization, value: \"Bearer ${secret:NAME}\" }");
  }
  return loader.take();
}

}  // namespace sallyport
