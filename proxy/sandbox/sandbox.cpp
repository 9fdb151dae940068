#include "proxy/sandbox/sandbox.hpp"

#include "proxy/sandbox/descriptor_passing.hpp"
#include "proxy/sandbox/first_process.hpp"
#include "proxy/sandbox/listening_paths.hpp"
#include "proxy/sandbox/standard_descriptors.hpp"

#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace sallyport {
namespace {

Complaint system_complaint(const std::string& what) {
  return Complaint{what + ": " + std::strerror(errno)};
}

Outcome<void> write_proc(pid_t pid, const char* name, const std::string& text) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const OwnedFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0 || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return system_complaint(path);
  }
  return {};
}

// Who the command is stays what it was: one user and one group, and no others.
Outcome<void> map_ids(pid_t pid) {
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  if (auto written = write_proc(pid, "setgroups", "deny"); !written) return written;
  if (auto written = write_proc(pid, "uid_map", user + " " + user + " 1"); !written) return written;
  return write_proc(pid, "gid_map", group + " " + group + " 1");
}

// One word of the first process, with the descriptors it hands over.
Outcome<void> hear(int channel, std::vector<OwnedFd>& descriptors) {
  const auto text = receive_descriptors(channel, descriptors);
  if (!text) return Complaint{"the sandbox's first process has ended"};
  if (text->front() == static_cast<char>(Word::failed)) return Complaint{text->substr(1)};
  return {};
}

Outcome<SandboxSockets> sort(std::vector<OwnedFd> descriptors) {
  if (descriptors.size() < 4 || descriptors.size() % 3 != 1) return Complaint{"the sandbox handed over no sockets"};
  SandboxSockets sockets;
  sockets.diagnosis = std::move(descriptors.back());
  for (std::size_t i = 0; i + 3 < descriptors.size(); i += 3) {
    sockets.transparent.push_back(std::move(descriptors[i]));
    sockets.dns.emplace_back(std::move(descriptors[i + 1]), std::move(descriptors[i + 2]));
  }
  return sockets;
}

Complaint no_namespaces() {
  return Complaint{"namespaces can't be made: " + std::string(std::strerror(errno)) +
                   ". An ordinary user needs user namespaces: see `sysctl user.max_user_namespaces` and, where there "
                   "is one, kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns; in a "
                   "container its seccomp profile may forbid them"};
}

}  // namespace

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.take();
  }
  return *this;
}

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

Outcome<Sandbox> Sandbox::start(const SandboxPlan& plan) {
  if (::geteuid() == 0) return Complaint{"a sandbox is not started as root: its command would be root of this host"};
  if (auto harmless = check_standard_descriptors(); !harmless) return harmless.error();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return system_complaint("socketpair");
  OwnedFd ours(ends[0]);
  OwnedFd theirs(ends[1]);
  // To who has changed its user /proc is closed until it says otherwise: it could map no ids and see no sockets.
  if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return system_complaint("PR_SET_DUMPABLE");
  const auto listening = listening_paths();
  if (!listening) return listening.error();
  constexpr unsigned long namespaces =
      CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
  // All at once, as fork() would: the user namespace comes first and owns the others.
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone, namespaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (pid < 0) return no_namespaces();
  if (pid == 0) {
    ours = OwnedFd();
    be_first_process(plan, *listening, theirs.take());
  }
  theirs = OwnedFd();
  Sandbox sandbox(std::move(ours), pid);
  if (auto mapped = map_ids(pid); !mapped) return mapped.error();
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_complaint("PR_SET_DUMPABLE");
  if (auto told = sandbox.release(); !told) return told.error();
  std::vector<OwnedFd> descriptors;
  if (auto heard = hear(sandbox.fd(), descriptors); !heard) return heard.error();
  auto sorted = sort(std::move(descriptors));
  if (!sorted) return sorted.error();
  sandbox.sockets = std::move(*sorted);
  if (!plan.terminal) return sandbox;
  descriptors.clear();
  if (auto heard = hear(sandbox.fd(), descriptors); !heard) return heard.error();
  if (descriptors.size() != 2) return Complaint{"the sandbox handed over no terminal"};
  sandbox.terminal = {std::move(descriptors[0]), std::move(descriptors[1])};
  return sandbox;
}

Sandbox::~Sandbox() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  wait();
}

Outcome<void> Sandbox::release() {
  const char word = static_cast<char>(Word::go);
  if (::send(channel_.get(), &word, 1, MSG_NOSIGNAL) != 1) return Complaint{"the sandbox's first process has ended"};
  return {};
}

void Sandbox::forward(int signal, To whom) {
  const Word word = whom == To::group ? Word::group_signal : Word::signal;
  const char words[2] = {static_cast<char>(word), static_cast<char>(signal)};
  static_cast<void>(::send(channel_.get(), words, sizeof words, MSG_NOSIGNAL));
}

int Sandbox::wait() {
  int status = 0;
  pid_t got = -1;
  do {
    got = ::waitpid(pid_, &status, 0);
  } while (got < 0 && errno == EINTR);
  pid_ = -1;
  if (got < 0) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace sallyport
