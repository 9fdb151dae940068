#include "proxy/wire/http_target.hpp"

#include "proxy/wire/http_field.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace sallyport::wire {
namespace {

constexpr std::array<std::string_view, 4> schemes{"http", "https", "ws", "wss"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Bytes above 0x7f are let through to whoever turns names into A-labels; what could end or split a host is not.
bool is_name_char(char c) {
  return is_alphanumeric(c) || static_cast<unsigned char>(c) >= 0x80 || c == '.' || c == '-' || c == '_';
}

bool is_literal_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

bool is_target_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7f && c != '#';
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  constexpr std::size_t most_digits = 5;
  if (text.empty() || text.size() > most_digits || text.front() == '0') return std::nullopt;
  unsigned port = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port > 0xffff) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

std::string_view without_root_dot(std::string_view host) {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  return host;
}

void split_path(std::string_view text, Target& target) {
  const std::size_t mark = text.find('?');
  target.path = std::string(text.substr(0, mark));
  if (mark != std::string_view::npos) target.query = std::string(text.substr(mark + 1));
}

boost::system::result<Target, HeadFault> parse_authority_form(std::string_view text) {
  auto authority = parse_authority(text);
  if (!authority || !authority->port) return HeadFault::bad_target;
  Target target;
  target.form = TargetForm::authority;
  target.authority = std::move(*authority);
  return target;
}

boost::system::result<Target, HeadFault> parse_absolute_form(std::string_view text, std::string_view method) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return HeadFault::bad_target;
  const auto scheme = std::find_if(schemes.begin(), schemes.end(), [&](std::string_view known) {
    return equals_ignoring_case(known, text.substr(0, colon));
  });
  if (scheme == schemes.end()) return HeadFault::bad_scheme;
  std::string_view rest = text.substr(colon + 1);
  if (!rest.starts_with("//")) return HeadFault::bad_target;
  rest.remove_prefix(2);

  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  auto authority = parse_authority(rest.substr(0, end));
  if (!authority) return authority.error();
  Target target;
  target.form = TargetForm::absolute;
  target.scheme = std::string(*scheme);
  target.authority = std::move(*authority);
  split_path(rest.substr(end), target);
  // RFC 9112, 3.2.4: OPTIONS of a whole server, once it is sent to that server.
  if (target.path.empty()) target.path = method == "OPTIONS" && !target.query ? "*" : "/";
  return target;
}

}  // namespace

std::string Authority::text() const {
  std::string text = bracketed ? '[' + host + ']' : host;
  if (port) text += ':' + std::to_string(*port);
  return text;
}

boost::system::result<Authority, HeadFault> parse_authority(std::string_view text) {
  Authority authority;
  std::size_t end = 0;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos) return HeadFault::bad_host;
    authority.bracketed = true;
    authority.host = std::string(text.substr(1, end - 1));
    ++end;
  } else {
    end = std::min(text.find(':'), text.size());
    authority.host = std::string(text.substr(0, end));
  }
  const auto fits = authority.bracketed ? is_literal_char : is_name_char;
  if (authority.host.empty() || !std::all_of(authority.host.begin(), authority.host.end(), fits)) {
    return HeadFault::bad_host;
  }
  if (end == text.size()) return authority;
  if (text[end] != ':') return HeadFault::bad_host;
  authority.port = parse_port(text.substr(end + 1));
  if (!authority.port) return HeadFault::bad_host;
  return authority;
}

bool same_authority(const Authority& left, const Authority& right, std::uint16_t default_port) {
  return left.bracketed == right.bracketed &&
         equals_ignoring_case(without_root_dot(left.host), without_root_dot(right.host)) &&
         left.port.value_or(default_port) == right.port.value_or(default_port);
}

std::string Target::path_and_query() const {
  return query ? path + '?' + *query : path;
}

boost::system::result<Target, HeadFault> parse_target(std::string_view text, std::string_view method) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_target_char)) return HeadFault::bad_target;
  if (method == "CONNECT") return parse_authority_form(text);
  if (text.front() == '/') {
    Target target;
    split_path(text, target);
    return target;
  }
  if (text != "*") return parse_absolute_form(text, method);
  if (method != "OPTIONS") return HeadFault::bad_target;
  Target target;
  target.form = TargetForm::asterisk;
  target.path = "*";
  return target;
}

}  // namespace sallyport::wire
