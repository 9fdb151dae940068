#include "proxy/run_user.hpp"

#include "proxy/config.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <grp.h>
#include <pwd.h>
#include <stdexcept>
#include <unistd.h>

namespace sallyport {
namespace {

// What nobody's runs keep, and the home that nobody has not.
constexpr const char* nobodys_state = "/var/lib/sallyport-run";

struct User {
  std::string name, home;
  uid_t uid = 0;
  gid_t gid = 0;
};

User user_of(const passwd& entry) {
  return User{entry.pw_name, entry.pw_dir, entry.pw_uid, entry.pw_gid};
}

User chosen_user() {
  if (const char* by_sudo = std::getenv("SUDO_UID")) {
    const passwd* who = ::getpwuid(static_cast<uid_t>(std::strtoul(by_sudo, nullptr, 10)));
    if (who && who->pw_uid != 0) return user_of(*who);
  }
  const passwd* nobody = ::getpwnam("nobody");
  if (!nobody || nobody->pw_uid == 0) throw std::runtime_error("there is no unprivileged user to run the command as");
  return user_of(*nobody);
}

void leave_root_for(const User& user) {
  if (::initgroups(user.name.c_str(), user.gid) != 0 || ::setresgid(user.gid, user.gid, user.gid) != 0 ||
      ::setresuid(user.uid, user.uid, user.uid) != 0 || ::setresuid(0, 0, 0) == 0)
    throw std::runtime_error("root can't be left for the user " + user.name + ": " + std::strerror(errno));
}

void make_state(const User& user) {
  struct stat found {};
  if (::mkdir(nobodys_state, 0700) != 0 && errno != EEXIST)
    throw std::runtime_error(std::string(nobodys_state) + " can't be made: " + std::strerror(errno));
  if (::lstat(nobodys_state, &found) != 0 || !S_ISDIR(found.st_mode) ||
      ::lchown(nobodys_state, user.uid, user.gid) != 0)
    throw std::runtime_error(std::string(nobodys_state) + " can't be had");
}

}  // namespace

RunUser become_run_user() {
  if (::geteuid() != 0) {
    const Config defaults = Config::embedded();
    const passwd* who = ::getpwuid(::geteuid());
    return RunUser{who ? who->pw_name : std::to_string(::geteuid()), defaults.data, defaults.policy, ""};
  }
  User user = chosen_user();
  const bool nobody = user.name == "nobody";
  if (nobody) make_state(user);
  leave_root_for(user);
  if (nobody && ::access(user.home.c_str(), W_OK) != 0) {
    user.home = std::string(nobodys_state) + "/home";
    ::mkdir(user.home.c_str(), 0700);
  }
  ::setenv("HOME", user.home.c_str(), 1);
  ::setenv("USER", user.name.c_str(), 1);
  ::setenv("LOGNAME", user.name.c_str(), 1);
  // Root's own folders are nothing to this user.
  for (const char* each : {"XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"})
    ::unsetenv(each);
  const std::string said = "the command runs as " + user.name;
  if (nobody) return RunUser{user.name, nobodys_state + std::string("/sallyport"), "/etc/sallyport/policy.yaml", said};
  const Config defaults = Config::embedded();
  return RunUser{user.name, defaults.data, defaults.policy, said};
}

}  // namespace sallyport
