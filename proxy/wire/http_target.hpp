// Request targets and authorities (RFC 9112, 3.2; RFC 3986).
#pragma once
#include "proxy/wire/http_fault.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::wire {

// host[:port]. The host is as sent, not yet a HostName: never empty, no user information, no percent sign, comma or
// white space. An IPv6 literal stands without its brackets, and `bracketed` says so.
struct Authority {
  std::string host;
  bool bracketed = false;
  std::optional<std::uint16_t> port;  // never 0

  std::string text() const;  // host[:port] as a Host field carries it
};

boost::system::result<Authority, HeadFault> parse_authority(std::string_view text);

// The same host but for ASCII case and one trailing dot, and the same port where `default_port` fills in a missing one.
bool same_authority(const Authority& left, const Authority& right, std::uint16_t default_port);

enum class TargetForm { origin, absolute, authority, asterisk };

struct Target {
  TargetForm form = TargetForm::origin;
  std::string scheme;                  // absolute: lower case; http, https, ws or wss
  std::optional<Authority> authority;  // absolute and authority forms
  std::string path;                    // origin and absolute: begins with "/"; asterisk: "*"
  std::optional<std::string> query;    // without "?"

  std::string path_and_query() const;  // as the origin form wants it
};

// Spaces, controls, bytes above 0x7e and `#` are refused in every form. The authority form (with a port) is CONNECT's
// alone, and CONNECT's only one; the asterisk form is for OPTIONS.
boost::system::result<Target, HeadFault> parse_target(std::string_view text, std::string_view method);

}  // namespace sallyport::wire
