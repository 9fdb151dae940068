#include "net/stream.hpp"

#include <boost/asio/this_coro.hpp>

namespace sallyport {

Task<Result<void>> Stream::gone(PeerWatch&) {
  const auto executor = co_await asio::this_coro::executor;
  Timer never(executor, Timer::time_point::max());
  const auto [error] = co_await never.async_wait(no_throw);
  co_return error;
}

}  // namespace sallyport
