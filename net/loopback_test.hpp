// Loopback sockets for this room's tests.
#pragma once
#include "net/task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include <exception>
#include <utility>

namespace sallyport::testing {

// Two ends of one TCP connection.
inline std::pair<Socket, Socket> connected_pair(asio::io_context& context) {
  asio::basic_socket_acceptor<asio::ip::tcp, Executor> acceptor(context.get_executor(),
                                                                {asio::ip::address_v4::loopback(), 0});
  Socket near_end(context.get_executor());
  near_end.connect(acceptor.local_endpoint());
  Socket far_end = acceptor.accept();
  return {std::move(near_end), std::move(far_end)};
}

// Runs the context until the task has ended; rethrows what it threw. Ten seconds at most.
inline void run_to_end(asio::io_context& context, Task<> task) {
  bool done = false;
  std::exception_ptr thrown;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr exception) {
    thrown = std::move(exception);
    done = true;
  });
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  context.restart();
  while (!done && Clock::now() < deadline) context.run_one_until(deadline);
  if (thrown) std::rethrow_exception(thrown);
  ASSERT_TRUE(done) << "the task has not ended";
}

}  // namespace sallyport::testing
