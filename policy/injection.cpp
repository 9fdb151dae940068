#include "policy/injection.hpp"

#include <algorithm>
#include <array>

namespace sallyport {
namespace {

void append(const SecretText& text, std::vector<std::string>& names) {
  for (const SecretText::Piece& piece : text.pieces) {
    const bool known = std::find(names.begin(), names.end(), piece.text) != names.end();
    if (piece.kind == SecretText::Kind::secret && !known) names.push_back(piece.text);
  }
}

}  // namespace

bool is_framing_field(std::string_view name) {
  constexpr std::array names{"host",      "content-length", "transfer-encoding", "connection", "keep-alive",
                             "te",        "trailer",        "upgrade",           "expect",     "via",
                             "forwarded", "http2-settings"};
  std::string plain(name);
  std::transform(plain.begin(), plain.end(), plain.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::find(names.begin(), names.end(), plain) != names.end() || plain.starts_with("proxy-") ||
         plain.starts_with("x-forwarded-") || plain == "x-real-ip" || plain.starts_with("x-sallyport-") ||
         plain.starts_with(":");
}

std::vector<std::string> Injection::secrets() const {
  std::vector<std::string> names;
  append(user, names);
  append(value, names);
  return names;
}

std::string Injection::text() const {
  std::string text;
  switch (kind) {
    case Kind::header:
      text = "header " + name;
      break;
    case Kind::basic:
      text = "basic auth";
      break;
    case Kind::query:
      text = "query parameter " + name;
      break;
    case Kind::placeholder:
      text = "in place of its placeholder";
      break;
  }
  std::string names;
  for (const std::string& secret : secrets()) names += (names.empty() ? "" : ", ") + secret;
  if (names.empty()) return text;
  return "secret " + names + (kind == Kind::placeholder ? " " : " as ") + text;
}

}  // namespace sallyport
