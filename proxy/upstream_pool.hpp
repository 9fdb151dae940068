// Connections upstream that the requests of one HTTP/2 client share.
#pragma once
#include "net/connection.hpp"
#include "policy/destination.hpp"
#include "proxy/admission.hpp"
#include "proxy/http2/client.hpp"
#include "proxy/inspection/tls_stream.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace sallyport {

// Used on its thread. close() must have returned before it dies.
class UpstreamPool {
 public:
  struct Lent {
    Connection connection;
    std::optional<Address> peer;  // that was dialled
    Admission::Permit permit;     // of the connection, where it is the borrower's own
    Admission::Permit rule{};     // its place among those that a rule lets in, where it is the borrower's own
  };
  // Others wait while this one dials, for they may share what comes of it.
  class Turn {
   public:
    Turn(UpstreamPool& pool, std::string to);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    UpstreamPool& pool_;
    std::string to_;
  };

  UpstreamPool(const Executor& executor, Http2Options options);
  ~UpstreamPool();
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  // A connection to this destination that may be used now; waits while somebody dials it. None: dial, and in a turn.
  Task<std::optional<Lent>> borrow(Destination to);
  // What somebody dialled, and its places.
  struct Dialled {
    std::unique_ptr<TlsStream> secured;
    std::optional<Address> peer;
    Admission::Permit permit{};
    Admission::Permit rule{};
  };
  // A connection for one request. Where HTTP/2 was agreed on, the others share it, and its places are the pool's.
  Lent share(Dialled dialled, const Destination& to);
  // Nobody's yet: the next request borrows it.
  void add(Dialled dialled, const Destination& to);
  // A connection of HTTP/1 that can serve another request.
  void give_back(Lent lent, const Destination& to);

  // Ends every connection.
  Task<> close();

 private:
  struct Shared;
  struct Idle {
    std::string to;
    Lent lent;
  };
  Lent open(Shared& shared);
  Shared& keep(Dialled dialled, const Destination& to);
  Lent alone(Dialled dialled, const Destination& to);

  const Executor executor_;
  const Http2Options options_;
  std::list<Shared> shared_;
  std::list<Idle> idle_;
  std::multiset<std::string> dialling_;
  std::set<std::string> only_http1_;  // whom it is no use to wait for
  Timer changed_;                     // cancelled when a dial or a connection has ended
};

}  // namespace sallyport
