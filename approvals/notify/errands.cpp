#include "approvals/notify/errands.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <spdlog/spdlog.h>

namespace sallyport {
namespace {

void report(const std::exception_ptr& failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    // How a cancelled task ends.
    if (error.code() != asio::error::operation_aborted) spdlog::error("notify: {}", error.what());
  } catch (const std::exception& error) {
    spdlog::error("notify: {}", error.what());
  }
}

}  // namespace

void Errands::start() {
  thread_ = std::thread([this] { context_.run(); });
}

void Errands::spawn(Task<> task) {
  if (stopping_) return;
  const auto place = running_.emplace(running_.end());
  auto ended = [this, place](const std::exception_ptr& failure) {
    report(failure);
    // Not here: the signal may be the one that is being emitted.
    asio::post(context_, [this, place] {
      running_.erase(place);
      if (stopping_ && running_.empty()) context_.stop();
    });
  };
  asio::co_spawn(context_, std::move(task), asio::bind_cancellation_slot(place->slot(), std::move(ended)));
}

void Errands::stop() {
  if (!thread_.joinable()) return;
  asio::post(context_, [this] {
    stopping_ = true;
    if (running_.empty()) return context_.stop();
    for (auto& signal : running_) signal.emit(asio::cancellation_type::all);
  });
  thread_.join();
}

}  // namespace sallyport
