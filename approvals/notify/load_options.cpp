#include "approvals/notify/load_options.hpp"

#include "approvals/notify/endpoint.hpp"
#include "approvals/notify/signature.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sallyport {
namespace {

using std::chrono::milliseconds;
constexpr std::size_t largest_file = 1 << 20;
constexpr milliseconds longest_decider_timeout = std::chrono::minutes(1), longest_command = std::chrono::minutes(5);

// Where complaints go, and what stands beside the configuration file.
class Reader {
 public:
  Reader(const std::string& file, std::vector<Complaint>& complaints) : file_(file), complaints_(complaints) {}

  void wrong(const YamlNode& at, const std::string& text) { complaints_.push_back(complain(file_, at, text)); }

  bool is_map_of(const YamlNode& node, const std::string& name, const std::vector<std::string_view>& keys) {
    if (node.kind != YamlNode::Kind::map) {
      wrong(node, name + " wants keys and values");
      return false;
    }
    bool good = true;
    for (const auto& [key, value] : node.entries) {
      bool known = false;
      for (const auto candidate : keys) known = known || candidate == key.scalar;
      if (known) continue;
      const std::string near = nearest(key.scalar, keys);
      wrong(key,
            "unknown key '" + key.scalar + "' in " + name + (near.empty() ? "" : "; did you mean '" + near + "'?"));
      good = false;
    }
    return good;
  }

  // What `read` makes of a text, or nothing and a complaint.
  template <class Read>
  auto value(const YamlNode& node, const std::string& name, const std::string& text, Read read)
      -> std::optional<std::decay_t<decltype(*read(text))>> {
    auto got = read(text);
    if (got) return std::move(*got);
    wrong(node, name + ": " + got.error().text);
    return std::nullopt;
  }
  std::optional<milliseconds> duration(const YamlNode& node, const std::string& name, milliseconds longest) {
    return value(node, name, node.scalar, [longest](const std::string& text) -> Outcome<milliseconds> {
      auto got = parse_duration(text);
      if (got && (*got <= milliseconds(0) || *got > longest))
        return Complaint{"expected more than nothing and at most ",
                         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(longest).count()), "s"};
      return got;
    });
  }

  std::optional<std::string> file_text(const YamlNode& node, const std::string& name) {
    std::string path = node.scalar;
    if (node.kind == YamlNode::Kind::scalar && !path.empty() && path.front() != '/')
      path = (std::filesystem::absolute(file_).parent_path() / path).string();
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
    std::string got = text.str();
    if (!got.empty() && got.size() <= largest_file) return got;
    wrong(node, name + ": the file " + path + " cannot be read, is empty, or has more than 1 MiB");
    return std::nullopt;
  }

  // { env: NAME } or { file: F }, without the line's end.
  std::optional<std::string> hidden(const YamlNode& node, const std::string& name) {
    if (node.kind != YamlNode::Kind::map || node.entries.size() != 1) {
      wrong(node, name + ": write { env: VARIABLE } or { file: PATH }");
      return std::nullopt;
    }
    if (!is_map_of(node, name, {"env", "file"})) return std::nullopt;
    if (const YamlNode* file = node.find("file")) {
      auto text = file_text(*file, name);
      while (text && (text->ends_with('\n') || text->ends_with('\r'))) text->pop_back();
      return text;
    }
    const YamlNode& variable = *node.find("env");
    const char* value = std::getenv(variable.scalar.c_str());
    if (value != nullptr && *value != '\0') return std::string(value);
    wrong(variable, name + ": the environment variable " + variable.scalar + " is not set");
    return std::nullopt;
  }

 private:
  const std::string& file_;
  std::vector<Complaint>& complaints_;
};

enum class Secret { wanted, optional };

std::optional<EndpointOptions> read_endpoint(Reader& reader, const YamlNode& entry, const char* url_key, Secret need) {
  const YamlNode* where = entry.find(url_key);
  if (where == nullptr) {
    reader.wrong(entry, std::string("write ") + url_key + ": https://HOST/PATH");
    return std::nullopt;
  }
  const bool open = where->kind == YamlNode::Kind::scalar;
  const auto text = open ? std::optional(where->scalar) : reader.hidden(*where, url_key);
  if (!text) return std::nullopt;
  auto url = reader.value(*where, url_key, *text, [](const std::string& it) { return parse_web_url(it); });
  const YamlNode* secret = entry.find("secret");
  if (secret == nullptr && need == Secret::wanted)
    reader.wrong(entry, std::string(url_key) + " wants a secret: { env: VARIABLE } or { file: PATH }, to sign with");
  if (!url) return std::nullopt;
  EndpointOptions options{std::move(*url), {}, {}};
  if (secret != nullptr) {
    if (const auto hidden = reader.hidden(*secret, "secret")) {
      const auto parse = [](const std::string& it) { return parse_webhook_secret(it); };
      options.secret = reader.value(*secret, "secret", *hidden, parse).value_or("");
    }
  }
  if (const YamlNode* roots = entry.find("ca")) {
    if (const auto pem = reader.file_text(*roots, "ca")) {
      options.roots = *pem;
      if (!are_certificates(*pem)) reader.wrong(*roots, "ca: " + roots->scalar + " holds no certificates in PEM");
    }
  }
  return options;
}

void read_events(Reader& reader, const YamlNode& entry, NotifyEvents& into) {
  const YamlNode* node = entry.find("events");
  if (node == nullptr) return;
  into = NotifyEvents{false, false, false};
  const auto read = [&](const YamlNode& word) {
    if (word.scalar == "asked")
      into.asked = true;
    else if (word.scalar == "decided")
      into.decided = true;
    else if (word.scalar == "expired")
      into.expired = true;
    else
      reader.wrong(word, "events: '" + word.scalar + "' is none of asked, decided, expired");
  };
  if (node->kind == YamlNode::Kind::list) {
    for (const auto& item : node->items) read(item);
  } else {
    read(*node);
  }
}

void read_webhook(Reader& reader, const YamlNode& entry, NotifyOptions& into) {
  if (!reader.is_map_of(entry, "a webhook", {"webhook", "secret", "events", "format", "ca"})) return;
  auto format = WebhookOptions::Format::standard;
  if (const YamlNode* word = entry.find("format")) {
    if (word->scalar == "slack")
      format = WebhookOptions::Format::slack;
    else if (word->scalar != "standard")
      reader.wrong(*word, "format: expected standard or slack");
  }
  const auto need = format == WebhookOptions::Format::slack ? Secret::optional : Secret::wanted;
  NotifyEvents events;
  read_events(reader, entry, events);
  auto endpoint = read_endpoint(reader, entry, "webhook", need);
  if (endpoint) into.webhooks.push_back(WebhookOptions{std::move(*endpoint), events, format});
}

void read_command(Reader& reader, const YamlNode& entry, NotifyOptions& into) {
  if (!reader.is_map_of(entry, "exec", {"exec", "events", "timeout"})) return;
  CommandOptions command;
  const YamlNode& words = *entry.find("exec");
  if (words.kind == YamlNode::Kind::scalar) command.arguments.push_back(words.scalar);
  for (const auto& word : words.items) {
    if (word.kind != YamlNode::Kind::scalar)
      return reader.wrong(word, "exec wants plain words: [/usr/bin/notify, --flag]");
    command.arguments.push_back(word.scalar);
  }
  if (command.arguments.empty() || !command.arguments.front().starts_with('/'))
    return reader.wrong(words, "exec begins with the absolute path of a program: [/usr/bin/notify, --flag]");
  for (const auto& word : command.arguments) {
    if (word.find('\0') != std::string::npos) return reader.wrong(words, "exec: a word holds a NUL");
  }
  read_events(reader, entry, command.events);
  if (const YamlNode* timeout = entry.find("timeout"))
    command.timeout = reader.duration(*timeout, "timeout", longest_command).value_or(command.timeout);
  into.commands.push_back(std::move(command));
}

void read_notifier(Reader& reader, const YamlNode& entry, NotifyOptions& into) {
  if (entry.find("webhook") != nullptr) return read_webhook(reader, entry, into);
  if (entry.find("exec") != nullptr) return read_command(reader, entry, into);
  reader.wrong(entry, "notify wants entries such as { webhook: https://…, secret: … } or { exec: [/usr/bin/notify] }");
}

}  // namespace

void load_notify(const YamlNode* node, const std::string& file, std::vector<Complaint>& complaints,
                 NotifyOptions& into) {
  if (node == nullptr || node->kind == YamlNode::Kind::null) return;
  Reader reader(file, complaints);
  if (node->kind != YamlNode::Kind::list) return read_notifier(reader, *node, into);
  for (const auto& entry : node->items) read_notifier(reader, entry, into);
}

void load_decider(const YamlNode* node, const std::string& file, std::vector<Complaint>& complaints,
                  NotifyOptions& into) {
  if (node == nullptr || node->kind == YamlNode::Kind::null) return;
  Reader reader(file, complaints);
  if (!reader.is_map_of(*node, "decider", {"url", "secret", "timeout", "ca"})) return;
  auto timeout = DeciderOptions::usual_timeout;
  if (const YamlNode* given = node->find("timeout"))
    timeout = reader.duration(*given, "timeout", longest_decider_timeout).value_or(timeout);
  auto endpoint = read_endpoint(reader, *node, "url", Secret::wanted);
  if (endpoint) into.decider = DeciderOptions{std::move(*endpoint), timeout};
}

}  // namespace sallyport
