#include "proxy/inject/reflection.hpp"

#include "proxy/inject/base64.hpp"
#include "proxy/inject/placeholder.hpp"

#include <algorithm>

namespace sallyport {
namespace {

std::optional<unsigned> hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10U;
  return std::nullopt;
}

// How many characters of `text` at `at` are the byte `c`, plain or encoded; 0: none.
std::size_t length_of(std::string_view text, std::size_t at, char c) {
  if (at >= text.size()) return 0;
  if (text[at] == c || (c == ' ' && text[at] == '+')) return 1;
  if (text[at] != '%' || at + 2 >= text.size()) return 0;
  const auto high = hex_value(text[at + 1]);
  const auto low = hex_value(text[at + 2]);
  return high && low && static_cast<char>(*high * 16U + *low) == c ? 3 : 0;
}

// How long the secret is that stands at `at`; 0: it does not.
std::size_t match_at(std::string_view text, std::size_t at, std::string_view secret) {
  std::size_t end = at;
  for (const char c : secret) {
    const std::size_t length = length_of(text, end, c);
    if (length == 0) return 0;
    end += length;
  }
  return end - at;
}

std::string placeholder_of(const std::string& name) {
  return std::string(placeholder_prefix) + name;
}

void mask_secret(std::string& text, std::string_view secret, const std::string& name) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t length = match_at(text, at, secret);
    if (length == 0) continue;
    const std::string put = placeholder_of(name);
    text.replace(at, length, put);
    at += put.size() - 1;
  }
}

bool is_base64(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
         c == '-' || c == '_';
}

void mask_encoded(std::string& text, std::string_view encoded, const std::string& name) {
  const std::string put = placeholder_of(name);
  for (std::size_t at = text.find(encoded); at != std::string::npos; at = text.find(encoded, at + put.size())) {
    // The characters around it may hold the rest of the secret's bits.
    const std::size_t begin = at > 0 && is_base64(text[at - 1]) ? at - 1 : at;
    std::size_t end = at + encoded.size();
    if (end < text.size() && is_base64(text[end])) ++end;
    text.replace(begin, end - begin, put);
    at = begin;
  }
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

// The characters of the base64 of a text with `secret` at `shift` bytes behind a multiple of three, that depend on
// nothing but the secret.
std::string encoded_at(std::string_view secret, std::size_t shift) {
  std::string text = to_base64(std::string(shift, '\0') + std::string(secret));
  const std::size_t first = (shift * 8 + 5) / 6;
  const std::size_t last = (shift + secret.size()) * 8 / 6;
  return text.substr(first, last - first);
}

}  // namespace

Reflection::Reflection(std::vector<UsedSecret> used) : used_(std::move(used)) {
  // Where one secret holds another, the longer is masked whole.
  std::sort(used_.begin(), used_.end(),
            [](const UsedSecret& a, const UsedSecret& b) { return a.value->text().size() > b.value->text().size(); });
  for (const UsedSecret& secret : used_) {
    for (std::size_t shift = 0; shift < 3; ++shift) {
      std::string text = encoded_at(secret.value->text(), shift);
      std::string url = text;
      std::replace(url.begin(), url.end(), '+', '-');
      std::replace(url.begin(), url.end(), '/', '_');
      if (url != text) encoded_.push_back({std::move(url), secret.name});
      encoded_.push_back({std::move(text), secret.name});
    }
  }
}

std::string Reflection::masked(std::string text) const {
  for (const UsedSecret& secret : used_) mask_secret(text, secret.value->text(), secret.name);
  for (const Encoded& encoded : encoded_) mask_encoded(text, encoded.text, encoded.name);
  return text;
}

void Reflection::mask(wire::Fields& fields) const {
  if (empty()) return;
  // A name comes back in any case.
  const auto names_secret = [this](const wire::Field& field) {
    return std::any_of(used_.begin(), used_.end(), [&](const UsedSecret& secret) {
      return lower(field.name).find(lower(secret.value->text())) != std::string::npos;
    });
  };
  fields.erase(std::remove_if(fields.begin(), fields.end(), names_secret), fields.end());
  for (wire::Field& field : fields) field.value = masked(std::move(field.value));
}

void Reflection::mask(wire::ResponseHead& head) const {
  if (empty()) return;
  head.reason = masked(std::move(head.reason));
  mask(head.fields);
}

}  // namespace sallyport
