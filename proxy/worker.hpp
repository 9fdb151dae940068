// One thread of the daemon: its io_context, its listeners, and every connection it accepted.
#pragma once
#include "console/backend.hpp"
#include "dns/server.hpp"
#include "net/listener.hpp"
#include "net/peer_gone.hpp"
#include "proxy/agent_identity.hpp"
#include "proxy/services.hpp"
#include "proxy/session.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <memory>
#include <thread>
#include <vector>

namespace sallyport {

struct Listening {
  std::vector<asio::ip::tcp::endpoint> proxy, dns;
  std::vector<std::pair<asio::ip::tcp::endpoint, Steering>> transparent;
};

// The sockets of one thread, opened before privileges are dropped.
struct OpenDoors {
  std::vector<Acceptor> proxy;
  std::vector<std::pair<Acceptor, Steering>> transparent;
  std::vector<dns::ListeningSockets> dns;
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
  enum class DoorKind { explicit_, transparent };
  void take(Socket socket, DoorKind kind, Steering steering);
  Task<> serve(Socket socket, DoorKind kind, Steering steering, LiveSessions::Place place);
  Task<> serve_known(Session& session, DoorKind kind, Steering steering, Identity identity);
  void begin_dns();

  asio::io_context context_{1};
  asio::executor_work_guard<Executor> work_;
  OpenDoors doors_;
  LiveSessions live_;
  PipePool pipes_;
  PeerWatch peers_{context_};
  std::unique_ptr<dns::Resolver> resolver_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<dns::Server> dns_;
  std::atomic<std::size_t> open_sessions_{0};
  std::thread thread_;
};

}  // namespace sallyport
