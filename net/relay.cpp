#include "net/relay.hpp"

#include "net/mover.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

namespace sallyport {

namespace {

using How = PumpEnd::How;

PumpEnd wait_failed(error_code error) {
  return {error == asio::error::operation_aborted ? How::cancelled : How::read_failed, error};
}

void close_quietly(Socket& socket) {
  error_code ignored;  // the descriptor is gone either way
  socket.close(ignored);
}

void close_quietly(Connection& connection) {
  connection.close();
}

void shut_down_sending(Socket& socket) {
  error_code ignored;  // a peer that has gone meanwhile is told by the other direction
  socket.shutdown(Socket::shutdown_send, ignored);
}

void shut_down_sending(Connection& connection) {
  connection.finish();
}

// What the two directions of a relay share.
struct Ending {
  bool told = false;   // closed_by is known
  bool final = false;  // both sockets are closed; whatever the other pump says comes of that
  RelayEnd end{};

  void note(const PumpEnd& pump_end, RelayClosedBy from, RelayClosedBy to) {
    if (final) return;
    final = pump_end.how != How::end_of_file;
    const RelayClosedBy by = blame(pump_end.how, from, to);
    const bool by_us = by == RelayClosedBy::limit || by == RelayClosedBy::cancelled;
    if (!told || by_us) end.closed_by = by;
    told = true;
    end.error = pump_end.error;
  }

  static RelayClosedBy blame(How how, RelayClosedBy from, RelayClosedBy to) {
    switch (how) {
      case How::end_of_file:
      case How::read_failed:
        return from;
      case How::write_failed:
        return to;
      case How::limit:
        return RelayClosedBy::limit;
      case How::cancelled:
        return RelayClosedBy::cancelled;
      case How::no_resources:
        break;
    }
    return RelayClosedBy::error;
  }
};

template <class End>
struct Direction {
  End& from;
  End& to;
  RelayClosedBy from_side;
  RelayClosedBy to_side;
  std::uint64_t& moved;
  std::optional<std::uint64_t> limit;
};

template <class End>
Task<> run(Direction<End> way, PipePool& pipes, Clock::time_point& last_active, Ending& ending) {
  // A coroutine that `&&` starts hears only of terminal cancellation unless it says otherwise.
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  const PumpEnd end = co_await pump(way.from, way.to, pipes, way.moved, last_active, way.limit);
  ending.note(end, way.from_side, way.to_side);
  if (end.how == How::end_of_file) {
    shut_down_sending(way.to);
  } else {
    close_quietly(way.from);
    close_quietly(way.to);
  }
}

template <class End>
Task<RelayEnd> relay_both(End& client, End& upstream, PipePool& pipes, RelayCounters& counters, RelayLimits limits) {
  using namespace asio::experimental::awaitable_operators;
  Ending ending;
  const Direction<End> up{client, upstream, RelayClosedBy::client, RelayClosedBy::upstream, counters.up, limits.upload};
  const Direction<End> down{upstream,      client,         RelayClosedBy::upstream, RelayClosedBy::client,
                            counters.down, limits.download};
  auto upward = run(up, pipes, counters.last_active, ending);
  auto downward = run(down, pipes, counters.last_active, ending);
  co_await (std::move(upward) && std::move(downward));
  co_return ending.end;
}

constexpr std::size_t copied_at_once = 64 << 10;

PumpEnd copying_failed(How how, error_code error) {
  return {error == asio::error::operation_aborted ? How::cancelled : how, error};
}

}  // namespace

Task<PumpEnd> pump(Socket& from, Socket& to, PipePool& pipes, std::uint64_t& moved, Clock::time_point& last_active,
                   std::optional<std::uint64_t> limit) {
  Mover mover(from, to, pipes, moved, limit);
  Mover::Step step = Mover::Step::wait_to_read;
  while (step != Mover::Step::end) {
    // Asked before every wait: a cancellation that comes while this coroutine is about to run would be lost on it.
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return wait_failed(asio::error::operation_aborted);

    const bool reading = step == Mover::Step::wait_to_read;
    Socket& waited_for = reading ? from : to;
    const auto side = reading ? Socket::wait_read : Socket::wait_write;
    const auto [error] = co_await waited_for.async_wait(side, no_throw);
    if (error) co_return wait_failed(error);

    const std::uint64_t before = moved;
    step = mover.run();
    if (moved != before) last_active = Clock::now();
  }
  co_return mover.end;
}

Task<PumpEnd> pump(Connection& from, Connection& to, PipePool&, std::uint64_t& moved, Clock::time_point& last_active,
                   std::optional<std::uint64_t> limit) {
  std::uint64_t left = limit.value_or(UINT64_MAX);
  for (;;) {
    // As in the other pump.
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return wait_failed(asio::error::operation_aborted);

    if (from.unread().empty()) {
      const auto got = co_await from.read_more(copied_at_once);
      if (!got && got.error() == asio::error::eof) co_return PumpEnd{How::end_of_file, {}};
      if (!got) co_return copying_failed(How::read_failed, got.error());
    }
    const auto bytes = from.unread();
    if (bytes.size() > left) co_return PumpEnd{How::limit, {}};
    const auto sent = co_await to.write(bytes);
    if (!sent) co_return copying_failed(How::write_failed, sent.error());
    left -= bytes.size();
    moved += bytes.size();
    last_active = Clock::now();
    from.consume(bytes.size());
  }
}

Task<RelayEnd> relay(Socket& client, Socket& upstream, PipePool& pipes, RelayCounters& counters, RelayLimits limits) {
  return relay_both(client, upstream, pipes, counters, limits);
}

Task<RelayEnd> relay(Connection& client, Connection& upstream, PipePool& pipes, RelayCounters& counters,
                     RelayLimits limits) {
  if (client.is_plain() && upstream.is_plain())
    return relay_both(client.socket, upstream.socket, pipes, counters, limits);
  return relay_both(client, upstream, pipes, counters, limits);
}

}  // namespace sallyport
