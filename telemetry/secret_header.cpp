#include "telemetry/secret_header.hpp"

#include <algorithm>
#include <array>

namespace sallyport {
namespace {

constexpr std::string_view redacted = "[redacted]";

// What names of credentials' headers have in them: Authorization, X-Api-Key, Private-Token, X-Amz-Security-Token …
constexpr std::array<std::string_view, 14> secret_words{"auth",        "cookie",     "token",   "secret", "password",
                                                        "passwd",      "credential", "api-key", "apikey", "access-key",
                                                        "private-key", "signature",  "session", "jwt"};
// Schemes of Authorization, and how the tokens of common services begin.
constexpr std::array<std::string_view, 18> secret_beginnings{
    "basic ", "bearer ", "digest ", "negotiate ",  "ntlm ",  "token ", "aws4-hmac", "ghp_", "gho_",
    "ghs_",   "ghu_",    "ghr_",    "github_pat_", "glpat-", "sk-",    "xox",       "hvs.", "-----begin"};
// The length from which mixed letters and digits are taken for a key: a UUID, a hash and a trace id have one case only.
constexpr std::size_t key_length = 32;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool is_key_character(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '_' ||
         c == '-' || c == '=';
}

// Base64, by its looks.
bool is_key(std::string_view run) {
  const auto has = [&](char first, char last) {
    return std::any_of(run.begin(), run.end(), [&](char c) { return c >= first && c <= last; });
  };
  return run.size() >= key_length && has('a', 'z') && has('A', 'Z') && has('0', '9');
}

bool holds_key(std::string_view value) {
  while (!value.empty()) {
    const auto end = std::find_if_not(value.begin(), value.end(), is_key_character);
    const auto size = static_cast<std::size_t>(end - value.begin());
    if (is_key(value.substr(0, size))) return true;
    value.remove_prefix(std::min(value.size(), size + 1));
  }
  return false;
}

// A JSON Web Token wherever it stands.
bool holds_jwt(std::string_view value) {
  const auto at = value.find("eyJ");
  return at != std::string_view::npos && value.find('.', at) != std::string_view::npos;
}

bool is_secret_name(const std::string& name) {
  return std::any_of(secret_words.begin(), secret_words.end(),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

bool is_secret_value(std::string_view value) {
  const std::string start = lowered(value.substr(0, 16));
  const bool known = std::any_of(secret_beginnings.begin(), secret_beginnings.end(),
                                 [&](std::string_view beginning) { return start.starts_with(beginning); });
  return known || holds_jwt(value) || holds_key(value);
}

}  // namespace

std::string without_secrets(std::string_view name, std::string_view value) {
  if (is_secret_name(lowered(name))) return std::string(redacted);
  if (value.find("://") != std::string_view::npos) {
    // Of a URL: userinfo is a password, and queries carry tokens.
    if (value.find('@') != std::string_view::npos) return std::string(redacted);
    value = value.substr(0, value.find_first_of("?#"));
  }
  return std::string(is_secret_value(value) ? redacted : value);
}

}  // namespace sallyport
