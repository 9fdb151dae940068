#include "approvals/notify/decider.hpp"

#include "approvals/json.hpp"

#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <spdlog/spdlog.h>

namespace sallyport {
namespace {

namespace json = boost::json;

constexpr std::size_t at_one_time = 32;
// Decisions that are written together cost one write.
constexpr std::size_t writers = 4;
constexpr std::size_t deepest_reply = 4;

}  // namespace

Outcome<std::optional<Decision>> decision_of(const Endpoint::Reply& reply) {
  if (reply.status != 200) return Complaint{"it said HTTP ", std::to_string(reply.status)};
  json::parse_options options;
  options.max_depth = deepest_reply;
  error_code error;
  const json::value value = json::parse(reply.body, error, {}, options);
  if (error) return Complaint{"its answer is not JSON: ", error.message()};
  const json::object* object = value.if_object();
  const json::value* word = object == nullptr ? nullptr : object->if_contains("decision");
  if (word != nullptr && word->is_string() && word->get_string() == "leave") return std::optional<Decision>();
  auto decision = decision_from_json(value);
  if (!decision) return Complaint{"its answer is refused: ", decision.error().text};
  return std::optional<Decision>(std::move(*decision));
}

Decider::Decider(Errands& errands, dns::Resolver& resolver, Approvals& approvals, DeciderOptions options)
    : approvals_(approvals),
      timeout_(options.timeout),
      endpoint_(resolver, std::move(options.endpoint)),
      backlog_(errands, {1000, at_one_time}, [this](Case one) { return ask(std::move(one)); }),
      desk_(writers) {}

Decider::~Decider() {
  desk_.join();
}

void Decider::consider(const std::shared_ptr<const Notice>& notice) {
  add(Case{notice, Clock::now() + timeout_});
}

void Decider::reconsider(const std::shared_ptr<const Notice>& notice) {
  add(Case{notice, std::nullopt});
}

void Decider::add(Case one) {
  const std::size_t dropped = backlog_.add(std::move(one));
  dropped_ += dropped;
  if (dropped != 0 && dropped_ % 100 == 1)
    spdlog::warn("decider {} is too slow: {} questions were left to people", endpoint_.origin(), dropped_);
}

Task<> Decider::ask(Case one) {
  const Approval& approval = one.notice->approval;
  const auto time = one.deadline ? *one.deadline - Clock::now() : timeout_;
  if (time <= Clock::duration::zero()) co_return left(approval.id, "it had no time left");
  const std::string id = one.notice->id();
  std::string body = standard_body(*one.notice);
  const auto reply = co_await endpoint_.post(id, std::move(body), time);
  if (!reply) co_return left(approval.id, reply.error().text);
  auto decision = decision_of(*reply);
  if (!decision) co_return left(approval.id, decision.error().text);
  if (!*decision) co_return;
  auto write = [this, name = approval.id, what = std::move(**decision)] { decide(name, what); };
  asio::post(desk_, std::move(write));
}

void Decider::decide(const std::string& approval, const Decision& decision) {
  const Actor itself{endpoint_.host(), "approver", "decider", std::nullopt};
  const auto decided = approvals_.decide(approval, decision, itself);
  // A person was faster, or nobody asks any more.
  if (decided || decided.error() == Approvals::DecideFault::decided) return;
  left(approval, std::string("its answer is refused: ") + sentence(decided.error()));
}

void Decider::left(const std::string& approval, const std::string& why) {
  spdlog::warn("decider {} did not decide {}: {}", endpoint_.origin(), approval, why);
}

}  // namespace sallyport
