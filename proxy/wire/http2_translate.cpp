#include "proxy/wire/http2_translate.hpp"

#include "proxy/wire/chunked.hpp"
#include "proxy/wire/http2_fields.hpp"

#include <algorithm>
#include <optional>

namespace sallyport::wire {
namespace {

using Kind = Framing::Kind;

void add(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

// How a body goes on in HTTP/1.1, and the field that says so. A length excludes trailers there.
Translated<Framing> frame_body(const Fields& fields) {
  const auto length = read_content_length(fields);
  if (!length) return length.error();
  if (*length && !find_field(fields, "trailer")) return Framing{Kind::length, **length};
  return Framing{Kind::chunked, 0};
}

void add_framing(std::string& out, const Framing& framing) {
  if (framing.kind == Kind::length) add(out, "content-length", std::to_string(framing.length));
  if (framing.kind == Kind::chunked) add(out, "transfer-encoding", "chunked");
}

// RFC 9113, 8.2.3: HTTP/1.1 wants one Cookie.
void add_fields(std::string& out, const Fields& fields) {
  std::string cookies;
  for (const Field& field : fields) {
    if (field.name == "host" || field.name == "content-length") continue;
    if (field.name == "cookie") {
      cookies.append(cookies.empty() ? "" : "; ").append(field.value);
    } else {
      add(out, field.name, field.value);
    }
  }
  if (!cookies.empty()) add(out, "cookie", cookies);
}

struct RequestPseudo {
  std::string_view method;
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;
};

Translated<RequestPseudo> read_pseudo(const Block& block) {
  const auto allowed = {":method", ":scheme", ":authority", ":path"};
  for (const Field& field : block.pseudo) {
    if (std::find(allowed.begin(), allowed.end(), field.name) == allowed.end()) return BlockFault::unknown_pseudo;
  }
  const Field* method = find_field(block.pseudo, ":method");
  if (!method) return BlockFault::missing_pseudo;
  if (!is_token(method->value)) return BlockFault::bad_method;
  if (method->value == "CONNECT") return BlockFault::connect;
  const Field* scheme = find_field(block.pseudo, ":scheme");
  const Field* path = find_field(block.pseudo, ":path");
  if (!scheme || !path) return BlockFault::missing_pseudo;
  const Field* authority = find_field(block.pseudo, ":authority");
  if (authority && authority->value.empty()) return BlockFault::bad_authority;
  return RequestPseudo{method->value, scheme->value, authority ? std::string_view(authority->value) : "", path->value};
}

bool is_path(const RequestPseudo& pseudo) {
  const auto target = parse_target(pseudo.path, pseudo.method);
  return target && (target->form == TargetForm::origin || target->form == TargetForm::asterisk);
}

// The one authority of :authority and Host (RFC 9113, 8.3.1).
Translated<std::string> agree_on_authority(const RequestPseudo& pseudo, const Fields& fields) {
  const Field* host = find_field(fields, "host");
  const auto is_host = [](const Field& field) { return field.name == "host"; };
  if (std::count_if(fields.begin(), fields.end(), is_host) > 1) return BlockFault::host_mismatch;
  if (pseudo.authority.empty() && !host) return BlockFault::missing_pseudo;
  const std::string_view said = pseudo.authority.empty() ? std::string_view(host->value) : pseudo.authority;
  const auto authority = parse_authority(said);
  if (!authority) return BlockFault::bad_authority;
  if (host) {
    const std::uint16_t usual = pseudo.scheme == "https" ? 443 : 80;
    const auto second = parse_authority(host->value);
    if (!second || !same_authority(*authority, *second, usual)) return BlockFault::host_mismatch;
  }
  return authority->text();
}

// The status, which must be the only pseudo-header.
Translated<unsigned> read_status(const Block& block) {
  if (block.pseudo.empty()) return BlockFault::missing_pseudo;
  if (block.pseudo.size() > 1 || block.pseudo.front().name != ":status") return BlockFault::unknown_pseudo;
  const std::string& text = block.pseudo.front().value;
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.size() != 3 || !digits || text.front() < '1' || text.front() > '5') return BlockFault::bad_status;
  const auto status = static_cast<unsigned>((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
  constexpr unsigned switching_protocols = 101;  // RFC 9113, 8.6
  if (status == switching_protocols) return BlockFault::bad_status;
  return status;
}

std::string lower(std::string_view text) {
  std::string copy(text);
  for (char& c : copy) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return copy;
}

bool stays_here(const Field& field, const std::vector<std::string>& connection) {
  const std::string name = lower(field.name);
  return is_connection_specific(name) || name == "te" || name == "host" ||
         std::find(connection.begin(), connection.end(), name) != connection.end();
}

bool wants_trailers(const Fields& fields) {
  const auto codings = list_of_tokens(fields, "TE", ";=. ");
  return codings && std::find(codings->begin(), codings->end(), "trailers") != codings->end();
}

}  // namespace

Translated<Http1Head> request_to_http1(const Fields& block, Body body, std::string_view scheme) {
  const auto split = split_block(block);
  if (!split) return split.error();
  const auto pseudo = read_pseudo(*split);
  if (!pseudo) return pseudo.error();
  if (pseudo->scheme != scheme) return BlockFault::bad_scheme;
  if (!is_path(*pseudo)) return BlockFault::bad_path;
  const auto authority = agree_on_authority(*pseudo, split->fields);
  if (!authority) return authority.error();
  const auto length = read_content_length(split->fields);
  if (!length) return length.error();

  Http1Head head;
  if (body == Body::none) {
    if (length->value_or(0) > 0) return BlockFault::bad_length;
    if (*length) head.framing = {Kind::length, 0};
  } else {
    head.framing = *frame_body(split->fields);
  }
  head.bytes.append(pseudo->method).append(" ").append(pseudo->path).append(" HTTP/1.1\r\n");
  add(head.bytes, "host", *authority);
  add_fields(head.bytes, split->fields);
  add_framing(head.bytes, head.framing);
  head.bytes += "\r\n";
  return head;
}

Translated<Http1Head> response_to_http1(const Fields& block, Body body, std::string_view method) {
  const auto split = split_block(block);
  if (!split) return split.error();
  const auto status = read_status(*split);
  if (!status) return status.error();
  const auto length = read_content_length(split->fields);
  if (!length) return length.error();

  Http1Head head;
  const bool interim = *status < 200;
  head.interim = interim;
  const bool bodiless = interim || *status == 204 || *status == 304 || method == "HEAD";
  if (interim && body == Body::none) return BlockFault::bad_status;  // RFC 9113, 8.1: it is never the last
  head.bytes = "HTTP/1.1 " + split->pseudo.front().value + " \r\n";
  add_fields(head.bytes, split->fields);
  if (bodiless) {
    // Tells of the body a GET would have had; a 1xx or 204 has none to tell of.
    const bool tells = *length && !interim && *status != 204;
    if (tells) add(head.bytes, "content-length", std::to_string(**length));
  } else if (body == Body::none) {
    if (length->value_or(0) > 0) return BlockFault::bad_length;
    head.framing = {Kind::length, 0};
  } else {
    head.framing = *frame_body(split->fields);
  }
  add_framing(head.bytes, head.framing);
  if (!interim) add(head.bytes, "connection", "close");
  head.bytes += "\r\n";
  return head;
}

Translated<Fields> trailers_from_http2(const Fields& block) {
  const auto split = split_block(block);
  if (!split) return split.error();
  if (!split->pseudo.empty()) return BlockFault::pseudo_in_trailers;
  Fields kept;
  for (const Field& field : split->fields) {
    if (!forbidden_in_trailers(field.name)) kept.push_back(field);
  }
  return kept;
}

Translated<Fields> request_to_http2(const RequestHead& head, std::string_view scheme) {
  if (head.method == "CONNECT") return BlockFault::connect;
  const bool origin = head.target.form == TargetForm::origin || head.target.form == TargetForm::asterisk;
  if (!origin) return BlockFault::bad_path;
  Fields block{{":method", head.method},
               {":scheme", std::string(scheme)},
               {":authority", head.host.text()},
               {":path", head.target.path_and_query()}};
  for (const Field& field : head.fields) {
    if (!stays_here(field, head.connection)) block.push_back({lower(field.name), field.value});
  }
  if (wants_trailers(head.fields)) block.push_back({"te", "trailers"});
  return block;
}

Translated<Fields> response_to_http2(const ResponseHead& head) {
  constexpr unsigned switching_protocols = 101;
  if (head.status == switching_protocols) return BlockFault::bad_status;
  Fields block{{":status", std::to_string(head.status)}};
  const bool no_length = head.status < 200 || head.status == 204;  // RFC 9110, 8.6
  for (const Field& field : head.fields) {
    if (stays_here(field, head.connection)) continue;
    if (no_length && equals_ignoring_case(field.name, "Content-Length")) continue;
    block.push_back({lower(field.name), field.value});
  }
  return block;
}

Fields trailers_to_http2(const Fields& trailers) {
  Fields block;
  for (const Field& field : trailers) {
    if (!stays_here(field, {})) block.push_back({lower(field.name), field.value});
  }
  return block;
}

bool is_never_indexed(const Field& field) {
  // A short cookie can be guessed byte by byte where it is compressed beside chosen text.
  constexpr std::size_t short_cookie = 20;
  if (field.name == "cookie") return field.value.size() < short_cookie;
  return field.name == "authorization" || field.name == "proxy-authorization" || field.name == "x-api-key";
}

}  // namespace sallyport::wire
