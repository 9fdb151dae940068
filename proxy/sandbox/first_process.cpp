#include "proxy/sandbox/first_process.hpp"

#include "proxy/sandbox/confinement.hpp"
#include "proxy/sandbox/connect_supervisor.hpp"
#include "proxy/sandbox/descriptor_passing.hpp"
#include "proxy/sandbox/inside_files.hpp"
#include "proxy/sandbox/inside_network.hpp"
#include "proxy/sandbox/inside_terminal.hpp"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sstream>
#include <unistd.h>

namespace sallyport {
namespace {

// As shells have it.
constexpr int exit_not_found = 127, exit_not_executable = 126, exit_not_started = 125;

class FirstProcess {
 public:
  FirstProcess(const SandboxPlan& plan, int channel) : plan_(plan), channel_(channel) {}

  [[noreturn]] void run(const std::vector<std::string>& listening) {
    // Whoever holds the other end may die before this is set; then the channel's end is what tells.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (!close_others()) ::_exit(exit_not_started);
    if (!told_to_go()) ::_exit(exit_not_started);
    auto sockets = make_network();
    if (!sockets) fail(sockets.error());
    if (auto made = make_files(plan_, listening); !made) fail(made.error());
    foreground_ = begins_in_foreground();
    auto terminal = plan_.terminal ? make_terminal(jobs_) : no_terminal();
    if (!terminal) fail(terminal.error());
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    hand_over_connects();
    hand_over(*sockets, *terminal);
    { const auto none = std::pair(std::move(*sockets), std::move(*terminal)); }
    block_child_signal();
    if (!told_to_go()) ::_exit(exit_not_started);
    start_command();
    ::_exit(mind_command());
  }

 private:
  // Whatever was open here, a connection above all, would be a way out.
  bool close_others() const {
    const auto channel = static_cast<unsigned>(channel_);
    if (channel > 3 && ::syscall(SYS_close_range, 3U, channel - 1, 0U) != 0) return false;
    return ::syscall(SYS_close_range, std::max(channel + 1, 3U), ~0U, 0U) == 0;
  }

  bool told_to_go() const {
    char word = 0;
    return ::recv(channel_, &word, 1, 0) == 1 && word == static_cast<char>(Word::go);
  }

  [[noreturn]] void fail(const Complaint& why) const {
    const std::string text = static_cast<char>(Word::failed) + why.text.substr(0, 4000);
    static_cast<void>(::send(channel_, text.data(), text.size(), MSG_NOSIGNAL));
    ::_exit(exit_not_started);
  }

  void hand_over_connects() const {
    const auto supervisor = ConnectSupervisor::start(plan_.shared);
    if (!supervisor) fail(supervisor.error());
    const auto listener = confine();
    if (!listener) fail(listener.error());
    if (auto taken = supervisor->take_over(*listener); !taken) fail(taken.error());
  }

  static Outcome<SandboxTerminal> no_terminal() {
    if (auto forgotten = forget_terminal(); !forgotten) return forgotten.error();
    return SandboxTerminal();
  }

  void hand_over(const SandboxSockets& sockets, const SandboxTerminal& terminal) const {
    std::vector<int> all;
    for (std::size_t i = 0; i < sockets.transparent.size(); ++i) {
      all.push_back(sockets.transparent[i].get());
      all.push_back(sockets.dns[i].first.get());
      all.push_back(sockets.dns[i].second.get());
    }
    all.push_back(sockets.diagnosis.get());
    hand_over(Word::sockets, all);
    if (plan_.terminal) hand_over(Word::terminal, {terminal.master.get(), terminal.jobs.get()});
  }

  void hand_over(Word what, const std::vector<int>& all) const {
    if (!send_descriptors(channel_, static_cast<char>(what), all)) ::_exit(exit_not_started);
  }

  void block_child_signal() {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, &before_);
    children_ = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  }

  // A folder of PATH that the user may not enter makes execvp() say that the program may not be run.
  static bool is_anywhere(const std::string& program) {
    const char* path = std::getenv("PATH");
    if (program.find('/') != std::string::npos || !path) return true;
    std::istringstream folders(path);
    for (std::string folder; std::getline(folders, folder, ':');) {
      folder.append("/").append(program);
      if (::access(folder.c_str(), F_OK) == 0) return true;
    }
    return false;
  }

  void start_command() {
    command_ = ::fork();
    if (command_ > 0) ::setpgid(command_, command_);  // whoever of the two comes first
    if (command_ != 0) return;
    lead_group();
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
    std::vector<char*> words, environment;
    for (const auto& word : plan_.command) words.push_back(const_cast<char*>(word.c_str()));
    for (const auto& variable : plan_.environment) environment.push_back(const_cast<char*>(variable.c_str()));
    words.push_back(nullptr);
    environment.push_back(nullptr);
    environ = environment.data();  // where the program is looked for, too
    ::execvp(words[0], words.data());
    const int error = errno;
    std::fprintf(stderr, "sallyport: %s: %s\n", words[0], std::strerror(error));
    ::_exit(error == ENOENT || !is_anywhere(words[0]) ? exit_not_found : exit_not_executable);
  }

  void lead_group() const {
    ::setpgid(0, 0);
    if (plan_.terminal && foreground_) put_in_foreground(::getpgrp());
  }

  // Reaps whoever has lost its parent; the command's own end is the end of all.
  int mind_command() const {
    if (command_ < 0) return exit_not_started;
    std::array<pollfd, 3> all{pollfd{children_, POLLIN, 0}, pollfd{channel_, POLLIN, 0},
                              pollfd{jobs_.get(), POLLIN, 0}};
    for (;;) {
      if (::poll(all.data(), all.size(), -1) < 0 && errno != EINTR) return exit_not_started;
      if (all[0].revents != 0) {
        signalfd_siginfo ignored{};
        static_cast<void>(::read(children_, &ignored, sizeof ignored));
        int status = 0;
        for (pid_t changed; (changed = ::waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
          if (changed != command_) continue;
          if (WIFSTOPPED(status)) {
            tell_job(is_background_stop(WSTOPSIG(status)) ? job_wants : job_stopped);
            continue;
          }
          return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
      }
      if (all[1].revents != 0) {
        char words[2] = {0, 0};
        const ssize_t got = ::recv(channel_, words, sizeof words, MSG_DONTWAIT);
        if (got == 0) return exit_not_started;  // whoever let things out has gone
        if (got == 2 && words[0] == static_cast<char>(Word::signal)) ::kill(command_, words[1]);
        if (got == 2 && words[0] == static_cast<char>(Word::group_signal)) ::kill(-command_, words[1]);
      }
      if (all[2].revents != 0) {
        char word = 0;
        const ssize_t got = ::recv(jobs_.get(), &word, 1, MSG_DONTWAIT);
        if (got == 0) all[2].fd = -1;  // whoever minds the jobs has gone; the command goes on
        if (got == 1) mind_job(word);
      }
    }
  }

  bool is_background_stop(int signal) const {
    return (signal == SIGTTIN || signal == SIGTTOU) && plan_.terminal && !is_in_foreground(command_);
  }

  void mind_job(char word) const {
    if (word == job_to_foreground) put_in_foreground(command_);
    if (word == job_to_foreground || word == job_continue) ::kill(-command_, SIGCONT);
    if (word == job_to_stop) ::kill(-command_, SIGTSTP);
  }

  void tell_job(char word) const {
    if (jobs_.get() >= 0) static_cast<void>(::send(jobs_.get(), &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
  }

  const SandboxPlan& plan_;
  int channel_;
  OwnedFd jobs_;
  bool foreground_ = true;
  int children_ = -1;
  pid_t command_ = -1;
  sigset_t before_{};
};

}  // namespace

void be_first_process(const SandboxPlan& plan, const std::vector<std::string>& sockets, int channel) {
  FirstProcess(plan, channel).run(sockets);
}

}  // namespace sallyport
