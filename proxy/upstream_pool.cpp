#include "proxy/upstream_pool.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

namespace sallyport {
namespace {

constexpr std::size_t most_idle = 8;

}  // namespace

struct UpstreamPool::Shared {
  Shared(const Executor& executor, std::unique_ptr<TlsStream> secured, const Http2Options& options)
      : transport(std::move(secured)), client(executor, *transport, options) {}
  std::unique_ptr<TlsStream> transport;
  Http2Client client;
  asio::cancellation_signal stop;
  std::string to;
  std::optional<Address> peer;
  Admission::Permit permit, rule;
  bool ended = false;
};

UpstreamPool::Turn::Turn(UpstreamPool& pool, std::string to) : pool_(pool), to_(std::move(to)) {
  pool_.dialling_.insert(to_);
}

UpstreamPool::Turn::~Turn() {
  pool_.dialling_.erase(pool_.dialling_.find(to_));
  pool_.changed_.cancel();
}

UpstreamPool::UpstreamPool(const Executor& executor, Http2Options options)
    : executor_(executor), options_(std::move(options)), changed_(executor) {}

UpstreamPool::~UpstreamPool() = default;

UpstreamPool::Lent UpstreamPool::open(Shared& shared) {
  return Lent{Connection(shared.client.open(), executor_), shared.peer, {}};
}

Task<std::optional<UpstreamPool::Lent>> UpstreamPool::borrow(Destination to) {
  const std::string wanted = to.text();
  for (;;) {
    for (auto& shared : shared_) {
      if (shared.to != wanted || shared.ended || !shared.client.is_usable()) continue;
      co_return open(shared);
    }
    for (auto place = idle_.begin(); place != idle_.end();) {
      const auto next = std::next(place);
      if (place->to == wanted) {
        Lent lent = std::move(place->lent);
        idle_.erase(place);
        if (lent.connection.is_quiet()) co_return lent;
      }
      place = next;
    }
    if (!dialling_.contains(wanted) || only_http1_.contains(wanted)) co_return std::nullopt;
    changed_.expires_at(Timer::time_point::max());
    const auto [woken] = co_await changed_.async_wait(no_throw);
    static_cast<void>(woken);
  }
}

UpstreamPool::Lent UpstreamPool::share(Dialled dialled, const Destination& to) {
  if (dialled.secured->alpn() == "h2") return open(keep(std::move(dialled), to));
  return alone(std::move(dialled), to);
}

void UpstreamPool::add(Dialled dialled, const Destination& to) {
  if (dialled.secured->alpn() == "h2") {
    keep(std::move(dialled), to);
  } else {
    give_back(alone(std::move(dialled), to), to);
  }
}

UpstreamPool::Lent UpstreamPool::alone(Dialled dialled, const Destination& to) {
  only_http1_.insert(to.text());
  Connection connection(std::move(dialled.secured), executor_);
  return Lent{std::move(connection), dialled.peer, std::move(dialled.permit), std::move(dialled.rule)};
}

UpstreamPool::Shared& UpstreamPool::keep(Dialled dialled, const Destination& to) {
  Shared& shared = shared_.emplace_back(executor_, std::move(dialled.secured), options_);
  shared.to = to.text();
  shared.peer = dialled.peer;
  shared.permit = std::move(dialled.permit);
  shared.rule = std::move(dialled.rule);
  const auto ended = [this, &shared](const std::exception_ptr&) {
    shared.ended = true;
    changed_.cancel();
  };
  asio::co_spawn(executor_, shared.client.run(), asio::bind_cancellation_slot(shared.stop.slot(), ended));
  return shared;
}

void UpstreamPool::give_back(Lent lent, const Destination& to) {
  if (idle_.size() == most_idle) idle_.pop_front();
  idle_.push_back(Idle{to.text(), std::move(lent)});
}

Task<> UpstreamPool::close() {
  idle_.clear();
  for (auto& shared : shared_) {
    if (!shared.ended) shared.stop.emit(asio::cancellation_type::terminal);
  }
  for (;;) {
    shared_.remove_if([](const Shared& shared) { return shared.ended; });
    if (shared_.empty()) co_return;
    changed_.expires_at(Timer::time_point::max());
    const auto [woken] = co_await changed_.async_wait(no_throw);
    static_cast<void>(woken);
  }
}

}  // namespace sallyport
