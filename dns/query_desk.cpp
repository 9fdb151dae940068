#include "dns/query_desk.hpp"

#include "dns/fresh_correlation.hpp"
#include "dns/replies.hpp"
#include "telemetry/dns_text.hpp"

#include <algorithm>

namespace sallyport::dns {
namespace {

using Steady = std::chrono::steady_clock;

// Takes a place among those that wait for the upstream for as long as it lives.
class Place {
 public:
  Place(std::map<std::string, std::size_t>& places, const std::string& agent)
      : places_(places), place_(places.try_emplace(agent, 0).first) {
    ++place_->second;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    if (--place_->second == 0) places_.erase(place_);
  }

 private:
  std::map<std::string, std::size_t>& places_;
  std::map<std::string, std::size_t>::iterator place_;
};

}  // namespace

QueryRecord QueryDesk::new_record(const Incoming& from) const {
  QueryRecord record;
  record.time = WallClock::now();
  record.agent = from.agent;
  record.source = from.source;
  record.source_port = from.port;
  record.transport = from.transport;
  return record;
}

Bytes QueryDesk::encode(const Incoming& from, const QueryMessage& query, const Reply& reply) const {
  return build_reply(query, reply, from.transport == Transport::udp ? udp_limit(query) : tcp_limit);
}

DnsEvent QueryDesk::event_of(QueryRecord record) const {
  if (record.correlation.empty()) record.correlation = fresh_correlation();
  const auto policy = services_.policy();
  return told_once(facts_of(std::move(record), policy ? policy->uid() : std::string()));
}

void QueryDesk::emit(DnsEvent event) const {
  if (services_.record) services_.record(std::move(event));
}

// Tells of the first one, and keeps the answer for those that follow.
void QueryDesk::emit_lasting(QueryRecord record, const Bytes& reply) {
  DnsEvent event = event_of(std::move(record));
  if (auto* kept = recent_.keep(reply, event.text))
    static_cast<void>(recent_.tell(*kept, event.time, event.source_port));
  emit(std::move(event));
}

void QueryDesk::tell_of_repeats() {
  for (DnsEvent& repeated : recent_.take_repeats()) emit(std::move(repeated));
}

void QueryDesk::begin(const Incoming& from, std::span<const std::uint8_t> bytes, Bytes& reply,
                      std::optional<Pending>& pending) {
  if (!admitted(from.agent)) {
    const auto query = parse_query(bytes);
    reply = query ? encode(from, *query, {Rcode::refused, {}, {}, {}}) : build_problem(query.error());
    return;
  }
  const AskedBytes asked{from.agent, from.source, from.transport, bytes};
  auto* known = recent_.find(asked, services_.policy(), Steady::now());
  if (known == nullptr) {
    reply = judge(from, bytes, pending);
    return;
  }
  reply = known->reply();
  std::copy_n(bytes.begin(), 2, reply.begin());  // the id
  if (auto event = recent_.tell(*known, WallClock::now(), from.port)) emit(std::move(*event));
}

Bytes QueryDesk::judge(const Incoming& from, std::span<const std::uint8_t> bytes, std::optional<Pending>& pending) {
  auto query = parse_query(bytes);
  if (!query) return refuse_malformed(from, query.error());
  Pending next{from, Asked{from.agent, std::move(*query)}, new_record(from)};
  auto reply = answer_query(services_, options_.answers, next.asked, next.record);
  if (!reply) {
    const auto waiting = upstream_.find(from.agent);
    if (waiting == upstream_.end() || waiting->second < options_.upstream_per_agent) {
      pending.emplace(std::move(next));
      return {};
    }
    reply = denied_reply(Rcode::server_failure, ExtendedError::other, "too many queries wait for the upstream",
                         DecidedBy::limit, options_.answers.negative_ttl, next.record);
  }
  Bytes answer = encode(from, next.asked.query, *reply);
  if (next.record.lasting) {
    emit_lasting(std::move(next.record), answer);
  } else {
    emit(event_of(std::move(next.record)));
  }
  return answer;
}

Bytes QueryDesk::refuse_malformed(const Incoming& from, const QueryProblem& problem) const {
  QueryRecord record = new_record(from);
  record.reason = "this is no well-formed DNS query";
  record.rcode = problem.rcode;
  if (problem.question) {
    record.name = problem.question->name.text();
    record.type = problem.question->type;
  }
  emit(event_of(std::move(record)));
  return build_problem(problem);
}

Task<Bytes> QueryDesk::finish(Pending pending) {
  const Place place(upstream_, pending.from.agent);
  const Asked asked = pending.asked;
  const Reply reply = co_await answer_upstream(services_, options_.answers, asked, pending.record);
  emit(event_of(pending.record));
  co_return encode(pending.from, asked.query, reply);
}

Bytes QueryDesk::refuse_stranger(const Incoming& from, std::span<const std::uint8_t> bytes) {
  const auto query = parse_query(bytes);
  if (!query) return build_problem(query.error());
  if (admitted(from.agent)) {
    QueryRecord record = new_record(from);
    record.name = query->question.name.text();
    record.type = query->question.type;
    record.rcode = Rcode::refused;
    record.reason = "no agent has this source address";
    emit(event_of(std::move(record)));
  }
  return encode(from, *query, {Rcode::refused, {}, {}, {}});
}

}  // namespace sallyport::dns
