#include "proxy/monitor/privileges.hpp"

#include <cap-ng.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <grp.h>
#include <optional>
#include <pwd.h>
#include <unistd.h>
#include <vector>

namespace sallyport {
namespace {

struct Identity {
  std::string name;
  uid_t user;
  gid_t group;
};

Complaint system_complaint(const std::string& what) {
  return Complaint{what + ": " + std::strerror(errno)};
}

Outcome<Identity> look_up(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(64 * 1024);
  const int error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return Complaint{"there is no user '" + name + "'" +
                     (error == 0 ? "" : std::string(" (") + std::strerror(error) + ")") +
                     ": make it (useradd --system --no-create-home " + name +
                     "), or name one that exists in sallyport.yaml (user: nobody)"};
  }
  if (entry.pw_uid == 0 || entry.pw_gid == 0) {
    return Complaint{"the user '" + name + "' is root: name an unprivileged one in sallyport.yaml (user: nobody)"};
  }
  return Identity{name, entry.pw_uid, entry.pw_gid};
}

Outcome<void> clear_bounding_set() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return system_complaint("the bounding set of capabilities can't be cleared (CAP_SETPCAP is needed)");
    }
  }
  return {};
}

Outcome<void> become(const Identity& identity) {
  if (::initgroups(identity.name.c_str(), identity.group) != 0) return system_complaint("initgroups");
  if (::setresgid(identity.group, identity.group, identity.group) != 0) return system_complaint("setresgid");
  if (::setresuid(identity.user, identity.user, identity.user) != 0) return system_complaint("setresuid");
  return {};
}

using Capabilities = std::vector<unsigned>;

Outcome<void> set_capabilities(const Capabilities& kept) {
  capng_clear(CAPNG_SELECT_CAPS);
  for (const unsigned each : kept)
    capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED), each);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) return system_complaint("the capabilities can't be given up");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return system_complaint("the ambient capabilities can't be given up");
  }
  return {};
}

Outcome<void> close_the_rest() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return system_complaint("core dumps can't be switched off");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_complaint("no_new_privs can't be set");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_complaint("PR_SET_DUMPABLE can't be cleared");
  return {};
}

// The kernel's answers, not ours: reads the state back and tries the way back.
Outcome<void> verify(const std::optional<Identity>& identity, const Capabilities& kept) {
  if (capng_get_caps_process() != 0) return system_complaint("the capabilities can't be read back");
  for (unsigned capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    const bool wanted = std::find(kept.begin(), kept.end(), capability) != kept.end();
    for (const capng_type_t set : {CAPNG_EFFECTIVE, CAPNG_PERMITTED}) {
      if ((capng_have_capability(set, capability) != 0) != wanted) {
        return Complaint{"the capabilities are not what they were set to"};
      }
    }
    if (capng_have_capability(CAPNG_INHERITABLE, capability) != 0)
      return Complaint{"a capability is still inheritable"};
  }
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return Complaint{"no_new_privs did not stay"};
  if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return Complaint{"the process is still dumpable"};
  if (!identity) return {};
  uid_t users[3];
  gid_t groups[3];
  if (::getresuid(&users[0], &users[1], &users[2]) != 0 || ::getresgid(&groups[0], &groups[1], &groups[2]) != 0) {
    return system_complaint("who the process is can't be read back");
  }
  for (int i = 0; i < 3; ++i) {
    if (users[i] != identity->user || groups[i] != identity->group) return Complaint{"the user did not change"};
  }
  if (::setresuid(0, 0, 0) == 0 || ::setresgid(0, 0, 0) == 0) return Complaint{"there is still a way back to root"};
  return {};
}

Outcome<void> reduce(const std::string& user, const Capabilities& kept) {
  std::optional<Identity> identity;
  if (::geteuid() == 0) {
    if (!user.empty()) {
      const auto found = look_up(user);
      if (!found) return found.error();
      identity = *found;
    }
    if (auto cleared = clear_bounding_set(); !cleared) return cleared;
  }
  // Otherwise the change of user would take the kept one too.
  if (!kept.empty() && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return system_complaint("PR_SET_KEEPCAPS");
  if (identity) {
    if (auto became = become(*identity); !became) return became;
  }
  if (auto set = set_capabilities(kept); !set) return set;
  if (!kept.empty() && ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return system_complaint("PR_SET_KEEPCAPS");
  if (auto closed = close_the_rest(); !closed) return closed;
  return verify(identity, kept);
}

}  // namespace

Outcome<void> drop_privileges(const std::string& user) {
  if (user.empty() && ::geteuid() == 0) {
    return Complaint{"started as root, the daemon must become another user: name one in sallyport.yaml (user: nobody)"};
  }
  return reduce(user, {});
}

Outcome<void> keep_only_net_admin(const std::string& user) {
  return reduce(user, {CAP_NET_ADMIN});
}

Outcome<void> keep_to_attach(const std::string& user) {
  return reduce(user, {CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH});
}

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

}  // namespace sallyport
