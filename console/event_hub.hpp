// What happens, for those who watch: a ring of the last events, read at each watcher's own pace.
#pragma once
#include "approvals/approvals.hpp"
#include "net/task.hpp"

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace sallyport {

// Events are text of the form RFC "server-sent events" wants, ready to be written. An id is "BOOT-NUMBER": after a
// restart, or when a watcher has been away for longer than the ring remembers, it is told `reset`, and asks anew.
class EventHub {
 public:
  explicit EventHub(asio::io_context& context, std::size_t remembered = 2048);

  // Any thread.
  void publish(std::string_view name, std::string_view json);
  void publish(const Approvals::Happening& happening);
  // How many wait changes with every connection: only the last number of each quarter second is told.
  void publish_waiting(const std::string& approval, std::uint64_t waiting);
  // Connections came or went: told at most once a second.
  void connections_changed();

  // A watcher's place; used by the context's thread alone, and dies before the hub.
  class Reader {
   public:
    Reader(EventHub& hub, std::string_view last_event);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    // What there is to write, some 64 KiB at most; empty: nothing new. nullopt: this watcher is too slow.
    std::optional<std::string> take();
    // Ends its wait when there is something to take, or `limit` has passed. Never fails.
    Task<> wait(Clock::duration limit);
    void wake() { news_.cancel(); }

   private:
    EventHub& hub_;
    Timer news_;
    std::uint64_t next_;
    bool reset_;
    std::list<Reader*>::iterator place_;
  };

 private:
  void add(std::string_view name, std::string_view json);  // under the lock
  void schedule(Clock::duration after);                    // under the lock
  void flush();

  asio::io_context& context_;
  const std::string boot_;
  const std::size_t remembered_;
  Timer flush_;
  std::list<Reader*> readers_;  // of the context's thread
  std::mutex mutex_;
  std::deque<std::string> ring_;
  std::uint64_t first_ = 1;  // the number of the ring's front
  std::map<std::string, std::uint64_t> waiting_;
  bool connections_ = false;
  bool scheduled_ = false;
};

}  // namespace sallyport
