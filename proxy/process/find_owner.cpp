#include "proxy/process/find_owner.hpp"

#include "proxy/process/process.hpp"
#include "proxy/process/socket_inode.hpp"

#include <algorithm>
#include <compare>
#include <memory>
#include <unordered_set>

namespace sallyport {
namespace {

constexpr std::size_t most_parents = 8;

struct Holder {
  std::uint64_t started;
  pid_t pid;
  friend auto operator<=>(const Holder&, const Holder&) = default;
};

class Search {
 public:
  Search(const SearchPlace& place, std::uint64_t inode, Clock::time_point until)
      : place_(place), inode_(inode), until_(until) {}

  std::optional<ProcessInfo> run() {
    look_below_roots();
    if (!eldest_) return std::nullopt;
    return describe();
  }

 private:
  bool in_time() {
    if (Clock::now() <= until_) return true;
    sure_ = false;
    return false;
  }

  void look_below_roots() {
    std::vector<pid_t> waiting = place_.roots;
    std::unordered_set<pid_t> seen(waiting.begin(), waiting.end());
    while (!waiting.empty() && in_time()) {
      const Process process(waiting.back());
      waiting.pop_back();
      if (!process) continue;
      if (is_inside(process)) look_at(process);
      for (const pid_t child : process.children()) {
        if (seen.insert(child).second) waiting.push_back(child);
      }
    }
  }

  bool is_inside(const Process& process) const { return !place_.network || process.network() == place_.network; }

  bool is_root(pid_t pid) const {
    return !place_.network && std::find(place_.roots.begin(), place_.roots.end(), pid) != place_.roots.end();
  }

  void look_at(const Process& process) {
    const auto holds = process.holds_socket(inode_, until_);
    if (holds == Process::Holds::unknown) sure_ = false;
    if (holds != Process::Holds::yes) return;
    const auto stat = process.stat();
    const auto program = process.executable();
    if (!stat || !program) {
      sure_ = false;
      return;
    }
    if (program_ && *program_ != *program) sure_ = false;
    program_ = program;
    // Many begin within one tick; then a parent has the smaller number, but where they have been used up in between.
    const Holder holder{stat->started, process.pid()};
    if (!eldest_ || holder < *eldest_) eldest_ = holder;
  }

  std::optional<ProcessInfo> describe() const {
    const Process process(eldest_->pid);
    const auto stat = process.stat();
    if (!stat || stat->started != eldest_->started) return std::nullopt;
    ProcessInfo info;
    info.pid = eldest_->pid;
    info.name = stat->name;
    info.cmd_line = process.command_line();
    info.path = process.executable_path();
    if (const auto now = process.executable(); sure_ && now && now == program_) {
      info.device = now->device;
      info.inode = now->inode;
    }
    put_parents(*stat, info.parents);
    // What was read is of one process, and of one that had the connection then: else it began another program.
    if (process.holds_socket(inode_, until_) != Process::Holds::yes) return std::nullopt;
    return info;
  }

  void put_parents(const Process::Stat& of, std::vector<ProcessParent>& into) const {
    Process::Stat child = of;
    pid_t child_pid = eldest_->pid;
    while (into.size() < most_parents && child.parent > 0 && !is_root(child_pid)) {
      const Process parent(child.parent);
      const auto stat = parent.stat();
      // Younger than its child: the number is somebody else's by now.
      if (!stat || stat->started > child.started || !is_inside(parent)) return;
      into.push_back({child.parent, stat->name});
      child_pid = child.parent;
      child = *stat;
    }
  }

  const SearchPlace& place_;
  std::uint64_t inode_;
  Clock::time_point until_;
  bool sure_ = true;
  std::optional<FileIdentity> program_;
  std::optional<Holder> eldest_;
};

}  // namespace

std::optional<ProcessInfo> find_owner(int diagnosis, const SearchPlace& place, const ConnectionEnds& ends,
                                      Clock::time_point until) {
  const auto inode = socket_inode(diagnosis, ends);
  if (!inode) return std::nullopt;
  return Search(place, *inode, until).run();
}

OwnerFinder find_owners(int diagnosis, const SearchPlace& place) {
  const auto owned = std::make_shared<Descriptor>(diagnosis);
  return [owned, place](const ConnectionEnds& ends, Clock::time_point until) {
    return find_owner(owned->get(), place, ends, until);
  };
}

}  // namespace sallyport
