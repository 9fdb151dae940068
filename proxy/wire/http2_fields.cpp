#include "proxy/wire/http2_fields.hpp"

#include "proxy/wire/http_lines.hpp"

#include <algorithm>
#include <array>

namespace sallyport::wire {
namespace {

constexpr std::array<std::string_view, 5> connection_specific{"connection", "proxy-connection", "keep-alive",
                                                              "transfer-encoding", "upgrade"};

bool has_upper_case(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// RFC 9113, 8.2.1, and what our HTTP/1.1 refuses besides.
bool is_value(std::string_view value) {
  const auto fits = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  };
  if (value.empty()) return true;
  return !is_blank(value.front()) && !is_blank(value.back()) && std::all_of(value.begin(), value.end(), fits);
}

std::optional<BlockFault> check_field(const Field& field) {
  if (!is_token(field.name) || has_upper_case(field.name)) return BlockFault::bad_name;
  if (!is_value(field.value)) return BlockFault::bad_value;
  if (is_connection_specific(field.name)) return BlockFault::connection_specific;
  if (field.name == "te" && field.value != "trailers") return BlockFault::connection_specific;
  return std::nullopt;
}

std::optional<BlockFault> check_pseudo(const Field& field, const Block& so_far) {
  if (!so_far.fields.empty()) return BlockFault::pseudo_after_field;
  if (find_field(so_far.pseudo, field.name)) return BlockFault::duplicate_pseudo;
  if (has_upper_case(field.name)) return BlockFault::bad_name;
  if (!is_value(field.value)) return BlockFault::bad_value;
  return std::nullopt;
}

}  // namespace

bool is_connection_specific(std::string_view name) {
  return std::find(connection_specific.begin(), connection_specific.end(), name) != connection_specific.end();
}

Translated<Block> split_block(const Fields& block) {
  Block split;
  for (const Field& field : block) {
    const bool pseudo = field.name.starts_with(':');
    const auto fault = pseudo ? check_pseudo(field, split) : check_field(field);
    if (fault) return *fault;
    (pseudo ? split.pseudo : split.fields).push_back(field);
  }
  return split;
}

Translated<std::optional<std::uint64_t>> read_content_length(const Fields& fields) {
  // HTTP/1's own reading of it, so that both sides of the translation take the same for a number.
  Fields lengths;
  for (const Field& field : fields) {
    if (field.name == "content-length") lengths.push_back(field);
  }
  const auto framing = read_framing(lengths, 1);
  if (!framing) return BlockFault::bad_length;
  if (framing->kind != Framing::Kind::length) return std::optional<std::uint64_t>();
  return std::optional<std::uint64_t>(framing->length);
}

}  // namespace sallyport::wire
