// Whether a request may come from where it says it comes: against DNS rebinding and cross-site requests.
#pragma once
#include "policy/address.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

struct Provenance {
  std::string host;                                // Host
  std::optional<std::string> origin;               // Origin
  std::string fetch_site, fetch_mode, fetch_dest;  // Sec-Fetch-*
  bool page = false;                               // a GET of one of the page's own files
};

// A page of a stranger can make a browser send requests here, and give its own name our address. So: Host is
// "localhost", a loopback address, the address that was connected to (`local`), or one of `names`, with any port (a
// forwarded port is another); Origin, where it is sent, is that host; Sec-Fetch-Site says same-origin, or none (typed
// by a person). A link from elsewhere may open the page itself, which by itself does nothing.
// nullopt: fine; else the reason.
std::optional<std::string> check_provenance(const Provenance& from, const std::optional<Address>& local,
                                            const std::vector<std::string>& names);

}  // namespace sallyport
