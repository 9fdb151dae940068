// Listening sockets: opened, inherited, accepted from; and where a redirected connection was going.
#pragma once
#include "net/task.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>

#include <functional>
#include <string>

namespace sallyport {

using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

enum class ReusePort { no, yes };
enum class Transparent { no, yes };             // IP_TRANSPARENT: may take connections to any address (tproxy)
enum class V6Only { system_default, no, yes };  // `no` on [::] takes both families

struct ListenerOptions {
  ReusePort reuse_port = ReusePort::no;
  Transparent transparent = Transparent::no;
  V6Only v6_only = V6Only::system_default;
  int backlog = 4096;
};

// Why a listener could not be had, for the person who configured it.
struct ListenFault {
  error_code code;
  std::string text;
};
// So that `open_listener(…).value()` throws the text.
[[noreturn]] void throw_exception_from_error(const ListenFault& fault, const boost::source_location&);

template <class T>
using ListenResult = boost::system::result<T, ListenFault>;

// What to do about this errno of a listening socket: "; stop …", or nothing.
std::string listening_advice(int error);

ListenResult<Acceptor> open_listener(asio::io_context& context, const asio::ip::tcp::endpoint& endpoint,
                                     const ListenerOptions& options = {});

// Takes a descriptor that is already listening (made in another namespace, or handed over by a service manager).
// On success it is the acceptor's; on failure it stays the caller's.
ListenResult<Acceptor> adopt_listener(asio::io_context& context, int descriptor);

// Where a connection was going before nftables redirected it. A mapped IPv4 address comes back as IPv4.
// An error where connection tracking knows nothing of it, which means: it was not redirected.
Result<asio::ip::tcp::endpoint> original_destination(Socket& socket);

// Hands every connection to `take`, with TCP_NODELAY and close-on-exec set, until the acceptor is closed or the
// coroutine is cancelled. Out of descriptors or memory it pauses and goes on; those waiting stay in the backlog.
// What `take` throws ends the loop.
Task<> accept_each(Acceptor& acceptor, std::function<void(Socket)> take,
                   Clock::duration pause = std::chrono::milliseconds(50));

}  // namespace sallyport
