#include "proxy/process/find_owner.hpp"

#include "proxy/process/network_members.hpp"
#include "proxy/process/process.hpp"
#include "proxy/process/socket_inode.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <sched.h>

namespace sallyport {
namespace {

// A process that does something, says so, and waits to be killed, together with all it has started.
class Child {
 public:
  explicit Child(const std::function<void()>& work) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);
      work();
      static_cast<void>(::write(ends[1], "+", 1));
      for (;;) ::pause();
    }
    ::setpgid(pid_, pid_);
    ::close(ends[1]);
    char byte = 0;
    // Also the end of the pipe will do: it has become another program.
    static_cast<void>(::read(ends[0], &byte, 1));
    ::close(ends[0]);
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void end() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(-pid_, nullptr, 0) > 0) {
    }
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

void become(const char* program) {
  ::execl(program, "sleep", "1000", static_cast<char*>(nullptr));
  ::_exit(127);
}

FileIdentity identity_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return {found.st_dev, found.st_ino};
}

FileIdentity identity_of(const ProcessInfo& info) {
  return {info.device, info.inode};
}

Clock::time_point soon() {
  return Clock::now() + std::chrono::seconds(5);
}

class FindOwner : public testing::Test {
 protected:
  void SetUp() override {
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "network namespaces need root";
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0);
    diagnosis_ = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    ASSERT_GE(diagnosis_, 0);
    listener_ = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::listen(listener_, 16), 0);
    sockaddr_in6 at{};
    socklen_t size = sizeof at;
    ASSERT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin6_port);
  }
  void TearDown() override {
    for (const int number : {accepted_, listener_, diagnosis_}) {
      if (number >= 0) ::close(number);
    }
    ASSERT_EQ(::setns(home_.get(), CLONE_NEWNET), 0);
  }

  // Kept over exec.
  int connect(const char* address) const {
    const auto dialled = Address::parse(address);
    const int socket = ::socket(dialled->is_v4() ? AF_INET : AF_INET6, SOCK_STREAM, 0);
    sockaddr_storage at{};
    socklen_t size = sizeof(sockaddr_in);
    if (dialled->is_v4()) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(at);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port_);
      ::inet_pton(AF_INET, address, &v4.sin_addr);
    } else {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(at);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port_);
      ::inet_pton(AF_INET6, address, &v6.sin6_addr);
      size = sizeof(sockaddr_in6);
    }
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&at), size) == 0 ? socket : -1;
  }

  static std::pair<Address, std::uint16_t> end_of(const sockaddr_in6& at) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &at.sin6_addr, bytes.size());
    return {Address::v6(bytes), ntohs(at.sin6_port)};
  }

  // As a door knows the next connection.
  ConnectionEnds accept() {
    sockaddr_in6 peer{}, own{};
    socklen_t size = sizeof peer;
    accepted_ = ::accept4(listener_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC);
    EXPECT_GE(accepted_, 0);
    ::getsockname(accepted_, reinterpret_cast<sockaddr*>(&own), &size);
    const auto [client, client_port] = end_of(peer);
    const auto [server, server_port] = end_of(own);
    return {client, client_port, server, server_port};
  }

  std::optional<ProcessInfo> find(const ConnectionEnds& ends, pid_t first) {
    return find_owner(diagnosis_, SearchPlace{{first}, std::nullopt}, ends, soon());
  }

  int diagnosis_ = -1, listener_ = -1, accepted_ = -1;
  std::uint16_t port_ = 0;
  Descriptor home_{::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
};

TEST_F(FindOwner, FindsTheClientOverIPv4AndIPv6AndIPv4InsideIPv6) {
  for (const char* address : {"127.0.0.1", "::1", "::ffff:127.0.0.1"}) {
    const Child client([&] { connect(address); });
    const auto ends = accept();
    const auto found = find(ends, client.pid());
    ASSERT_TRUE(found) << address;
    EXPECT_EQ(found->pid, client.pid());
    EXPECT_EQ(found->path, std::filesystem::read_symlink("/proc/self/exe").string());
    EXPECT_EQ(identity_of(*found), identity_of("/proc/self/exe"));
    EXPECT_NE(found->cmd_line.find("process_test"), std::string::npos);
    ::close(std::exchange(accepted_, -1));
  }
}

TEST_F(FindOwner, LooksAmongThoseOfANetworkNamespaceToo) {
  const Child client([&] { connect("::1"); });
  const auto ends = accept();
  const auto network = *Process(::getpid()).network();
  NetworkMembers members;
  members.look();
  EXPECT_THAT(members.of(network), testing::UnorderedElementsAre(::getpid(), client.pid()));
  const auto found = find_owner(diagnosis_, SearchPlace{members.of(network), network}, ends, soon());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pid, client.pid());
}

TEST_F(FindOwner, LooksNowhereElse) {
  const Child client([&] { connect("::1"); });
  const Child other([] {});
  const auto ends = accept();
  EXPECT_FALSE(find(ends, other.pid()));
  const auto home = identity_of("/proc/self/fd/" + std::to_string(home_.get()));
  EXPECT_FALSE(find_owner(diagnosis_, SearchPlace{{client.pid()}, home}, ends, soon()));
}

TEST_F(FindOwner, TakesTheEldestOfThoseWhoShareASocket) {
  const Child client([&] {
    connect("::1");
    if (::fork() == 0) {
      for (;;) ::pause();
    }
  });
  const auto found = find(accept(), client.pid());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pid, client.pid());
  EXPECT_EQ(identity_of(*found), identity_of("/proc/self/exe"));
}

TEST_F(FindOwner, NamesNoIdentityWhereSeveralProgramsShareASocket) {
  const Child client([&] {
    connect("::1");
    int ready[2];
    static_cast<void>(::pipe2(ready, O_CLOEXEC));
    if (::fork() == 0) become("/bin/sleep");
    ::close(ready[1]);
    char byte = 0;
    static_cast<void>(::read(ready[0], &byte, 1));  // ends when it has become the other program
  });
  const auto found = find(accept(), client.pid());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pid, client.pid());
  EXPECT_EQ(found->inode, 0U);
}

TEST_F(FindOwner, NamesTheParents) {
  const Child shell([&] {
    int ready[2];
    static_cast<void>(::pipe2(ready, O_CLOEXEC));
    if (::fork() == 0) {
      connect("::1");
      become("/bin/sleep");
    }
    ::close(ready[1]);
    char byte = 0;
    static_cast<void>(::read(ready[0], &byte, 1));
  });
  const auto found = find(accept(), shell.pid());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "sleep");
  EXPECT_EQ(found->cmd_line, "sleep 1000");
  ASSERT_EQ(found->parents.size(), 1U) << "what started the sandbox is no part of it";
  EXPECT_EQ(found->parents[0].pid, shell.pid());
}

TEST_F(FindOwner, IsNotDeceivedByAPathThatWasForgedWithABindMount) {
  const auto folder = std::filesystem::temp_directory_path() / ("sallyport-find-owner-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string real = folder / "real", forged = folder / "git";
  std::filesystem::copy_file("/bin/sleep", real);
  std::filesystem::copy_file("/bin/sleep", forged);
  const FileIdentity git = identity_of(forged);
  {
    const Child client([&] {
      if (::unshare(CLONE_NEWNS) != 0) ::_exit(1);
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
      if (::mount(real.c_str(), forged.c_str(), nullptr, MS_BIND, nullptr) != 0) ::_exit(1);
      connect("::1");
      become(forged.c_str());
    });
    const auto found = find(accept(), client.pid());
    ASSERT_TRUE(found);
    EXPECT_EQ(identity_of(*found), identity_of(real));
    EXPECT_NE(identity_of(*found), git);
  }
  std::filesystem::remove_all(folder);
}

TEST_F(FindOwner, FindsNobodyWhoHasEnded) {
  Child client([&] { connect("::1"); });
  const auto ends = accept();
  const pid_t pid = client.pid();
  client.end();
  EXPECT_FALSE(find(ends, pid));
}

TEST_F(FindOwner, TakesNoListenerOnTheClientsPortForTheClient) {
  std::optional<Child> client(std::in_place, [&] {
    const int gone = connect("::1");
    sockaddr_in6 own{};
    socklen_t size = sizeof own;
    ::getsockname(gone, reinterpret_cast<sockaddr*>(&own), &size);
    const linger at_once{1, 0};
    ::setsockopt(gone, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(gone);
    const int listener = ::socket(AF_INET6, SOCK_STREAM, 0);
    own.sin6_addr = in6addr_any;
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&own), size) != 0) ::_exit(1);
    ::listen(listener, 1);
  });
  const auto ends = accept();
  EXPECT_FALSE(socket_inode(diagnosis_, ends));
}

TEST_F(FindOwner, EndsWhenTheTimeIsOver) {
  const Child client([&] { connect("::1"); });
  const auto ends = accept();
  EXPECT_FALSE(find_owner(diagnosis_, SearchPlace{{client.pid()}, std::nullopt}, ends,
                          Clock::now() - std::chrono::milliseconds(1)));
}

TEST(ProcessTest, SaysNothingOfWhoeverGetsItsNumberLater) {
  Child child([] {});
  const Process process(child.pid());
  ASSERT_TRUE(process.stat());
  child.end();
  EXPECT_FALSE(process.stat());
  EXPECT_FALSE(process.executable());
  EXPECT_EQ(process.holds_socket(1, soon()), Process::Holds::no);
}

}  // namespace
}  // namespace sallyport
