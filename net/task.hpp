// The few names of Asio that every room shares: one io_context a thread, one concrete executor, no type erasure.
#pragma once
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/result.hpp>

#include <chrono>

namespace sallyport {

namespace asio = boost::asio;
using boost::system::error_code;
template <class T>
using Result = boost::system::result<T>;

using Executor = asio::io_context::executor_type;
template <class T = void>
using Task = asio::awaitable<T, Executor>;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

// For set-up code: errors are thrown.
inline constexpr asio::use_awaitable_t<Executor> use_task{};
// For live traffic: `auto [error, size] = co_await …(…, no_throw);`
inline constexpr auto no_throw = asio::as_tuple(use_task);

}  // namespace sallyport
