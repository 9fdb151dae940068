#include "proxy/monitor/attach_monitor.hpp"

#include "proxy/monitor/only_loopback.hpp"
#include "proxy/monitor/privileges.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

namespace sallyport {
namespace {

using testing::HasSubstr;

// A process in a network namespace of its own, which does as it is told and ends with this object.
class Cell {
 public:
  explicit Cell(const std::function<void(int go)>& work = {}) {
    int ready[2], go[2];
    if (::pipe2(ready, O_CLOEXEC) != 0 || ::pipe2(go, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(go[1]);
      const char said = ::unshare(CLONE_NEWNET) == 0 ? '+' : '-';
      static_cast<void>(::write(ready[1], &said, 1));
      if (work) work(go[0]);
      for (;;) ::pause();
    }
    char said = 0;
    static_cast<void>(::read(ready[0], &said, 1));
    made_ = said == '+';
    go_ = go[1];
    for (const int number : {ready[0], ready[1], go[0]}) ::close(number);
  }
  ~Cell() {
    end();
    ::close(go_);
  }
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  void go() const { static_cast<void>(::write(go_, "+", 1)); }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  bool made() const { return made_; }
  NamespacePlace place() const { return {"", pid_}; }

 private:
  pid_t pid_ = -1;
  int go_ = -1;
  bool made_ = false;
};

void dial(const char* address, std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &at.sin_addr);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  static_cast<void>(::connect(socket, reinterpret_cast<const sockaddr*>(&at), sizeof at));
}

// A dummy interface needs its module; a bridge does too; a veth pair is what containers use.
bool add_interface() {
  return std::system("ip link add name sneaky type veth peer name sneakier 2>/dev/null") == 0;
}

class AttachMonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    auto started = AttachMonitor::start("nobody");
    ASSERT_TRUE(started) << started.error().text;
    monitor_ = std::move(*started);
  }
  std::string why_not(const NamespacePlace& place, std::optional<NamespaceIdentity> known = {}) const {
    const auto opened = monitor_->open(place, known);
    return opened ? "" : opened.error().text;
  }
  std::unique_ptr<AttachMonitor> monitor_;
};

TEST_F(AttachMonitorTest, MakesDoorsInAnothersNamespace) {
  const Cell cell([](int go) {
    char byte = 0;
    static_cast<void>(::read(go, &byte, 1));
    dial("192.0.2.7", 443);
  });
  ASSERT_TRUE(cell.made());
  auto opened = monitor_->open(cell.place(), std::nullopt);
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_GE(opened->sockets.transparent.size(), 1U);
  EXPECT_EQ(opened->sockets.dns.size(), opened->sockets.transparent.size());
  EXPECT_TRUE(has_only_loopback(opened->link_watch.get()));
  cell.go();
  pollfd door{opened->sockets.transparent[0].get(), POLLIN, 0};
  ASSERT_EQ(::poll(&door, 1, 5000), 1) << "what is dialled in there arrives here";
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  const Descriptor accepted(::accept(door.fd, reinterpret_cast<sockaddr*>(&peer), &size));
  ASSERT_TRUE(accepted);
  const auto client = *Address::parse(::inet_ntoa(peer.sin_addr));
  const auto owner = monitor_->owner(opened->door, {client, ntohs(peer.sin_port), *Address::parse("192.0.2.7"), 443},
                                     Clock::now() + std::chrono::seconds(5));
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->pid, cell.place().pid);
  EXPECT_NE(owner->inode, 0U);
}

TEST_F(AttachMonitorTest, SaysWhenTheProcessHasEnded) {
  Cell cell;
  const auto opened = monitor_->open(cell.place(), std::nullopt);
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_TRUE(monitor_->check(opened->door));
  cell.end();
  EXPECT_FALSE(monitor_->check(opened->door));
}

TEST_F(AttachMonitorTest, RefusesTheHostsOwnNamespace) {
  EXPECT_THAT(why_not({"/proc/" + std::to_string(::getpid()) + "/ns/net", 0}), HasSubstr("host's own"));
  EXPECT_THAT(why_not({"", ::getpid()}), HasSubstr("host's own"));
}

TEST_F(AttachMonitorTest, RefusesTheSameNamespaceTwice) {
  const Cell cell;
  auto opened = monitor_->open(cell.place(), std::nullopt);
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_THAT(why_not(cell.place()), HasSubstr("already"));
  monitor_->close(opened->door);
  opened->sockets = SandboxSockets();
  EXPECT_EQ(why_not(cell.place()), "");
}

TEST_F(AttachMonitorTest, RefusesWhatIsNoNetworkNamespace) {
  const std::string own = "/proc/" + std::to_string(::getpid());
  for (const std::string& path : {own + "/ns/mnt", own + "/status", std::string("/dev/null")})
    EXPECT_THAT(why_not({path, 0}), HasSubstr("no network namespace")) << path;
  EXPECT_NE(why_not({"run/netns/x", 0}), "");
  EXPECT_NE(why_not({"/no/such/file", 0}), "");
  EXPECT_NE(why_not({"", 0}), "");
}

TEST_F(AttachMonitorTest, RefusesANamespaceThatHasAnInterface) {
  const Cell cell([](int go) {
    const bool added = add_interface();
    char byte = 0;
    static_cast<void>(::read(go, &byte, 1));
    static_cast<void>(added);
  });
  std::string why;
  // Until its interface is there it may be attached: let it go again then.
  for (int tries = 0; tries < 200 && why.empty(); ++tries) {
    const auto opened = monitor_->open(cell.place(), std::nullopt);
    if (opened) {
      monitor_->close(opened->door);
    } else {
      why = opened.error().text;
    }
  }
  EXPECT_THAT(why, HasSubstr("sneak"));
}

TEST_F(AttachMonitorTest, NoticesAnInterfaceThatComesEvenIfItGoesAgain) {
  const Cell cell([](int go) {
    char byte = 0;
    static_cast<void>(::read(go, &byte, 1));
    if (add_interface()) static_cast<void>(std::system("ip link del sneaky"));
  });
  const auto opened = monitor_->open(cell.place(), std::nullopt);
  ASSERT_TRUE(opened) << opened.error().text;
  ASSERT_TRUE(has_only_loopback(opened->link_watch.get()));
  cell.go();
  pollfd news{opened->link_watch.get(), POLLIN, 0};
  bool good = true;
  while (good && ::poll(&news, 1, 5000) == 1) good = has_only_loopback(opened->link_watch.get()).has_value();
  EXPECT_FALSE(good);
}

TEST_F(AttachMonitorTest, OpensAgainOnlyTheSameNamespace) {
  const Cell cell, other;
  auto opened = monitor_->open(cell.place(), std::nullopt);
  ASSERT_TRUE(opened) << opened.error().text;
  monitor_->close(opened->door);
  opened->sockets = SandboxSockets();
  NamespaceIdentity known = opened->identity;
  EXPECT_EQ(why_not(cell.place(), known), "");
  EXPECT_THAT(why_not(other.place(), known), HasSubstr("another"));
  known.began += 1;  // the number of the process, given again
  EXPECT_NE(why_not(cell.place(), known), "");
}

std::string status_of(pid_t process, const std::string& field) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return line.substr(field.size() + 2);
  }
  return "";
}

TEST_F(AttachMonitorTest, KeepsFiveCapabilitiesAndIsNobodyBehindAFilter) {
  // CAP_DAC_READ_SEARCH 2, NET_BIND_SERVICE 10, NET_ADMIN 12, SYS_PTRACE 19, SYS_ADMIN 21.
  const std::string kept = "0000000000281404";
  EXPECT_EQ(status_of(monitor_->pid(), "CapEff"), kept);
  EXPECT_EQ(status_of(monitor_->pid(), "CapPrm"), kept);
  EXPECT_EQ(status_of(monitor_->pid(), "CapBnd"), "0000000000000000");
  EXPECT_EQ(status_of(monitor_->pid(), "CapInh"), "0000000000000000");
  EXPECT_EQ(status_of(monitor_->pid(), "NoNewPrivs"), "1");
  EXPECT_EQ(status_of(monitor_->pid(), "Seccomp"), "2");
  EXPECT_NE(status_of(monitor_->pid(), "Uid").substr(0, 2), "0\t");
}

TEST_F(AttachMonitorTest, IsGoneWithTheDaemonAndSaysSoWhenItDies) {
  ASSERT_TRUE(monitor_->ping());
  ::kill(monitor_->pid(), SIGKILL);
  EXPECT_FALSE(monitor_->ping());
  EXPECT_FALSE(monitor_->check(1));
}

}  // namespace
}  // namespace sallyport
