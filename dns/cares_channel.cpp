#include "dns/cares_channel.hpp"

#include <ares.h>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <sys/socket.h>
#include <sys/time.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <unordered_map>

namespace sallyport::dns {
namespace {

using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

struct LibraryUse {
  LibraryUse() {
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) throw std::runtime_error("c-ares can't be started");
  }
  ~LibraryUse() { ares_library_cleanup(); }
};

ResolveFault fault_of(int status) {
  switch (status) {
    case ARES_ENODATA:
      return ResolveFault::no_data;
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
      return ResolveFault::not_found;
    case ARES_ETIMEOUT:
      return ResolveFault::timeout;
    case ARES_EREFUSED:
      return ResolveFault::refused;
    case ARES_ESERVFAIL:
    case ARES_ENOTIMP:
    case ARES_EFORMERR:
      return ResolveFault::server_failure;
    case ARES_ECONNREFUSED:
      return ResolveFault::unreachable;
    case ARES_EDESTRUCTION:
    case ARES_ECANCELLED:
      return ResolveFault::stopped;
    case ARES_ENOMEM:
      return ResolveFault::overloaded;
    default:
      return ResolveFault::garbage;
  }
}

struct Upstream {
  Address address;
  std::uint16_t port;
};

// "9.9.9.9", "9.9.9.9:53", "2620:fe::fe", "[2620:fe::fe]:53".
std::optional<Upstream> parse_upstream(const std::string& text) {
  constexpr std::uint16_t dns_port = 53;
  if (const auto bare = Address::parse(text)) return Upstream{*bare, dns_port};
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = Address::parse(host);
  if (!address || address->is_v4() == bracketed) return std::nullopt;
  Upstream upstream{*address, 0};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, upstream.port);
  if (error != std::errc() || stop != end || upstream.port == 0) return std::nullopt;
  return upstream;
}

// Empty: those of the system.
std::vector<Upstream> parse_upstreams(const std::vector<std::string>& texts) {
  std::vector<Upstream> upstreams;
  for (const std::string& text : texts) {
    if (text == "system" && texts.size() == 1) break;
    const auto upstream = parse_upstream(text);
    if (!upstream) {
      throw std::runtime_error("dns.upstream: '" + text +
                               "' is no address; write `system` alone, or 9.9.9.9, 9.9.9.9:53, \"[2620:fe::fe]:53\"");
    }
    upstreams.push_back(*upstream);
  }
  return upstreams;
}

int set_servers(ares_channel channel, const std::vector<Upstream>& upstreams) {
  std::vector<ares_addr_port_node> nodes(upstreams.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto bytes = upstreams[i].address.bytes();
    nodes[i].next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
    nodes[i].family = upstreams[i].address.is_v4() ? AF_INET : AF_INET6;
    std::memcpy(&nodes[i].addr, bytes.data(), bytes.size());
    nodes[i].udp_port = nodes[i].tcp_port = upstreams[i].port;
  }
  return ares_set_servers_ports(channel, nodes.data());
}

void start_channel(ares_channel& channel, const ResolverOptions& options, ares_sock_state_cb on_state, void* owner) {
  const std::vector<Upstream> upstreams = parse_upstreams(options.upstream);
  ares_options settings{};
  // NOSEARCH: a name is what was approved, never with a search domain behind it.
  settings.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
  settings.ednspsz = 1232;
  settings.timeout = static_cast<int>(options.timeout.count());
  settings.tries = options.tries;
  settings.sock_state_cb = on_state;
  settings.sock_state_cb_data = owner;
  constexpr int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (const int status = ares_init_options(&channel, &settings, mask); status != ARES_SUCCESS) {
    throw std::runtime_error(std::string("c-ares: ") + ares_strerror(status));
  }
  if (upstreams.empty()) return;
  const int status = set_servers(channel, upstreams);
  if (status != ARES_SUCCESS) {
    ares_destroy(channel);
    throw std::runtime_error(std::string("dns.upstream: ") + ares_strerror(status));
  }
}

}  // namespace

class CaresChannel::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, const ResolverOptions& options) : executor_(context.get_executor()), timer_(context) {
    start_channel(channel_, options, &Impl::on_socket_state, this);
  }

  void query(const HostName& name, RecordType type, ChannelCallback callback) {
    constexpr int internet = 1;
    auto owned = std::make_unique<ChannelCallback>(std::move(callback));
    ares_query(channel_, name.text().c_str(), internet, static_cast<int>(type), &Impl::on_answer, owned.release());
    arm_timer();
  }

  // Calls every callback that is left; nothing of c-ares is touched afterwards.
  void stop() {
    stopped_ = true;
    timer_.cancel();
    ares_destroy(channel_);
    channel_ = nullptr;
    sockets_.clear();
  }

 private:
  struct Watched {
    explicit Watched(const Executor& executor, int socket) : descriptor(executor, socket) {}
    Descriptor descriptor;
    bool want_read = false, want_write = false;
    bool reading = false, writing = false;
  };

  static void on_answer(void* argument, int status, int /*timeouts*/, unsigned char* bytes, int size) {
    const std::unique_ptr<ChannelCallback> callback(static_cast<ChannelCallback*>(argument));
    const bool answered = bytes != nullptr && size > 0;
    (*callback)(answered ? std::span<const std::uint8_t>(bytes, static_cast<std::size_t>(size))
                         : std::span<const std::uint8_t>(),
                fault_of(status));
  }

  // c-ares says so before it closes a socket: the descriptor lets go of it, c-ares closes it.
  static void on_socket_state(void* self, ares_socket_t socket, int readable, int writable) {
    auto& impl = *static_cast<Impl*>(self);
    auto found = impl.sockets_.find(socket);
    if (readable == 0 && writable == 0) {
      if (found == impl.sockets_.end()) return;
      (void)found->second->descriptor.release();
      impl.sockets_.erase(found);
      return;
    }
    if (found == impl.sockets_.end()) {
      found = impl.sockets_.emplace(socket, std::make_shared<Watched>(impl.executor_, socket)).first;
    }
    found->second->want_read = readable != 0;
    found->second->want_write = writable != 0;
    impl.watch(socket, found->second);
  }

  void watch(int socket, const std::shared_ptr<Watched>& watched) {
    if (watched->want_read && !watched->reading) {
      watched->reading = true;
      watched->descriptor.async_wait(Descriptor::wait_read,
                                     [self = shared_from_this(), socket, watched](const error_code& error) {
                                       watched->reading = false;
                                       self->on_ready(error, watched, socket, ARES_SOCKET_BAD);
                                     });
    }
    if (watched->want_write && !watched->writing) {
      watched->writing = true;
      watched->descriptor.async_wait(Descriptor::wait_write,
                                     [self = shared_from_this(), socket, watched](const error_code& error) {
                                       watched->writing = false;
                                       self->on_ready(error, watched, ARES_SOCKET_BAD, socket);
                                     });
    }
  }

  // The number of a closed socket may already be another one's: only what is still watched is processed.
  void on_ready(const error_code& error, const std::shared_ptr<Watched>& watched, int readable, int writable) {
    const int socket = readable == ARES_SOCKET_BAD ? writable : readable;
    if (stopped_ || error || !is_watched(socket, watched)) return;
    ares_process_fd(channel_, readable, writable);
    if (stopped_) return;
    if (is_watched(socket, watched)) watch(socket, watched);
    arm_timer();
  }

  bool is_watched(int socket, const std::shared_ptr<Watched>& watched) const {
    const auto found = sockets_.find(socket);
    return found != sockets_.end() && found->second == watched;
  }

  void arm_timer() {
    timeval room{};
    const timeval* left = ares_timeout(channel_, nullptr, &room);
    if (left == nullptr) {
      timer_.cancel();
      return;
    }
    // One more millisecond: c-ares compares whole ones, and waking early would spin.
    timer_.expires_after(std::chrono::seconds(left->tv_sec) + std::chrono::microseconds(left->tv_usec) +
                         std::chrono::milliseconds(1));
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (error || self->stopped_) return;
      ares_process_fd(self->channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      if (!self->stopped_) self->arm_timer();
    });
  }

  LibraryUse library_;
  Executor executor_;
  Timer timer_;
  std::unordered_map<int, std::shared_ptr<Watched>> sockets_;
  ares_channel channel_ = nullptr;
  bool stopped_ = false;
};

CaresChannel::CaresChannel(asio::io_context& context, const ResolverOptions& options)
    : impl_(std::make_shared<Impl>(context, options)) {}

CaresChannel::~CaresChannel() {
  impl_->stop();
}

void CaresChannel::query(const HostName& name, RecordType type, ChannelCallback callback) {
  impl_->query(name, type, std::move(callback));
}

}  // namespace sallyport::dns
