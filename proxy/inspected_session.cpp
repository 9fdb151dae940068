#include "proxy/inspected_session.hpp"

#include "policy/any_request.hpp"
#include "proxy/http2_unfit.hpp"
#include "proxy/http_upstream.hpp"
#include "proxy/inspected_http2.hpp"
#include "proxy/inspection/inspection.hpp"
#include "proxy/tls_refusal.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>

namespace sallyport {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr auto left_while_dialling = "the client left while the destination was dialled";

// What a client that offers these can speak with us; nullopt: nothing. Without any it speaks HTTP/1.
std::optional<Protocols> spoken_by(const std::vector<std::string>& offered) {
  const auto has = [&](std::string_view name) {
    return std::find(offered.begin(), offered.end(), name) != offered.end();
  };
  if (has("h2")) return has("http/1.1") ? Protocols::http2_or_http1 : Protocols::http2;
  if (has("http/1.1") || offered.empty()) return Protocols::http1;
  return std::nullopt;
}

class InspectedSession {
 public:
  InspectedSession(Session& session, HttpBinding binding, Host shown)
      : session_(session), shared_(session.services.shared), binding_(std::move(binding)), shown_(std::move(shown)) {
    session_.live.record = binding_.record.get();
  }
  ~InspectedSession() {
    if (!binding_.record) return;
    forget();
    if (session_.live.stopped_by) binding_.record->closed(*session_.live.stopped_by);
  }
  InspectedSession(const InspectedSession&) = delete;
  InspectedSession& operator=(const InspectedSession&) = delete;

  Task<> run(const Inspection& inspection) {
    const Executor executor = session_.client.socket.get_executor();
    const bool stayed = co_await dial_first();
    if (!stayed) co_return;
    const Clock::duration limit = shared_.config.timeouts.head;
    const Protocols offer = offer_to_client();
    auto secured = co_await inspection.accept(std::move(session_.client), shown_, offer, limit);
    if (!secured) {
      binding_.record->closed(ClosedBy::client);
      binding_.record->failed(client_tls_trouble(secured.error()));
      co_return;
    }
    if (binding_.record->tls) binding_.record->tls->version = (*secured)->version();
    binding_.inspected = true;
    forget();
    if ((*secured)->alpn() == "h2") co_return co_await serve_http2(session_, std::move(binding_), std::move(*secured));
    session_.client = Connection(std::move(*secured), executor);
    co_await serve_http(session_, std::move(binding_));
  }

 private:
  // Where nothing that a request says could matter, the server is asked first, and the client is offered what the
  // server agreed to: then nobody has to translate. False: the client has gone.
  Task<bool> dial_first() {
    const auto protocols = spoken_by(client_offers());
    Attempt attempt = any_request();
    const auto policy = shared_.policy.current();
    Verdict verdict = judge(*policy, attempt, shared_.config.dns);
    const bool one_host = shown_ == binding_.to.host;
    const bool whatever = allows_any_request(*policy, attempt.query(WallClock::now()));
    if (!protocols || !one_host || !whatever || verdict.action != Action::allow) co_return true;
    session_.policy = policy;
    binding_.record->origin.verdict = verdict;
    binding_.record->origin.policy_uid = policy->uid();
    binding_.first.emplace(DialledFirst{std::move(attempt)});
    watch();
    auto dialling = dial(std::move(verdict), *protocols);
    auto leaving = session_.client.gone(session_.services.peers);
    auto first = co_await (std::move(dialling) || std::move(leaving));
    if (first.index() == 1) {
      Refusal gone;
      gone.kind = Refusal::Kind::left;
      gone.detail = left_while_dialling;
      binding_.record->refused(gone);
    }
    co_return first.index() == 0;
  }

  // What it offers of what serves it well.
  std::vector<std::string> client_offers() const {
    if (!binding_.record->tls) return {};
    std::vector<std::string> offers = binding_.record->tls->alpn;
    if (uploads_badly_over_http2(*binding_.record->tls)) std::erase(offers, "h2");
    return offers;
  }

  // One that stands for all: what it says makes no difference.
  Attempt any_request() const {
    Attempt attempt{session_.origin.agent, binding_.to, Spoken::tls, "GET", "/", binding_.ech};
    attempt.answered = binding_.answered;
    attempt.program = program_of(session_.origin);
    attempt.sandboxed = session_.origin.door == Door::attached;
    return attempt;
  }

  Task<> dial(Verdict verdict, Protocols protocols) {
    HttpUpstream upstream(session_);
    if (binding_.upstream) upstream.adopt(std::move(*binding_.upstream), binding_.to, std::move(binding_.rule_permit));
    binding_.upstream.reset();
    const bool counts_name = binding_.from != NameFrom::lease;
    // A client that speaks HTTP/2 alone is translated for, where the server can't.
    if (protocols == Protocols::http2) protocols = Protocols::http2_or_http1;
    auto dialled =
        co_await upstream.dial_first(binding_.first->as, std::move(verdict), *binding_.record, protocols, counts_name);
    if (dialled) {
      binding_.first->upstream = std::move(*dialled);
    } else {
      binding_.first->trouble = dialled.error();
    }
  }

  Protocols offer_to_client() const {
    const bool only_http1 = spoken_by(client_offers()) == Protocols::http1;
    if (!binding_.first || !binding_.first->upstream) return only_http1 ? Protocols::http1 : Protocols::http2_or_http1;
    if (binding_.first->upstream->secured->alpn() == "h2") return Protocols::http2;
    return spoken_by(client_offers()) == Protocols::http2 ? Protocols::http2 : Protocols::http1;
  }

  // Until a request has its own word: whether what was dialled may stay.
  void watch() {
    session_.live.must_end = [this](const Policy& policy) -> std::optional<ClosedBy> {
      if (binding_.consent && !binding_.consent->lives()) return ClosedBy::revoked;
      const bool allowed = allowed_at(policy, binding_.first->as, binding_.record->peer, shared_.config.dns);
      return allowed && session_.is_same_agent(policy) ? std::nullopt : std::optional(ClosedBy::policy);
    };
  }

  void forget() {
    session_.live.record = nullptr;
    session_.live.must_end = nullptr;
  }

  Session& session_;
  Shared& shared_;
  HttpBinding binding_;
  const Host shown_;
};

}  // namespace

Task<> serve_inspected(Session& session, HttpBinding binding, Host shown) {
  const Inspection* inspection = session.services.shared.inspection;
  if (!inspection) {
    Refusal refusal = denied_by(DecidedBy::guard, "inspection is not set up");
    co_return co_await refuse(session, *binding.record, std::move(refusal), &binding.to, Voice::raw, Spoken::tls);
  }
  InspectedSession serving(session, std::move(binding), std::move(shown));
  co_await serving.run(*inspection);
}

}  // namespace sallyport
