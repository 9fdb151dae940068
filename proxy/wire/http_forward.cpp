#include "proxy/wire/http_forward.hpp"

#include "proxy/wire/http_lines.hpp"

#include <algorithm>
#include <array>

namespace sallyport::wire {
namespace {

constexpr std::array<std::string_view, 9> rewritten{"host",       "connection", "content-length",
                                                    "keep-alive", "te",         "transfer-encoding",
                                                    "upgrade",    "via",        "http2-settings"};
// What a client could use to pose as another one, or to steer an origin that trusts proxies.
constexpr std::array<std::string_view, 2> posing{"forwarded", "x-real-ip"};

bool contains(const std::vector<std::string>& list, std::string_view name) {
  const auto same = [name](const std::string& item) { return equals_ignoring_case(item, name); };
  return std::any_of(list.begin(), list.end(), same);
}

bool is_rewritten(std::string_view name) {
  const auto same = [name](std::string_view each) { return equals_ignoring_case(each, name); };
  return std::any_of(rewritten.begin(), rewritten.end(), same) || starts_ignoring_case(name, "proxy-") ||
         starts_ignoring_case(name, "x-sallyport-");
}

bool is_posing(std::string_view name) {
  const auto same = [name](std::string_view each) { return equals_ignoring_case(each, name); };
  return std::any_of(posing.begin(), posing.end(), same) || starts_ignoring_case(name, "x-forwarded-");
}

bool named_by_connection(const std::vector<std::string>& connection, const Field& field) {
  const auto names = [&](const std::string& option) {
    return equals_ignoring_case(option, field.name) && !is_end_to_end(option);
  };
  return std::any_of(connection.begin(), connection.end(), names);
}

void add(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void add_framing(std::string& out, const Framing& framing) {
  if (framing.kind == Framing::Kind::length) add(out, "Content-Length", std::to_string(framing.length));
  if (framing.kind == Framing::Kind::chunked) add(out, "Transfer-Encoding", "chunked");
}

void add_connection(std::string& out, const std::vector<std::string_view>& options) {
  std::string value;
  for (const std::string_view option : options) value.append(value.empty() ? "" : ", ").append(option);
  if (!value.empty()) add(out, "Connection", value);
}

void add_via(std::string& out, const Fields& fields, std::string_view instance, int minor) {
  std::string value;
  for (const Field& field : fields) {
    if (equals_ignoring_case(field.name, "Via") && !field.value.empty()) value += field.value + ", ";
  }
  add(out, "Via", value + (minor == 0 ? "1.0 " : "1.1 ") + via_name(instance));
}

// h2c and TLS would turn a connection whose requests are judged into one whose requests are not.
bool is_passable(std::string_view protocol) {
  const std::string_view name = protocol.substr(0, protocol.find('/'));
  return !name.empty() && name != "h2c" && name != "h2" && name != "tls" && name != "http";
}

// The protocols of Upgrade that may be passed, as one value; empty where there is none.
std::string passable(const std::vector<std::string>& protocols) {
  std::string value;
  for (const std::string& protocol : protocols) {
    if (is_passable(protocol)) value += (value.empty() ? "" : ", ") + protocol;
  }
  return value;
}

bool wants_trailers(const Fields& fields) {
  const auto codings = list_of_tokens(fields, "TE", ";=. ");
  return codings && contains(*codings, "trailers");
}

}  // namespace

std::string via_name(std::string_view instance) {
  return instance.empty() ? "sallyport" : "sallyport-" + std::string(instance);
}

bool names_via(const Fields& fields, std::string_view instance) {
  const std::string own = via_name(instance);
  for (const Field& field : fields) {
    if (!equals_ignoring_case(field.name, "Via")) continue;
    // A comment may hold anything, our name too; then a loop is seen where there is none, which fails closed.
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of(" \t,()"), rest.size());
      if (equals_ignoring_case(rest.substr(0, end), own)) return true;
      rest.remove_prefix(std::min(rest.size(), end + 1));
    }
  }
  return false;
}

boost::system::result<ForwardedHead, HeadFault> forward_request(const RequestHead& head,
                                                                const RequestForwarding& forwarding) {
  if (head.method == "CONNECT") return HeadFault::bad_method;
  if (names_via(head.fields, forwarding.instance)) return HeadFault::loop;
  const std::string upgrade = forwarding.upgrading == Upgrading::pass ? passable(head.upgrade) : std::string();
  if (forwarding.upgrading == Upgrading::pass && upgrade.empty()) return HeadFault::bad_upgrade;

  ForwardedHead sent;
  sent.framing = head.framing;
  std::string& out = sent.bytes;
  out = head.method + ' ';
  if (forwarding.form == SendForm::absolute) out += forwarding.scheme + "://" + forwarding.authority;
  // RFC 9112, 3.2.4: the asterisk of a whole server is an empty path in absolute form.
  const bool whole_server = head.target.path == "*" && forwarding.form == SendForm::absolute;
  if (!whole_server) out += head.target.path_and_query();
  out += " HTTP/1.1\r\n";
  add(out, "Host", forwarding.authority);

  for (const Field& field : head.fields) {
    if (is_rewritten(field.name) || is_posing(field.name) || named_by_connection(head.connection, field)) continue;
    if (find_field(forwarding.set, field.name)) continue;
    add(out, field.name, field.value);
  }
  for (const Field& field : forwarding.set) add(out, field.name, field.value);
  if (forwarding.parent_credentials) add(out, "Proxy-Authorization", *forwarding.parent_credentials);

  std::vector<std::string_view> options;
  if (forwarding.persistence == Persistence::close) options.push_back("close");
  if (wants_trailers(head.fields)) {
    add(out, "TE", "trailers");
    options.push_back("TE");
  }
  if (!upgrade.empty()) {
    add(out, "Upgrade", upgrade);
    options.push_back("Upgrade");
  }
  add_connection(out, options);
  add_via(out, head.fields, forwarding.instance, head.minor);
  add_framing(out, head.framing);
  out += "\r\n";
  return sent;
}

boost::system::result<ForwardedHead, HeadFault> forward_response(const ResponseHead& head,
                                                                 const ResponseForwarding& forwarding) {
  constexpr unsigned switching_protocols = 101;
  const bool switching = head.status == switching_protocols;
  const std::string upgrade = passable(head.upgrade);
  if (switching && (forwarding.upgrading == Upgrading::strip || upgrade.empty())) return HeadFault::bad_upgrade;

  ForwardedHead sent;
  sent.framing = head.framing;
  if (forwarding.client_minor == 0 && sent.framing.kind == Framing::Kind::chunked) {
    sent.framing = {Framing::Kind::until_close, 0};
  }
  std::string& out = sent.bytes;
  out = "HTTP/1.1 " + std::to_string(head.status) + ' ' + head.reason + "\r\n";
  // Without a body, Content-Length still tells of the one a GET would have had (HEAD, 304).
  const bool keep_length = head.framing.kind == Framing::Kind::none && head.status >= 200 && head.status != 204;
  for (const Field& field : head.fields) {
    const bool length = keep_length && equals_ignoring_case(field.name, "Content-Length");
    if (!length && (is_rewritten(field.name) || named_by_connection(head.connection, field))) continue;
    if (find_field(forwarding.set, field.name)) continue;
    add(out, field.name, field.value);
  }
  for (const Field& field : forwarding.set) add(out, field.name, field.value);

  const bool interim = head.status < 200;
  std::vector<std::string_view> options;
  const bool ends = sent.framing.kind == Framing::Kind::until_close || forwarding.persistence == Persistence::close;
  if (!interim && ends) options.push_back("close");
  if (!interim && !ends && forwarding.client_minor == 0) options.push_back("keep-alive");
  if (switching) {
    add(out, "Upgrade", upgrade);
    options.push_back("Upgrade");
  }
  add_connection(out, options);
  add_via(out, head.fields, forwarding.instance, head.minor);
  add_framing(out, sent.framing);
  out += "\r\n";
  return sent;
}

}  // namespace sallyport::wire
