#include "proxy/wire/http_lines.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace sallyport::wire {
namespace {

// Options of Connection that would take away what the other end must see, or what the rules looked at.
constexpr std::array<std::string_view, 26> never_hop_by_hop{"host",
                                                            "content-length",
                                                            "transfer-encoding",
                                                            "content-type",
                                                            "content-encoding",
                                                            "content-range",
                                                            "authorization",
                                                            "cookie",
                                                            "set-cookie",
                                                            "expect",
                                                            "range",
                                                            "via",
                                                            "trailer",
                                                            "max-forwards",
                                                            "cache-control",
                                                            "date",
                                                            "location",
                                                            "www-authenticate",
                                                            "origin",
                                                            "referer",
                                                            "forwarded",
                                                            "x-forwarded-for",
                                                            "x-forwarded-host",
                                                            "x-forwarded-proto",
                                                            "x-real-ip",
                                                            "connection"};

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// One spelling per number: no sign, no leading zero, nothing that a smaller integer type would wrap.
std::optional<std::uint64_t> read_length(std::string_view text) {
  constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (largest - digit) / 10) return std::nullopt;
    length = length * 10 + digit;
  }
  return length;
}

}  // namespace

boost::system::result<std::size_t, HeadFault> find_head_end(std::span<const std::uint8_t> bytes,
                                                            const HeadLimits& limits,
                                                            std::optional<HeadFault> (*check_first)(std::string_view)) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), limits.bytes));
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t feed = text.find('\n', at);
    if (feed == std::string_view::npos) break;
    const std::string_view line = text.substr(at, feed - at);
    if (line.find('\r') != line.size() - 1 || line.empty()) return HeadFault::bad_line_end;
    if (at == 0) {
      if (const auto fault = check_first(line.substr(0, line.size() - 1))) return *fault;
    }
    at = feed + 1;
    if (line.size() == 1) return at;
  }
  return text.size() == limits.bytes ? HeadFault::too_large : HeadFault::need_more;
}

std::string_view HeadLines::next() {
  const std::size_t end = rest_.find('\r');
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(std::min(rest_.size(), line.size() + 2));
  return line;
}

boost::system::result<int, HeadFault> read_version(std::string_view text) {
  constexpr std::string_view name = "HTTP/";
  const bool formed =
      text.size() == 8 && text.starts_with(name) && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
  if (!formed) return HeadFault::bad_version;
  if (text[5] != '1' || text[7] > '1') return HeadFault::unsupported_version;
  return text[7] - '0';
}

boost::system::result<Fields, HeadFault> read_fields(HeadLines& lines, const HeadLimits& limits) {
  Fields fields;
  fields.reserve(16);
  for (auto line = lines.next(); !line.empty(); line = lines.next()) {
    if (fields.size() == limits.fields) return HeadFault::too_many_fields;
    auto field = parse_field_line(line);
    if (!field) return HeadFault::bad_field;
    // A tab is white space to one parser and a part of the value to another; in framing that matters.
    if (equals_ignoring_case(field->name, "Transfer-Encoding") && line.find('\t') != std::string_view::npos) {
      return HeadFault::bad_transfer_encoding;
    }
    if (equals_ignoring_case(field->name, "Content-Length") && line.find('\t') != std::string_view::npos) {
      return HeadFault::bad_length;
    }
    fields.push_back(std::move(*field));
  }
  return fields;
}

boost::system::result<Framing, HeadFault> read_framing(const Fields& fields, int minor) {
  Framing framing;
  const Field* length = nullptr;
  const Field* encoding = nullptr;
  for (const Field& field : fields) {
    if (equals_ignoring_case(field.name, "Content-Length")) {
      if (length) return HeadFault::duplicate_length;
      length = &field;
    } else if (equals_ignoring_case(field.name, "Transfer-Encoding")) {
      if (encoding) return HeadFault::bad_transfer_encoding;
      encoding = &field;
    }
  }
  if (length && encoding) return HeadFault::length_and_encoding;
  if (encoding) {
    if (minor == 0) return HeadFault::encoding_on_1_0;
    if (!equals_ignoring_case(encoding->value, "chunked")) return HeadFault::bad_transfer_encoding;
    framing.kind = Framing::Kind::chunked;
  } else if (length) {
    const auto value = read_length(length->value);
    if (!value) return HeadFault::bad_length;
    framing = {Framing::Kind::length, *value};
  }
  return framing;
}

bool is_end_to_end(std::string_view option) {
  return std::find(never_hop_by_hop.begin(), never_hop_by_hop.end(), option) != never_hop_by_hop.end();
}

std::optional<HeadFault> read_connection(const Fields& fields, int minor, std::vector<std::string>& connection,
                                         std::vector<std::string>& upgrade, bool& keep_alive) {
  auto options = list_of_tokens(fields, "Connection");
  if (!options) return HeadFault::bad_connection;
  auto protocols = list_of_tokens(fields, "Upgrade", "/");
  if (!protocols) return HeadFault::bad_upgrade;
  if (minor == 1 && contains(*options, "upgrade")) upgrade = std::move(*protocols);
  keep_alive = !contains(*options, "close") && (minor == 1 || contains(*options, "keep-alive"));
  connection = std::move(*options);
  return std::nullopt;
}

}  // namespace sallyport::wire
