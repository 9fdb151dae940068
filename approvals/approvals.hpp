// The questions that wait for a person and the answers that were given. State is in memory for the doors and in SQLite
// for good: a decision takes effect only after it is on disk, and a restart finds what was asked and what was answered.
//
// Every member may be called by any thread. Those said to write block for a disk write and throw nothing.
#pragma once
#include "approvals/approval.hpp"
#include "policy/result.hpp"
#include "telemetry/audit_log.hpp"

#include <boost/system/result.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace sallyport {

struct ApprovalLimits {
  std::chrono::seconds grant = std::chrono::hours(8);         // a decision's default ttl
  std::chrono::seconds pending_ttl = std::chrono::hours(24);  // since it was last asked
  std::uint64_t max_pending = 1000;
  std::uint64_t pending_per_agent = 50;
  std::uint64_t held_per_agent = 1000;
};

// What a grant says to a question.
struct Answer {
  bool approved = false;
  std::string approval, grant;
  std::string by, through, note;
  WallClock::time_point expires;
  bool bounded = false;                 // uses or upload are counted: spend() it before bytes flow
  std::optional<std::uint64_t> upload;  // bytes this connection may send; reserved, see give_back()
};

class Approvals {
 public:
  using Now = std::function<WallClock::time_point()>;

  // Opens (creates) the store; a path of ":memory:" is for tests. Throws where it can't be read or written, or was
  // written by a newer version. `audit` gets an API Activity for each decision, revocation and end; outlives this.
  Approvals(const std::string& store, ApprovalLimits limits, AuditLog& audit, Now now = &WallClock::now);
  ~Approvals();
  Approvals(const Approvals&) = delete;
  Approvals& operator=(const Approvals&) = delete;

  // --- for the doors; none of these waits for the disk

  // The answer in force, a denial before an approval, the narrowest first; nullopt: nobody has said.
  std::optional<Answer> find(const Question& question) const;
  // Whether any port of this name is approved for this agent: for DNS, which does not know the port yet.
  bool opens(const std::string& agent, const HostName& name) const;

  // Counts one use of a bounded grant and reserves what is left of its upload; on disk before `done` is called (on
  // the store's thread). nullopt: used up, ended, or the disk refuses: then ask again.
  void spend(const std::string& grant, std::function<void(std::optional<Answer>)> done);
  // Of an unbounded grant: counts only.
  void count_use(const std::string& grant);
  // A connection by a grant with an upload bound ended: what it did not send is free again.
  void give_back(const std::string& grant, std::uint64_t unused_upload);
  // Whether connections that were let in by it may go on: not revoked and not expired (used up is fine).
  bool lives(const std::string& grant) const;

  enum class Fault {
    pending_per_agent,  // this agent has too many open questions
    max_pending,
    held_per_agent,
    store,  // the store cannot be written: nothing new is asked
  };
  // A place among those who wait on an approval; leaves when it dies.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket();
    const std::string& approval() const { return approval_; }

   private:
    friend class Approvals;
    struct Place;
    std::string approval_;
    std::shared_ptr<Place> place_;
  };
  // Joins the approval of this question, or begins one, and waits. `answered` is called once at most, by any thread,
  // never from within hold() itself and never after the ticket died: with the answer (already spent, upload already
  // reserved), or nullopt: look again (the uses were fewer than those who waited).
  boost::system::result<Ticket, Fault> hold(const Question& question, Circumstances circumstances,
                                            std::function<void(std::optional<Answer>)> answered);
  // The same without waiting: the question is recorded. The approval's id.
  boost::system::result<std::string, Fault> ask(const Question& question, Circumstances circumstances);

  // Whether anybody could answer: a console or `watch` that is open, or a notifier that is configured.
  bool attended() const;
  // Counts as somebody who could answer while it lives.
  class Attendance {
   public:
    Attendance() = default;
    explicit Attendance(std::shared_ptr<void> token) : token_(std::move(token)) {}

   private:
    std::shared_ptr<void> token_;
  };
  Attendance attend();

  // --- for those who decide

  enum class DecideFault {
    unknown,
    decided,      // 409: twice
    too_wide,     // subdomains of a public suffix, or of an address
    not_allowed,  // a bound that makes no sense: ttl, uses or upload of zero, an approve with scope and bounds at odds
    store,        // the disk refuses: nothing has changed
  };
  struct Decided {
    Approval approval;
    std::optional<Grant> grant;
    std::uint64_t released = 0;  // those who waited and go on (or are refused)
  };
  // Writes.
  boost::system::result<Decided, DecideFault> decide(const std::string& approval, const Decision& decision,
                                                     const Actor& by);
  // Every pending approval of this agent under this registrable domain, in one act and one write. An empty agent: of
  // every agent. `seen`: of these only, as an agent may add to a group while somebody looks at it.
  boost::system::result<std::vector<Decided>, DecideFault> decide_group(
      const std::string& agent, const std::string& domain, const Decision& decision, const Actor& by,
      const std::optional<std::set<std::string>>& seen = std::nullopt);
  // Writes. Ends the grant; connections that live on it are ended by whoever listens to `ended`.
  boost::system::result<Grant, DecideFault> revoke(const std::string& grant, const Actor& by);

  struct Filter {
    std::optional<Approval::State> state;
    std::string agent, host;  // empty: all
    std::string after;        // an id: begin behind it
    std::size_t limit = 200;
  };
  std::vector<Approval> approvals(const Filter& filter) const;  // pending ones oldest first, decided ones newest first
  std::optional<Approval> approval(const std::string& id) const;
  struct GrantFilter {
    std::string agent, host, after;
    bool ended = false;  // those that have ended, too
    std::size_t limit = 200;
  };
  std::vector<Grant> grants(const GrantFilter& filter) const;  // newest first
  std::optional<Grant> grant(const std::string& id) const;

  struct Counts {
    std::uint64_t pending = 0, held = 0, grants = 0;
  };
  Counts counts() const;

  // What happens, in order; called by the thread that made it happen, with no lock held. Keep it short.
  struct Asked {
    Approval approval;  // a new question
  };
  struct Waiting {
    std::string approval;  // who waits has changed
    std::uint64_t waiting;
  };
  struct WasDecided {
    Decided what;
  };
  struct Expired {
    std::string approval;  // nobody decided in `pending_ttl`
  };
  struct Ended {
    Grant grant;
  };
  using Happening = std::variant<Asked, Waiting, WasDecided, Expired, Ended>;
  // Listens while the subscription lives.
  class Subscription {
   public:
    Subscription() = default;
    explicit Subscription(std::shared_ptr<void> token) : token_(std::move(token)) {}

   private:
    std::shared_ptr<void> token_;
  };
  Subscription subscribe(std::function<void(const Happening&)> listener);

  // Ends what has reached its time. Called every second by the daemon.
  void sweep();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

const char* sentence(Approvals::Fault fault);
const char* sentence(Approvals::DecideFault fault);

}  // namespace sallyport
