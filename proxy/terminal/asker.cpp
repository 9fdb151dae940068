#include "proxy/terminal/asker.hpp"

#include "proxy/terminal/real_terminal.hpp"
#include "telemetry/safe_text.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace sallyport {
namespace {

constexpr std::chrono::seconds as_long_as_the_store = std::chrono::hours(24 * 3650);
constexpr std::size_t most_looked_at = 200;

std::string said_line(const std::string& text) {
  return "sallyport: " + text + "\r\n";
}

}  // namespace

TerminalAsker::TerminalAsker(Approvals& approvals, AskerOptions options)
    : approvals_(approvals),
      options_(std::move(options)),
      changed_(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)),
      attendance_(approvals.attend()) {
  if (changed_ < 0) throw std::runtime_error("no descriptor is left for the questions");
  subscription_ = approvals_.subscribe([this](const Approvals::Happening&) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t size = ::write(changed_, &one, sizeof one);  // full: it is readable
  });
}

TerminalAsker::~TerminalAsker() {
  subscription_ = {};
  ::close(changed_);
}

int TerminalAsker::changes() const {
  return changed_;
}

std::string TerminalAsker::look() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t size = ::read(changed_, &count, sizeof count);
  std::string text;
  if (current_) {
    const auto now = approvals_.approval(current_->id);
    const bool asked = now && now->state == Approval::State::pending;
    if (asked && now->waiting != 0) waited_.insert(now->id);
    if (asked && (now->waiting != 0 || !waited_.contains(now->id))) return text;
    text = "\r\n" + said_line(now ? withdrawal(*now) : "the question is no longer");
    current_.reset();
  }
  next();
  after_another_ = current_ && !text.empty();
  return current_ ? text + again() : text;
}

void TerminalAsker::was_drawn(Clock::time_point now) {
  deaf_until_ = now + (std::exchange(after_another_, false) ? silence_after_another : silence);
}

// The one that has waited longest. Where all who waited have gone, the next of them asks again.
void TerminalAsker::next() {
  Approvals::Filter filter;
  filter.state = Approval::State::pending;
  filter.limit = most_looked_at;
  std::set<std::string> waited;
  more_ = 0;
  for (Approval& approval : approvals_.approvals(filter)) {
    const bool waits = approval.waiting != 0;
    const bool gone = !waits && waited_.contains(approval.id);
    if (waits || gone) waited.insert(approval.id);
    if (gone) continue;
    if (current_) {
      ++more_;
    } else {
      current_ = std::move(approval);
    }
  }
  waited_ = std::move(waited);
  hinted_ = false;
}

std::string TerminalAsker::withdrawal(const Approval& now) const {
  if (now.state == Approval::State::pending) return "who asked has gone";
  if (now.state == Approval::State::expired) return "the question is too old";
  const char* what = now.state == Approval::State::approved ? "allowed" : "denied";
  return std::string(what) + " by " + shown(now.by.name, 64) + " (" + shown(now.by.through, 32) + ")";
}

std::string TerminalAsker::again() const {
  if (!current_) return {};
  QuestionStyle style;
  style.colour = options_.colour && knows_sequences();
  style.policy = options_.policy ? options_.policy->name() : "";
  style.more = more_;
  return question_text(*current_, style);
}

std::string TerminalAsker::typed(std::string_view bytes, Clock::time_point now) {
  if (!current_ || bytes.empty()) return {};
  const bool heard = now >= deaf_until_;
  const std::string_view line_end = bytes.substr(1);
  if (heard && (line_end.empty() || line_end == "\r" || line_end == "\n")) {
    const char key = bytes[0] >= 'A' && bytes[0] <= 'Z' ? static_cast<char>(bytes[0] - 'A' + 'a') : bytes[0];
    if (std::string text = answer(key); !text.empty()) return text;
  }
  deaf_until_ = now + silence;
  if (!heard || hinted_) return {};
  hinted_ = true;
  return options_.policy ? "(o, r, a or n) " : "(o, r or n) ";
}

std::string TerminalAsker::answer(char key) {
  Decision decision;
  decision.approve = key != 'n';
  switch (key) {
    case 'o':
      decision.scope = Scope::once;
      return decide(decision, "once");
    case 'r':
      decision.ttl = as_long_as_the_store;
      decision.note = "for this run";
      return decide(decision, "for this run");
    case 'a':
      if (!options_.policy) return {};
      decision.ttl = as_long_as_the_store;
      decision.note = "always";
      return decide(decision, "", true);
    case 'n':
      return decide(decision, "refused");
    default:
      return {};
  }
}

std::string TerminalAsker::remember(const Approval& approval) {
  const auto written = options_.policy->allow(approval, options_.user, WallClock::now());
  const std::string name = shown(options_.policy->name());
  if (!written) return "for this run only: " + name + " is as it was, " + shown(written.error().text);
  if (options_.policy_written) options_.policy_written();
  return "always: the rule is in " + name;
}

std::string TerminalAsker::decide(const Decision& decision, const std::string& said, bool always) {
  const Actor by{options_.user, "approver", "terminal", std::nullopt};
  const auto decided = approvals_.decide(current_->id, decision, by);
  std::string text;
  if (decided) {
    text = (always ? remember(decided->approval) : said) + "\r\n";
  } else {
    const auto now = approvals_.approval(current_->id);
    const bool elsewhere = decided.error() == Approvals::DecideFault::decided && now;
    text = "\r\n" + said_line(elsewhere ? withdrawal(*now) : std::string(sentence(decided.error())));
  }
  current_.reset();
  return text;
}

}  // namespace sallyport
