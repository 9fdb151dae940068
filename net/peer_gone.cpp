#include "net/peer_gone.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <sys/epoll.h>

#include <array>
#include <cerrno>

namespace sallyport {

namespace {

// Lives in the frame of gone(), and in the epoll set just as long.
struct Waiter {
  Timer never;
  bool gone = false;
};

error_code last_error() {
  return {errno, boost::system::system_category()};
}

}  // namespace

// Asio's own epoll set reports EPOLLRDHUP only as "readable", which it already is; hence a second set, watched by the
// first. It is waited on only while somebody waits, so that an io_context with no other work may end.
struct PeerWatch::State : std::enable_shared_from_this<State> {
  explicit State(asio::io_context& context) : epoll(context.get_executor()) {
    const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) throw boost::system::system_error(last_error(), "cannot watch for peers that leave");
    epoll.assign(descriptor);
  }

  void listen() {
    if (listening || waiters == 0) return;
    listening = true;
    epoll.async_wait(Descriptor::wait_read, [self = shared_from_this()](error_code error) {
      self->listening = false;
      if (!error) self->wake();
      // Also after an error: a new wait may have come between the cancellation and this call.
      if (self->epoll.is_open()) self->listen();
    });
  }

  void wake() {
    std::array<epoll_event, 64> events;
    const int count = ::epoll_wait(epoll.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      auto* waiter = static_cast<Waiter*>(events[static_cast<std::size_t>(i)].data.ptr);
      waiter->gone = true;
      waiter->never.cancel();
    }
  }

  using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
  Descriptor epoll;
  std::size_t waiters = 0;
  bool listening = false;
};

PeerWatch::PeerWatch(asio::io_context& context) : state_(std::make_shared<State>(context)) {}

PeerWatch::~PeerWatch() {
  error_code ignored;  // closing ends the wait, whose handler then lets go of the state
  state_->epoll.close(ignored);
}

Task<Result<void>> PeerWatch::gone(Socket& socket) {
  const auto executor = co_await asio::this_coro::executor;
  const int descriptor = socket.native_handle();
  Waiter waiter{Timer(executor, Timer::time_point::max())};
  epoll_event event{};
  event.events = EPOLLRDHUP | EPOLLONESHOT;
  event.data.ptr = &waiter;
  if (::epoll_ctl(state_->epoll.native_handle(), EPOLL_CTL_ADD, descriptor, &event) != 0) co_return last_error();

  struct Membership {
    State& state;
    int descriptor;
    ~Membership() {
      ::epoll_ctl(state.epoll.native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
      if (--state.waiters == 0) {
        error_code ignored;
        state.epoll.cancel(ignored);
      }
    }
  };
  ++state_->waiters;
  const Membership membership{*state_, descriptor};
  state_->listen();
  const auto [error] = co_await waiter.never.async_wait(no_throw);
  if (!waiter.gone) co_return error;
  co_return Result<void>();
}

}  // namespace sallyport
