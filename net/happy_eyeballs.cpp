#include "net/happy_eyeballs.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <unistd.h>

namespace sallyport {

namespace {

using asio::ip::tcp;

// The attempts that are under way. Shared with their handlers, which may run after the race is over.
struct Race : std::enable_shared_from_this<Race> {
  explicit Race(const Executor& executor) : wake(executor) {}

  // Starts one attempt; its handler wakes the coroutine.
  void start(const tcp::endpoint& endpoint, const ConnectOptions& options);
  void finish(std::size_t index, const tcp::endpoint& endpoint, error_code error);

  // No handler touches the outcome from here on.
  void stop() {
    over = true;
    for (Socket& attempt : attempts) {
      error_code ignored;  // a lost attempt is closed and forgotten
      attempt.close(ignored);
    }
  }

  Timer wake;
  std::vector<Socket> attempts;
  std::size_t running = 0;
  std::optional<Socket> winner;
  error_code last_error = asio::error::host_not_found;
  bool over = false;
};

// A descriptor that children do not inherit.
error_code open(Socket& socket, const tcp::endpoint& endpoint) {
  const auto protocol = endpoint.protocol();
  const int descriptor = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  if (descriptor < 0) return {errno, boost::system::system_category()};
  error_code error;
  socket.assign(protocol, descriptor, error);
  if (error) ::close(descriptor);
  return error;
}

error_code prepare(Socket& socket, const tcp::endpoint& endpoint, const ConnectOptions& options) {
  if (const error_code error = open(socket, endpoint)) return error;
  error_code error;
  socket.set_option(tcp::no_delay(true), error);
  if (error) return error;
  return options.before_connect ? options.before_connect(socket.native_handle()) : error_code();
}

// Whether the socket is connected to what was asked for, and not to itself (which loopback allows by accident).
error_code check_peer(const Socket& socket, const tcp::endpoint& endpoint) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return error;
  const tcp::endpoint local = socket.local_endpoint(error);
  if (error) return error;
  if (peer != endpoint || peer == local) return asio::error::connection_refused;
  return {};
}

void Race::start(const tcp::endpoint& endpoint, const ConnectOptions& options) {
  const std::size_t index = attempts.size();
  Socket& socket = attempts.emplace_back(wake.get_executor());
  if (const error_code error = prepare(socket, endpoint, options)) {
    last_error = error;
    return;
  }
  ++running;
  socket.async_connect(endpoint, [self = shared_from_this(), index, endpoint](error_code error) {
    self->finish(index, endpoint, error);
  });
}

void Race::finish(std::size_t index, const tcp::endpoint& endpoint, error_code error) {
  if (over) return;
  --running;
  if (!error) error = check_peer(attempts[index], endpoint);
  if (error) {
    last_error = error;
  } else if (!winner) {
    winner.emplace(std::move(attempts[index]));
  }
  wake.cancel();
}

}  // namespace

std::vector<tcp::endpoint> interleave_families(const std::vector<tcp::endpoint>& endpoints) {
  std::vector<tcp::endpoint> order;
  if (endpoints.empty()) return order;
  std::vector<tcp::endpoint> first, second;
  const auto leading = endpoints.front().protocol();
  for (const auto& endpoint : endpoints) (endpoint.protocol() == leading ? first : second).push_back(endpoint);
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) order.push_back(first[i]);
    if (i < second.size()) order.push_back(second[i]);
  }
  if (order.size() > max_connect_attempts) order.resize(max_connect_attempts);
  return order;
}

Task<Result<Socket>> connect_any(std::vector<tcp::endpoint> endpoints, ConnectOptions options) {
  const auto executor = co_await asio::this_coro::executor;
  const auto race = std::make_shared<Race>(executor);
  struct Stop {
    Race& race;
    ~Stop() { race.stop(); }
  };
  const Stop stop{*race};

  const std::vector<tcp::endpoint> order = interleave_families(endpoints);
  race->attempts.reserve(order.size());  // handlers and operations hold on to their places
  const Clock::time_point deadline = Clock::now() + options.limit;
  Clock::time_point next_turn = Clock::time_point::min();
  std::size_t started = 0;
  for (;;) {
    const Clock::time_point now = Clock::now();
    if (now >= deadline && started > 0) co_return error_code(asio::error::timed_out);
    while (started < order.size() && (race->running == 0 || now >= next_turn)) {
      race->start(order[started++], options);
      if (race->running > 0) next_turn = now + options.attempt_delay;
    }
    if (race->running == 0) co_return race->last_error;

    race->wake.expires_at(started < order.size() ? std::min(next_turn, deadline) : deadline);
    co_await race->wake.async_wait(no_throw);
    if (race->winner) co_return std::move(*race->winner);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return error_code(asio::error::operation_aborted);
  }
}

}  // namespace sallyport
