#include "approvals/notify/web_url.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::string_view secure = "https://", plain = "http://";

bool is_visible(char c) {
  return c > ' ' && c < '\x7f';
}

}  // namespace

std::string WebUrl::authority() const {
  if (at.port != (tls ? 443 : 80)) return at.text();
  const bool bare_v6 = at.host.address() && !at.host.address()->is_v4();
  return bare_v6 ? "[" + at.host.text() + "]" : at.host.text();
}

std::string WebUrl::origin() const {
  return std::string(tls ? secure : plain) + authority();
}

bool is_loopback(const Host& host) {
  static const Cidr four = *Cidr::parse("127.0.0.0/8"), six = *Cidr::parse("::1");
  if (const Address* address = host.address()) return four.contains(*address) || six.contains(*address);
  return host.name()->text() == "localhost";
}

Outcome<WebUrl> parse_web_url(std::string_view text) {
  const bool tls = text.starts_with(secure);
  if (!tls && !text.starts_with(plain)) return Complaint{"expected https://HOST/PATH, or http:// to this machine"};
  if (!std::all_of(text.begin(), text.end(), is_visible) || text.find('#') != std::string_view::npos)
    return Complaint{"an address has no spaces, no control characters and no '#'; write others as %XX"};
  text.remove_prefix(tls ? secure.size() : plain.size());
  const auto end = std::min(text.find_first_of("/?"), text.size());
  auto at = parse_authority(text.substr(0, end), tls ? 443 : 80);
  if (!at) return Complaint{"the host of the address: ", at.error().text};
  if (!tls && !is_loopback(at->host))
    return Complaint{"http:// is for this machine only (localhost, 127.0.0.1, [::1]); write https://"};
  std::string target(text.substr(end));
  if (!target.starts_with('/')) target.insert(0, "/");
  return WebUrl{tls, std::move(*at), std::move(target)};
}

}  // namespace sallyport
