#include "approvals/notify/notify.hpp"

#include "approvals/notify/command.hpp"
#include "approvals/notify/decider.hpp"
#include "approvals/notify/webhook.hpp"

#include <boost/asio/post.hpp>

#include <deque>

namespace sallyport {
namespace {

constexpr std::size_t reconsidered = 1000;  // of more, the newest are left to people

dns::ResolverOptions resolver_options(std::vector<std::string> upstream) {
  dns::ResolverOptions options;
  if (!upstream.empty()) options.upstream = std::move(upstream);
  return options;
}

}  // namespace

class Notify::Impl {
 public:
  Impl(Approvals& approvals, const NotifyOptions& options, std::vector<std::string> upstream)
      : approvals_(approvals), resolver_(errands_.context(), resolver_options(std::move(upstream))) {
    bool asks = false;
    for (const auto& webhook : options.webhooks) {
      webhooks_.emplace_back(errands_, resolver_, webhook);
      asks = asks || webhook.events.asked;
    }
    for (const auto& command : options.commands) {
      commands_.emplace_back(errands_, command);
      asks = asks || command.events.asked;
    }
    if (options.decider) decider_.emplace(errands_, resolver_, approvals, *options.decider);
    if (asks) attendance_ = approvals.attend();
    subscription_ = approvals.subscribe([this](const Approvals::Happening& what) { heard(what); });
    if (decider_) asio::post(errands_.context(), [this] { reconsider(); });
    errands_.start();
  }
  ~Impl() {
    subscription_ = Approvals::Subscription();
    errands_.stop();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

 private:
  // By whoever made it happen: so only handed on.
  void heard(const Approvals::Happening& what) {
    if (const auto* asked = std::get_if<Approvals::Asked>(&what)) hand_on(Notice::Event::asked, asked->approval);
    if (const auto* decided = std::get_if<Approvals::WasDecided>(&what))
      hand_on(Notice::Event::decided, decided->what.approval);
    const auto* expired = std::get_if<Approvals::Expired>(&what);
    if (expired == nullptr) return;
    asio::post(errands_.context(), [this, id = expired->approval] {
      if (const auto approval = approvals_.approval(id)) tell(notice_of(Notice::Event::expired, *approval));
    });
  }

  void hand_on(Notice::Event event, const Approval& approval) {
    asio::post(errands_.context(), [this, notice = notice_of(event, approval)] { tell(notice); });
  }

  static std::shared_ptr<const Notice> notice_of(Notice::Event event, const Approval& approval) {
    return std::make_shared<const Notice>(Notice{event, approval, WallClock::now()});
  }

  void tell(const std::shared_ptr<const Notice>& notice) {
    if (decider_ && notice->event == Notice::Event::asked) decider_->consider(notice);
    for (auto& webhook : webhooks_) webhook.tell(notice);
    for (auto& command : commands_) command.tell(notice);
  }

  void reconsider() {
    Approvals::Filter filter;
    filter.state = Approval::State::pending;
    filter.limit = reconsidered;
    for (const auto& approval : approvals_.approvals(filter))
      decider_->reconsider(notice_of(Notice::Event::asked, approval));
  }

  Approvals& approvals_;
  Errands errands_;
  dns::Resolver resolver_;
  std::deque<Webhook> webhooks_;  // they stay where they are
  std::deque<Command> commands_;
  std::optional<Decider> decider_;
  Approvals::Attendance attendance_;
  Approvals::Subscription subscription_;
};

Notify::Notify(Approvals& approvals, const NotifyOptions& options, std::vector<std::string> upstream) {
  if (!options.empty()) impl_ = std::make_unique<Impl>(approvals, options, std::move(upstream));
}

Notify::~Notify() = default;

}  // namespace sallyport
