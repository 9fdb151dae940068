// Where a server's sockets hand in queries: bytes in, bytes out, one record for each.
#pragma once
#include "dns/recent_answers.hpp"
#include "dns/server.hpp"

#include <map>

namespace sallyport::dns {

struct Incoming {
  std::string agent;
  Address source = Address::v4({});
  std::uint16_t port = 0;
  Transport transport = Transport::udp;
};

// A query that waits for the upstream.
struct Pending {
  Incoming from;
  Asked asked;
  QueryRecord record;
};

class QueryDesk {
 public:
  QueryDesk(ServerOptions options, Services services)
      : options_(std::move(options)), services_(std::move(services)), recent_(options_.keep_answers) {}

  // Fills the reply's bytes (empty: none is sent); or `pending`, where it waits for the upstream: then finish() it.
  void begin(const Incoming& from, std::span<const std::uint8_t> bytes, Bytes& reply, std::optional<Pending>& pending);
  Task<Bytes> finish(Pending pending);
  // What somebody gets who is nobody's agent.
  Bytes refuse_stranger(const Incoming& from, std::span<const std::uint8_t> bytes);

  // Questions that are repeated within a window are told of when it is over: tell_of_repeats() is wanted
  // RecentAnswers::window after this has become true, and at the end.
  bool counts_repeats() const { return recent_.window_is_open(); }
  void tell_of_repeats();
  // Now and then.
  void forget_old() { recent_.forget_old(services_.policy(), std::chrono::steady_clock::now()); }

  const ServerOptions& options() const { return options_; }

 private:
  QueryRecord new_record(const Incoming& from) const;
  Bytes encode(const Incoming& from, const QueryMessage& query, const Reply& reply) const;
  Bytes judge(const Incoming& from, std::span<const std::uint8_t> bytes, std::optional<Pending>& pending);
  Bytes refuse_malformed(const Incoming& from, const QueryProblem& problem) const;
  void emit_lasting(QueryRecord record, const Bytes& reply);
  DnsEvent event_of(QueryRecord record) const;
  void emit(DnsEvent event) const;
  bool admitted(const std::string& agent) const { return !services_.admit || services_.admit(agent); }

  ServerOptions options_;
  Services services_;
  RecentAnswers recent_;
  std::map<std::string, std::size_t> upstream_;  // queries that wait, per agent
};

}  // namespace sallyport::dns
