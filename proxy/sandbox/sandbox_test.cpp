// What a command meets inside, tried from inside. Run as root, the tests become nobody first.
#include "proxy/sandbox/sandbox.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <grp.h>
#include <poll.h>
#include <unistd.h>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

constexpr uid_t nobody = 65534;
constexpr int no_sandbox = 77, limit_ms = 20'000;

struct Ran {
  int status;
  std::string said;
  bool possible() const { return status != no_sandbox; }
};

std::string original_destination(int socket) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  sockaddr_in six_or_four{};
  socklen_t size = sizeof six_or_four;
  if (::getsockopt(socket, SOL_IP, SO_ORIGINAL_DST, &six_or_four, &size) == 0) {
    ::inet_ntop(AF_INET, &six_or_four.sin_addr, text.data(), text.size());
    return std::string(text.data()) + " " + std::to_string(ntohs(six_or_four.sin_port));
  }
  sockaddr_in6 six{};
  size = sizeof six;
  if (::getsockopt(socket, SOL_IPV6, SO_ORIGINAL_DST, &six, &size) != 0) return "nowhere";
  ::inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
  return std::string(text.data()) + " " + std::to_string(ntohs(six.sin6_port));
}

// Outside: tells each connection where it was going, and answers each datagram on port 53 with its own bytes.
void serve(const Sandbox& sandbox) {
  std::vector<pollfd> all{{sandbox.fd(), POLLIN, 0}};
  for (const auto& door : sandbox.sockets.transparent) all.push_back({door.get(), POLLIN, 0});
  const std::size_t first_dns = all.size();
  for (const auto& door : sandbox.sockets.dns) all.push_back({door.first.get(), POLLIN, 0});
  while (::poll(all.data(), all.size(), limit_ms) > 0 && all[0].revents == 0) {
    for (std::size_t i = 1; i < all.size(); ++i) {
      if (all[i].revents == 0) continue;
      if (i < first_dns) {
        const OwnedFd client(::accept(all[i].fd, nullptr, nullptr));
        const std::string text = original_destination(client.get()) + "\n";
        static_cast<void>(::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL));
      } else {
        std::array<char, 512> bytes{};
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        const ssize_t got =
            ::recvfrom(all[i].fd, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (got > 0)
          ::sendto(all[i].fd, bytes.data(), static_cast<std::size_t>(got), 0, reinterpret_cast<sockaddr*>(&from), size);
      }
    }
  }
}

void become_nobody() {
  if (::geteuid() != 0) return;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(nobody, nobody, nobody) != 0 ||
      ::setresuid(nobody, nobody, nobody) != 0)
    ::_exit(1);
}

SandboxPlan plan_for(std::vector<std::string> command) {
  SandboxPlan plan;
  plan.command = std::move(command);
  plan.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "MARK=kept"};
  plan.directory = "/";
  return plan;
}

using Meanwhile = std::function<void(Sandbox&)>;

// In a process of its own, since the sandbox is started by whoever is to be its way out.
Ran run(const SandboxPlan& plan, const Meanwhile& meanwhile = serve) {
  int ends[2];
  if (::pipe(ends) != 0) return {1, "no pipe"};
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(limit_ms / 1000);
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    become_nobody();
    auto sandbox = Sandbox::start(plan);
    if (!sandbox) {
      std::fprintf(stderr, "%s\n", sandbox.error().text.c_str());
      ::_exit(sandbox.error().text.starts_with("namespaces can't be made") ? no_sandbox : 1);
    }
    if (!sandbox->release()) ::_exit(1);
    meanwhile(*sandbox);
    ::_exit(sandbox->wait());
  }
  ::close(ends[1]);
  Ran ran{1, ""};
  std::array<char, 4096> bytes{};
  for (ssize_t got; (got = ::read(ends[0], bytes.data(), bytes.size())) > 0;) {
    ran.said.append(bytes.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

Ran shell(const std::string& script) {
  return run(plan_for({"/bin/sh", "-c", script}));
}

Ran python(const std::string& script) {
  return run(plan_for({"/usr/bin/python3", "-c", "import socket, os, ctypes, errno, time, sys\n" + script}));
}

// A folder that nobody owns, gone with the object.
class Folder {
 public:
  Folder() {
    std::string name = "/tmp/sallyport-sandbox-XXXXXX";
    path_ = ::mkdtemp(name.data());
    if (::geteuid() == 0 && ::chown(path_.c_str(), nobody, nobody) != 0) path_.clear();
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string file(const std::string& name, const std::string& text) const {
    std::string path = path_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    if (::geteuid() == 0) {
      for (const auto& entry : fs::recursive_directory_iterator(path_)) {
        if (::lchown(entry.path().c_str(), nobody, nobody) != 0) std::abort();
      }
    }
    return path;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

#define NEEDS_NAMESPACES(ran) \
  if (!(ran).possible()) GTEST_SKIP() << (ran).said

TEST(Sandbox, BringsEveryConnectionToTheDoorWithItsDestination) {
  const Ran ran = python(
      "for family, to in ((2, ('93.184.216.34', 80)), (2, ('10.1.2.3', 22)), (10, ('2600:1f00::1', 8443))):\n"
      "  s = socket.socket(family); s.settimeout(5); s.connect(to); print(s.recv(99).decode(), end='', flush=True)\n");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "93.184.216.34 80\n10.1.2.3 22\n2600:1f00::1 8443\n");
  EXPECT_EQ(ran.status, 0);
}

TEST(Sandbox, AnswersDnsOfAnyServer) {
  const Ran ran = python(
      "for family, to in ((2, '127.0.0.1'), (10, '::1')):\n"
      "  s = socket.socket(family, 2); s.settimeout(5); s.sendto(b'query', (to, 53)); print(s.recv(99))\n");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "b'query'\nb'query'\n");
}

TEST(Sandbox, FailsOtherProtocolsAtOnce) {
  const Ran ran = python(
      "start = time.monotonic()\n"
      "for family, to in ((2, '8.8.8.8'), (10, '2600:1f00::1')):\n"
      "  s = socket.socket(family, 2); s.settimeout(9); s.connect((to, 443))\n"
      "  try: s.send(b'quic'); s.recv(99); print('answered')\n"
      "  except TimeoutError: print('silence')\n"
      "  except OSError: print('refused')\n"
      "for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM):\n"
      "  try: socket.socket(2, kind, socket.IPPROTO_ICMP).sendto(bytes((8, 0)) + bytes(6), ('8.8.8.8', 0)); "
      "print('sent')\n"
      "  except OSError: print('refused')\n"
      "print(time.monotonic() - start < 2)\n");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "refused\nrefused\nrefused\nrefused\nTrue\n");
}

TEST(Sandbox, LeavesTheCommandItsOwnServersOnLo) {
  const Ran ran = python(
      "for family, at in ((2, '127.0.0.1'), (10, '::1')):\n"
      "  s = socket.create_server((at, 0), family=family); c = socket.create_connection(s.getsockname()[:2])\n"
      "  s.accept()[0].send(b'own'); print(c.recv(9))\n");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "b'own'\nb'own'\n");
}

TEST(Sandbox, KeepsTheHostsLoopbackOutOfReach) {
  const OwnedFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  const Ran ran = python("try: socket.create_connection(('127.0.0.1', " + std::to_string(ntohs(at.sin_port)) +
                         ")); print('reached')\nexcept ConnectionRefusedError: print('refused')\n");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "refused\n");
}

TEST(Sandbox, GivesTheCommandsExitStatus) {
  EXPECT_EQ(shell("exit 7").status, 7);
  EXPECT_EQ(shell("kill -TERM $$").status, 128 + SIGTERM);
  const Ran missing = run(plan_for({"no-such-program-anywhere"}));
  NEEDS_NAMESPACES(missing);
  EXPECT_EQ(missing.status, 127);
  EXPECT_EQ(run(plan_for({"/etc/passwd"})).status, 126);
}

TEST(Sandbox, ForwardsSignals) {
  Folder folder;
  const std::string ready = folder.path() + "/ready";
  const Ran ran = run(
      plan_for({"/bin/sh", "-c", "trap 'echo told; exit 3' USR1; touch " + ready + "; while :; do sleep 0.05; done"}),
      [&ready](Sandbox& sandbox) {
        while (!fs::exists(ready)) ::usleep(10'000);
        sandbox.forward(SIGUSR1);
      });
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "told\n");
  EXPECT_EQ(ran.status, 3);
}

TEST(Sandbox, EndsWithWhoeverStartedIt) {
  Folder folder;
  const std::string alive = folder.path() + "/alive";
  const Ran ran = run(plan_for({"/bin/sh", "-c", "touch " + alive + "; sleep 15; echo survived"}), [&alive](Sandbox&) {
    while (!fs::exists(alive)) ::usleep(10'000);
    ::kill(::getpid(), SIGKILL);
  });
  NEEDS_NAMESPACES(ran);
  // The pipe of its output has ended, long before the command would have: nobody is left who holds it.
  EXPECT_EQ(ran.said, "");
  EXPECT_EQ(ran.status, 128 + SIGKILL);
}

TEST(Sandbox, EndsWhatTheCommandLeavesBehind) {
  const Ran ran = shell("(sleep 15; echo survived) & exit 0");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "");
}

TEST(Sandbox, KeepsUserDirectoryAndEnvironment) {
  const Ran ran = shell("id -u; pwd; echo $MARK");
  NEEDS_NAMESPACES(ran);
  const uid_t user = ::geteuid() == 0 ? nobody : ::geteuid();
  EXPECT_EQ(ran.said, std::to_string(user) + "\n/\nkept\n");
}

TEST(Sandbox, LeavesNoCapabilityAndNoWayToOne) {
  const Ran ran = shell("grep -E '^(Cap|NoNewPrivs)' /proc/self/status | cut -f2");
  NEEDS_NAMESPACES(ran);
  const std::string none = "0000000000000000\n";
  EXPECT_EQ(ran.said, none + none + none + none + none + "1\n");
}

TEST(Sandbox, RefusesSystemCallsThatGoRound) {
  const Ran ran = python(
      "def refused(what):\n"
      "  try: what(); return 'done'\n"
      "  except OSError as e: return errno.errorcode[e.errno]\n"
      "print(refused(lambda: socket.socket(17, 3, 0)), refused(lambda: socket.socket(40, 1)), "
      "refused(lambda: socket.socket(16, 3, 0).close()))\n"
      "libc = ctypes.CDLL(None, use_errno=True)\n"
      "libc.syscall(425, 8, 0); print(errno.errorcode[ctypes.get_errno()])\n"
      "for command in (0x5412, 0x100005412, 0x541C):\n"
      "  libc.ioctl(0, ctypes.c_ulong(command), b'x'); print(errno.errorcode[ctypes.get_errno()])\n");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "EAFNOSUPPORT EAFNOSUPPORT done\nENOSYS\nEPERM\nEPERM\nEPERM\n");
}

TEST(Sandbox, KeepsItsRulesRoutesAndMountsFromTheCommand) {
  const Ran ran = shell(
      "nft flush ruleset 2>/dev/null && echo flushed; ip route flush table local 2>/dev/null && echo routed;"
      "ip link add d0 type dummy 2>/dev/null && echo linked; umount /run 2>/dev/null && echo unmounted;"
      "unshare -rm umount /run 2>/dev/null && echo unmounted inside; "
      "unshare -rm umount /etc/resolv.conf 2>/dev/null && echo unmounted inside; echo done");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "done\n");
}

TEST(Sandbox, HasNoWayOutInANamespaceOfTheCommandsOwn) {
  const Ran ran = shell(
      "unshare -rn sh -c 'ip link set lo up; nft flush ruleset; ls /sys/class/net >/dev/null; "
      "python3 -c \"import socket; s=socket.socket(); s.settimeout(2); s.connect((chr(56)+"
      "\\\".8.8.8\\\", 80))\"' 2>/dev/null && echo out; echo done");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "done\n");
}

TEST(Sandbox, ShowsOnlyItsOwnProcesses) {
  const Ran ran =
      shell("kill -0 " + std::to_string(::getpid()) +
            " 2>/dev/null && echo there; echo /proc/[0-9]* | wc -w; echo x 2>/dev/null >/proc/1/mem && "
            "echo wrote; ls /proc/1/fd >/dev/null 2>&1 && echo listed; ls /proc/1/root/ >/dev/null 2>&1 && echo root");
  NEEDS_NAMESPACES(ran);
  EXPECT_LE(std::atoi(ran.said.c_str()), 5) << ran.said;
  EXPECT_EQ(ran.said.find_first_of("abcdefghijklmnopqrstuvwxyz"), std::string::npos) << ran.said;
}

TEST(Sandbox, MakesTheKernelsSettingsReadOnly) {
  const Ran ran = shell(
      "for f in /proc/sys/kernel/hostname /proc/sys/net/ipv4/ip_forward /sys/kernel/uevent_helper; do "
      "(echo 1 >$f) 2>/dev/null && echo wrote $f; done; "
      "awk '$5 == \"/proc/sys\" || $5 == \"/sys\" { print substr($6, 1, 2) }' /proc/self/mountinfo | sort -u");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said.find("wrote"), std::string::npos) << ran.said;
  EXPECT_NE(ran.said.find("ro"), std::string::npos) << ran.said;
}

TEST(Sandbox, HidesRuntimeFoldersAndListeningSockets) {
  Folder folder;
  const OwnedFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  const std::string path = folder.path() + "/agent.sock";
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
  const std::string script =
      "import socket, os\nprint(sorted(os.listdir('/run')))\ns = socket.socket(1)\n"
      "try: s.connect('" +
      path + "'); print('reached')\nexcept OSError: print('refused')\n";
  const Ran ran = run(plan_for({"/usr/bin/python3", "-c", script}));
  NEEDS_NAMESPACES(ran);
  EXPECT_NE(ran.said.find("refused"), std::string::npos) << ran.said;
  EXPECT_EQ(ran.said.find(".sock'"), std::string::npos) << ran.said;
  SandboxPlan shared = plan_for({"/usr/bin/python3", "-c", script});
  shared.shared = {path};
  EXPECT_NE(run(shared).said.find("reached"), std::string::npos);
}

TEST(Sandbox, PutsBackOfAHiddenFolderOnlyWhatIsShared) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root writes in /run";
  const std::string folder = "/run/sallyport-sandbox-test-" + std::to_string(::getpid());
  fs::create_directories(folder + "/other");
  std::ofstream(folder + "/kept") << "kept\n";
  SandboxPlan plan = plan_for({"/bin/sh", "-c", "cd /run; ls; ls *; cat */kept"});
  plan.shared = {folder + "/kept"};
  const Ran ran = run(plan);
  fs::remove_all(folder);
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, folder.substr(5) + "\nkept\nkept\n");
}

TEST(Sandbox, HidesFoldersAndProtectsFiles) {
  Folder folder;
  const std::string policy = folder.file("settings/own/policy.yaml", "version: 1\n");
  folder.file("state/secret", "secret\n");
  SandboxPlan plan =
      plan_for({"/bin/sh", "-c",
                "cd " + folder.path() +
                    "; ls state; (echo x >state/new) 2>/dev/null && echo made; cat settings/own/policy.yaml;"
                    "(echo x >settings/own/policy.yaml) 2>/dev/null && echo wrote; rm -f settings/own/policy.yaml "
                    "2>/dev/null && echo removed;"
                    "mv settings/own other 2>/dev/null && echo moved; mv settings other 2>/dev/null && echo moved;"
                    "mv state other 2>/dev/null && echo moved; mv " +
                    folder.path() +
                    " /tmp/moved-away 2>/dev/null && echo moved;"
                    "unshare -rm sh -c 'umount -l settings/own/policy.yaml || mount -o remount,rw,bind "
                    "settings/own/policy.yaml || "
                    "umount -l state' 2>/dev/null && echo opened; echo mine >free && cat free"});
  plan.hidden = {folder.path() + "/state"};
  plan.read_only = {policy};
  const Ran ran = run(plan);
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "version: 1\nmine\n");
  std::ifstream after(policy);
  std::string line;
  std::getline(after, line);
  EXPECT_EQ(line, "version: 1");
}

TEST(Sandbox, HidesFilesAndBringsItsOwn) {
  Folder folder;
  const std::string secret = folder.file("secret", "secret\n");
  const std::string roots = std::string(own_files) + "/roots.pem";
  SandboxPlan plan = plan_for({"/bin/sh", "-c",
                               "cat " + secret + " " + roots + "; (echo x >>" + roots +
                                   ") 2>/dev/null && echo changed; echo x >" + secret + "; rm -f " + secret +
                                   " 2>/dev/null; mv " + secret + " " + secret + "2 2>/dev/null && echo moved"});
  plan.hidden = {secret};
  plan.files = {{"roots.pem", "roots\n"}};
  const Ran ran = run(plan);
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "roots\n");
  std::ifstream after(secret);
  std::string line;
  std::getline(after, line);
  EXPECT_EQ(line, "secret");
}

TEST(Sandbox, TakesAProgramForMissingThoughAFolderOfItsPathIsClosed) {
  SandboxPlan plan = plan_for({"no-such-program-anywhere"});
  Folder folder;
  fs::create_directory(folder.path() + "/closed");
  fs::permissions(folder.path() + "/closed", fs::perms::none);
  plan.environment = {"PATH=" + folder.path() + "/closed:/usr/bin"};
  const Ran ran = run(plan);
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.status, 127);
}

TEST(Sandbox, LeadsNameServiceToTheDoor) {
  const Ran ran = shell(
      "grep nameserver /etc/resolv.conf; grep '^hosts' /etc/nsswitch.conf; "
      "(echo x >/etc/resolv.conf) 2>/dev/null && echo wrote");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "nameserver 127.0.0.1\nhosts: files dns\n");
}

TEST(Sandbox, PassesNoDescriptorOn) {
  const OwnedFd leaked(::socket(AF_INET, SOCK_STREAM, 0));
  const Ran ran = shell("ls /proc/self/fd | wc -l");
  NEEDS_NAMESPACES(ran);
  EXPECT_EQ(ran.said, "4\n");  // three, and the one that lists
}

TEST(Sandbox, IsNotStartedAsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "this is about root";
  EXPECT_FALSE(Sandbox::start(plan_for({"/bin/true"})));
}

}  // namespace
}  // namespace sallyport
