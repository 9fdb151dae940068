// Who stands at the admin API.
#pragma once
#include "approvals/approval.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

// Each may do what those before it may.
enum class Role { viewer, approver, admin };

struct Caller {
  std::string name;  // the token's, or the unix user's
  Role role = Role::viewer;
  std::string through = "api";    // "console", "cli", "watch" where the request says so
  std::optional<Address> source;  // absent: the unix socket
};

const char* word_of(Role role);
std::optional<Role> parse_role(std::string_view word);
// The same as approvals and records name it.
Actor actor_of(const Caller& caller);

}  // namespace sallyport
