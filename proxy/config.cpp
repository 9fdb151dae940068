#include "proxy/config.hpp"

#include "approvals/notify/endpoint.hpp"
#include "approvals/notify/load_options.hpp"
#include "policy/pattern.hpp"
#include "policy/yaml.hpp"
#include "proxy/otlp_transport.hpp"
#include "proxy/wire/http_field.hpp"

#include <boost/beast/core/detail/base64.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <unistd.h>

namespace sallyport {
namespace {

using std::chrono::milliseconds;

// Walks one map of the file: every key it is asked for is known, every other one a complaint.
class Section {
 public:
  Section(const std::string& file, const YamlNode* node, std::string name, std::vector<Complaint>& complaints)
      : file_(file), node_(node), name_(std::move(name)), complaints_(complaints) {
    if (node_ && node_->kind == YamlNode::Kind::null) node_ = nullptr;
    if (node_ && node_->kind != YamlNode::Kind::map) {
      wrong(*node_, name_ + " wants keys and values");
      node_ = nullptr;
    }
  }
  ~Section() {
    if (!node_) return;
    for (const auto& [key, value] : node_->entries) {
      bool known = false;
      for (const auto& candidate : known_) known = known || candidate == key.scalar;
      if (known) continue;
      const std::string near = nearest(key.scalar, known_);
      wrong(key, "unknown key '" + key.scalar + "'" + (name_.empty() ? "" : " in " + name_) +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"));
    }
  }
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  const YamlNode* get(std::string_view key) {
    known_.push_back(key);
    return node_ ? node_->find(key) : nullptr;
  }
  void wrong(const YamlNode& at, const std::string& text) { complaints_.push_back(complain(file_, at, text)); }

  // Reads `key` with `read`, which answers an Outcome; the complaint gets the place.
  template <class T, class Read>
  void value(std::string_view key, T& into, Read read) {
    const YamlNode* node = get(key);
    if (!node) return;
    if (node->kind != YamlNode::Kind::scalar) return wrong(*node, std::string(key) + " wants a single value");
    auto got = read(node->scalar);
    if (!got) return wrong(*node, std::string(key) + ": " + got.error().text);
    into = static_cast<T>(*got);
  }
  // One value or a list of them.
  template <class T, class Read>
  void values(std::string_view key, std::vector<T>& into, Read read) {
    const YamlNode* node = get(key);
    if (!node) return;
    into.clear();
    for_each(*node, [&](const YamlNode& item) {
      if (item.kind != YamlNode::Kind::scalar) return wrong(item, std::string(key) + " wants plain values");
      auto got = read(item.scalar);
      if (!got) return wrong(item, std::string(key) + ": " + got.error().text);
      into.push_back(std::move(*got));
    });
  }
  template <class T>
  void choice(std::string_view key, T& into, const std::vector<std::pair<std::string_view, T>>& choices) {
    value(key, into, [&](const std::string& text) -> Outcome<T> {
      std::string all;
      for (const auto& [name, meaning] : choices) {
        if (name == text) return meaning;
        all += (all.empty() ? "" : ", ") + std::string(name);
      }
      return Complaint{"'" + text + "' is none of " + all};
    });
  }
  static void for_each(const YamlNode& node, const std::function<void(const YamlNode&)>& each) {
    if (node.kind == YamlNode::Kind::list) {
      for (const auto& item : node.items) each(item);
    } else if (node.kind != YamlNode::Kind::null) {
      each(node);
    }
  }
  Section inside(std::string_view key) { return Section(file_, get(key), std::string(key), complaints_); }
  const std::string& file() const { return file_; }
  std::vector<Complaint>& complaints() { return complaints_; }

 private:
  const std::string& file_;
  const YamlNode* node_;
  std::string name_;
  std::vector<Complaint>& complaints_;
  std::vector<std::string_view> known_;
};

Outcome<std::uint64_t> read_count(const std::string& text) {
  if (text.empty() || text.size() > 12 || text.find_first_not_of("0123456789") != std::string::npos)
    return Complaint{"expected a whole number, got '" + text + "'"};
  return std::stoull(text);
}

Outcome<std::uint64_t> read_rate(const std::string& text) {
  const auto slash = text.find("/s");
  if (slash == std::string::npos || slash + 2 != text.size()) return Complaint{"expected a rate such as 200/s"};
  return read_count(text.substr(0, slash));
}

Outcome<milliseconds> read_positive_duration(const std::string& text) {
  auto got = parse_duration(text);
  if (got && got->count() <= 0) return Complaint{"expected more than nothing, such as 10s"};
  return got;
}

Outcome<ListenAddress> read_listen(const std::string& text) {
  const auto colon = text.rfind(':');
  const Complaint wrong{"expected ADDRESS:PORT such as 127.0.0.1:3128 or \"[::]:3128\", got '" + text + "'"};
  if (colon == std::string::npos) return wrong;
  std::string host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = Address::parse(host);
  const auto port = read_count(text.substr(colon + 1));
  if (!address || !port || *port > 65535 || address->is_v4() == bracketed) return wrong;
  return ListenAddress{*address, static_cast<std::uint16_t>(*port)};
}

Outcome<std::string> read_text(const std::string& text) {
  return text;
}

std::string beside(const std::string& file, const std::string& path) {
  if (path.empty() || path.front() == '/') return path;
  return (std::filesystem::absolute(file).parent_path() / path).string();
}

void read_transparent(Section& listen, std::vector<TransparentListen>& into) {
  const YamlNode* node = listen.get("transparent");
  if (!node) return;
  Section::for_each(*node, [&](const YamlNode& item) {
    TransparentListen door;
    const YamlNode* address = &item;
    if (item.kind == YamlNode::Kind::map) {
      Section entry(listen.file(), &item, "transparent", listen.complaints());
      address = entry.get("address");
      entry.choice<Steering>("mode", door.steering, {{"redirect", Steering::redirect}, {"tproxy", Steering::tproxy}});
      if (!address) return entry.wrong(item, "transparent wants an address: ADDRESS:PORT");
    }
    const auto at = read_listen(address->scalar);
    if (!at) return listen.wrong(*address, "transparent: " + at.error().text);
    door.at = *at;
    into.push_back(door);
  });
}

void read_dns(Section dns, DnsConfig& into) {
  dns.choice<DnsMode>("mode", into.mode, {{"synthetic", DnsMode::synthetic}, {"real", DnsMode::real}});
  std::vector<std::string> upstream;
  dns.values("upstream", upstream, [](const std::string& text) -> Outcome<std::string> {
    if (text == "system") return text;
    if (auto whole = Address::parse(text)) return (whole->is_v4() ? text : "[" + text + "]") + ":53";
    const auto at = read_listen(text);
    if (!at) return Complaint{"expected system, an address or ADDRESS:PORT, got '" + text + "'"};
    return at->text();
  });
  if (upstream.size() != 1 || upstream.front() != "system") into.upstream = upstream;
  const auto pool = [&](std::string_view key, Cidr& cidr, bool v4, unsigned longest) {
    dns.value(key, cidr, [&](const std::string& text) -> Outcome<Cidr> {
      auto got = Cidr::parse(text);
      if (got && (got->base().is_v4() != v4 || got->length() > longest))
        return Complaint{std::string("expected an IPv") + (v4 ? "4" : "6") + " block of /" + std::to_string(longest) +
                         " or larger"};
      return got;
    });
  };
  pool("pool4", into.pool4, true, 24);
  pool("pool6", into.pool6, false, 112);
  dns.value("lease", into.lease, read_positive_duration);
  dns.value("rest", into.rest, read_positive_duration);
  dns.values("nat64", into.nat64, [](const std::string& text) { return Cidr::parse(text); });
}

Outcome<std::string> read_first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line) || line.empty()) return Complaint{"cannot read credentials from " + path};
  return line;
}

Outcome<std::string> read_certificates(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in || !are_certificates(text.str())) return Complaint{path + " holds no certificates in PEM"};
  return text.str();
}

// "user:password", as RFC 7617 has it sent.
Outcome<std::string> read_login(const std::string& path) {
  const auto line = read_first_line(path);
  if (!line) return line.error();
  if (line->find(':') == std::string::npos) return Complaint{"expected USER:PASSWORD in " + path};
  namespace base64 = boost::beast::detail::base64;
  std::string encoded(base64::encoded_size(line->size()), '\0');
  encoded.resize(base64::encode(encoded.data(), line->data(), line->size()));
  return "Basic " + encoded;
}

void read_parent(Section& top, const std::string& file, std::optional<ParentProxy>& into) {
  const YamlNode* node = top.get("upstream_proxy");
  if (!node || node->kind == YamlNode::Kind::null) return;
  Section parent(file, node, "upstream_proxy", top.complaints());
  std::string url;
  parent.value("url", url, read_text);
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme))
    return parent.wrong(*node, "upstream_proxy: expected url: http://HOST:PORT, got '" + url + "'");
  std::string authority = url.substr(scheme.size());
  if (authority.ends_with('/')) authority.pop_back();
  auto at = parse_authority(authority, 0);
  if (!at) return parent.wrong(*node, "upstream_proxy: " + at.error().text);
  ParentProxy proxy{*at, {}, ParentSend::name, ParentHttp::absolute, {}};
  {
    Section credentials = parent.inside("credentials");
    credentials.value("file", proxy.credentials,
                      [&](const std::string& path) { return read_login(beside(file, path)); });
  }
  parent.choice<ParentSend>("send", proxy.send, {{"name", ParentSend::name}, {"address", ParentSend::address}});
  parent.choice<ParentHttp>("http", proxy.http, {{"absolute", ParentHttp::absolute}, {"connect", ParentHttp::connect}});
  parent.values("except", proxy.except, [](const std::string& text) -> Outcome<std::string> {
    if (const auto pattern = parse_pattern(text); !pattern) return pattern.error();
    return text;
  });
  into = std::move(proxy);
}

void read_gateway(Section gateway, GatewayConfig& into) {
  gateway.values("interfaces", into.interfaces, read_text);
  gateway.values("agents", into.agents, [](const std::string& text) { return Cidr::parse(text); });
  if (!into.interfaces.empty()) into.check = GatewayCheck::own;
  gateway.choice<GatewayCheck>(
      "check", into.check,
      {{"own", GatewayCheck::own}, {"external", GatewayCheck::external}, {"off", GatewayCheck::off}});
}

void read_inspect(Section inspect, InspectConfig& into) {
  const auto path = [&](const std::string& name) -> Outcome<std::string> { return beside(inspect.file(), name); };
  inspect.values("roots", into.roots, [&](const std::string& name) -> Outcome<std::string> {
    const auto certificates = read_certificates(beside(inspect.file(), name));
    if (!certificates) return certificates.error();
    return beside(inspect.file(), name);
  });
  const YamlNode* node = inspect.get("ca");
  if (!node || node->kind == YamlNode::Kind::null) return;
  Section ca(inspect.file(), node, "ca", inspect.complaints());
  ca.value("cert", into.ca_cert, path);
  ca.value("key", into.ca_key, path);
  if (into.ca_cert.empty() || into.ca_key.empty())
    ca.wrong(*node, "ca wants both files: { cert: FILE, key: FILE }; without it Sallyport makes its own CA");
}

void read_audit(Section& telemetry, const std::string& file, AuditConfig& into) {
  Section audit = telemetry.inside("audit");
  audit.value("path", into.path, [&](const std::string& path) -> Outcome<std::string> { return beside(file, path); });
  audit.value("rotate", into.rotate_bytes, [](const std::string& text) -> Outcome<std::uint64_t> {
    auto got = parse_bytes(text);
    if (got && *got < (64 << 10)) return Complaint{"at least 64KiB"};
    return got;
  });
  audit.value("keep", into.keep, read_positive_duration);
  audit.value("max_total", into.max_total_bytes, [](const std::string& text) { return parse_bytes(text); });
  audit.choice<OnFailure>("on_failure", into.on_failure,
                          {{"block", OnFailure::block}, {"continue", OnFailure::proceed}});
  audit.values("headers", into.headers, [](std::string name) -> Outcome<std::string> {
    if (!wire::is_token(name)) return Complaint{"expected names of request headers such as accept, got '" + name + "'"};
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return name;
  });
}

void read_otlp(Section& telemetry, const std::string& file, std::optional<EndpointOptions>& into) {
  const YamlNode* node = telemetry.get("otlp");
  if (!node || node->kind == YamlNode::Kind::null) return;
  Section otlp(file, node, "otlp", telemetry.complaints());
  std::string endpoint, roots;
  otlp.value("endpoint", endpoint, read_text);
  otlp.value("ca", roots, [&](const std::string& path) { return read_certificates(beside(file, path)); });
  auto url = parse_otlp_endpoint(endpoint);
  if (!url) return otlp.wrong(*node, "otlp: endpoint: " + url.error().text);
  into = EndpointOptions{std::move(*url), {}, std::move(roots)};
}

void read_approvals(Section approvals, ApprovalsConfig& into) {
  approvals.value("timeout", into.timeout, read_positive_duration);
  approvals.value("grant", into.grant, read_positive_duration);
  approvals.value("pending_ttl", into.pending_ttl, read_positive_duration);
  approvals.value("max_pending", into.max_pending, read_count);
  approvals.value("pending_per_agent", into.pending_per_agent, read_count);
  approvals.choice<OnRevoke>("on_revoke", into.on_revoke, {{"close", OnRevoke::close}, {"keep", OnRevoke::keep}});
  approvals.choice<Unattended>("unattended", into.unattended,
                               {{"hold", Unattended::hold}, {"refuse", Unattended::refuse}});
  std::string store = "sqlite";
  approvals.choice<std::string>("store", store, {{"sqlite", "sqlite"}});
  load_notify(approvals.get("notify"), approvals.file(), approvals.complaints(), into.notify);
  load_decider(approvals.get("decider"), approvals.file(), approvals.complaints(), into.notify);
}

void read_limits(Section limits, Limits& into) {
  limits.value("connections", into.connections, [](const std::string& text) -> Outcome<std::uint64_t> {
    if (text == "auto") return std::uint64_t{0};
    return read_count(text);
  });
  limits.value("per_agent", into.per_agent, read_count);
  limits.value("rate_per_agent", into.rate_per_agent, read_rate);
  limits.value("held_per_agent", into.held_per_agent, read_count);
  limits.value("names_per_agent", into.names_per_agent, read_count);
  limits.value("head", into.head_bytes, [](const std::string& text) -> Outcome<std::uint64_t> {
    auto got = parse_bytes(text);
    if (got && (*got < 4096 || *got > (1 << 20))) return Complaint{"expected 4KiB to 1MiB"};
    return got;
  });
}

void read_timeouts(Section timeouts, Timeouts& into) {
  timeouts.value("connect", into.connect, read_positive_duration);
  timeouts.value("idle", into.idle, read_positive_duration);
  timeouts.value("sniff", into.sniff, read_positive_duration);
  timeouts.value("head", into.head, read_positive_duration);
  timeouts.value("drain", into.drain, read_positive_duration);
}

void read_listeners(Section listen, Config& config) {
  listen.values("proxy", config.proxy, read_listen);
  listen.values("dns", config.dns_listen, read_listen);
  read_transparent(listen, config.transparent);
  listen.value("admin", config.admin_socket, [&](const std::string& text) -> Outcome<std::string> {
    constexpr std::string_view scheme = "unix:";
    if (text == "off") return std::string();
    if (!text.starts_with(scheme) || text.size() == scheme.size())
      return Complaint{"expected unix:PATH such as unix:/run/sallyport/admin.sock, or off; TCP is listen.console"};
    // The kernel's sockaddr_un takes no longer one.
    std::string path = beside(config.file, text.substr(scheme.size()));
    if (path.size() > 107) return Complaint{"a socket's path has at most 107 bytes: " + path};
    return path;
  });
  listen.values("console", config.console, read_listen);
}

// What Sallyport itself sends leaves by the parent proxy too; this machine is never reached by it.
void send_by_parent(const ParentProxy& parent, EndpointOptions& endpoint) {
  if (is_loopback(endpoint.url.at.host) || !parent.serves(endpoint.url.at.host)) return;
  endpoint.parent = EndpointParent{parent.at, parent.credentials, parent.http == ParentHttp::absolute};
}

void send_by_parent(Config& config) {
  if (!config.parent) return;
  if (config.otlp) send_by_parent(*config.parent, *config.otlp);
  for (auto& webhook : config.approvals.notify.webhooks) send_by_parent(*config.parent, webhook.endpoint);
  if (config.approvals.notify.decider) send_by_parent(*config.parent, config.approvals.notify.decider->endpoint);
}

void check_together(const YamlNode& root, const std::string& file, const Config& config,
                    std::vector<Complaint>& complaints) {
  if (config.gateway.check != GatewayCheck::off && config.gateway.interfaces.empty())
    complaints.push_back(complain(file, root, "gateway: check needs interfaces: [IF, …]"));
  if (config.gateway.check == GatewayCheck::own && (config.transparent.empty() || config.dns_listen.empty()))
    complaints.push_back(complain(file, root, "gateway: needs listen.transparent and listen.dns"));
}

}  // namespace

std::string ListenAddress::text() const {
  const std::string host = address.is_v4() ? address.text() : "[" + address.text() + "]";
  return host + ":" + std::to_string(port);
}

bool ParentProxy::serves(const Host& host) const {
  return std::none_of(except.begin(), except.end(), [&host](const std::string& text) {
    const auto pattern = parse_pattern(text);
    return pattern && pattern->matches(host);
  });
}

DnsConfig::DnsConfig()
    : pool4(*Cidr::parse("198.18.0.0/15")),
      pool6(*Cidr::parse("fd53:414c:4c59::/64")),
      lease(std::chrono::hours(1)),
      rest(std::chrono::hours(6)) {}

Config Config::embedded() {
  Config config;
  const Address loopback = Address::v4({127, 0, 0, 1});
  config.proxy = {ListenAddress{loopback, 3128}};
  config.dns_listen = {ListenAddress{loopback, 15053}};
  config.console = {ListenAddress{loopback, 9180}};
  if (geteuid() == 0) {
    config.admin_socket = "/run/sallyport/admin.sock";
    config.policy = "/etc/sallyport/policy.yaml";
    config.data = "/var/lib/sallyport";
    config.audit.path = "/var/log/sallyport/audit.jsonl";
    return config;
  }
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const std::string base =
      state && *state == '/' ? std::string(state) : std::string(home ? home : "") + "/.local/state";
  config.data = base + "/sallyport";
  const char* settings = std::getenv("XDG_CONFIG_HOME");
  config.policy = (settings && *settings == '/' ? std::string(settings) : std::string(home ? home : "") + "/.config") +
                  "/sallyport/policy.yaml";
  config.audit.path = config.data + "/audit.jsonl";
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  config.admin_socket =
      runtime && *runtime == '/' ? std::string(runtime) + "/sallyport/admin.sock" : config.data + "/admin.sock";
  return config;
}

Outcome<Config, std::vector<Complaint>> parse_config(std::string_view text, const std::string& file) {
  auto root = parse_yaml(text, file);
  if (!root) return std::vector<Complaint>{root.error()};
  Config config = Config::embedded();
  config.file = file;
  std::vector<Complaint> complaints;
  bool audit_named = false;
  {
    Section top(file, &*root, "", complaints);
    const auto path = [&](const std::string& name) -> Outcome<std::string> { return beside(file, name); };
    config.policy = beside(file, "policy.yaml");
    top.value("policy", config.policy, path);
    const std::string default_data = config.data;
    top.value("data", config.data, path);
    const std::string default_socket = config.admin_socket;
    read_listeners(top.inside("listen"), config);
    // A second daemon with data of its own does not take the first one's socket.
    if (config.admin_socket == default_socket && config.data != default_data)
      config.admin_socket = config.data + "/admin.sock";
    read_dns(top.inside("dns"), config.dns);
    read_parent(top, file, config.parent);
    read_gateway(top.inside("gateway"), config.gateway);
    read_inspect(top.inside("inspect"), config.inspect);
    top.choice<bool>("attach", config.attach, {{"true", true}, {"false", false}});
    top.value("user", config.user, read_text);
    top.choice<UnknownAgents>("unknown_agents", config.unknown_agents,
                              {{"default", UnknownAgents::default_}, {"deny", UnknownAgents::deny}});
    {
      Section telemetry = top.inside("telemetry");
      const std::string before = config.audit.path;
      read_audit(telemetry, file, config.audit);
      read_otlp(telemetry, file, config.otlp);
      audit_named = config.audit.path != before;
    }
    if (!audit_named && config.data != default_data) config.audit.path = config.data + "/audit.jsonl";
    read_approvals(top.inside("approvals"), config.approvals);
    read_limits(top.inside("limits"), config.limits);
    read_timeouts(top.inside("timeouts"), config.timeouts);
    top.value("threads", config.threads, [](const std::string& count) -> Outcome<std::uint64_t> {
      if (count == "auto") return std::uint64_t{0};
      auto got = read_count(count);
      if (got && (*got < 1 || *got > 256)) return Complaint{"expected auto or 1 to 256"};
      return got;
    });
  }
  send_by_parent(config);
  check_together(*root, file, config, complaints);
  if (!complaints.empty()) return complaints;
  return config;
}

Outcome<Config, std::vector<Complaint>> load_config(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::vector<Complaint>{Complaint{path + ": cannot be read"}};
  std::ostringstream text;
  text << in.rdbuf();
  return parse_config(text.str(), path);
}

}  // namespace sallyport
