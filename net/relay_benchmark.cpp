// What a relay costs: processor seconds of its thread for each GiB, and memory of an idle tunnel.
#include "net/listener.hpp"
#include "net/relay.hpp"

#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <sys/resource.h>
#include <sys/socket.h>

#include <deque>
#include <malloc.h>
#include <thread>
#include <utility>
#include <vector>

namespace sallyport {
namespace {

constexpr std::size_t mebibyte = 1 << 20;

std::pair<Socket, Socket> connected_pair(asio::io_context& context, Acceptor& acceptor) {
  Socket near_end(context.get_executor());
  near_end.connect(acceptor.local_endpoint());
  Socket far_end = acceptor.accept();
  return {std::move(near_end), std::move(far_end)};
}

Acceptor listener(asio::io_context& context) {
  return open_listener(context, {asio::ip::address_v4::loopback(), 0}).value();
}

double thread_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void send_all(int descriptor, std::size_t size) {
  const std::vector<char> block(256 << 10, 'x');
  while (size > 0) {
    const ssize_t sent = ::send(descriptor, block.data(), std::min(size, block.size()), MSG_NOSIGNAL);
    if (sent <= 0) break;
    size -= static_cast<std::size_t>(sent);
  }
  ::shutdown(descriptor, SHUT_WR);
}

void swallow(int descriptor) {
  std::vector<char> block(256 << 10);
  while (::recv(descriptor, block.data(), block.size(), 0) > 0) {
  }
  ::shutdown(descriptor, SHUT_WR);
}

// Argument: KiB of the pipe; 0 copies.
void relay_gibibyte(benchmark::State& state) {
  constexpr std::size_t size = 1024 * mebibyte;
  PipePoolOptions options;
  options.pipe_bytes = static_cast<std::size_t>(state.range(0)) << 10;
  options.large_bytes = options.pipe_bytes;
  if (options.pipe_bytes == 0) options.lend = 0;
  double spent = 0;
  for (auto _ : state) {
    asio::io_context context(1);
    PipePool pipes(options);
    Acceptor acceptor = listener(context);
    auto [client, near_side] = connected_pair(context, acceptor);
    auto [far_side, server] = connected_pair(context, acceptor);
    RelayCounters counters;
    asio::co_spawn(context, relay(near_side, far_side, pipes, counters, RelayLimits()), [](auto&&...) {});
    std::thread writer(send_all, client.native_handle(), size);
    std::thread reader(swallow, server.native_handle());
    const double before = thread_seconds();
    context.run();
    spent += thread_seconds() - before;
    writer.join();
    reader.join();
    if (counters.up != size) state.SkipWithError("bytes were lost");
  }
  state.counters["cpu_s_per_GiB"] = spent / static_cast<double>(state.iterations());
}
BENCHMARK(relay_gibibyte)->Arg(0)->Arg(64)->Arg(256)->Arg(1024)->Iterations(2)->UseRealTime();

struct Tunnel {
  std::pair<Socket, Socket> client;
  std::pair<Socket, Socket> server;
  RelayCounters counters;
};

void idle_tunnel_memory(benchmark::State& state) {
  constexpr std::size_t count = 2000;
  for (auto _ : state) {
    asio::io_context context(1);
    PipePool pipes;
    Acceptor acceptor = listener(context);
    std::deque<Tunnel> tunnels;
    for (std::size_t i = 0; i < count; ++i) {
      auto client = connected_pair(context, acceptor);
      auto server = connected_pair(context, acceptor);
      tunnels.push_back({std::move(client), std::move(server), RelayCounters()});
    }
    const auto before = ::mallinfo2().uordblks;
    for (Tunnel& tunnel : tunnels) {
      asio::co_spawn(context, relay(tunnel.client.second, tunnel.server.first, pipes, tunnel.counters, RelayLimits()),
                     [](auto&&...) {});
    }
    context.poll();
    state.counters["bytes_per_tunnel"] = static_cast<double>(::mallinfo2().uordblks - before) / count;
    for (Tunnel& tunnel : tunnels) {
      tunnel.client.first.close();
      tunnel.server.second.close();
    }
    context.run();
  }
}
BENCHMARK(idle_tunnel_memory)->Iterations(1);

}  // namespace
}  // namespace sallyport
