// parse_target(): the URLs of policy tests and of `policy explain`.
#include "policy/policy.hpp"

#include <algorithm>
#include <array>

namespace sallyport {
namespace {

struct Scheme {
  std::string_view prefix;
  Spoken spoken;
  std::uint16_t port;  // 0: must be written
  bool has_path;
};
constexpr std::array schemes{Scheme{"https://", Spoken::tls, 443, true}, Scheme{"http://", Spoken::http, 80, true},
                             Scheme{"ssh://", Spoken::ssh, 22, false}, Scheme{"tcp://", Spoken::other, 0, false}};

}  // namespace

Outcome<Target> parse_target(std::string_view url) {
  const auto* scheme = std::find_if(schemes.begin(), schemes.end(), [url](const Scheme& candidate) {
    return url.substr(0, candidate.prefix.size()) == candidate.prefix;
  });
  if (scheme == schemes.end()) {
    return Complaint{"expected https://HOST/PATH, http://HOST/PATH, ssh://HOST or tcp://HOST:PORT"};
  }
  url.remove_prefix(scheme->prefix.size());
  if (url.find('#') != std::string_view::npos) return Complaint{"leave out \"#\" and what follows it"};
  const std::size_t end = std::min(url.find_first_of("/?"), url.size());
  const auto to = parse_authority(url.substr(0, end), scheme->port);
  if (!to) return to.error();
  std::string_view path = url.substr(end);
  path = path.substr(0, path.find('?'));
  if (!scheme->has_path && !url.substr(end).empty() && url.substr(end) != "/") {
    return Complaint{"only http and https have a path: leave it out"};
  }
  if (path.empty() && scheme->has_path) path = "/";
  return Target{*to, scheme->spoken, scheme->has_path ? std::string(path) : std::string()};
}

}  // namespace sallyport
