// Where a webhook or a decider is: an https:// address, or an http:// one on this machine.
#pragma once
#include "policy/destination.hpp"

#include <string>
#include <string_view>

namespace sallyport {

struct WebUrl {
  bool tls = true;
  Destination at;
  std::string target;  // path and query: "/hooks?team=a"

  // The Host field: the port is left out where it is the scheme's own.
  std::string authority() const;
  // "https://hooks.example.com": all that may be logged, since paths of webhooks are secrets.
  std::string origin() const;
};

// "localhost", or a loopback address.
bool is_loopback(const Host& host);

// http:// only to localhost or a loopback address. Userinfo, fragments, spaces and control characters are refused.
// A complaint never repeats the text.
Outcome<WebUrl> parse_web_url(std::string_view text);

}  // namespace sallyport
