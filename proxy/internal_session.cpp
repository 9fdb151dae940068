#include "proxy/internal_session.hpp"

#include "net/within.hpp"
#include "proxy/inspection/inspection.hpp"
#include "proxy/internal_access.hpp"
#include "proxy/internal_name.hpp"
#include "proxy/internal_pages.hpp"
#include "proxy/wire/chunked.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include <algorithm>

namespace sallyport {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr std::size_t longest_body = 16 << 10;
enum class Body { more, whole };
constexpr std::string_view access_prefix = "/v1/access/";

struct Woken {
  explicit Woken(const Executor& executor) : timer(executor) {}
  Timer timer;
  // Also where the wait has yet to begin.
  void wake() { timer.expires_at(Clock::time_point::min()); }
};

bool concerns(const Approvals::Happening& happening, const std::string& id) {
  if (const auto* decided = std::get_if<Approvals::WasDecided>(&happening)) return decided->what.approval.id == id;
  if (const auto* expired = std::get_if<Approvals::Expired>(&happening)) return expired->approval == id;
  return false;
}

Approvals::Subscription wake_when_decided(Approvals& approvals, const std::string& id,
                                          const std::shared_ptr<Woken>& woken) {
  return approvals.subscribe([id, woken](const Approvals::Happening& happening) {
    if (!concerns(happening, id)) return;
    asio::post(woken->timer.get_executor(), [woken] { woken->wake(); });
  });
}

class InternalSession {
 public:
  InternalSession(Session& session, ConnectionRecord& record, const wire::RequestHead& head)
      : session_(session), shared_(session.services.shared), record_(record), head_(head) {
    session_.policy = shared_.policy.current();
  }
  ~InternalSession() { session_.live.reconsider = nullptr; }
  InternalSession(const InternalSession&) = delete;
  InternalSession& operator=(const InternalSession&) = delete;

  // The request as a whole; `clean_` says whether its body has been read to the end.
  Task<InternalAnswer> run(Destination asked) {
    clean_ = head_.framing.kind == wire::Framing::Kind::none;
    if (!is_internal_site(asked)) {
      clean_ = false;
      co_return internal_problem(421, "This is not that host", "the connection is for sallyport.internal alone",
                                 "Open another connection for another host.");
    }
    if (!charge_twice()) {
      clean_ = false;
      co_return too_quick();
    }
    auto refused = refuse_foreign();
    if (refused) co_return std::move(*refused);
    if (!clean_) {
      const auto read = co_await within(shared_.config.timeouts.head, read_body());
      if (!read && read.error() == asio::error::message_size)
        co_return internal_problem(413, "The body is too large", "a body may have 16 KiB at most", "Send less.");
      if (!read && read.error() == asio::error::timed_out)
        co_return internal_problem(408, "The body did not arrive", "the body did not arrive in time", "Try again.");
      if (!read) co_return internal_problem(400, "The body is broken", "the body is not well-formed", "Send it again.");
      clean_ = true;
    }
    auto answer = co_await route();
    co_return answer;
  }

  bool is_clean() const { return clean_ && !left_; }
  bool has_left() const { return left_; }
  std::size_t body_size() const { return body_.size(); }

 private:
  const std::string& agent() const { return session_.origin.agent; }
  const std::string& path() const { return head_.target.path; }
  bool reads() const { return head_.method == "GET" || head_.method == "HEAD"; }

  // A request is a record, and at the explicit door its connection's beginning and end are two more; one charge is for
  // two. Past the rate there is one more request, and the next needs a connection, which has a rate of its own.
  bool charge_twice() {
    const auto now = Clock::now();
    constexpr auto what = Admission::Charge::refusal;
    return shared_.admission.charge(agent(), what, now) && shared_.admission.charge(agent(), what, now);
  }

  // A page of some other site, shown by a browser inside the sandbox, asks nothing in the agent's name.
  std::optional<InternalAnswer> refuse_foreign() const {
    if (reads()) return std::nullopt;
    const auto* origin = wire::find_field(head_.fields, "Origin");
    if (origin && origin->value != "http://sallyport.internal")
      return internal_problem(403, "Not from another site", "only the agent itself may change or ask anything here",
                              "Leave out the Origin field.");
    if (head_.method != "POST" && head_.method != "PUT") return std::nullopt;
    const auto* type = wire::find_field(head_.fields, "Content-Type");
    const std::string_view value = type ? std::string_view(type->value) : std::string_view();
    const std::string_view media = value.substr(0, value.find_first_of("; \t"));
    if (wire::equals_ignoring_case(media, "application/json")) return std::nullopt;
    return internal_problem(415, "JSON only", "a body here is JSON", "Send Content-Type: application/json.");
  }

  Task<Result<void>> read_body() {
    const bool chunked = head_.framing.kind == wire::Framing::Kind::chunked;
    if (!chunked && head_.framing.length > longest_body) co_return error_code(asio::error::message_size);
    if (head_.expect_continue && session_.client.unread().empty()) {
      const std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      const auto told = co_await session_.client.write(go_on);
      if (!told) co_return told.error();
    }
    wire::ChunkedDecoder decoder;
    for (;;) {
      const auto read = chunked ? take_chunks(decoder) : take_length();
      if (!read) co_return read.error();
      if (*read == Body::whole) co_return Result<void>();
      const auto got = co_await session_.client.read_more(longest_body);
      if (!got) co_return got.error();
    }
  }

  Result<Body> take_length() {
    const auto bytes = session_.client.unread_text();
    const std::size_t size = std::min(bytes.size(), static_cast<std::size_t>(head_.framing.length) - body_.size());
    body_ += bytes.substr(0, size);
    session_.client.consume(size);
    return body_.size() == head_.framing.length ? Body::whole : Body::more;
  }

  Result<Body> take_chunks(wire::ChunkedDecoder& decoder) {
    while (!decoder.done() && !session_.client.unread().empty()) {
      const auto step = decoder.feed(session_.client.unread());
      if (!step) return error_code(asio::error::invalid_argument);
      if (body_.size() + step->data.size() > longest_body) return error_code(asio::error::message_size);
      body_.append(step->data.begin(), step->data.end());
      session_.client.consume(step->consumed);
    }
    return decoder.done() ? Body::whole : Body::more;
  }

  Task<InternalAnswer> route() {
    if (reads() && path().starts_with(access_prefix)) {
      std::string id = path().substr(access_prefix.size());
      auto answer = co_await wait_for_access(std::move(id));
      co_return answer;
    }
    auto answer = page();
    co_return answer;
  }

  InternalAnswer page() {
    if (path() == "/v1/context") return context();
    if (path() == "/v1/access") return head_.method == "POST" ? access() : wrong_method("POST");
    const bool known =
        path() == "/" || path() == "/ca.pem" || path() == "/v1/policy" || path().starts_with(access_prefix);
    if (!known) return no_such_page();
    if (!reads()) return wrong_method("GET, HEAD");
    if (path() == "/") return front_page(agent(), wants(Wants::text), certificates());
    if (path() == "/ca.pem") return certificate();
    return policy_page(*session_.policy, shared_.approvals, agent(), wants(Wants::json));
  }

  Wants wants(Wants usual) const {
    const auto* accept = wire::find_field(head_.fields, "Accept");
    if (!accept) return usual;
    if (accept->value.find("application/json") != std::string::npos) return Wants::json;
    return accept->value.find("text/plain") != std::string::npos ? Wants::text : usual;
  }

  static InternalAnswer wrong_method(std::string_view allowed) {
    InternalAnswer answer = internal_problem(405, "Not with this method", "this page does not take this method",
                                             "Use " + std::string(allowed) + ".");
    answer.fields.emplace_back("Allow", allowed);
    return answer;
  }

  static InternalAnswer malformed_body(const Complaint& complaint) {
    return internal_problem(400, "The request was not understood", complaint.text, "GET / shows how to ask.");
  }

  Certificates certificates() const { return shared_.inspection ? Certificates::ours : Certificates::none; }

  InternalAnswer certificate() const {
    if (shared_.inspection) return certificate_page(shared_.inspection->authority().pem());
    return internal_problem(404, "There is no certificate authority", "TLS is not inspected here, so there is none",
                            "Nothing is to be done: other services' own certificates reach you unchanged.");
  }

  // --- what the agent says of its work

  InternalAnswer context() {
    AgentContexts& contexts = shared_.internal.contexts;
    const std::string key = context_key(session_.origin.agent, session_.origin.source);
    if (reads()) return shown(contexts.find(key, Clock::now()).value_or(AgentContext{}));
    if (head_.method == "DELETE") {
      contexts.remove(key);
      InternalAnswer answer;
      answer.status = 204;
      return answer;
    }
    if (head_.method != "PUT") return wrong_method("GET, HEAD, PUT, DELETE");
    const auto given = read_context(body_);
    if (!given) return malformed_body(given.error());
    if (contexts.put(key, *given, Clock::now())) return shown(*given);
    return internal_problem(429, "Too many contexts", "too many agents have said what they are doing",
                            "Try again in an hour; connections are served without it.");
  }

  static InternalAnswer shown(const AgentContext& context) {
    boost::json::object said;
    if (!context.session.empty()) said["session"] = context.session;
    if (!context.tool_call.empty()) said["tool_call"] = context.tool_call;
    if (!context.tool.empty()) said["tool"] = context.tool;
    if (!context.reason.empty()) said["reason"] = context.reason;
    if (!context.traceparent.empty()) said["traceparent"] = context.traceparent;
    boost::json::object body;
    body["context"] = std::move(said);
    return internal_json(200, body);
  }

  // --- asking ahead

  InternalAnswer access() {
    auto request = read_access_request(body_);
    if (!request) return malformed_body(request.error());
    return ask_ahead(shared_, record_.origin, std::move(*request));
  }

  Task<InternalAnswer> wait_for_access(std::string id) {
    const auto wait = read_wait(head_.target.query);
    if (!wait) co_return malformed_body(wait.error());
    if (wait->count() > 0 && is_undecided(shared_, agent(), id)) {
      const auto place = shared_.internal.waits.take(agent());
      if (!place) co_return too_many_wait();
      co_await wait_until_decided(id, Clock::now() + *wait);
    }
    co_return access_state(shared_, agent(), id);
  }

  static InternalAnswer too_quick() {
    InternalAnswer answer =
        internal_problem(429, "Too many requests", "this agent asks faster than limits.rate_per_agent",
                         "Wait a second, or ask with ?wait= in place of asking often.");
    answer.fields.emplace_back("Retry-After", "1");
    return answer;
  }

  static InternalAnswer too_many_wait() {
    InternalAnswer answer = internal_problem(429, "Too many wait", "this agent already waits for too many answers here",
                                             "Ask without ?wait=, or wait for fewer.");
    answer.fields.emplace_back("Retry-After", "10");
    return answer;
  }

  // Until it is decided, by a person or a reload, or the time is over, or the client has gone.
  Task<> wait_until_decided(std::string id, Clock::time_point deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const auto woken = std::make_shared<Woken>(executor);
    const auto subscription = wake_when_decided(shared_.approvals, id, woken);
    session_.live.reconsider = [this, woken](const Policy& policy) {
      if (&policy != session_.policy.get()) woken->wake();
    };
    while (!left_ && is_undecided(shared_, agent(), id) && Clock::now() < deadline) {
      session_.policy = shared_.policy.current();
      woken->timer.expires_at(deadline);
      auto first = co_await (woken->timer.async_wait(no_throw) || session_.client.gone(session_.services.peers));
      left_ = first.index() == 1;
    }
    session_.live.reconsider = nullptr;
  }

  Session& session_;
  Shared& shared_;
  ConnectionRecord& record_;
  const wire::RequestHead& head_;
  std::string body_;
  bool clean_ = false;
  bool left_ = false;
};

}  // namespace

Verdict internal_verdict() {
  Verdict verdict;
  verdict.action = Action::allow;
  verdict.decided_by = DecidedBy::guard;
  verdict.reason = "sallyport.internal is Sallyport itself";
  return verdict;
}

Task<bool> serve_internal(Session& session, ConnectionRecord& record, const wire::RequestHead& head, Destination asked,
                          HttpEvent& event) {
  const auto began = Clock::now();
  InternalSession serving(session, record, head);
  const InternalAnswer answer = co_await serving.run(std::move(asked));
  event.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
  event.origin.approval = answer.approval;
  event.status_detail = serving.has_left() ? "the client left while its question was open" : answer.detail;
  if (serving.has_left()) co_return false;
  event.status = static_cast<int>(answer.status);
  const bool keep = serving.is_clean() && head.keep_alive;
  const std::string bytes = http_message(answer, head.method, keep ? AfterAnswer::keep_open : AfterAnswer::close);
  const std::string_view text = bytes;
  const auto sent = co_await within(session.services.shared.config.timeouts.head, session.client.write(text));
  event.traffic.in = answer.body.size();
  event.traffic.out = serving.body_size();
  record.counters.down += answer.body.size();
  record.counters.up += serving.body_size();
  if (sent && keep) co_return true;
  co_await say_goodbye(session);
  co_return false;
}

}  // namespace sallyport
