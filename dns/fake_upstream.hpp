// A DNS server of a test's own on loopback: answers each query as its function says, from a thread of its own.
#pragma once
#include "dns/wire/message.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <unistd.h>

namespace sallyport::dns {

class FakeUpstream {
 public:
  // The bytes to send back; empty: none.
  using Answer = std::function<Bytes(const QueryMessage& query)>;

  explicit FakeUpstream(Answer answer) : answer_(std::move(answer)), socket_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(name);
    (void)::bind(socket_, reinterpret_cast<sockaddr*>(&name), size);
    (void)::getsockname(socket_, reinterpret_cast<sockaddr*>(&name), &size);
    name_ = name;
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeUpstream() {
    stopping_ = true;
    const std::uint8_t wake = 0;
    (void)::sendto(socket_, &wake, 1, 0, reinterpret_cast<sockaddr*>(&name_), sizeof(name_));
    thread_.join();
    ::close(socket_);
  }

  std::string endpoint() const { return "127.0.0.1:" + std::to_string(ntohs(name_.sin_port)); }
  int asked() const { return asked_; }

 private:
  void serve() {
    std::array<std::uint8_t, 4096> buffer{};
    while (!stopping_) {
      sockaddr_in from{};
      socklen_t size = sizeof(from);
      const ssize_t got =
          ::recvfrom(socket_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got <= 0 || stopping_) continue;
      const auto query = parse_query(std::span(buffer).first(static_cast<std::size_t>(got)));
      if (!query) continue;
      ++asked_;
      const Bytes reply = answer_(*query);
      if (!reply.empty()) {
        (void)::sendto(socket_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
      }
    }
  }

  Answer answer_;
  int socket_;
  sockaddr_in name_{};
  std::atomic<bool> stopping_{false};
  std::atomic<int> asked_{0};
  std::thread thread_;
};

}  // namespace sallyport::dns
