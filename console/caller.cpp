#include "console/caller.hpp"

namespace sallyport {

const char* word_of(Role role) {
  switch (role) {
    case Role::viewer:
      return "viewer";
    case Role::approver:
      return "approver";
    case Role::admin:
      return "admin";
  }
  return "viewer";
}

std::optional<Role> parse_role(std::string_view word) {
  for (const Role role : {Role::viewer, Role::approver, Role::admin}) {
    if (word == word_of(role)) return role;
  }
  return std::nullopt;
}

Actor actor_of(const Caller& caller) {
  return {caller.name, word_of(caller.role), caller.through, caller.source};
}

}  // namespace sallyport
