#include "proxy/monitor/monitor.hpp"

#include "proxy/gateway/apply.hpp"
#include "proxy/monitor/privileges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <grp.h>
#include <iostream>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

namespace sallyport {
namespace {

using testing::HasSubstr;

GatewayPlan plan() {
  GatewayPlan out;
  out.interfaces = {"br-agents"};
  return out;
}

#define REQUIRE_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs root"

bool raise_loopback() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  const bool raised = ::ioctl(socket, SIOCSIFFLAGS, &request) == 0;
  ::close(socket);
  return raised;
}

// Runs `work` in a child with a network namespace of its own; true where it returned true.
bool in_child(const std::function<bool()>& work) {
  const bool root = ::geteuid() == 0;
  const pid_t child = ::fork();
  if (child == 0) {
    bool good = false;
    try {
      good = (!root || (::unshare(CLONE_NEWNET) == 0 && raise_loopback())) && work();
    } catch (const std::exception& problem) {
      std::cerr << problem.what() << '\n';
    }
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string status_of(pid_t process, const std::string& field) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return line.substr(field.size() + 2);
  }
  return "";
}

bool said(const char* what, const Outcome<void>& outcome) {
  if (!outcome) std::cerr << what << ": " << outcome.error().text << '\n';
  return static_cast<bool>(outcome);
}

TEST(Monitor, AppliesAndChecksThePlanItWasStartedWith) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    auto monitor = Monitor::start(plan(), "nobody");
    if (!monitor) return said("start", monitor.error());
    if (!said("ping", monitor->ping()) || monitor->check()) return false;
    return said("apply", monitor->apply()) && said("check", monitor->check());
  }));
}

TEST(Monitor, AppliesAfterTheDaemonHasGivenUpItsPrivileges) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    GatewayPlan wanted = plan();
    wanted.steering = Steering::tproxy;
    auto monitor = Monitor::start(wanted, "nobody");
    if (!monitor || !said("drop", drop_privileges("nobody"))) return false;
    if (Gateway(wanted).apply()) return false;
    return said("apply", monitor->apply()) && said("check", monitor->check());
  }));
}

TEST(Monitor, NoticesRulesThatAreGone) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    auto monitor = Monitor::start(plan(), "nobody");
    if (!monitor || !monitor->apply() || !remove_gateway()) return false;
    const auto checked = monitor->check();
    return !checked && checked.error().text.find("missing") != std::string::npos && said("apply", monitor->apply()) &&
           said("check", monitor->check());
  }));
}

TEST(Monitor, KeepsOneCapabilityAndNoDescriptors) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    auto monitor = Monitor::start(plan(), "nobody");
    if (!monitor) return said("start", monitor.error());
    const pid_t child = monitor->pid();
    const std::string net_admin = "0000000000001000";
    const std::string none = "0000000000000000";
    bool good = true;
    const auto expect = [&](const std::string& field, const std::string& value) {
      const std::string found = status_of(child, field);
      if (found.find(value) == std::string::npos) {
        std::cerr << field << " is " << found << '\n';
        good = false;
      }
    };
    expect("CapEff", net_admin);
    expect("CapPrm", net_admin);
    expect("CapInh", none);
    expect("CapBnd", none);
    expect("CapAmb", none);
    expect("NoNewPrivs", "1");
    expect("Uid", "65534\t65534\t65534\t65534");
    expect("Groups", "65534");
    return good && ::access(("/proc/" + std::to_string(child) + "/fd/3").c_str(), F_OK) == 0 &&
           ::access(("/proc/" + std::to_string(child) + "/fd/4").c_str(), F_OK) != 0;
  }));
}

TEST(Monitor, EndsWhenTheDaemonsEndCloses) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    pid_t child = -1;
    {
      auto monitor = Monitor::start(plan(), "nobody");
      if (!monitor) return false;
      child = monitor->pid();
    }
    return ::kill(child, 0) != 0 && errno == ESRCH;
  }));
}

TEST(Monitor, EndingIsSeenOnItsDescriptorAndByEveryQuestion) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    auto monitor = Monitor::start(plan(), "nobody");
    if (!monitor || ::kill(monitor->pid(), SIGKILL) != 0) return false;
    pollfd waiting{monitor->fd(), POLLIN, 0};
    if (::poll(&waiting, 1, 5000) != 1) return false;
    return !monitor->ping() && !monitor->check() && !monitor->apply();
  }));
}

TEST(Monitor, OutlivesTheSignalsOfATerminal) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    auto monitor = Monitor::start(plan(), "nobody");
    if (!monitor) return false;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::kill(monitor->pid(), signal);
    return said("ping", monitor->ping());
  }));
}

TEST(Monitor, RefusesWhatIsNoneOfItsRequests) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    auto monitor = Monitor::start(plan(), "nobody");
    if (!monitor) return false;
    for (const std::string& request : {std::string("x"), std::string("aa"), std::string(3000, 'a')}) {
      if (::send(monitor->fd(), request.data(), request.size(), 0) < 0) return false;
      char answer[256];
      const ssize_t got = ::recv(monitor->fd(), answer, sizeof answer, 0);
      if (got < 1 || answer[0] != '-') return false;
    }
    return !monitor->check() && said("ping", monitor->ping());
  }));
}

TEST(Monitor, DoesNotStartWithAPlanThatClosesNothing) {
  EXPECT_FALSE(Monitor::start(GatewayPlan{}, ""));
}

TEST(Monitor, DoesNotStartAsAnUnknownUser) {
  REQUIRE_ROOT();
  const auto started = Monitor::start(plan(), "no-such-user");
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().text, HasSubstr("there is no user 'no-such-user'"));
}

TEST(Privileges, AreGoneForGood) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    if (!said("drop", drop_privileges("nobody"))) return false;
    const pid_t me = ::getpid();
    const std::string none = "0000000000000000";
    for (const char* set : {"CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"}) {
      if (status_of(me, set) != none) return false;
    }
    rlimit core{};
    ::getrlimit(RLIMIT_CORE, &core);
    return ::getuid() == 65534 && ::getgid() == 65534 && status_of(me, "NoNewPrivs") == "1" && core.rlim_max == 0 &&
           ::setuid(0) != 0 && ::setgid(0) != 0 && ::access("/etc/shadow", R_OK) != 0;
  }));
}

TEST(Privileges, KeepNoGroupOfRoot) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    const gid_t groups[] = {0, 4, 27};
    if (::setgroups(3, groups) != 0 || !said("drop", drop_privileges("nobody"))) return false;
    gid_t left[16];
    const int count = ::getgroups(16, left);
    return count == 1 && left[0] == 65534;
  }));
}

TEST(Privileges, OfAnUnknownUserOrOfRootAreRefusedWithAWayOut) {
  REQUIRE_ROOT();
  const auto unknown = drop_privileges("no-such-user");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().text, HasSubstr("user: nobody"));
  EXPECT_FALSE(drop_privileges("root"));
  EXPECT_FALSE(drop_privileges(""));
  EXPECT_EQ(::geteuid(), 0U);
}

TEST(Privileges, OfAnOrdinaryUserStayWhatTheyAre) {
  REQUIRE_ROOT();
  EXPECT_TRUE(in_child([] {
    if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) return false;
    return said("drop", drop_privileges("sallyport")) && status_of(::getpid(), "NoNewPrivs") == "1";
  }));
}

TEST(DescriptorLimit, IsRaisedToTheHardOne) {
  EXPECT_TRUE(in_child([] {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 64;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const std::uint64_t raised = raise_descriptor_limit();
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return raised == limit.rlim_max && limit.rlim_cur == limit.rlim_max;
  }));
}

}  // namespace
}  // namespace sallyport
