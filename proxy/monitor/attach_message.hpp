// What the daemon and the attach monitor say to each other: plain bytes of one size, a message a datagram.
#pragma once
#include "net/descriptor.hpp"
#include "proxy/monitor/network_namespace.hpp"
#include "proxy/process/connection_ends.hpp"
#include "telemetry/event.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// Text up to a size; what is longer is cut.
template <std::size_t most>
struct FlatText {
  std::uint32_t size = 0;
  std::array<char, most> bytes{};

  void set(std::string_view text) {
    size = static_cast<std::uint32_t>(std::min(text.size(), most));
    std::copy_n(text.begin(), size, bytes.begin());
  }
  std::string text() const { return std::string(bytes.data(), std::min<std::size_t>(size, most)); }
};

struct FlatEnd {
  std::array<std::uint8_t, 16> address{};
  std::uint16_t port = 0;
  bool is_v4 = false;

  static FlatEnd of(const Address& address, std::uint16_t port);
  Address value() const;
};

struct AttachOrder {
  // The fixed set: there is no other, and none takes a rule.
  enum class Kind : std::uint8_t { ping, open, check, owner, close };
  Kind kind = Kind::ping;
  std::uint64_t door = 0;  // with check, owner and close
  // With open.
  FlatText<4096> path;
  std::int64_t pid = 0;
  bool is_known = false;  // only where it is this very namespace
  NamespaceIdentity known{};
  // With owner: the client's end and the one it dialled, and how long it may take.
  FlatEnd client, server;
  std::uint32_t milliseconds = 0;
};

struct FlatProcess {
  std::int64_t pid = 0;
  std::uint64_t device = 0, inode = 0;
  FlatText<64> name;
  FlatText<1024> cmd_line, path;
  std::uint32_t parents = 0;
  std::array<std::int64_t, 8> parent_pids{};
  std::array<FlatText<64>, 8> parent_names{};

  static FlatProcess of(const ProcessInfo& process);
  ProcessInfo value() const;
};

struct AttachAnswer {
  bool good = false;
  FlatText<2048> complaint;
  std::uint64_t door = 0;
  NamespaceIdentity identity{};
  bool found = false;
  FlatProcess process{};
};

using DescriptorList = std::vector<std::unique_ptr<Descriptor>>;

// False: the other end has gone, or did not answer in its time.
bool send_message(int socket, const void* bytes, std::size_t size, const std::vector<int>& descriptors = {});
// Only a datagram of exactly this size.
bool receive_message(int socket, void* bytes, std::size_t size, DescriptorList& descriptors);

template <class Message>
bool send_message(int socket, const Message& message, const std::vector<int>& descriptors = {}) {
  static_assert(std::is_trivially_copyable_v<Message>);
  return send_message(socket, &message, sizeof message, descriptors);
}

template <class Message>
bool receive_message(int socket, Message& message, DescriptorList& descriptors) {
  static_assert(std::is_trivially_copyable_v<Message>);
  return receive_message(socket, &message, sizeof message, descriptors);
}

}  // namespace sallyport
