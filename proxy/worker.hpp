// One thread of the daemon: its io_context, its listeners, and every connection it accepted.
#pragma once
#include "console/backend.hpp"
#include "dns/server.hpp"
#include "net/listener.hpp"
#include "net/peer_gone.hpp"
#include "proxy/agent_identity.hpp"
#include "proxy/process_lookup.hpp"
#include "proxy/sandbox/sandbox.hpp"
#include "proxy/services.hpp"
#include "proxy/session.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sallyport {

struct Listening {
  std::vector<asio::ip::tcp::endpoint> proxy, dns;
  std::vector<std::pair<asio::ip::tcp::endpoint, Steering>> transparent;
};

// Throws where somebody listens at one of these already. The threads share them by SO_REUSEPORT, and so would, without
// a word, another daemon of the same user: half of the connections would go by its policy.
void ensure_free(const Listening& at);

// The sockets of one thread, opened before privileges are dropped.
struct OpenDoors {
  std::vector<Acceptor> proxy;
  std::vector<std::pair<Acceptor, Steering>> transparent;
  std::vector<dns::ListeningSockets> dns;
};

// The sockets that were made in a sandbox's network: whoever comes in by them is `agent`, whatever its address.
struct AttachedDoor {
  std::uint64_t id = 0;
  std::string agent;
  std::vector<Acceptor> acceptors;
  std::vector<std::uint64_t> dns;  // what the DNS server calls its share
  OwnerFinder owner;               // empty: the programs behind it are not looked for
  bool open = true;
};

class Worker {
 public:
  Worker();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Opens this thread's share of every listener; ports of 0 are filled in for the next worker. Throws.
  void open(Listening& at);
  // Builds what the thread works with and begins to accept. Throws.
  void begin(Shared& shared);
  void run_in_thread();
  void run() { context_.run(); }
  void join();

  // From any thread, once begun. Takes over the sockets of a sandbox and serves who comes in by them; returns the
  // door's id at once. Sockets that can't be used are told of in the log, and nobody gets out by them. `owner`: how the
  // programs behind it are found; empty: they are not looked for.
  std::uint64_t attach(SandboxSockets sockets, std::string agent, OwnerFinder owner = {});
  // From any thread. Closes the door and ends its connections.
  void detach(std::uint64_t door);

  // From any thread.
  void sweep(std::shared_ptr<const Policy> policy);
  void report_traffic();
  void stop_accepting();
  void stop_sessions(ClosedBy why);
  std::size_t open_sessions() const { return open_sessions_.load(); }
  // Adds what this thread serves now to `into`, up to `limit` in all. Waits for the thread; false: it does not answer.
  bool snapshot(std::vector<LiveConnection>& into, std::size_t limit);
  void finish();

  asio::io_context& context() { return context_; }

 private:
  // Which way somebody came in.
  struct Entrance {
    Door door = Door::proxy;
    Steering steering = Steering::redirect;
    std::shared_ptr<AttachedDoor> attached{};
  };
  void accept_from(Acceptor& acceptor, Entrance entrance);
  void take(Socket socket, Entrance entrance);
  Task<> serve(Socket socket, Entrance entrance, LiveSessions::Place place);
  Task<> serve_known(Session& session, Entrance entrance, Identity identity);
  void begin_dns();
  void open_attached(std::uint64_t id, SandboxSockets sockets, std::string agent, OwnerFinder owner);
  void close_attached(AttachedDoor& door);

  asio::io_context context_{1};
  asio::executor_work_guard<Executor> work_;
  OpenDoors doors_;
  std::map<std::uint64_t, std::shared_ptr<AttachedDoor>> attached_;
  std::atomic<std::uint64_t> next_attached_{1};
  LiveSessions live_;
  PipePool pipes_;
  PeerWatch peers_{context_};
  std::unique_ptr<dns::Resolver> resolver_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<dns::Server> dns_;
  ProcessLookup lookup_;
  std::atomic<std::size_t> open_sessions_{0};
  std::thread thread_;
};

}  // namespace sallyport
