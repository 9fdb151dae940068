#include "console/same_site.hpp"

#include <algorithm>

namespace sallyport {
namespace {

bool digits(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The host of "host", "host:port" or "[v6]:port", lower-case; empty where it is none.
std::string host_part(std::string_view authority) {
  std::string_view host = authority;
  std::string_view port;
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos) return {};
    port = host.substr(end + 1);
    host = host.substr(1, end - 1);
  } else if (const auto colon = host.find(':'); colon != std::string_view::npos) {
    port = host.substr(colon);
    host = host.substr(0, colon);
  }
  if (!port.empty() && (port.front() != ':' || !digits(port.substr(1)))) return {};
  std::string lower(host);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

bool loopback(const Address& address) {
  const auto plain = address.unmapped();
  if (plain.is_v4()) return plain.bytes()[0] == 127;
  return plain == *Address::parse("::1");
}

bool ours(const std::string& host, const std::optional<Address>& local, const std::vector<std::string>& names) {
  if (host == "localhost") return true;
  if (std::find(names.begin(), names.end(), host) != names.end()) return true;
  const auto address = Address::parse(host);
  return address && (loopback(*address) || (local && address->unmapped() == local->unmapped()));
}

}  // namespace

std::optional<std::string> check_provenance(const Provenance& from, const std::optional<Address>& local,
                                            const std::vector<std::string>& names) {
  const std::string host = host_part(from.host);
  if (host.empty() || !ours(host, local, names)) return "the Host header does not name this console";
  if (from.origin && *from.origin != "http://" + from.host && *from.origin != "https://" + from.host)
    return "the request comes from a page of another origin";
  const bool same = from.fetch_site.empty() || from.fetch_site == "same-origin" || from.fetch_site == "none";
  const bool followed_link = from.page && from.fetch_mode == "navigate" && from.fetch_dest == "document";
  if (!same && !followed_link) return "the request comes from a page of another site";
  return std::nullopt;
}

}  // namespace sallyport
