// What agents said of their own work, until they say something else (PUT /v1/context).
#pragma once
#include "net/task.hpp"
#include "telemetry/event.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace sallyport {

// Whose label a connection gets: the agent's; and of agent `default`, which may be many sandboxes, only that of the
// same source address (the addresses of loopback are one).
std::string context_key(const std::string& agent, const std::optional<Address>& source);

// Any thread.
class AgentContexts {
 public:
  static constexpr auto unused_for = std::chrono::hours(1);
  static constexpr std::size_t most = 4096;

  // An empty context is none. False: there are too many.
  [[nodiscard]] bool put(const std::string& key, AgentContext context, Clock::time_point now);
  // Counts as a use.
  std::optional<AgentContext> find(const std::string& key, Clock::time_point now);
  void remove(const std::string& key);
  // Writes the label of who made this connection into its record. Costs next to nothing where nobody has one.
  void label(Origin& origin);

 private:
  struct Entry {
    AgentContext context;
    Clock::time_point last_used;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::atomic<std::size_t> size_{0};
};

// Those who wait at GET /v1/access/ID; each is told of everything that happens to approvals, so they are few.
class InternalWaits {
 public:
  static constexpr unsigned per_agent = 64;
  using Place = std::shared_ptr<void>;
  // A place until it dies; empty: this agent has too many. Must outlive its places.
  Place take(const std::string& agent);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, unsigned> waiting_;
};

// What the daemon remembers for sallyport.internal.
struct InternalState {
  AgentContexts contexts;
  InternalWaits waits;
};

}  // namespace sallyport
