#include "dns/cares_channel.hpp"

#include <ares.h>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <sys/time.h>

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

// "2620:fe::fe" as c-ares wants it: in brackets where a port follows.
std::string server_list(const std::vector<std::string>& upstream) {
  std::string list;
  for (const std::string& server : upstream) {
    const auto colon = server.rfind(':');
    const auto bracket = server.find(']');
    const bool bracketed = server.starts_with('[') && bracket != std::string::npos;
    const bool bare_v6 = !bracketed && colon != server.find(':');
    const bool has_port = colon != std::string::npos && !bare_v6 && (!bracketed || colon == bracket + 1);
    const std::string host = bracketed ? server.substr(1, bracket - 1) : has_port ? server.substr(0, colon) : server;
    if (!Address::parse(host)) {
      throw std::runtime_error("dns.upstream: '" + server +
                               "' is no address; write `system`, 9.9.9.9, 9.9.9.9:53 or \"[2620:fe::fe]:53\"");
    }
    if (!list.empty()) list += ',';
    list += bracketed || bare_v6 ? '[' + host + ']' : host;
    if (has_port) list += server.substr(colon);
  }
  return list;
}

void start_channel(ares_channel& channel, const ResolverOptions& options, ares_sock_state_cb on_state, void* owner) {
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
  if (options.upstream.empty() || options.upstream.front() == "system") return;
  const int status = ares_set_servers_ports_csv(channel, server_list(options.upstream).c_str());
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
