#include "proxy/wire/http_head.hpp"

#include "proxy/wire/http_lines.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace sallyport::wire {
namespace {

template <class T>
using Read = boost::system::result<T, HeadFault>;

struct RequestLine {
  std::string_view method;
  std::string_view target;
  int minor = 1;
};

bool is_method(std::string_view text) {
  constexpr std::size_t longest = 32;
  // Lower case would be another method to our rules and perhaps the same one to the origin.
  const auto fits = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), fits);
}

Read<RequestLine> read_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) return HeadFault::bad_request_line;
  RequestLine request;
  request.method = line.substr(0, first);
  if (!is_method(request.method)) return HeadFault::bad_method;
  const std::string_view rest = line.substr(first + 1);
  const std::size_t second = rest.find(' ');
  if (second == 0) return HeadFault::bad_request_line;
  if (second == std::string_view::npos) return HeadFault::http_09;
  request.target = rest.substr(0, second);
  const auto minor = read_version(rest.substr(second + 1));
  if (!minor) return minor.error();
  request.minor = *minor;
  return request;
}

std::optional<HeadFault> check_request_line(std::string_view line) {
  const auto request = read_request_line(line);
  if (!request) return request.error();
  return std::nullopt;
}

struct StatusLine {
  int minor = 1;
  unsigned status = 0;
  std::string_view reason;
};

// The space before an empty reason is forgiven: servers leave it out, and nothing hangs on it.
Read<StatusLine> read_status_line(std::string_view line) {
  constexpr std::size_t version_length = 8;
  constexpr std::size_t code_length = 3;
  const auto minor = read_version(line.substr(0, version_length));
  if (!minor) return minor.error();
  line.remove_prefix(version_length);
  if (!line.starts_with(' ')) return HeadFault::bad_status_line;
  const std::string_view code = line.substr(1, code_length);
  const bool digits = std::all_of(code.begin(), code.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (code.size() != code_length || !digits || code[0] < '1' || code[0] > '5') return HeadFault::bad_status_line;
  StatusLine status;
  status.minor = *minor;
  for (const char c : code) status.status = status.status * 10 + static_cast<unsigned>(c - '0');
  line.remove_prefix(1 + code_length);
  if (line.empty()) return status;
  const auto printable = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  };
  if (line[0] != ' ' || !std::all_of(line.begin(), line.end(), printable)) return HeadFault::bad_status_line;
  status.reason = line.substr(1);
  return status;
}

std::optional<HeadFault> check_status_line(std::string_view line) {
  const auto status = read_status_line(line);
  if (!status) return status.error();
  return std::nullopt;
}

// Host, and the authority of the target where there is one.
Read<Authority> find_host(const RequestHead& head) {
  const Field* field = nullptr;
  for (const Field& each : head.fields) {
    if (!equals_ignoring_case(each.name, "Host")) continue;
    if (field) return HeadFault::duplicate_host;
    field = &each;
  }
  const auto& named = head.target.authority;
  if (!field) {
    if (head.minor == 0 && named) return *named;
    return HeadFault::missing_host;
  }
  auto host = parse_authority(field->value);
  if (!host || !named) return host;

  constexpr std::uint16_t http_port = 80;
  constexpr std::uint16_t https_port = 443;
  const bool secure = head.target.scheme == "https" || head.target.scheme == "wss";
  const std::uint16_t usual = secure ? https_port : http_port;
  // In CONNECT a Host without a port is common, and means the port of the target.
  const std::uint16_t missing = head.target.form == TargetForm::authority ? *named->port : usual;
  if (!same_authority(*host, *named, missing)) return HeadFault::host_mismatch;
  return *named;
}

std::optional<HeadFault> read_expect(RequestHead& head) {
  for (const Field& field : head.fields) {
    if (!equals_ignoring_case(field.name, "Expect")) continue;
    if (head.expect_continue || !equals_ignoring_case(field.value, "100-continue")) return HeadFault::bad_expect;
    head.expect_continue = true;
  }
  if (head.minor == 0) head.expect_continue = false;  // RFC 9110, 10.1.1: 1.0 clients don't know of 100
  return std::nullopt;
}

std::optional<HeadFault> understand(RequestHead& head) {
  auto host = find_host(head);
  if (!host) return host.error();
  head.host = std::move(*host);

  const auto framing = read_framing(head.fields, head.minor);
  if (!framing) return framing.error();
  head.framing = *framing;
  if (head.method == "CONNECT") {
    const bool body = framing->kind == Framing::Kind::chunked || framing->length > 0;
    if (body) return HeadFault::body_not_allowed;
    head.framing = {};
  }
  if (auto fault = read_expect(head)) return fault;
  if (auto fault = read_connection(head.fields, head.minor, head.connection, head.upgrade, head.keep_alive)) {
    return fault;
  }
  if (std::any_of(head.connection.begin(), head.connection.end(), is_end_to_end)) return HeadFault::bad_connection;
  return std::nullopt;
}

std::optional<HeadFault> understand(ResponseHead& head, std::string_view method) {
  const auto framing = read_framing(head.fields, head.minor);
  if (!framing) return framing.error();
  head.framing = *framing;
  const bool announced = framing->kind == Framing::Kind::chunked || framing->length > 0;
  const bool never_a_body = head.status < 200 || head.status == 204;
  if (never_a_body && announced) return HeadFault::body_not_allowed;

  const bool tunnel = method == "CONNECT" && head.status / 100 == 2;
  if (never_a_body || tunnel || head.status == 304 || method == "HEAD") {
    head.framing = {};
  } else if (framing->kind == Framing::Kind::none) {
    head.framing.kind = Framing::Kind::until_close;
  }
  if (auto fault = read_connection(head.fields, head.minor, head.connection, head.upgrade, head.keep_alive)) {
    return fault;
  }
  if (head.framing.kind == Framing::Kind::until_close) head.keep_alive = false;
  return std::nullopt;
}

}  // namespace

Read<Parsed<RequestHead>> parse_request_head(std::span<const std::uint8_t> bytes, const HeadLimits& limits) {
  const auto end = find_head_end(bytes, limits, check_request_line);
  if (!end) return end.error();
  HeadLines lines(bytes.first(*end));
  const auto line = read_request_line(lines.next());
  if (!line) return line.error();

  RequestHead head;
  head.method = std::string(line->method);
  head.raw_target = std::string(line->target);
  head.minor = line->minor;
  auto target = parse_target(line->target, line->method);
  if (!target) return target.error();
  head.target = std::move(*target);
  auto fields = read_fields(lines, limits);
  if (!fields) return fields.error();
  head.fields = std::move(*fields);
  if (const auto fault = understand(head)) return *fault;
  return Parsed<RequestHead>{std::move(head), *end};
}

Read<Parsed<ResponseHead>> parse_response_head(std::span<const std::uint8_t> bytes, std::string_view method,
                                               const HeadLimits& limits) {
  const auto end = find_head_end(bytes, limits, check_status_line);
  if (!end) return end.error();
  HeadLines lines(bytes.first(*end));
  const auto line = read_status_line(lines.next());
  if (!line) return line.error();

  ResponseHead head;
  head.status = line->status;
  head.reason = std::string(line->reason);
  head.minor = line->minor;
  auto fields = read_fields(lines, limits);
  if (!fields) return fields.error();
  head.fields = std::move(*fields);
  if (const auto fault = understand(head, method)) return *fault;
  return Parsed<ResponseHead>{std::move(head), *end};
}

}  // namespace sallyport::wire
