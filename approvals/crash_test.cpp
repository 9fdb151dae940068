// A program that decides, spends and revokes is killed at any moment, again and again; what it was told is done must be
// there, and what it never began must not. SALLYPORT_KILLS says how often; 50 unless told otherwise.
#include "approvals/test_support.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <poll.h>
#include <random>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr std::uint64_t uses_of_counted = 1000;

// What the killed program reports: small letters before it begins an act, capitals once it is done.
struct Message {
  char what;  // a/A approve, c/C approve counted, d/D deny, s/S spend, r/R revoke
  int question;
};

struct Fate {
  char decision = 0;  // as it began: a, c or d
  bool decided = false;
  std::uint64_t spends_begun = 0, spends = 0;
  bool revoke_begun = false, revoked = false;
};
using Fates = std::map<int, Fate>;

Question question_of(int number) {
  return sallyport::question_of("bot", "h" + std::to_string(number) + ".example.com");
}

Decision decision_of(char what) {
  Decision decision;
  decision.approve = what != 'd';
  if (what == 'c') decision.uses = uses_of_counted;
  return decision;
}

std::unique_ptr<AuditLog> log_in(const std::string& folder) {
  AuditOptions options;
  options.path = folder + "/log/audit.jsonl";
  options.sync_within = std::chrono::milliseconds(20);
  return AuditLog::open(options).value();
}

ApprovalLimits limits() {
  ApprovalLimits limits;
  limits.max_pending = limits.pending_per_agent = 1'000'000;
  return limits;
}

// The program that is killed.
class Victim {
 public:
  Victim(const std::string& folder, int pipe, unsigned seed, int first)
      : log_(log_in(folder)),
        approvals_(folder + "/approvals.db", limits(), *log_),
        pipe_(pipe),
        random_(seed),
        next_(first) {}

  [[noreturn]] void live() {
    while (true) {
      const int question = next_++;
      Told told;
      const auto ticket =
          approvals_.hold(sallyport::question_of("bot", question_of(question).to.text()), {}, told.listener());
      if (!ticket || random_() % 4 == 0) continue;
      const char what = "acd"[random_() % 3];
      say(what, question);
      const auto decided = approvals_.decide(ticket->approval(), decision_of(what), alice());
      if (!decided) ::_exit(3);
      say(static_cast<char>(what - 'a' + 'A'), question);
      use(decided->grant->id, what, question);
    }
  }

 private:
  void use(const std::string& grant, char what, int question) {
    for (unsigned spends = what == 'c' ? random_() % 4 : 0; spends > 0; --spends) {
      say('s', question);
      Told told;
      approvals_.spend(grant, told.listener());
      if (!told.wait()) ::_exit(4);
      say('S', question);
    }
    if (random_() % 3 != 0) return;
    say('r', question);
    if (!approvals_.revoke(grant, alice())) ::_exit(5);
    say('R', question);
  }
  void say(char what, int question) {
    const Message message{what, question};
    if (::write(pipe_, &message, sizeof message) != sizeof message) ::_exit(6);
  }

  std::unique_ptr<AuditLog> log_;
  Approvals approvals_;
  int pipe_;
  std::mt19937 random_;
  int next_;
};

void note(Fates& fates, const Message& message) {
  Fate& fate = fates[message.question];
  switch (message.what) {
    case 'a':
    case 'c':
    case 'd':
      fate.decision = message.what;
      break;
    case 'A':
    case 'C':
    case 'D':
      fate.decided = true;
      fate.spends = fate.spends_begun = message.what == 'C' ? 1 : 0;  // the one who waited
      break;
    case 's':
      ++fate.spends_begun;
      break;
    case 'S':
      ++fate.spends;
      break;
    case 'r':
      fate.revoke_begun = true;
      break;
    default:
      fate.revoked = true;
  }
}

// Starts it, reads what it reports, and kills it `delay` after its first word, or after its start.
void live_and_die(const std::string& folder, unsigned seed, int first, bool early, std::chrono::microseconds delay,
                  Fates& fates) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(ends[0]);
    try {
      Victim(folder, ends[1], seed, first).live();
    } catch (const std::exception& why) {
      ::dprintf(2, "%s\n", why.what());
      ::_exit(7);
    }
  }
  ::close(ends[1]);
  pollfd readable{ends[0], POLLIN, 0};
  if (!early) ::poll(&readable, 1, 60'000);
  const auto until = std::chrono::steady_clock::now() + delay;
  bool killed = false;
  Message message{};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (!killed && (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) == 0)) {
      ::kill(child, SIGKILL);
      killed = true;
    }
    if (::read(ends[0], &message, sizeof message) != sizeof message) break;
    note(fates, message);
  }
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "it ended by itself with " << WEXITSTATUS(status);
}

void check_undecided(Approvals& approvals, int number, const Fate& fate, const std::optional<Approval>& approval) {
  const auto answer = approvals.find(question_of(number));
  if (!approval || approval->state == Approval::State::pending) {
    EXPECT_FALSE(answer) << number;
    return;
  }
  EXPECT_NE(fate.decision, 0) << number << " was decided by nobody";
  const auto expected = fate.decision == 'd' ? Approval::State::denied : Approval::State::approved;
  EXPECT_EQ(approval->state, expected) << number;
}

void check_decided(Approvals& approvals, int number, const Fate& fate, const std::optional<Approval>& approval) {
  ASSERT_TRUE(approval) << number << " was decided and is forgotten";
  const bool denied = fate.decision == 'd';
  EXPECT_EQ(approval->state, denied ? Approval::State::denied : Approval::State::approved) << number;
  EXPECT_EQ(approvals.decide(approval->id, decision_of(denied ? 'a' : 'd'), alice()).error(),
            Approvals::DecideFault::decided);
  const auto grant = approvals.grant(approval->grant);
  ASSERT_TRUE(grant) << number;
  const bool revoked = grant->end == Grant::End::revoked;
  if (fate.revoked) {
    EXPECT_TRUE(revoked) << number << " came back";
  }
  if (!fate.revoke_begun) {
    EXPECT_FALSE(revoked) << number;
  }
  EXPECT_EQ(approvals.lives(grant->id), !revoked) << number;
  const auto answer = approvals.find(question_of(number));
  EXPECT_EQ(answer.has_value(), !revoked) << number;
  if (answer) {
    EXPECT_EQ(answer->approved, !denied) << number;
  }
  if (fate.decision != 'c') return;
  EXPECT_LE(*grant->uses_left, uses_of_counted - fate.spends) << number << " has a spent use again";
  EXPECT_GE(*grant->uses_left, uses_of_counted - fate.spends_begun) << number;
}

void check(const std::string& folder, const Fates& fates, int from, int last) {
  const auto log = log_in(folder);
  Approvals approvals(folder + "/approvals.db", limits(), *log);
  std::map<int, Approval> by_number;
  Approvals::Filter all;
  all.limit = 1'000'000;
  for (Approval& one : approvals.approvals(all)) {
    const int number = std::stoi(one.question.to.host.text().substr(1));
    const bool is_new = by_number.emplace(number, std::move(one)).second;
    EXPECT_TRUE(is_new) << number << " is there twice";
  }
  for (int number = from; number < last; ++number) {
    const auto found = by_number.find(number);
    const auto approval = found == by_number.end() ? std::nullopt : std::optional(found->second);
    const auto known = fates.find(number);
    const Fate fate = known == fates.end() ? Fate() : known->second;
    if (fate.decided) {
      check_decided(approvals, number, fate, approval);
    } else {
      check_undecided(approvals, number, fate, approval);
    }
  }
}

TEST(Crash, A_12_AKillAtAnyMomentForgetsNothingAndInventsNothing) {
  const char* wanted = std::getenv("SALLYPORT_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : 50;
  std::string name = (std::filesystem::temp_directory_path() / "sallyport-crash-XXXXXX").string();
  const std::string folder = ::mkdtemp(name.data());
  std::mt19937 random(20'260'601);
  Fates fates;
  std::vector<int> firsts;
  int first = 0;
  for (int round = 0; round < kills && !testing::Test::HasFailure(); ++round) {
    firsts.push_back(first);
    const bool early = random() % 5 == 0;
    const std::chrono::microseconds delay(random() % 40'000);
    live_and_die(folder, static_cast<unsigned>(random()), first, early, delay, fates);
    const int next = (fates.empty() ? first : std::max(first, fates.rbegin()->first)) + 1000;
    // Those of the last few lives each time; all of them at the end.
    check(folder, fates, firsts[firsts.size() < 3 ? 0 : firsts.size() - 3], next);
    first = next;
  }
  check(folder, fates, 0, first);
  std::size_t decided = 0;
  for (const auto& [number, fate] : fates) decided += fate.decided ? 1 : 0;
  EXPECT_GT(decided, 0U);
  testing::Test::RecordProperty("decisions", static_cast<int>(decided));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sallyport
