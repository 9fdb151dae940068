#include "dns/query_desk.hpp"

#include "dns/fresh_correlation.hpp"
#include "dns/replies.hpp"

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

void QueryDesk::emit(QueryRecord record, Steady::time_point began) const {
  if (!services_.record) return;
  record.duration = std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - began);
  if (record.correlation.empty()) record.correlation = fresh_correlation();
  services_.record(std::move(record));
}

std::optional<Bytes> QueryDesk::begin(const Incoming& from, std::span<const std::uint8_t> bytes,
                                      std::optional<Pending>& pending) {
  const auto began = Steady::now();
  const bool admit = admitted(from.agent);
  auto query = parse_query(bytes);
  if (!query) {
    const QueryProblem& problem = query.error();
    if (admit) {
      QueryRecord record = new_record(from);
      record.reason = "this is no well-formed DNS query";
      record.rcode = problem.rcode;
      if (problem.question) {
        record.name = problem.question->name.text();
        record.type = problem.question->type;
      }
      emit(std::move(record), began);
    }
    return build_problem(problem);
  }
  if (!admit) return encode(from, *query, {Rcode::refused, {}, {}, {}});

  Pending next{from, Asked{from.agent, std::move(*query)}, new_record(from), began};
  auto reply = answer_query(services_, options_.answers, next.asked, next.record);
  if (!reply) {
    const auto waiting = upstream_.find(from.agent);
    if (waiting == upstream_.end() || waiting->second < options_.upstream_per_agent) {
      pending.emplace(std::move(next));
      return std::nullopt;
    }
    reply = denied_reply(Rcode::server_failure, ExtendedError::other, "too many queries wait for the upstream",
                         DecidedBy::limit, options_.answers.negative_ttl, next.record);
  }
  Bytes answer = encode(from, next.asked.query, *reply);
  emit(std::move(next.record), began);
  return answer;
}

Task<Bytes> QueryDesk::finish(Pending pending) {
  const Place place(upstream_, pending.from.agent);
  const Asked asked = pending.asked;
  const Reply reply = co_await answer_upstream(services_, options_.answers, asked, pending.record);
  emit(pending.record, pending.began);
  co_return encode(pending.from, asked.query, reply);
}

Bytes QueryDesk::refuse_stranger(const Incoming& from, std::span<const std::uint8_t> bytes) {
  const auto began = Steady::now();
  const auto query = parse_query(bytes);
  if (!query) return build_problem(query.error());
  if (admitted(from.agent)) {
    QueryRecord record = new_record(from);
    record.name = query->question.name.text();
    record.type = query->question.type;
    record.rcode = Rcode::refused;
    record.reason = "no agent has this source address";
    emit(std::move(record), began);
  }
  return encode(from, *query, {Rcode::refused, {}, {}, {}});
}

}  // namespace sallyport::dns
