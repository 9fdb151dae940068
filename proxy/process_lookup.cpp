#include "proxy/process_lookup.hpp"

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

namespace sallyport {

struct ProcessLookup::Question {
  explicit Question(const Executor& executor) : answered(executor) {}
  Timer answered;
  std::optional<ProcessInfo> found;
};

namespace {

std::optional<ProcessInfo> ask(const OwnerFinder& finder, const ConnectionEnds& ends, Clock::time_point until) {
  try {
    return finder(ends, until);
  } catch (const std::exception& thrown) {
    spdlog::warn("the program behind a connection can't be found: {}", thrown.what());
    return std::nullopt;
  }
}

}  // namespace

void ProcessLookup::begin(const std::shared_ptr<Question>& question, OwnerFinder finder, const ConnectionEnds& ends) {
  if (!searching_) searching_.emplace(1);
  const auto until = question->answered.expiry();
  // The question belongs to its own thread: it is neither touched nor ended here.
  asio::post(*searching_, [waiting = std::weak_ptr(question), executor = question->answered.get_executor(),
                           finder = std::move(finder), ends, until]() mutable {
    if (waiting.expired() || Clock::now() > until) return;
    auto found = ask(finder, ends, until);
    asio::post(executor, [waiting = std::move(waiting), found = std::move(found)]() mutable {
      const auto asked = waiting.lock();
      if (!asked) return;
      asked->found = std::move(found);
      asked->answered.cancel();
    });
  });
}

Task<std::optional<ProcessInfo>> ProcessLookup::find(OwnerFinder finder, ConnectionEnds ends) {
  const auto executor = co_await asio::this_coro::executor;
  const auto question = std::make_shared<Question>(executor);
  question->answered.expires_after(patience);
  begin(question, std::move(finder), ends);
  const auto [error] = co_await question->answered.async_wait(no_throw);
  static_cast<void>(error);
  co_return std::move(question->found);
}

}  // namespace sallyport
