#include "console/message.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace sallyport {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};
constexpr Phrase phrases[] = {{200, "OK"},
                              {201, "Created"},
                              {204, "No Content"},
                              {400, "Bad Request"},
                              {401, "Unauthorized"},
                              {403, "Forbidden"},
                              {404, "Not Found"},
                              {405, "Method Not Allowed"},
                              {408, "Request Timeout"},
                              {409, "Conflict"},
                              {410, "Gone"},
                              {413, "Content Too Large"},
                              {415, "Unsupported Media Type"},
                              {421, "Misdirected Request"},
                              {422, "Unprocessable Content"},
                              {429, "Too Many Requests"},
                              {431, "Request Header Fields Too Large"},
                              {500, "Internal Server Error"},
                              {501, "Not Implemented"},
                              {503, "Service Unavailable"}};

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A key or value of a query: percent-encoding and `+`. nullopt: a broken escape, or a control character.
std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '+') c = ' ';
    if (c == '%') {
      if (at + 2 >= text.size()) return std::nullopt;
      const int high = digit(text[at + 1]);
      const int low = digit(text[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      at += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out.push_back(c);
  }
  return out;
}

std::optional<Pairs> parse_query(std::string_view text) {
  constexpr std::size_t most = 32;
  Pairs pairs;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (part.empty()) continue;
    if (pairs.size() == most) return std::nullopt;
    const auto equals = part.find('=');
    auto key = decode(part.substr(0, equals));
    auto value = decode(equals == std::string_view::npos ? std::string_view{} : part.substr(equals + 1));
    if (!key || !value) return std::nullopt;
    pairs.emplace_back(std::move(*key), std::move(*value));
  }
  return pairs;
}

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/_-.").find(c) != std::string_view::npos;
}

}  // namespace

std::string_view ApiRequest::parameter(std::string_view name) const {
  const auto found = std::find_if(query.begin(), query.end(), [&](const auto& pair) { return pair.first == name; });
  return found == query.end() ? std::string_view{} : std::string_view(found->second);
}

std::string_view reason_phrase(int status) {
  const auto* found = std::find_if(std::begin(phrases), std::end(phrases),
                                   [status](const Phrase& phrase) { return phrase.status == status; });
  return found == std::end(phrases) ? std::string_view("Unknown") : found->text;
}

ApiResponse json_response(const boost::json::value& value, int status) {
  return {status, "application/json", boost::json::serialize(value) + '\n', {}};
}

ApiResponse problem(int status, std::string_view detail, std::string_view next) {
  boost::json::object object{{"title", reason_phrase(status)}, {"status", status}, {"detail", detail}};
  if (!next.empty()) object["next"] = next;
  ApiResponse response{status, "application/problem+json", boost::json::serialize(object) + '\n', {}};
  if (status == 401) response.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"sallyport\"");
  if (status == 429 || status == 503) response.fields.emplace_back("Retry-After", "1");
  return response;
}

std::optional<RequestTarget> parse_request_target(std::string_view target) {
  if (target.empty() || target.front() != '/' || target.size() > 4096) return std::nullopt;
  const auto question = target.find('?');
  const std::string_view path = target.substr(0, question);
  // No path of the API needs an escape; what has one is answered like any other path that isn't there.
  if (!std::all_of(path.begin(), path.end(), plain)) return std::nullopt;
  auto query = parse_query(question == std::string_view::npos ? std::string_view{} : target.substr(question + 1));
  if (!query) return std::nullopt;
  return RequestTarget{std::string(path), std::move(*query)};
}

}  // namespace sallyport
