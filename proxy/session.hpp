// One accepted client connection, as every step of its life sees it.
#pragma once
#include "net/connection.hpp"
#include "proxy/agent_identity.hpp"
#include "proxy/connection_record.hpp"
#include "proxy/refusal.hpp"
#include "proxy/services.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace sallyport {

struct Session {
  Services& services;
  Connection client;
  LiveSession& live;
  std::shared_ptr<const Policy> policy;  // the generation that lets it in
  Origin origin;                         // agent, door and source: the beginning of every record
  Admission::Permit permit;
  // What comes once the step at hand has returned. A tunnel is such a step, so that nothing of how it came about stays
  // in memory while it is quiet: half of what it cost.
  std::function<Task<>()> next{};
  std::optional<Credentials> credentials{};  // by which the agent was named, where it was not its address alone

  // Whether this policy still takes the client for the agent it was taken for.
  bool is_same_agent(const Policy& now) const;
};

// How the door speaks to its client before the tunnel begins.
enum class Voice { connect, socks4, socks5, raw };

// Tells the client that it may go on. False: it has gone.
Task<bool> accept_client(Session& session, Voice voice);

// Tells the client why not, as its protocol allows, and says goodbye. `spoken` is what a raw client was seen to speak;
// pending: it is found out first, so that TLS gets an alert and HTTP an answer.
Task<> refuse(Session& session, ConnectionRecord& record, Refusal refusal, const Destination* to, Voice voice,
              Spoken spoken);

// Ends an answered connection so that the answer arrives: sends FIN, then reads what is still coming, for a moment.
Task<> say_goodbye(Session& session);

}  // namespace sallyport
