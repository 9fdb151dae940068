// Whether a network namespace has still no way out: no interface but lo.
#pragma once
#include "policy/result.hpp"

namespace sallyport {

// A NETLINK_ROUTE socket of this thread's namespace, which becomes readable when an interface changes; -1 with errno.
int open_link_watch();

// An error names the first interface, besides lo, that there is, or that came since the last call even if it has gone
// again. Also an error where the kernel can't be asked. Needs no privilege.
Outcome<void> has_only_loopback(int link_watch);

}  // namespace sallyport
