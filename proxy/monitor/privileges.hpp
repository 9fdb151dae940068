// What a daemon started as root gives away before it serves.
#pragma once
#include "policy/result.hpp"

#include <cstdint>
#include <string>

namespace sallyport {

// Becomes `user` with its groups for good: no capability in any set, an empty bounding set, no_new_privs, no core
// dumps, not dumpable. Checks that there is no way back. Started as another user than root, who it is stays, the rest
// is done. To be called before the first thread. On an error the process may have given up some of it and must end.
Outcome<void> drop_privileges(const std::string& user);

// The same but CAP_NET_ADMIN is kept. An empty `user` stays who it is.
Outcome<void> keep_only_net_admin(const std::string& user);

// The same for the attach monitor, which says what it keeps and why.
Outcome<void> keep_to_attach(const std::string& user);

// Takes from this process, for good, the system calls that would make more of those than the attach monitor needs.
// no_new_privs must be set.
Outcome<void> filter_attach_calls();

// Raises the soft limit of open descriptors to the hard one and returns what holds now.
std::uint64_t raise_descriptor_limit();

}  // namespace sallyport
