// Where a server's sockets hand in queries: bytes in, bytes out, one record for each.
#pragma once
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
  std::chrono::steady_clock::time_point began;
};

class QueryDesk {
 public:
  QueryDesk(ServerOptions options, Services services) : options_(std::move(options)), services_(std::move(services)) {}

  // The reply's bytes (empty: none is sent), or nullopt with `pending` filled: then finish() it.
  std::optional<Bytes> begin(const Incoming& from, std::span<const std::uint8_t> bytes,
                             std::optional<Pending>& pending);
  Task<Bytes> finish(Pending pending);
  // What somebody gets who is nobody's agent.
  Bytes refuse_stranger(const Incoming& from, std::span<const std::uint8_t> bytes);

  const ServerOptions& options() const { return options_; }

 private:
  QueryRecord new_record(const Incoming& from) const;
  Bytes encode(const Incoming& from, const QueryMessage& query, const Reply& reply) const;
  void emit(QueryRecord record, std::chrono::steady_clock::time_point began) const;
  bool admitted(const std::string& agent) const { return !services_.admit || services_.admit(agent); }

  ServerOptions options_;
  Services services_;
  std::map<std::string, std::size_t> upstream_;  // queries that wait, per agent
};

}  // namespace sallyport::dns
