// One allowed request and its answer, on a connection that is there: forwarded as they were understood.
#pragma once
#include "net/relay.hpp"
#include "proxy/connect_guarded.hpp"
#include "proxy/connection_record.hpp"
#include "proxy/http_body.hpp"
#include "proxy/inject/reflection.hpp"
#include "proxy/session.hpp"
#include "proxy/wire/http_forward.hpp"

#include <optional>
#include <string>

namespace sallyport {

// May the client's connection carry another request?
enum class AfterRequest { next, close };

// What is sent, written before anything is.
struct RequestToSend {
  wire::ForwardedHead head;
  wire::Upgrading upgrading = wire::Upgrading::strip;
};

// How the request goes on: an upgrade that may be tunnelled is passed, one that may not is left out.
Refused<RequestToSend> write_request(const wire::RequestHead& head, wire::RequestForwarding forwarding);

// How it went.
struct Exchanged {
  AfterRequest after = AfterRequest::close;
  int status = 0;               // of the answer that the client got; 0: none, so it is yet to be told
  std::string trouble;          // a sentence; empty: none
  bool bad_body = false;        // the trouble is the request's own body
  bool upstream_clean = false;  // nothing of this request is left on the upstream connection, which may go on
  bool upstream_done = false;   // the upstream connection serves no further request
};

// Where the client got no answer: what it is told.
Refusal no_answer(const Exchanged& done);

struct ExchangeOptions {
  RelayLimits limits;      // as the record's counters count
  RelayLimits whole;       // of all that share its connection, as it tells what was moved
  bool to_parent = false;  // in absolute form, so that a 407 is meant for us
  Reflection secrets{};    // that are in the request, and that the answer's heads and trailers may not give back
};

// Whether so many more bytes may be sent: `own` counts this record's, `whole` those of all that share its connection.
bool has_room_up(const ConnectionRecord& record, const RelayLimits& own, const RelayLimits& whole, std::uint64_t bytes);

class HttpExchange {
 public:
  // All outlive it. The record's counters count what moves.
  HttpExchange(Session& session, Connection& upstream, ConnectionRecord& record, ExchangeOptions options);

  Task<Exchanged> run(const wire::RequestHead& head, RequestToSend request);

 private:
  void note(std::string trouble);
  Task<> transfer(const wire::RequestHead& head, wire::Framing out, wire::Upgrading upgrading);
  Task<> upload(wire::Framing in, wire::Framing out);
  Task<> download(const wire::RequestHead& head, wire::Upgrading upgrading);
  Task<> answer_once(const wire::RequestHead& head, wire::Upgrading upgrading);
  Task<bool> send_answer(const wire::RequestHead& head, const wire::ResponseHead& answer, bool final);
  void finish_answer(BodyEnd end, bool keep, bool reusable);
  Task<> switch_protocols(const wire::RequestHead& head, const wire::ResponseHead& answer, wire::Upgrading upgrading);
  Task<> tunnel();
  BodyMeter up_meter();
  BodyMeter down_meter();
  wire::ResponseForwarding forwarding_for(const wire::RequestHead& head) const;

  Session& session_;
  Connection& client_;
  Connection& upstream_;
  ConnectionRecord& record_;
  ExchangeOptions options_;
  Exchanged done_;
  bool uploaded_ = false;
  bool answered_ = false;
};

}  // namespace sallyport
