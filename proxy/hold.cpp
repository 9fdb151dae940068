#include "proxy/hold.hpp"

#include "net/peer_gone.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>

namespace sallyport {
namespace {

using namespace asio::experimental::awaitable_operators;

// Between two looks at one question while nobody has answered: what a client that gave up is told to wait.
constexpr unsigned retry_after_seconds = 10;
// What a decider's answer may take beyond its own time limit, to be written.
constexpr auto decision_written = std::chrono::seconds(1);

Circumstances circumstances_of(const ConnectionRecord& record, const Attempt& attempt, const Verdict& verdict) {
  Circumstances known;
  known.rule = verdict.rule;
  known.reason = verdict.reason;
  known.protocol = protocol_of(attempt.spoken);
  known.request_path = attempt.path.value_or("");
  known.door = record.origin.door;
  known.source = record.origin.source;
  known.process = record.origin.process;
  known.context = record.origin.context;
  known.policy_uid = record.origin.policy_uid;
  known.correlation = record.origin.correlation;
  return known;
}

// Where a waiting client sleeps. Lives as long as the client waits or an answer is under way to it.
struct Sleeper {
  explicit Sleeper(const Executor& executor) : timer(executor) {}
  Timer timer;
  bool woken = false;
  std::optional<Answer> answer;  // woken without one: look again
  bool abandoned = false;
};

// Nobody waits for this answer any more: what it reserved is free again.
void unused(Shared& shared, const std::optional<Answer>& answer) {
  if (answer && answer->upload) shared.approvals.give_back(answer->grant, *answer->upload);
}

// Somebody's answer, on whatever thread, becomes a wake-up on ours. It keeps nothing of this thread alive: at the end
// of the program the last answers may come when this thread's io_context has gone.
std::function<void(std::optional<Answer>)> waker(const std::shared_ptr<Sleeper>& sleeper, Shared& shared) {
  return [waiting = std::weak_ptr(sleeper), &shared](std::optional<Answer> answer) {
    const auto awaiting = waiting.lock();
    if (!awaiting) {
      unused(shared, answer);
      return;
    }
    const auto executor = awaiting->timer.get_executor();
    asio::post(executor, [awaiting, &shared, answer = std::move(answer)]() mutable {
      if (awaiting->abandoned) {
        unused(shared, answer);
        return;
      }
      awaiting->woken = true;
      awaiting->answer = std::move(answer);
      awaiting->timer.cancel();
    });
  };
}

Refusal refused_by(const Answer& answer, Verdict verdict) {
  verdict.action = Action::deny;
  verdict.decided_by = DecidedBy::grant;
  verdict.reason = answer.by + " said no";
  if (!answer.note.empty()) verdict.reason += ": " + answer.note;
  Refusal refusal = denied(std::move(verdict));
  refusal.approval = answer.approval;
  refusal.approval_state = Approval::State::denied;
  return refusal;
}

Refusal unanswered(Verdict verdict, std::string approval, std::string why) {
  Refusal refusal = denied(std::move(verdict));
  refusal.detail = std::move(why) + ": " + refusal.verdict.reason;
  refusal.approval = std::move(approval);
  refusal.approval_state = Approval::State::pending;
  refusal.retry_after = retry_after_seconds;
  return refusal;
}

Refusal unasked(Verdict verdict) {
  Refusal refusal = denied(std::move(verdict));
  refusal.detail = "nobody is asked here: " + refusal.verdict.reason;
  return refusal;
}

Refusal client_left() {
  Refusal refusal;
  refusal.kind = Refusal::Kind::left;
  refusal.detail = "the client left while its question was open";
  return refusal;
}

class Hold {
 public:
  Hold(Session& session, ConnectionRecord& record, Attempt& attempt, Consent& consent)
      : session_(session), shared_(session.services.shared), record_(record), attempt_(attempt), consent_(consent) {}
  ~Hold() { session_.live.reconsider = nullptr; }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  Task<Refused<Verdict>> run() {
    for (;;) {
      Verdict verdict = look();
      if (verdict.action == Action::allow) co_return verdict;
      if (verdict.action == Action::deny) co_return denied(std::move(verdict));
      auto answer = co_await answer_to(verdict);
      if (!answer) co_return answer.error();
      if (!*answer) continue;
      if (!(*answer)->approved) co_return refuse(refused_by(**answer, std::move(verdict)));
      record_.origin.approval = (*answer)->approval;
      consent_.add(**answer);
      session_.live.grants = consent_.text();
      // An answer that changes nothing would be asked for again and again.
      if (!attempt_.answer(verdict)) co_return denied_by(DecidedBy::guard, "the answer does not fit the question");
    }
  }

 private:
  Verdict look() {
    session_.policy = shared_.policy.current();
    Verdict verdict = judge(*session_.policy, attempt_, shared_.config.dns);
    if (!session_.is_same_agent(*session_.policy))
      verdict = denied_by(DecidedBy::guard, "the policy takes this client for another agent now").verdict;
    record_.origin.verdict = verdict;
    record_.origin.policy_uid = session_.policy->uid();
    return verdict;
  }

  Refusal refuse(Refusal refusal) {
    record_.origin.approval = refusal.approval;
    return refusal;
  }

  // An empty answer: look again.
  Task<Refused<std::optional<Answer>>> answer_to(Verdict verdict) {
    const Question question = question_of(attempt_, verdict);
    auto known = shared_.approvals.find(question);
    if (known) {
      if (known->approved && known->bounded) known = co_await spend(known->grant);
      if (known && known->approved && !known->bounded) shared_.approvals.count_use(known->grant);
      co_return known;
    }
    auto answer = co_await hold(question, std::move(verdict));
    co_return answer;
  }

  Task<std::optional<Answer>> spend(std::string grant) {
    const auto executor = co_await asio::this_coro::executor;
    const auto sleeper = std::make_shared<Sleeper>(executor);
    const Abandon abandon{*sleeper};
    shared_.approvals.spend(grant, waker(sleeper, shared_));
    sleeper->timer.expires_at(Clock::time_point::max());
    const auto [error] = co_await sleeper->timer.async_wait(no_throw);
    static_cast<void>(error);
    co_return sleeper->answer;
  }

  struct Abandon {
    Sleeper& sleeper;
    ~Abandon() { sleeper.abandoned = true; }
  };

  Task<Refused<std::optional<Answer>>> hold(Question question, Verdict verdict) {
    Circumstances known = circumstances_of(record_, attempt_, verdict);
    if (is_unattended() && !shared_.config.approvals.notify.decider) {
      if (!has_place_to_answer()) co_return refuse(unasked(std::move(verdict)));
      const auto recorded = shared_.approvals.ask(question, std::move(known));
      if (!recorded) co_return refuse(denied_by(DecidedBy::limit, sentence(recorded.error())));
      co_return refuse(
          unanswered(std::move(verdict), *recorded, "nobody is there to answer, and the question is kept"));
    }
    const auto executor = co_await asio::this_coro::executor;
    const auto sleeper = std::make_shared<Sleeper>(executor);
    const Abandon abandon{*sleeper};
    auto answered = waker(sleeper, shared_);
    const auto began = Clock::now();
    const auto ticket = shared_.approvals.hold(question, std::move(known), std::move(answered));
    if (!ticket) co_return refuse(denied_by(DecidedBy::limit, sentence(ticket.error())));
    record_.hold_began(ticket->approval(), session_.client.waiting_bytes());
    wake_on_reload(sleeper);
    const bool stayed = co_await sleep(*sleeper);
    session_.live.reconsider = nullptr;
    record_.held(Clock::now() - began);
    if (!stayed) co_return client_left();
    if (sleeper->woken) co_return sleeper->answer;
    co_return refuse(unanswered(std::move(verdict), ticket->approval(), "nobody answered in time"));
  }

  // Nobody could answer, but perhaps the decider, and nobody's absence shall hold a client.
  bool is_unattended() const {
    return shared_.config.approvals.unattended == Unattended::refuse && !shared_.approvals.attended();
  }

  // Without any there will be nobody: `sallyport run --ask deny`.
  bool has_place_to_answer() const { return !shared_.config.console.empty() || !shared_.config.admin_socket.empty(); }

  // The decider alone is waited for as long as it may take.
  Clock::duration patience() const {
    const auto& approvals = shared_.config.approvals;
    const Clock::duration whole = approvals.timeout;
    if (!approvals.notify.decider || !is_unattended()) return whole;
    return std::min<Clock::duration>(whole, approvals.notify.decider->timeout + decision_written);
  }

  // A reload may answer by itself: then there is nothing more to ask.
  void wake_on_reload(const std::shared_ptr<Sleeper>& sleeper) {
    session_.live.reconsider = [this, sleeper](const Policy& policy) {
      if (&policy == session_.policy.get() || sleeper->woken) return;
      sleeper->woken = true;
      sleeper->timer.cancel();
    };
  }

  // Until the answer or the end of the time; false: the client has gone.
  Task<bool> sleep(Sleeper& sleeper) {
    if (deadline_ == Clock::time_point()) deadline_ = Clock::now() + patience();
    sleeper.timer.expires_at(deadline_);
    auto first = co_await (sleeper.timer.async_wait(no_throw) || session_.client.gone(session_.services.peers));
    co_return first.index() == 0;
  }

  Session& session_;
  Shared& shared_;
  ConnectionRecord& record_;
  Attempt& attempt_;
  Consent& consent_;
  Clock::time_point deadline_;  // of all that this client waits, however often it has to look again
};

}  // namespace

Task<Refused<Verdict>> settle(Session& session, ConnectionRecord& record, Attempt& attempt, Consent& consent) {
  Hold hold(session, record, attempt, consent);
  auto verdict = co_await hold.run();
  co_return verdict;
}

}  // namespace sallyport
