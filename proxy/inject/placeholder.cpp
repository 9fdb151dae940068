#include "proxy/inject/placeholder.hpp"

#include "proxy/inject/base64.hpp"
#include "proxy/wire/http_field.hpp"

namespace sallyport {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool is_fit(std::string_view text) {
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

}  // namespace

std::size_t replace_placeholders(std::string& text, const FindSecret& find) {
  std::size_t count = 0;
  std::size_t at = text.find(placeholder_prefix);
  if (at == std::string_view::npos) return 0;
  std::string result;
  std::size_t done = 0;
  while (at != std::string_view::npos) {
    const std::size_t begin = at + placeholder_prefix.size();
    std::size_t end = begin;
    while (end < text.size() && is_name_character(text[end])) ++end;
    const auto secret = find(std::string_view(text).substr(begin, end - begin));
    if (secret) {
      result.append(text, done, at - done).append(*secret);
      done = end;
      ++count;
    }
    at = text.find(placeholder_prefix, secret ? end : begin);
  }
  if (count == 0) return 0;
  result.append(text, done);
  text = std::move(result);
  return count;
}

std::size_t replace_in_field(std::string_view name, std::string& value, const FindSecret& find) {
  constexpr std::string_view scheme = "basic ";
  if (!wire::equals_ignoring_case(name, "Authorization") || !wire::starts_ignoring_case(value, scheme)) {
    return replace_placeholders(value, find);
  }
  const std::size_t begin = value.find_first_not_of(' ', scheme.size());
  if (begin == std::string::npos) return 0;
  auto credentials = from_base64(std::string_view(value).substr(begin));
  if (!credentials) return replace_placeholders(value, find);
  const std::size_t count = replace_placeholders(*credentials, find);
  if (count == 0 || !is_fit(*credentials)) return 0;
  value.replace(begin, std::string::npos, to_base64(*credentials));
  return count;
}

}  // namespace sallyport
