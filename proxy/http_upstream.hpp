// The connection on which a client's requests go on, kept for as long as the next one may use it.
#pragma once
#include "proxy/connect_guarded.hpp"
#include "proxy/connection_record.hpp"
#include "proxy/inspection/inspection.hpp"
#include "proxy/session.hpp"
#include "proxy/upstream_pool.hpp"

#include <optional>

namespace sallyport {

// Whether the server's TLS comes between its socket and the requests.
enum class Wrapping { plain, tls };

class HttpUpstream {
 public:
  // `pool`: what the requests of one client share; null where the client has but one connection.
  explicit HttpUpstream(Session& session, UpstreamPool* pool = nullptr) : session_(session), pool_(pool) {}
  HttpUpstream(const HttpUpstream&) = delete;
  HttpUpstream& operator=(const HttpUpstream&) = delete;

  // A connection that was made before there was a request, and its place among its rule's.
  void adopt(Connection connection, Destination to, Admission::Permit rule);

  // Limits of the rule, route, Open and connect, unless the connection to this destination is there and usable for this
  // attempt. `counts_name`: a wildcard's budget of names is charged here.
  Task<Refused<void>> reach(Attempt attempt, Verdict verdict, ConnectionRecord& record, Wrapping wrapping,
                            bool counts_name);

  // The same before there is a request, by TLS: the attempt stands for every request there may be. The server is
  // offered `protocols`. What is there afterwards is the caller's.
  Task<Refused<UpstreamPool::Dialled>> dial_first(Attempt attempt, Verdict verdict, ConnectionRecord& record,
                                                  Protocols protocols, bool counts_name);

  Connection& connection() { return *connection_; }
  bool is_there() const { return connection_.has_value(); }
  bool is_to(const Destination& to) const { return connection_ && to_ == to; }
  // Requests are sent in absolute form: a parent proxy reads them.
  bool in_absolute_form() const { return absolute_; }
  void drop() { connection_.reset(); }
  // To the pool, where there is one: it is as clean as when it was new.
  void give_back(const ConnectionRecord& record);
  // Also gives back the rule's place.
  void end();

 private:
  std::optional<Refusal> charge_name_of(const Attempt& attempt, const Verdict& verdict, bool counts_name);
  std::optional<Refusal> charge_rule(const Attempt& attempt, const Verdict& verdict);
  Task<Refused<void>> dial(Attempt attempt, Verdict verdict, ConnectionRecord& record, Wrapping wrapping);
  Task<Refused<void>> wrap(Attempt attempt, ConnectionRecord& record);
  Task<Refused<std::unique_ptr<TlsStream>>> secure(Host host, ConnectionRecord& record, Protocols protocols);
  void take(UpstreamPool::Lent lent, const Destination& to, ConnectionRecord& record);
  std::optional<Refusal> admit();

  Session& session_;
  UpstreamPool* pool_;
  std::optional<Connection> connection_;
  Admission::Permit permit_;  // of a connection beside the client's own
  Destination to_{Address::v4({}), 0};
  Admission::Permit rule_permit_;
  bool absolute_ = false;
};

// One name more under a wildcard. False: the agent's budget for this hour is spent.
bool charge_name(Session& session, const HostName& name, const Verdict& verdict);
Refusal too_many_names();

}  // namespace sallyport
