// The DNS door: UDP and TCP sockets of one thread.
#pragma once
#include "dns/answer_query.hpp"
#include "dns/listening_sockets.hpp"
#include "net/task.hpp"
#include "policy/address.hpp"

#include <boost/asio/ip/udp.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::dns {

struct ServerOptions {
  AnswerOptions answers;
  std::size_t tcp_connections = 512;  // of this server
  std::size_t tcp_connections_per_agent = 16;
  std::size_t upstream_per_agent = 64;        // queries waiting for the upstream; more get SERVFAIL
  std::chrono::milliseconds tcp_idle{10000};  // without a whole query or a whole answer taken
  // How long a synthetic answer is given again without asking policy and leases: as long as clients may keep it, and
  // much less than a lease lasts.
  std::chrono::milliseconds keep_answers{60000};
};

// One for each thread's io_context; SO_REUSEPORT shares an endpoint between them. Replies leave from the address that
// was asked. Stop it and let the io_context run dry, or destroy the io_context, before what `services` refers to goes.
class Server {
 public:
  // Who has a source address; nullopt: refused.
  using AgentOf = std::function<std::optional<std::string>(const Address& source)>;

  Server(asio::io_context& context, ServerOptions options, Services services, AgentOf agent_of);
  ~Server();

  // UDP and TCP on one endpoint; with port 0 both get the same free port. Returns the endpoint. Throws.
  asio::ip::udp::endpoint listen(const asio::ip::udp::endpoint& endpoint);
  // The same with sockets that were opened earlier. Throws.
  void listen(ListeningSockets sockets);
  // Takes over sockets that were made inside a sandbox: a bound UDP socket and a listening TCP socket (either may be
  // -1). Who asks there is `agent`, whatever the source address. Returns an id for `release`.
  std::uint64_t adopt(int udp_socket, int tcp_socket, std::string agent);
  // Closes what `adopt` took, and its connections.
  void release(std::uint64_t id);
  // Closes everything, and records what is still to be recorded. Coroutines end in the io_context.
  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::dns
