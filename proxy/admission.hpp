// Bounded and fair (DESIGN 8.8): how many connections an agent may have, and how quickly it may make them.
#pragma once
#include "net/task.hpp"
#include "proxy/http2/window_budget.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

struct AdmissionLimits {
  std::uint64_t connections = 1000;    // all agents together
  std::uint64_t per_agent = 1000;      // open at one time
  std::uint64_t rate_per_agent = 200;  // new ones a second; a burst of one second's worth is let through
};

// Any thread. Outlives its permits.
class Admission {
 public:
  explicit Admission(AdmissionLimits limits) : limits_(limits) {}

  // A place among the open connections; given back when it dies.
  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& other) noexcept : admission_(other.admission_), key_(std::move(other.key_)) {
      other.admission_ = nullptr;
    }
    Permit& operator=(Permit&& other) noexcept;
    ~Permit() { give_back(); }

   private:
    friend class Admission;
    Permit(Admission* admission, std::string key) : admission_(admission), key_(std::move(key)) {}
    void give_back() noexcept;
    Admission* admission_ = nullptr;
    std::string key_;
  };

  enum class Fault { rate, per_agent, total };
  using Answer = boost::system::result<Permit, Fault>;

  // At accept, for every connection. `rate` refusals are counted for the collective record.
  Answer admit(const std::string& agent, Clock::time_point now);
  // For every request of a connection that carries several at one time, but one: it costs what a connection does.
  Answer admit_request(const std::string& agent);
  // Of its streams of HTTP/2.
  std::shared_ptr<WindowBudget> windows(const std::string& agent);
  // For a rule's own `limits.connections`: a place under (agent, rule).
  std::optional<Permit> admit_rule(const std::string& agent, const std::string& rule, unsigned limit);

  // What an agent can make happen, and be recorded, without a new connection. Each has a rate of its own per agent,
  // with one second's worth let through at once: `refusal` (a refused request of a connection that goes on)
  // rate_per_agent a second; `query` (a DNS question: A and AAAA of each connection) twice that. False: too quick. It
  // was counted for the collective record, and the caller writes no record of its own.
  enum class Charge { refusal, query };
  bool charge(const std::string& agent, Charge what, Clock::time_point now);

  const AdmissionLimits& limits() const { return limits_; }

  struct Flood {
    std::string agent;
    std::uint64_t count;
  };
  // What was refused for its rate since the last call.
  std::vector<Flood> take_floods();

 private:
  // Holds one second's worth and is full at first.
  struct Bucket {
    bool take(double rate, Clock::time_point now);
    double tokens = 0;
    Clock::time_point filled;
    bool fresh = true;
  };
  struct Agent {
    std::uint64_t open = 0;
    Bucket connections;
    Bucket refusals;
    Bucket queries;
    std::uint64_t refused = 0;
    std::shared_ptr<WindowBudget> windows;
  };
  Answer take_place(const std::string& name, Agent& agent);
  void release(const std::string& key) noexcept;

  const AdmissionLimits limits_;
  std::mutex mutex_;
  std::map<std::string, Agent> agents_;
  std::map<std::string, std::uint64_t> rules_;
  std::uint64_t open_ = 0;
};

std::string sentence(Admission::Fault fault);

}  // namespace sallyport
