#include "proxy/worker.hpp"

#include "proxy/doors.hpp"
#include "proxy/name_approval.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>
#include <utility>

namespace sallyport {
namespace {

Address address_of(const asio::ip::address& address) {
  const auto parsed = Address::parse(address.to_string());
  // A socket's own address always parses, but for a zone; then only its bytes count.
  if (parsed) return parsed->unmapped();
  return Address::v6(address.to_v6().to_bytes());
}

// As the client's own kernel has the connection.
std::optional<ConnectionEnds> ends_of(Socket& socket) {
  error_code error;
  const auto client = socket.remote_endpoint(error);
  if (error) return std::nullopt;
  const auto original = original_destination(socket);
  const auto server = original ? *original : socket.local_endpoint(error);
  if (error) return std::nullopt;
  return ConnectionEnds{address_of(client.address()), client.port(), address_of(server.address()), server.port()};
}

void ensure_free(asio::io_context& context, const asio::ip::tcp::endpoint& endpoint, V6Only v6_only) {
  ListenerOptions alone;
  alone.v6_only = v6_only;
  if (endpoint.port() != 0) open_listener(context, endpoint, alone).value();
}

// A steered listener on [::] takes both families.
V6Only families_of(const asio::ip::tcp::endpoint& endpoint) {
  return endpoint.address().is_v6() && endpoint.address().is_unspecified() ? V6Only::no : V6Only::system_default;
}

}  // namespace

void ensure_free(const Listening& at) {
  asio::io_context context;
  for (const auto& endpoint : at.proxy) ensure_free(context, endpoint, V6Only::system_default);
  for (const auto& [endpoint, steering] : at.transparent) ensure_free(context, endpoint, families_of(endpoint));
  for (const auto& endpoint : at.dns) ensure_free(context, endpoint, V6Only::system_default);
}

Worker::Worker() : work_(context_.get_executor()) {}

Worker::~Worker() {
  join();
}

void Worker::open(Listening& at) {
  ListenerOptions options;
  options.reuse_port = ReusePort::yes;
  for (auto& endpoint : at.proxy) {
    doors_.proxy.push_back(open_listener(context_, endpoint, options).value());
    endpoint = doors_.proxy.back().local_endpoint();
  }
  for (auto& [endpoint, steering] : at.transparent) {
    ListenerOptions steered = options;
    steered.transparent = steering == Steering::tproxy ? Transparent::yes : Transparent::no;
    steered.v6_only = families_of(endpoint);
    doors_.transparent.emplace_back(open_listener(context_, endpoint, steered).value(), steering);
    endpoint = doors_.transparent.back().first.local_endpoint();
  }
  for (auto& endpoint : at.dns) {
    doors_.dns.push_back(dns::ListeningSockets::open({endpoint.address(), endpoint.port()}));
    endpoint.port(doors_.dns.back().at().port());
  }
}

void Worker::begin(Shared& shared) {
  dns::ResolverOptions options;
  if (!shared.config.dns.upstream.empty()) options.upstream = shared.config.dns.upstream;
  resolver_ = std::make_unique<dns::Resolver>(context_, options);
  services_ = std::make_unique<Services>(Services{shared, *resolver_, pipes_, peers_, live_});
  begin_dns();
  for (Acceptor& acceptor : doors_.proxy) accept_from(acceptor, Entrance{});
  for (auto& [acceptor, steering] : doors_.transparent) accept_from(acceptor, Entrance{Door::transparent, steering});
}

void Worker::accept_from(Acceptor& acceptor, Entrance entrance) {
  auto attached = entrance.attached;  // the acceptor is its own, and is needed until the loop has ended
  asio::co_spawn(context_,
                 accept_each(acceptor, [this, entrance = std::move(entrance)](
                                           Socket socket) { take(std::move(socket), entrance); }),
                 [attached = std::move(attached)](const std::exception_ptr&) {});
}

void Worker::begin_dns() {
  Shared& shared = services_->shared;
  dns::Services services{
      .policy = [&shared] { return shared.policy.current(); },
      .leases = shared.leases,
      .budget = shared.names,
      .given = shared.given,
      .resolver = *resolver_,
      .record = [&shared](DnsEvent event) { static_cast<void>(shared.audit.append(std::move(event))); },
      .on_ask = [&shared](const dns::QueryRecord& query, const HostName& name,
                          const Verdict& verdict) { return ask(shared, query, name, verdict); },
      .granted = [&shared](const dns::QueryRecord& query, const HostName& name,
                           const Verdict& verdict) { return is_granted(shared, query, name, verdict); },
      .admit =
          [&shared](const std::string& agent) {
            return shared.admission.charge(agent, Admission::Charge::query, Clock::now());
          }};
  dns::ServerOptions options;
  options.answers.mode = shared.config.dns.mode == DnsMode::real ? dns::Mode::real : dns::Mode::synthetic;
  options.answers.nat64 = shared.config.dns.nat64;
  options.keep_answers = std::min<std::chrono::milliseconds>(options.keep_answers, shared.config.dns.lease / 10);
  dns_ = std::make_unique<dns::Server>(context_, options, std::move(services), [&shared](const Address& source) {
    const auto policy = shared.policy.current();
    return identify_by_address(*policy, shared.config, source).plain();
  });
  for (auto& sockets : doors_.dns) dns_->listen(std::move(sockets));
  doors_.dns.clear();
}

void Worker::take(Socket socket, Entrance entrance) {
  const auto place = live_.add();
  if (entrance.attached) place->attached = entrance.attached->id;
  ++open_sessions_;
  asio::co_spawn(context_, serve(std::move(socket), std::move(entrance), place),
                 asio::bind_cancellation_slot(place->stop.slot(), [this, place](const std::exception_ptr& error) {
                   live_.remove(place);
                   --open_sessions_;
                   if (!error) return;
                   try {
                     std::rethrow_exception(error);
                   } catch (const boost::system::system_error& thrown) {
                     // A session that was ended by the sweep unwinds so; its record says why.
                     if (thrown.code() != asio::error::operation_aborted)
                       spdlog::warn("a connection ended in an error: {}", thrown.what());
                   } catch (const std::exception& thrown) {
                     spdlog::warn("a connection ended in an error: {}", thrown.what());
                   }
                 }));
}

Task<> Worker::serve(Socket socket, Entrance entrance, LiveSessions::Place place) {
  Shared& shared = services_->shared;
  error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) co_return;
  Session session{*services_, Connection(std::move(socket)), *place, shared.policy.current(), Origin{}, {}};
  const Address source = address_of(remote.address());
  session.origin.door = entrance.door;
  session.origin.source = source;
  session.origin.source_port = remote.port();
  session.origin.policy_uid = session.policy->uid();
  const Identity identity = entrance.attached ? Identity{entrance.attached->agent, UnknownAgents::deny}
                                              : identify_by_address(*session.policy, shared.config, source);
  // The explicit door may still learn the agent from credentials.
  session.origin.agent = identity.plain().value_or("unknown");
  co_await serve_known(session, entrance, identity);
  while (session.next) {
    const auto step = std::exchange(session.next, nullptr);
    co_await step();
  }
}

Task<> Worker::serve_known(Session& session, Entrance entrance, Identity identity) {
  Shared& shared = services_->shared;
  auto permit = shared.admission.admit(session.origin.agent, Clock::now());
  if (!permit && permit.error() == Admission::Fault::rate) {
    reset(session.client.socket);  // counted, and told of in one collective record
    co_return;
  }
  std::optional<Refusal> refusal;
  if (!permit) {
    refusal = denied_by(DecidedBy::limit, sentence(permit.error()));
  } else if (entrance.door == Door::transparent && !identity.plain()) {
    refusal = denied_by(DecidedBy::guard, "this address belongs to no agent, and unknown agents are not served here");
  } else if (!shared.guarding.load()) {
    refusal = denied_by(DecidedBy::guard, "interception is not in force, so nothing new is let out");
  }
  if (refusal) {
    ConnectionRecord record(shared.audit, session.origin);
    record.origin.correlation = new_correlation();
    co_await refuse(session, record, std::move(*refusal), nullptr, Voice::raw, Spoken::pending);
    co_return;
  }
  session.permit = std::move(*permit);
  if (entrance.attached && entrance.attached->owner) {
    const auto ends = ends_of(session.client.socket);
    if (ends) session.origin.process = co_await lookup_.find(entrance.attached->owner, *ends);
  }
  if (entrance.door != Door::proxy) {
    co_await serve_transparent(session, entrance.steering);
  } else {
    co_await serve_explicit(session, identity);
  }
}

std::uint64_t Worker::attach(SandboxSockets sockets, std::string agent, OwnerFinder owner) {
  const std::uint64_t id = next_attached_++;
  asio::post(context_,
             [this, id, sockets = std::move(sockets), agent = std::move(agent), owner = std::move(owner)]() mutable {
               open_attached(id, std::move(sockets), std::move(agent), std::move(owner));
             });
  return id;
}

void Worker::open_attached(std::uint64_t id, SandboxSockets sockets, std::string agent, OwnerFinder owner) {
  const auto door = std::make_shared<AttachedDoor>();
  door->id = id;
  door->agent = std::move(agent);
  door->owner = std::move(owner);
  for (OwnedFd& socket : sockets.transparent) {
    auto acceptor = adopt_listener(context_, socket.get());
    if (!acceptor) {
      spdlog::error("a sandbox's door can't be used: {}", acceptor.error().text);
      return;
    }
    static_cast<void>(socket.take());  // the acceptor's now
    door->acceptors.push_back(std::move(*acceptor));
  }
  for (auto& [datagrams, stream] : sockets.dns)
    door->dns.push_back(dns_->adopt(datagrams.take(), stream.take(), door->agent));
  for (Acceptor& acceptor : door->acceptors) accept_from(acceptor, Entrance{Door::attached, Steering::redirect, door});
  attached_.emplace(id, door);
}

void Worker::close_attached(AttachedDoor& door) {
  error_code ignored;
  door.open = false;
  for (Acceptor& acceptor : door.acceptors) acceptor.close(ignored);
  for (const std::uint64_t share : door.dns) dns_->release(share);
  door.dns.clear();
}

void Worker::detach(std::uint64_t door) {
  asio::post(context_, [this, door] {
    const auto found = attached_.find(door);
    if (found == attached_.end()) return;
    close_attached(*found->second);
    attached_.erase(found);
    live_.stop_attached(door, ClosedBy::detached);
  });
}

void Worker::run_in_thread() {
  thread_ = std::thread([this] { context_.run(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::sweep(std::shared_ptr<const Policy> policy) {
  asio::post(context_, [this, policy = std::move(policy)] {
    live_.sweep(*policy, Clock::now(), services_->shared.config.timeouts.idle);
  });
}

bool Worker::snapshot(std::vector<LiveConnection>& into, std::size_t limit) {
  // Shared with the posted task, which may come too late.
  const auto found = std::make_shared<std::promise<std::vector<LiveConnection>>>();
  auto answer = found->get_future();
  asio::post(context_, [this, found, limit] { found->set_value(live_.snapshot(limit)); });
  if (answer.wait_for(std::chrono::seconds(2)) != std::future_status::ready) return false;
  for (auto& connection : answer.get()) {
    if (into.size() < limit) into.push_back(std::move(connection));
  }
  return true;
}

void Worker::report_traffic() {
  asio::post(context_, [this] { live_.report_traffic(); });
}

void Worker::stop_accepting() {
  asio::post(context_, [this] {
    error_code ignored;
    for (Acceptor& acceptor : doors_.proxy) acceptor.close(ignored);
    for (auto& door : doors_.transparent) door.first.close(ignored);
    for (auto& [id, door] : attached_) close_attached(*door);
    attached_.clear();
    if (dns_) dns_->stop();
    live_.drain();
  });
}

void Worker::stop_sessions(ClosedBy why) {
  asio::post(context_, [this, why] { live_.stop_all(why); });
}

void Worker::finish() {
  asio::post(context_, [this] { work_.reset(); });
}

}  // namespace sallyport
