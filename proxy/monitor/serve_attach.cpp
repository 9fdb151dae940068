#include "proxy/monitor/serve_attach.hpp"

#include "proxy/monitor/attach_message.hpp"
#include "proxy/monitor/only_loopback.hpp"
#include "proxy/monitor/privileges.hpp"
#include "proxy/process/find_owner.hpp"
#include "proxy/process/network_members.hpp"
#include "proxy/process/process.hpp"
#include "proxy/sandbox/inside_network.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <poll.h>
#include <thread>
#include <unistd.h>

namespace sallyport {
namespace {

// Who is where changes slowly. Who was not found may have come a moment ago, but looking at a large host all the time
// would leave time for nothing else: at most every fourth moment.
constexpr auto members_last = std::chrono::seconds(1);
constexpr int pause_between_looks = 3;
constexpr std::size_t most_namespaces = 4096;

struct Door {
  NamespacePlace place;
  NamespaceIdentity identity;
  std::unique_ptr<Descriptor> process;
  OwnedFd diagnosis;
};

FileIdentity file_of(const NamespaceIdentity& identity) {
  return {identity.device, identity.inode};
}

class Doors {
 public:
  explicit Doors(const NamespaceIdentity& home) : home_(home) {}

  AttachAnswer open(const AttachOrder& order, DescriptorList& descriptors) {
    const NamespacePlace place{order.path.text(), static_cast<pid_t>(order.pid)};
    auto found = open_namespace(place);
    if (!found) return refused(found.error());
    if (auto wrong = unfit(file_of(found->identity))) return refused(*wrong);
    auto inside = InsideNamespace::enter(*found->file);
    if (!inside) return refused(inside.error());
    found->identity.cookie = own_cookie();
    if (order.is_known && !(order.known == found->identity))
      return refused(Complaint{"that namespace has gone, and another is in its place"});
    const Descriptor watch(open_link_watch());
    if (!watch) return refused(Complaint{"the kernel does not tell the interfaces"});
    if (auto alone = has_only_loopback(watch.get()); !alone) return refused(alone.error());
    auto sockets = make_network();
    if (!sockets) return refused(sockets.error());
    for (std::size_t i = 0; i < sockets->transparent.size(); ++i) {
      descriptors.push_back(std::make_unique<Descriptor>(sockets->transparent[i].take()));
      descriptors.push_back(std::make_unique<Descriptor>(sockets->dns[i].first.take()));
      descriptors.push_back(std::make_unique<Descriptor>(sockets->dns[i].second.take()));
    }
    descriptors.push_back(std::make_unique<Descriptor>(::dup(watch.get())));
    AttachAnswer answer;
    answer.good = true;
    answer.door = ++last_;
    answer.identity = found->identity;
    doors_.emplace(last_, Door{place, found->identity, std::move(found->process), std::move(sockets->diagnosis)});
    return answer;
  }

  AttachAnswer check(const AttachOrder& order) const {
    const auto door = doors_.find(order.door);
    if (door == doors_.end()) return refused(Complaint{"there is no such door"});
    if (has_ended(door->second)) return refused(Complaint{"its process has ended"});
    const auto now = open_namespace(door->second.place);
    if (!now) return refused(now.error());
    if (!(file_of(now->identity) == file_of(door->second.identity)))
      return refused(Complaint{"another namespace is in its place"});
    AttachAnswer answer;
    answer.good = true;
    return answer;
  }

  AttachAnswer owner(const AttachOrder& order) {
    AttachAnswer answer;
    answer.good = true;
    const auto door = doors_.find(order.door);
    if (door == doors_.end()) return answer;
    const auto until = Clock::now() + std::chrono::milliseconds(order.milliseconds);
    const ConnectionEnds ends{order.client.value(), order.client.port, order.server.value(), order.server.port};
    const bool fresh = members_.age() > members_last;
    if (fresh) members_.look();
    auto found = find(door->second, ends, until);
    if (!found && !fresh && look_again(until)) found = find(door->second, ends, until);
    answer.found = found.has_value();
    if (found) answer.process = FlatProcess::of(*found);
    return answer;
  }

  AttachAnswer close(const AttachOrder& order) {
    doors_.erase(order.door);
    AttachAnswer answer;
    answer.good = true;
    return answer;
  }

  static AttachAnswer refused(const Complaint& why) {
    AttachAnswer answer;
    answer.complaint.set(why.text);
    return answer;
  }

 private:
  static bool has_ended(const Door& door) {
    if (!door.process) return false;
    pollfd ended{door.process->get(), POLLIN, 0};
    return ::poll(&ended, 1, 0) != 0;
  }

  std::optional<Complaint> unfit(const FileIdentity& wanted) const {
    const auto first = Process(1).network();
    if (wanted == file_of(home_) || (first && wanted == *first))
      return Complaint{"that is the host's own network namespace: name a sandbox's"};
    for (const auto& [id, door] : doors_) {
      if (wanted == file_of(door.identity)) return Complaint{"that namespace is attached already"};
    }
    if (doors_.size() >= most_namespaces) return Complaint{"too many namespaces are attached"};
    return std::nullopt;
  }

  bool look_again(Clock::time_point until) {
    const auto pause = members_.cost() * pause_between_looks - members_.age();
    if (Clock::now() + pause + members_.cost() > until) return false;
    if (pause > Clock::duration::zero()) std::this_thread::sleep_for(pause);
    members_.look();
    return true;
  }

  std::optional<ProcessInfo> find(const Door& door, const ConnectionEnds& ends, Clock::time_point until) const {
    const auto network = file_of(door.identity);
    return find_owner(door.diagnosis.get(), SearchPlace{members_.of(network), network}, ends, until);
  }

  NamespaceIdentity home_;
  std::map<std::uint64_t, Door> doors_;
  std::uint64_t last_ = 0;
  NetworkMembers members_;
};

AttachAnswer answer_to(Doors& doors, const AttachOrder& order, DescriptorList& descriptors) {
  switch (order.kind) {
    case AttachOrder::Kind::ping: {
      AttachAnswer answer;
      answer.good = true;
      return answer;
    }
    case AttachOrder::Kind::open:
      return doors.open(order, descriptors);
    case AttachOrder::Kind::check:
      return doors.check(order);
    case AttachOrder::Kind::owner:
      return doors.owner(order);
    case AttachOrder::Kind::close:
      return doors.close(order);
  }
  return Doors::refused(Complaint{"the attach monitor knows no such request"});
}

// A terminal's signals go to the whole group; the monitor must outlive the drain, and ends with the socket.
void ignore_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// The socket becomes descriptor 3 and is alone; the standard ones stay for messages of libraries.
int keep_only(int socket) {
  if (socket != 3 && ::dup2(socket, 3) != 3) ::_exit(1);
  if (::close_range(4, ~0U, 0) != 0) ::_exit(1);
  return 3;
}

Outcome<NamespaceIdentity> prepare(const std::string& user) {
  const auto home = own_namespace();
  if (!home) return home.error();
  if (auto reduced = keep_to_attach(user); !reduced) return reduced.error();
  if (auto filtered = filter_attach_calls(); !filtered) return filtered.error();
  return *home;
}

}  // namespace

void serve_attach(int socket, const std::string& user) {
  ignore_signals();
  socket = keep_only(socket);
  const auto home = prepare(user);
  AttachAnswer ready;
  ready.good = home.has_value();
  if (!home) ready.complaint.set(home.error().text);
  if (!send_message(socket, ready) || !home) ::_exit(1);
  Doors doors(*home);
  while (true) {
    AttachOrder order;
    DescriptorList unwanted, descriptors;
    if (!receive_message(socket, order, unwanted)) ::_exit(0);
    const AttachAnswer answer = answer_to(doors, order, descriptors);
    std::vector<int> numbers;
    for (const auto& each : descriptors) numbers.push_back(each->get());
    if (!send_message(socket, answer, numbers)) ::_exit(0);
  }
}

}  // namespace sallyport
