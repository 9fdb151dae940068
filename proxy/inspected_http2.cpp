#include "proxy/inspected_http2.hpp"

#include "proxy/http2/server.hpp"
#include "proxy/request_stream.hpp"
#include "proxy/tls_refusal.hpp"
#include "proxy/upstream_pool.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <spdlog/spdlog.h>

#include <set>

namespace sallyport {
namespace {

using namespace asio::experimental::awaitable_operators;

Http2Options options_for(Shared& shared, const std::string& agent) {
  Http2Options options;
  options.head_bytes = shared.config.limits.head_bytes;
  options.idle = shared.config.timeouts.idle;
  options.window_budget = shared.admission.windows(agent);
  return options;
}

class InspectedHttp2 {
 public:
  InspectedHttp2(Session& session, HttpBinding binding, std::unique_ptr<TlsStream> client)
      : session_(session),
        shared_(session.services.shared),
        executor_(session.client.socket.get_executor()),
        binding_(std::move(binding)),
        begun_(binding_.record->origin),
        whole_(std::move(binding_.record)),
        transport_(std::move(client)),
        upstreams_(executor_, options_for(shared_, session_.origin.agent)),
        share_{upstreams_, std::nullopt},
        ended_(executor_) {
    if (!binding_.first) return;
    if (binding_.first->upstream) upstreams_.add(std::move(*binding_.first->upstream), binding_.to);
    share_.last = binding_.first->as;
  }
  InspectedHttp2(const InspectedHttp2&) = delete;
  InspectedHttp2& operator=(const InspectedHttp2&) = delete;

  Task<> run() {
    session_.live.record = whole_.get();
    if (binding_.consent) session_.live.grants = binding_.consent->text();
    session_.live.report_traffic = [this] { whole_->report_traffic(); };
    session_.live.must_end = [this](const Policy& policy) { return must_end(policy); };
    Http2ServerEvents events;
    events.has_place = [this] { return has_place(); };
    events.on_request = [this](std::unique_ptr<MemoryStream> stream) { begin(std::move(stream)); };
    events.on_malformed = [this](std::string_view why) { record_malformed(why); };
    Http2Server server(executor_, *transport_, options_for(shared_, session_.origin.agent), std::move(events));
    session_.live.drain = [&server] { server.drain(); };
    co_await server.run();
    session_.live.drain = nullptr;
    // Cancelled or not, nobody is left behind.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    session_.live.must_end = nullptr;
    co_await end_requests();
    co_await upstreams_.close();
    session_.live.record = nullptr;
    session_.live.report_traffic = nullptr;
    whole_->closed(session_.live.stopped_by.value_or(ClosedBy::client));
    if (!asked_) whole_->refused(client_left_unasked());
    if (asked_) whole_->forget();  // where nothing was let in, each request has said so
  }

 private:
  // Each request has its own word on this; where there is none, what was let in last is spoken of.
  std::optional<ClosedBy> must_end(const Policy& policy) const {
    if (!session_.is_same_agent(policy)) return ClosedBy::policy;
    if (whole_->is_open() && binding_.consent && !binding_.consent->lives()) return ClosedBy::revoked;
    if (!whole_->is_open() || !share_.last || !requests_.empty()) return std::nullopt;
    const bool allowed = allowed_at(policy, *share_.last, whole_->peer, shared_.config.dns);
    return allowed ? std::nullopt : std::optional(ClosedBy::policy);
  }

  // One request at a time is what the connection's own place is for.
  bool has_place() {
    if (requests_.empty()) return true;
    auto permit = shared_.admission.admit_request(session_.origin.agent);
    if (permit) {
      place_ = std::move(*permit);
    } else {
      record_refused(denied_by(DecidedBy::limit, sentence(permit.error())));
    }
    return permit.has_value();
  }

  void begin(std::unique_ptr<MemoryStream> stream) {
    LiveSessions& live = session_.services.live;
    const auto place = live.add();
    requests_.push_back(place);
    asio::co_spawn(executor_, serve(std::move(stream), *place, std::exchange(place_, {})),
                   asio::bind_cancellation_slot(place->stop.slot(), [this, place](const std::exception_ptr&) {
                     requests_.remove(place);
                     session_.services.live.remove(place);
                     ended_.cancel();
                   }));
  }

  Task<> serve(std::unique_ptr<MemoryStream> stream, LiveSession& live, Admission::Permit permit) {
    MemoryStream& end = *stream;
    Connection client(std::make_unique<RequestStream>(std::move(stream)), executor_);
    Session request{session_.services, std::move(client), live, shared_.policy.current(),
                    session_.origin,   std::move(permit), {},   session_.credentials};
    auto answering = answer(request);
    auto leaving = left(end, live);
    co_await (std::move(answering) || std::move(leaving));
  }

  Task<> answer(Session& request) {
    try {
      HttpBinding binding = bind();
      co_await serve_http(request, std::move(binding));
    } catch (const boost::system::system_error& thrown) {
      // A request that was ended by the sweep unwinds so; its record says why.
      if (thrown.code() != asio::error::operation_aborted)
        spdlog::warn("a request ended in an error: {}", thrown.what());
    } catch (const std::exception& thrown) {
      spdlog::warn("a request ended in an error: {}", thrown.what());
    }
  }

  // Returns when the client has taken its request back: then nobody wants the answer.
  Task<> left(MemoryStream& stream, LiveSession& live) {
    const auto gone = co_await stream.peer_gone();
    static_cast<void>(gone);
    if (stream.is_broken()) {
      if (!live.stopped_by) live.stopped_by = ClosedBy::client;
      co_return;
    }
    Timer never(executor_, Timer::time_point::max());
    const auto [error] = co_await never.async_wait(no_throw);
    static_cast<void>(error);
  }

  HttpBinding bind() {
    asked_ = true;
    HttpBinding binding{
        binding_.to,  binding_.from,     std::make_unique<ConnectionRecord>(shared_.audit, begun_, *whole_),
        std::nullopt, binding_.answered, binding_.consent};
    binding.inspected = true;
    binding.ech = binding_.ech;
    binding.named_limits = binding_.named_limits;
    binding.version = "2";
    binding.shared = &share_;
    if (binding_.first && binding_.first->trouble) {
      binding.first.emplace(DialledFirst{binding_.first->as, std::nullopt, std::move(binding_.first->trouble)});
      binding_.first->trouble.reset();
    }
    return binding;
  }

  void record_malformed(std::string_view why) { record_refused(malformed(400, std::string(why))); }

  void record_refused(const Refusal& refusal) {
    const auto now = Clock::now();
    if (!shared_.admission.charge(session_.origin.agent, Admission::Charge::refusal, now)) return;
    ConnectionRecord record(shared_.audit, begun_);
    record.origin.correlation = new_correlation();
    record.tls = whole_->tls;
    record.refused(refusal);
  }

  Task<> end_requests() {
    for (auto place = requests_.begin(); place != requests_.end();) {
      LiveSession& live = **place++;
      if (!live.stopped_by) live.stopped_by = session_.live.stopped_by.value_or(ClosedBy::client);
      live.stop.emit(asio::cancellation_type::terminal);
    }
    while (!requests_.empty()) {
      ended_.expires_at(Timer::time_point::max());
      const auto [woken] = co_await ended_.async_wait(no_throw);
      static_cast<void>(woken);
    }
  }

  Session& session_;
  Shared& shared_;
  const Executor executor_;
  HttpBinding binding_;
  const Origin begun_;
  const std::unique_ptr<ConnectionRecord> whole_;  // of all requests
  bool asked_ = false;                             // a request has come
  const std::unique_ptr<TlsStream> transport_;
  UpstreamPool upstreams_;
  RequestsShare share_;
  Admission::Permit place_;  // of the request that begins now
  std::list<LiveSessions::Place> requests_;
  Timer ended_;  // cancelled when a request has ended
};

}  // namespace

Task<> serve_http2(Session& session, HttpBinding binding, std::unique_ptr<TlsStream> client) {
  InspectedHttp2 serving(session, std::move(binding), std::move(client));
  co_await serving.run();
}

}  // namespace sallyport
