#include "dns/server.hpp"

#include "dns/datagrams.hpp"
#include "dns/query_desk.hpp"

#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <list>

// GCC 12 inlines the operator new of a coroutine's frame but not its delete, and takes them for a mismatched pair.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace sallyport::dns {
namespace {

using asio::ip::tcp;
using asio::ip::udp;
using DatagramSocket = asio::basic_datagram_socket<udp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

constexpr std::size_t largest_query = 4096;

// An endpoint, or a sandbox's sockets.
struct Door {
  Door(asio::io_context& context, std::uint64_t number, std::optional<std::string> whose)
      : id(number), agent(std::move(whose)), datagrams(context), acceptor(context) {}

  std::uint64_t id;
  std::optional<std::string> agent;  // else the source address says who
  DatagramSocket datagrams;
  Acceptor acceptor;

  void close() {
    error_code ignored;
    datagrams.close(ignored);
    acceptor.close(ignored);
  }
};
using SharedDoor = std::shared_ptr<Door>;

struct Connection {
  Connection(Socket its_socket, std::uint64_t its_door, Incoming who)
      : socket(std::move(its_socket)), door(its_door), from(std::move(who)), last_active(Clock::now()) {}
  Socket socket;
  std::uint64_t door;
  Incoming from;
  Clock::time_point last_active;
};

int family_of(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return AF_UNSPEC;
  return name.ss_family;
}

Address address_of(const asio::ip::address& address) {
  if (address.is_v4()) return Address::v4(address.to_v4().to_bytes());
  return Address::v6(address.to_v6().to_bytes()).unmapped();
}

// A coroutine of the server that fails has closed what it held: there is nobody left to tell.
void ended(const std::exception_ptr&) {}

}  // namespace

// Owned by the server and by each of its coroutines.
class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
 public:
  Impl(asio::io_context& context, ServerOptions options, Services services, AgentOf agent_of)
      : context_(context),
        desk_(std::move(options), std::move(services)),
        agent_of_(std::move(agent_of)),
        sweeper_(context),
        repeats_end_(context) {}

  std::uint64_t take(int udp_socket, int tcp_socket, std::optional<std::string> agent) {
    const auto door = std::make_shared<Door>(context_, ++last_door_, std::move(agent));
    if (udp_socket >= 0) door->datagrams.assign(family_of(udp_socket) == AF_INET6 ? udp::v6() : udp::v4(), udp_socket);
    if (tcp_socket >= 0) door->acceptor.assign(family_of(tcp_socket) == AF_INET6 ? tcp::v6() : tcp::v4(), tcp_socket);
    open(door);
    return door->id;
  }

  void open(const SharedDoor& door) {
    doors_.push_back(door);
    const auto self = shared_from_this();
    if (door->datagrams.is_open()) {
      door->datagrams.non_blocking(true);
      want_asked_address(door->datagrams.native_handle());
      asio::co_spawn(context_, serve_datagrams(self, door), ended);
    }
    if (door->acceptor.is_open()) asio::co_spawn(context_, accept(self, door), ended);
    if (!sweeping_) {
      sweeping_ = true;
      asio::co_spawn(context_, sweep(self), ended);
    }
  }

  void close(std::uint64_t id) {
    std::erase_if(doors_, [&](const SharedDoor& door) {
      if (door->id != id) return false;
      door->close();
      return true;
    });
    for (const auto& connection : connections_) {
      if (connection->door == id) close(*connection);
    }
  }

  void stop() {
    if (!stopped_) desk_.tell_of_repeats();
    stopped_ = true;
    sweeper_.cancel();
    repeats_end_.cancel();
    for (const auto& door : doors_) door->close();
    doors_.clear();
    for (const auto& connection : connections_) close(*connection);
  }

 private:
  using Self = std::shared_ptr<Impl>;

  static void close(Connection& connection) {
    error_code ignored;
    connection.socket.close(ignored);
  }

  static Task<> serve_datagrams(Self self, SharedDoor door) {
    for (;;) {
      auto [error] = co_await door->datagrams.async_wait(DatagramSocket::wait_read, no_throw);
      if (self->stopped_ || !door->datagrams.is_open()) co_return;
      if (error) continue;  // an ICMP error of an earlier reply
      self->drain(door);
    }
  }

  void drain(const SharedDoor& door) {
    const int socket = door->datagrams.native_handle();
    const std::size_t count = batch_.receive(socket);
    for (std::size_t i = 0; i < count; ++i) {
      const Peer peer = peer_of(batch_.datagram(i).from);
      if (peer.port == 0 || batch_.datagram(i).truncated) continue;
      take(door, i, {{}, peer.address, peer.port, Transport::udp});
    }
    batch_.send(socket);
    watch_repeats();
  }

  void take(const SharedDoor& door, std::size_t at, Incoming from) {
    const auto bytes = batch_.bytes(at);
    const auto agent = door->agent ? door->agent : agent_of_(from.source);
    if (!agent) {
      batch_.reply(at) = desk_.refuse_stranger(from, bytes);
      return;
    }
    from.agent = *agent;
    std::optional<Pending> pending;
    desk_.begin(from, bytes, batch_.reply(at), pending);
    if (!pending) return;
    const Datagram datagram = batch_.datagram(at);
    asio::co_spawn(context_, reply_later(shared_from_this(), door, datagram, std::move(*pending)), ended);
  }

  // Ends the window of repeats in time, once one has begun.
  void watch_repeats() {
    if (watching_ || !desk_.counts_repeats()) return;
    watching_ = true;
    repeats_end_.expires_after(RecentAnswers::window);
    repeats_end_.async_wait([self = shared_from_this()](error_code error) {
      self->watching_ = false;
      if (!error && !self->stopped_) self->desk_.tell_of_repeats();
    });
  }

  static Task<> reply_later(Self self, SharedDoor door, Datagram datagram, Pending pending) {
    const Bytes reply = co_await self->desk_.finish(std::move(pending));
    if (door->datagrams.is_open()) reply_to(door->datagrams.native_handle(), datagram, reply);
  }

  static Task<> accept(Self self, SharedDoor door) {
    Timer pause(self->context_);
    for (;;) {
      auto [error, socket] = co_await door->acceptor.async_accept(no_throw);
      if (self->stopped_ || !door->acceptor.is_open()) co_return;
      if (!error) {
        self->admit(*door, std::move(socket));
        continue;
      }
      if (error == asio::error::connection_aborted) continue;
      pause.expires_after(std::chrono::milliseconds(100));  // out of descriptors
      co_await pause.async_wait(no_throw);
    }
  }

  void admit(const Door& door, Socket socket) {
    error_code error;
    const auto peer = socket.remote_endpoint(error);
    if (error) return;
    Incoming from{{}, address_of(peer.address()), peer.port(), Transport::tcp};
    const auto agent = door.agent ? door.agent : agent_of_(from.source);
    if (!agent) return;
    from.agent = *agent;
    const auto same = std::count_if(connections_.begin(), connections_.end(),
                                    [&](const auto& other) { return other->from.agent == from.agent; });
    const auto& options = desk_.options();
    if (connections_.size() >= options.tcp_connections ||
        static_cast<std::size_t>(same) >= options.tcp_connections_per_agent) {
      return;
    }
    auto connection = std::make_shared<Connection>(std::move(socket), door.id, std::move(from));
    connections_.push_back(connection);
    asio::co_spawn(context_, serve_and_forget(shared_from_this(), connection), ended);
  }

  static Task<> serve_and_forget(Self self, std::shared_ptr<Connection> connection) {
    co_await serve_stream(self, connection);
    std::erase(self->connections_, connection);
  }

  // One query after the other: a client that sends ten thousand at once waits in its own socket.
  static Task<> serve_stream(Self self, std::shared_ptr<Connection> connection) {
    std::array<std::uint8_t, 2> length{};
    Bytes bytes;
    for (;;) {
      auto [head_error, head_size] = co_await asio::async_read(connection->socket, asio::buffer(length), no_throw);
      if (head_error) co_return;
      const std::size_t size = static_cast<std::size_t>(length[0]) << 8U | length[1];
      if (size == 0 || size > largest_query) co_return;
      bytes.resize(size);
      auto [error, got] = co_await asio::async_read(connection->socket, asio::buffer(bytes), no_throw);
      if (error) co_return;
      connection->last_active = Clock::now();
      std::optional<Pending> pending;
      Bytes reply;
      self->desk_.begin(connection->from, bytes, reply, pending);
      self->watch_repeats();
      if (pending) {
        Bytes late = co_await self->desk_.finish(std::move(*pending));
        reply = std::move(late);
      }
      if (reply.empty()) co_return;
      const std::size_t answer_size = reply.size();
      const std::array<std::uint8_t, 2> prefix{static_cast<std::uint8_t>(answer_size >> 8U),
                                               static_cast<std::uint8_t>(answer_size & 0xFFU)};
      reply.insert(reply.begin(), prefix.begin(), prefix.end());
      connection->last_active = Clock::now();
      auto [write_error, written] = co_await asio::async_write(connection->socket, asio::buffer(reply), no_throw);
      if (write_error) co_return;
      connection->last_active = Clock::now();
    }
  }

  // One look at all connections is cheaper than a timer around each read.
  static Task<> sweep(Self self) {
    const auto idle = self->desk_.options().tcp_idle;
    while (!self->stopped_) {
      self->sweeper_.expires_after(std::min<Clock::duration>(std::chrono::seconds(1), idle / 2));
      co_await self->sweeper_.async_wait(no_throw);
      self->desk_.forget_old();
      const auto now = Clock::now();
      for (const auto& connection : self->connections_) {
        if (now - connection->last_active >= idle) close(*connection);
      }
    }
  }

  asio::io_context& context_;
  QueryDesk desk_;
  AgentOf agent_of_;
  DatagramBatch batch_;  // in use only while one door is drained, which never waits
  Timer sweeper_;
  Timer repeats_end_;
  bool watching_ = false;  // repeats_end_ runs
  std::vector<SharedDoor> doors_;
  std::list<std::shared_ptr<Connection>> connections_;
  std::uint64_t last_door_ = 0;
  bool stopped_ = false;
  bool sweeping_ = false;
};

Server::Server(asio::io_context& context, ServerOptions options, Services services, AgentOf agent_of)
    : impl_(std::make_shared<Impl>(context, std::move(options), std::move(services), std::move(agent_of))) {}

Server::~Server() {
  impl_->stop();
}

udp::endpoint Server::listen(const udp::endpoint& endpoint) {
  auto sockets = ListeningSockets::open(endpoint);
  udp::endpoint at = sockets.at();
  listen(std::move(sockets));
  return at;
}

void Server::listen(ListeningSockets sockets) {
  impl_->take(sockets.take_datagrams(), sockets.take_stream(), std::nullopt);
}

std::uint64_t Server::adopt(int udp_socket, int tcp_socket, std::string agent) {
  return impl_->take(udp_socket, tcp_socket, std::move(agent));
}

void Server::release(std::uint64_t id) {
  impl_->close(id);
}

void Server::stop() {
  impl_->stop();
}

}  // namespace sallyport::dns
