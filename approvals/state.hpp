// What stands behind Approvals. Members are called with `mutex` held unless their comment says otherwise.
#pragma once
#include "approvals/grant_index.hpp"
#include "approvals/store_thread.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

namespace sallyport {

// Decided approvals that are kept, with their grants, once nothing of them is in force.
inline constexpr std::size_t history = 10'000;
inline constexpr std::chrono::seconds longest_ttl = std::chrono::hours(24 * 3653);
// What fits into the store's integers, with room for sums.
inline constexpr std::uint64_t largest_bound = 1ULL << 62U;

// Who acts where nobody does.
inline Actor itself() {
  return {"sallyport", "", "", std::nullopt};
}

struct Approvals::Ticket::Place : Waiter {
  Place(std::weak_ptr<State> of, std::function<void(std::optional<Answer>)> answered)
      : Waiter(std::move(answered)), state(std::move(of)) {}
  std::weak_ptr<State> state;
};

struct Approvals::State : std::enable_shared_from_this<Approvals::State> {
  State(ApprovalLimits limits, AuditLog& audit, Now now);
  void open(const std::string& path);  // before any thread

  // --- questions (hold.cpp)
  using Joined = boost::system::result<std::shared_ptr<ApprovalRecord>, Fault>;
  Joined join(const Question& question, Circumstances&& circumstances, WallClock::time_point now);
  std::optional<Fault> flood(const std::string& agent) const;
  void enqueue(const std::shared_ptr<ApprovalRecord>& record, const std::shared_ptr<Waiter>& waiter);
  void dequeue(Waiter& waiter);
  void leave(Waiter& waiter);  // without the mutex
  void close(ApprovalRecord& record, Approval::State how, WallClock::time_point at);
  void expire_approvals(WallClock::time_point at);

  // --- grants (grants.cpp)
  Answer answer_of(const GrantRecord& grant) const;
  Answer take_use(GrantRecord& grant);                                            // reserves what is left of its upload
  void put_back(GrantRecord& grant, const std::optional<std::uint64_t>& upload);  // what take_use() took
  void put_in_force(const std::shared_ptr<GrantRecord>& grant);
  void end(GrantRecord& grant, Grant::End how, WallClock::time_point at, const Actor& by);
  void end_if_used_up(GrantRecord& grant);
  void lapse(GrantRecord& grant);
  void close(GrantRecord& grant);
  void trim();
  void expire_grants(WallClock::time_point at);

  // --- decisions (decide.cpp)
  struct Act;
  using Records = std::vector<std::shared_ptr<ApprovalRecord>>;
  using AllDecided = boost::system::result<std::vector<Decided>, DecideFault>;
  AllDecided decide(std::unique_lock<std::mutex>& lock, const Records& records, const Decision& decision,
                    const Actor& by);  // gives the mutex back unlocked
  std::optional<DecideFault> refusal(const Records& records, const Decision& decision) const;
  std::shared_ptr<GrantRecord> grant_for(const ApprovalRecord& record, const Decision& decision, const Actor& by);
  std::shared_ptr<Act> prepare(const Records& records, const Decision& decision, const Actor& by);
  std::size_t log_all(const Act& act, const std::vector<ApprovalRow>& rows);  // without the mutex
  void apply(Act& act, bool written);                                         // likewise
  void release(Act& act);                                                     // likewise

  // --- the log (audit.cpp); without the mutex where they say whether the log took it
  bool log_works() const;
  ApiEvent event_of(const Approval& approval, const char* operation, WallClock::time_point at) const;
  bool log_decision(const Approval& approval, const Grant& grant, bool success);
  bool log_revocation(const Grant& grant, const std::string& correlation, bool success);
  void log_end(const Grant& grant);
  void log_expiry(const Approval& approval);

  // --- happenings (happenings.cpp)
  struct Listener;
  void tell(Happening happening);
  void publish();  // without the mutex
  bool has_listeners() const { return !listeners.empty(); }

  // --- the store
  Changes collect();                  // without the mutex
  void keep(const Changes& changes);  // likewise
  void changed(const ApprovalRecord& record, StoreThread::Urgency urgency);
  void changed(const GrantRecord& record, StoreThread::Urgency urgency);

  struct Load {
    std::uint64_t pending = 0, held = 0;
  };
  void count_pending(const std::string& agent, int by);
  void count_held(const std::string& agent, int by);

  const ApprovalLimits limits;
  AuditLog& audit;
  const Now now;

  mutable std::mutex mutex;
  std::condition_variable settled;  // something that was on its way to disk is there, or is not
  std::uint64_t sequence = 0;

  std::unordered_map<std::string, std::shared_ptr<ApprovalRecord>> approvals;  // by id
  std::unordered_map<std::string, std::shared_ptr<ApprovalRecord>> by_key;     // pending ones
  std::map<std::uint64_t, std::shared_ptr<ApprovalRecord>> pending;            // oldest first
  using DecidedAt = std::pair<WallClock::time_point, std::uint64_t>;
  std::map<DecidedAt, std::shared_ptr<ApprovalRecord>, std::greater<>> decided;  // newest first
  std::map<std::string, Load, std::less<>> agents;
  std::uint64_t agents_with_pending = 0, held = 0;

  std::unordered_map<std::string, std::shared_ptr<GrantRecord>> grants;                 // by id
  std::map<std::uint64_t, std::shared_ptr<GrantRecord>, std::greater<>> grants_by_age;  // newest first
  std::multimap<WallClock::time_point, std::shared_ptr<GrantRecord>> grants_by_expiry;  // those that have not lapsed
  GrantIndex index;
  std::deque<std::string> closed;  // approvals with nothing in force, oldest first

  std::set<std::string> changed_approvals, changed_grants;
  std::vector<std::string> erased;

  std::vector<std::weak_ptr<Listener>> listeners;
  std::deque<Happening> happened;
  bool publishing = false;
  std::atomic<std::uint64_t> attendants{0};

  // Last: its thread ends before what it writes.
  std::unique_ptr<StoreThread> store;
};

// "ap_" or "gr_" and 26 characters of 130 random bits.
std::string new_id(const char* prefix);

}  // namespace sallyport
