#include "console/server.hpp"

#include "console/guests.hpp"
#include "console/session.hpp"
#include "console/unix_peer.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstring>
#include <fcntl.h>
#include <list>
#include <thread>
#include <unistd.h>

namespace sallyport {
namespace {

using StreamProtocol = asio::generic::stream_protocol;
using AnyAcceptor = asio::basic_socket_acceptor<StreamProtocol, Executor>;
constexpr auto pause_when_full = std::chrono::milliseconds(100);

Address address_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, bytes.size());
    return Address::v4(bytes);
  }
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, bytes.size());
  return Address::v6(bytes).unmapped();
}

using NameCall = int (*)(int, sockaddr*, socklen_t*);
std::optional<Address> end_of(int socket, NameCall which) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (which(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6) return std::nullopt;
  return address_of(storage);
}

int own_name(int socket, sockaddr* address, socklen_t* size) {
  return ::getsockname(socket, address, size);
}
int peer_name(int socket, sockaddr* address, socklen_t* size) {
  return ::getpeername(socket, address, size);
}

std::string authority(const TcpListen& at) {
  const bool any = at.address == Address::v4({}) || at.address == Address::v6({});
  const std::string host = any ? "127.0.0.1" : at.address.is_v4() ? at.address.text() : '[' + at.address.text() + ']';
  return host + ':' + std::to_string(at.port);
}

// One listening socket.
struct Entrance {
  Entrance(asio::io_context& context, int family, int descriptor, AdminEntry::Kind of, std::size_t which)
      : acceptor(context, StreamProtocol(family, 0), descriptor), kind(of), number(which) {}
  AnyAcceptor acceptor;
  AdminEntry::Kind kind;
  std::size_t number;
};

}  // namespace

struct AdminServer::Impl {
  Impl(AdminListeners listeners, Backend backend, std::unique_ptr<TokenStore> tokens, AdminOptions options)
      : core(std::make_shared<AdminCore>(std::move(backend), std::move(tokens), options.limits,
                                         std::move(options.host_names))),
        path(listeners.socket()),
        unix_door(listeners.door()) {
    struct stat there {};
    if (!path.empty() && ::lstat(path.c_str(), &there) == 0) inode = there.st_ino;
    const auto taken = listeners.take();
    if (taken.unix_socket)
      doors.emplace_back(core->context, AF_UNIX, *taken.unix_socket, AdminEntry::Kind::unix_socket, doors.size());
    for (const auto& each : taken.tcp) {
      doors.emplace_back(core->context, each.at.address.is_v4() ? AF_INET : AF_INET6, each.descriptor,
                         AdminEntry::Kind::tcp, doors.size());
      tcp.push_back(each.at);
    }
    // The hub lives as long as a listener that another thread may just be calling.
    subscription = core->desk.backend.approvals.subscribe(
        [shared = core](const Approvals::Happening& happening) { shared->hub.publish(happening); });
  }

  void start() {
    for (Entrance& door : doors) asio::co_spawn(core->context, accept_from(door), asio::detached);
    thread = std::jthread([this] { core->context.run(); });
  }

  Task<> accept_from(Entrance& door) {
    Timer pause(core->context);
    while (door.acceptor.is_open()) {
      auto [error, socket] = co_await door.acceptor.async_accept(no_throw);
      if (!error) {
        admit(door, std::move(socket));
        continue;
      }
      if (!door.acceptor.is_open()) co_return;
      // Out of descriptors or memory: those waiting stay in the backlog.
      pause.expires_after(pause_when_full);
      const auto [waited] = co_await pause.async_wait(no_throw);
      if (waited) co_return;
    }
  }

  AdminEntry entry_of(const Entrance& door, int socket) {
    AdminEntry entry;
    entry.kind = door.kind;
    if (door.kind == AdminEntry::Kind::tcp) {
      entry.local = end_of(socket, own_name);
      entry.remote = end_of(socket, peer_name);
      return entry;
    }
    const auto peer = check_unix_peer(socket, unix_door);
    if (peer) {
      entry.caller = Caller{peer->name, Role::admin, "api", {}};
    } else {
      entry.refusal = peer.error().text;
    }
    return entry;
  }

  void admit(Entrance& door, AdminSocket socket) {
    const int descriptor = socket.native_handle();
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    const int on = 1;
    if (door.kind == AdminEntry::Kind::tcp) ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    AdminEntry entry = entry_of(door, descriptor);
    // No place: closed at once.
    if (!make_place(guests, core->limits, door.number, Guest::source_of(entry))) return;
    const auto place = guests.emplace(guests.end(), *core, std::move(socket), std::move(entry), door.number);
    auto run = [place] { return place->session.run(); };
    asio::co_spawn(core->context, run, [this, place](const std::exception_ptr& failure) {
      if (failure) complain(failure);
      guests.erase(place);
    });
  }

  static void complain(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      spdlog::error("admin API: a connection ended: {}", error.what());
    }
  }

  void stop() {
    if (!thread.joinable()) return;
    subscription = {};
    asio::post(core->context, [this] {
      error_code ignored;
      for (Entrance& door : doors) door.acceptor.close(ignored);
      for (Guest& guest : guests) guest.session.close();
    });
    // Without work left, the context's run() returns.
    thread.join();
    core->quick.join();
    core->slow.join();
    remove_socket();
  }

  // Not another daemon's, which may have taken the path since.
  void remove_socket() const {
    struct stat there {};
    if (path.empty() || ::lstat(path.c_str(), &there) != 0 || there.st_ino != inode) return;
    ::unlink(path.c_str());
  }

  std::shared_ptr<AdminCore> core;
  std::string path;
  ino_t inode = 0;
  UnixDoor unix_door;
  std::list<Entrance> doors;
  std::vector<TcpListen> tcp;
  std::list<Guest> guests;  // of the thread
  Approvals::Subscription subscription;
  std::jthread thread;
};

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Outcome<std::unique_ptr<AdminServer>> AdminServer::begin(AdminListeners listeners, Backend backend,
                                                         AdminOptions options) {
  auto tokens = TokenStore::open(options.data);
  if (!tokens) return tokens.error();
  std::unique_ptr<AdminServer> server(new AdminServer(
      std::make_unique<Impl>(std::move(listeners), std::move(backend), std::move(*tokens), std::move(options))));
  server->impl_->start();
  return server;
}

AdminServer::~AdminServer() {
  stop();
}

void AdminServer::stop() {
  impl_->stop();
}

void AdminServer::connections_changed() {
  impl_->core->hub.connections_changed();
}

void AdminServer::publish(std::string_view name, std::string_view json) {
  impl_->core->hub.publish(name, json);
}

std::vector<std::string> AdminServer::addresses() const {
  const std::string token = impl_->core->tokens->first_token();
  std::vector<std::string> addresses;
  for (const auto& at : impl_->tcp)
    addresses.push_back("http://" + authority(at) + '/' + (token.empty() ? "" : "#token=" + token));
  return addresses;
}

const std::vector<TcpListen>& AdminServer::tcp() const {
  return impl_->tcp;
}

}  // namespace sallyport
