// The DNS door's sockets, opened while there are still privileges: port 53 needs them.
#pragma once
#include <boost/asio/ip/udp.hpp>

#include <utility>

namespace sallyport::dns {

// A bound UDP socket and a listening TCP socket on one endpoint. Owns them until they are taken.
class ListeningSockets {
 public:
  // With port 0 both get the same free port; SO_REUSEPORT lets every thread open the same endpoint. Throws.
  static ListeningSockets open(const boost::asio::ip::udp::endpoint& endpoint);
  ListeningSockets(ListeningSockets&& other) noexcept
      : datagrams_(std::exchange(other.datagrams_, -1)),
        stream_(std::exchange(other.stream_, -1)),
        at_(std::move(other.at_)) {}
  ListeningSockets& operator=(ListeningSockets&&) = delete;
  ~ListeningSockets();

  const boost::asio::ip::udp::endpoint& at() const { return at_; }
  int take_datagrams() { return std::exchange(datagrams_, -1); }
  int take_stream() { return std::exchange(stream_, -1); }

 private:
  ListeningSockets(int datagrams, int stream, boost::asio::ip::udp::endpoint at)
      : datagrams_(datagrams), stream_(stream), at_(std::move(at)) {}
  int datagrams_, stream_;
  boost::asio::ip::udp::endpoint at_;
};

}  // namespace sallyport::dns
