#include "proxy/inject/secret_trace.hpp"

#include "proxy/inject/base64.hpp"
#include "proxy/inject/own_words.hpp"
#include "proxy/inject/wipe.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace sallyport {
namespace {

constexpr std::size_t shortest_part = 8, shortest_base64_part = 12, fewest_different = 4;
// Half of the shortest part, and no secret is shorter.
constexpr std::size_t shortest_block = 4, beginnings = 1U << 16U;

// What heads hold anyhow. A part of a secret that is a part of this tells nothing.
constexpr std::string_view usual =
    "application/json; charset=utf-8 application/octet-stream application/x-www-form-urlencoded application/javascript "
    "application/problem+json application/vnd.github.v3+json multipart/form-data; boundary= text/html; charset=utf-8 "
    "text/plain; charset=us-ascii text/event-stream image/svg+xml charset=iso-8859-1 content-disposition: attachment; "
    "filename= max-age=31536000; includesubdomains; preload no-cache, no-store, must-revalidate, proxy-revalidate, "
    "private, public, immutable, s-maxage= stale-while-revalidate keep-alive transfer-encoding: chunked gzip, deflate "
    "vary: accept-encoding, accept-language, origin, authorization, content-type, user-agent, cookie, referer "
    "x-requested-with x-forwarded-for x-forwarded-proto x-request-id x-correlation-id access-control-allow-origin "
    "access-control-allow-credentials access-control-expose-headers access-control-allow-methods "
    "content-security-policy-report-only default-src 'self' 'none' 'unsafe-inline' script-src frame-ancestors "
    "strict-transport-security referrer-policy: strict-origin-when-cross-origin same-origin cross-origin-opener-policy "
    "permissions-policy geolocation=() x-content-type-options: nosniff x-frame-options: sameorigin x-xss-protection: "
    "1; "
    "mode=block www-authenticate: bearer realm= basic realm= error=invalid_token error_description= insufficient_scope "
    "authentication authenticated unauthorized forbidden set-cookie: session_id= sessionid= phpsessid= jsessionid= "
    "csrftoken= path=/; domain= expires= samesite=strict; samesite=lax; samesite=none; httponly; secure "
    "x-ratelimit-limit x-ratelimit-remaining x-ratelimit-reset ratelimit-policy retry-after last-modified "
    "if-none-match if-modified-since accept-ranges: bytes content-length content-encoding content-language "
    "content-location alt-svc server-timing nginx apache cloudflare cloudfront varnish https://www. https://api. "
    "localhost example.com api.github.com client_id= client_secret= access_token= refresh_token= grant_type= "
    "redirect_uri= response_type= api-key api_key x-api-key password username administrator account customer "
    "production development staging environment internal external international service database default "
    "github_pat_ gitlab token secret monday tuesday wednesday thursday friday saturday sunday january february "
    "september october november december";

constexpr bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

constexpr char folded(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c == '+' ? ' ' : c;
}

std::size_t beginning_at(std::string_view text, std::size_t at) {
  std::uint32_t bytes = 0;
  for (std::size_t i = 0; i < shortest_block; ++i) bytes = bytes << 8U | static_cast<unsigned char>(text[at + i]);
  return bytes * 2654435761U >> 16U;  // Knuth's multiplicative hash
}

// Many different characters, that is, and not those of any other head.
bool is_telling(std::string_view part, bool bare) {
  static const PlainText known(usual);
  std::array<bool, 256> seen{};
  for (const char c : part) seen[static_cast<unsigned char>(c)] = true;
  if (std::count(seen.begin(), seen.end(), true) < static_cast<std::ptrdiff_t>(fewest_different)) return false;
  return (bare ? known.bare : known.folded).find(part) == std::string::npos;
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

void PlainText::set(std::string_view text) {
  folded.resize(text.size());
  bare.resize(text.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = sallyport::folded(text[i]);
    folded[i] = bare[size] = c;
    if (sallyport::is_bare(c)) ++size;
  }
  bare.resize(size);
}

SecretTrace::SecretTrace(std::string_view secret) : least_(secret.size()) {
  PlainText plain(secret);
  const bool bare = plain.bare.size() >= shortest_part;
  if (plain.bare != plain.folded || !bare) add(plain.folded, false, shortest_part);
  if (bare) add(plain.bare, true, shortest_part);
  const std::size_t ways = needles_.size();
  for (std::size_t i = 0; i < ways; ++i) {
    Needle back = needles_[i];
    std::reverse(back.text.begin(), back.text.end());
    back.is_reversed = true;
    needles_.push_back(std::move(back));
  }
  for (std::size_t shift = 0; shift < 3; ++shift) {
    std::string encoded = encoded_at(secret, shift);
    PlainText lower(encoded);
    if (lower.bare.size() >= shortest_base64_part) add(lower.bare, true, shortest_base64_part);
    for (std::string* text : {&encoded, &lower.folded, &lower.bare}) wipe(*text);
  }
  wipe(plain.folded);
  wipe(plain.bare);
  note_beginnings();
}

SecretTrace::~SecretTrace() {
  for (Needle& needle : needles_) wipe(needle.text);
  std::fill(beginnings_.begin(), beginnings_.end(), false);
}

void SecretTrace::add(std::string text, bool is_bare, std::size_t shortest) {
  const std::size_t size = text.size();
  const std::size_t least = std::min(size, std::max(shortest, (size + 2) / 3));
  const std::size_t block = least == size ? size : (least + 1) / 2;
  needles_.push_back({std::move(text), least, std::max(least, size / 2), block, is_bare});
  least_ = std::min(least_, least);
}

void SecretTrace::note_beginnings() {
  beginnings_.resize(beginnings);
  for (const Needle& needle : needles_) {
    for (std::size_t from = 0; from + needle.block <= needle.text.size(); from += needle.block)
      beginnings_[beginning_at(needle.text, from)] = true;
  }
}

bool SecretTrace::may_be_in(std::string_view text) const {
  for (std::size_t at = 0; at + shortest_block <= text.size(); ++at) {
    if (beginnings_[beginning_at(text, at)]) return true;
  }
  return false;
}

// What of the secret stands around its block at `from`, as far as it goes.
SecretTrace::Part SecretTrace::part_around(const Needle& needle, std::size_t from, std::string_view text,
                                           std::size_t at) {
  std::size_t before = 0, after = needle.block;
  while (before < std::min(from, at) && needle.text[from - before - 1] == text[at - before - 1]) ++before;
  while (from + after < needle.text.size() && at + after < text.size() &&
         needle.text[from + after] == text[at + after]) {
    ++after;
  }
  // Its reverse begins with what secrets of a kind do not share.
  const bool is_of_beginning = needle.is_reversed ? from + after == needle.text.size() : before == from;
  return {at - before, before + after, from - before, is_of_beginning};
}

bool SecretTrace::gives_away(const Needle& needle, const Part& part, std::string_view text, const OwnWords& own) {
  if (part.size == needle.text.size()) return true;
  const std::size_t least = part.is_of_beginning ? needle.least_of_beginning : needle.least;
  if (part.size < least) return false;
  const std::string_view shown = text.substr(part.begin, part.size);
  return is_telling(shown, needle.is_bare) && own.count_others(shown) >= least;
}

// A secret that repeats itself can be met everywhere in a text that was made for it: that gives it away too.
std::optional<SecretTrace::Part> SecretTrace::find(const Needle& needle, std::string_view text, const OwnWords& own) {
  if (text.size() < needle.least) return std::nullopt;
  std::size_t left = 16 * text.size() + needle.text.size();
  for (std::size_t from = 0; from + needle.block <= needle.text.size(); from += needle.block) {
    const std::string_view block = std::string_view(needle.text).substr(from, needle.block);
    for (std::size_t at = text.find(block); at != std::string_view::npos; at = text.find(block, at + 1)) {
      const Part part = part_around(needle, from, text, at);
      if (part.size > left || gives_away(needle, part, text, own)) return part;
      left -= part.size;
    }
  }
  return std::nullopt;
}

std::optional<SecretTrace::Found> SecretTrace::find_in(const PlainText& text, const OwnWords& own) const {
  if (!may_be_in(text.bare) && !may_be_in(text.folded)) return std::nullopt;
  std::optional<Found> found;
  for (std::size_t i = 0; i < needles_.size(); ++i) {
    const Needle& needle = needles_[i];
    const auto part = find(needle, needle.is_bare ? text.bare : text.folded, own);
    if (!part) continue;
    if (part->size == needle.text.size()) return Found{};
    // No needle has a million characters.
    if (!found) found = Found{(std::uint64_t{i} << 20U | part->from) << 20U | part->size};
  }
  return found;
}

}  // namespace sallyport
