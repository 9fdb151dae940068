// A store and an audit log in a folder of its own, and a clock that a test sets.
#pragma once
#include "approvals/approvals.hpp"
#include "telemetry/test_folder.hpp"

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>

namespace sallyport {

inline Destination to(std::string_view authority) {
  return parse_authority(authority, 443).value();
}

inline Question question_of(std::string agent, std::string_view authority, std::string rule = "default") {
  return {std::move(agent), to(authority), std::move(rule), {}, {}};
}

inline Circumstances circumstances() {
  Circumstances of;
  of.rule = "policy.yaml:12";
  of.reason = "writes wait for a person";
  of.correlation = "c-1";
  of.policy_uid = std::string(64, 'a');
  return of;
}

inline Actor alice() {
  return {"alice", "approver", "cli", std::nullopt};
}

inline Decision approve() {
  Decision decision;
  decision.approve = true;
  return decision;
}

// What one who waits was told.
class Told {
 public:
  std::function<void(std::optional<Answer>)> listener() {
    return [this](std::optional<Answer> answer) {
      const std::lock_guard lock(mutex_);
      answers_.push_back(std::move(answer));
      came_.notify_all();
    };
  }
  // The next one; nothing within ten seconds is a failure.
  std::optional<Answer> wait() {
    std::unique_lock lock(mutex_);
    if (!came_.wait_for(lock, std::chrono::seconds(10), [this] { return answers_.size() > taken_; })) {
      ADD_FAILURE() << "nobody was told";
      return std::nullopt;
    }
    return answers_[taken_++];
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::optional<Answer>> answers_;
  std::size_t taken_ = 0;
};

class ApprovalsTest : public LogTest {
 protected:
  ApprovalsTest() {
    options_.key_path.clear();
    log_ = LogTest::open();
    reopen();
  }
  ~ApprovalsTest() override { approvals_.reset(); }

  void reopen() {
    approvals_.reset();
    approvals_ = std::make_unique<Approvals>(store(), limits_, *log_, [this] { return now_.load(); });
  }
  std::string store() const { return folder_ + "/approvals.db"; }
  void pass(std::chrono::seconds time) {
    now_ = now_.load() + time;
    approvals_->sweep();
  }
  std::string ask(const Question& question) {
    const auto id = approvals_->ask(question, circumstances());
    EXPECT_TRUE(id.has_value()) << (id ? "" : sentence(id.error()));
    return id ? *id : "";
  }
  Approvals::Ticket hold(const Question& question, Told& told) {
    auto ticket = approvals_->hold(question, circumstances(), told.listener());
    EXPECT_TRUE(ticket.has_value()) << (ticket ? "" : sentence(ticket.error()));
    return ticket ? std::move(*ticket) : Approvals::Ticket();
  }
  Approvals::Decided decide(const std::string& id, const Decision& decision) {
    auto decided = approvals_->decide(id, decision, alice());
    if (!decided) throw std::runtime_error(sentence(decided.error()));
    return std::move(*decided);
  }
  std::optional<Answer> spend(const std::string& grant) {
    Told told;
    approvals_->spend(grant, told.listener());
    return told.wait();
  }
  std::string log_text() {
    EXPECT_TRUE(log_->flush());
    return text();
  }

  ApprovalLimits limits_;
  std::atomic<WallClock::time_point> now_{WallClock::time_point(std::chrono::seconds(1'800'000'000))};
  std::unique_ptr<AuditLog> log_;
  std::unique_ptr<Approvals> approvals_;
};

}  // namespace sallyport
