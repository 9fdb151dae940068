#include "dns/listening_sockets.hpp"

#include "net/task.hpp"

#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include <unistd.h>

namespace sallyport::dns {
namespace {

using asio::ip::tcp;
using asio::ip::udp;
using DatagramSocket = asio::basic_datagram_socket<udp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr int tries = 16;  // a port that is free for TCP may be taken for UDP

void close_if_open(int descriptor) {
  if (descriptor >= 0) ::close(descriptor);
}

}  // namespace

ListeningSockets::~ListeningSockets() {
  close_if_open(datagrams_);
  close_if_open(stream_);
}

ListeningSockets ListeningSockets::open(const udp::endpoint& endpoint) {
  asio::io_context context;
  const bool v6 = endpoint.protocol() == udp::v6();
  const asio::ip::v6_only only(!endpoint.address().is_unspecified());
  for (int i = 1;; ++i) {
    Acceptor acceptor(context);
    acceptor.open(v6 ? tcp::v6() : tcp::v4());
    acceptor.set_option(Acceptor::reuse_address(true));
    acceptor.set_option(ReusePort(true));
    if (v6) acceptor.set_option(only);
    acceptor.bind({endpoint.address(), endpoint.port()});
    const udp::endpoint bound(endpoint.address(), acceptor.local_endpoint().port());
    DatagramSocket datagrams(context);
    datagrams.open(bound.protocol());
    datagrams.set_option(ReusePort(true));
    if (v6) datagrams.set_option(only);
    error_code error;
    datagrams.bind(bound, error);
    if (!error) {
      acceptor.listen();
      return {datagrams.release(), acceptor.release(), bound};
    }
    if (endpoint.port() != 0 || i == tries) throw boost::system::system_error(error, "listen.dns");
  }
}

}  // namespace sallyport::dns
