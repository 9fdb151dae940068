// A thread of its own for what must never keep a door or a decision waiting.
#pragma once
#include "net/task.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include <list>
#include <thread>

namespace sallyport {

class Errands {
 public:
  Errands() : work_(asio::make_work_guard(context_)) {}
  ~Errands() { stop(); }
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  asio::io_context& context() { return context_; }
  void start();
  // On its own thread only. The task ends when it does, or is cancelled by stop(); once stopping, none begins.
  void spawn(Task<> task);
  // From another thread: cancels what runs, waits until it has ended, and ends the thread.
  void stop();

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<Executor> work_;
  std::list<asio::cancellation_signal> running_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sallyport
