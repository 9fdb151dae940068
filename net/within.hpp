// A time limit around work that happens once in a connection's life (sniff, connect, goodbye).
#pragma once
#include "net/task.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

namespace sallyport {

// Ends `work` when `limit` has passed; the error is then timed_out. `work` must obey cancellation and must not throw:
// `||` forgets exceptions and returns only when the loser has ended.
template <class T>
Task<Result<T>> within(Clock::duration limit, Task<Result<T>> work) {
  using namespace asio::experimental::awaitable_operators;
  Timer timer(co_await asio::this_coro::executor, limit);
  auto first = co_await (std::move(work) || timer.async_wait(no_throw));
  if (first.index() == 1) co_return error_code(asio::error::timed_out);
  co_return std::get<0>(std::move(first));
}

}  // namespace sallyport
