// Approvals, decisions and grants as values.
#pragma once
#include "approvals/question.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace sallyport {

// once: the connections that wait when it is decided, or, where none does, the next one.
enum class Scope { once, agent, everyone };
// subdomains: the host and every name below it; never wider than a registrable domain, never for an address.
enum class Match { host, subdomains };

struct Decision {
  bool approve = false;
  Scope scope = Scope::agent;
  Match match = Match::host;
  std::optional<std::chrono::seconds> ttl;  // absent: `approvals.grant`
  std::optional<std::uint64_t> uses;        // connections (or requests of a kept-alive one) it lets through
  std::optional<std::uint64_t> upload;      // bytes sent, over all of them
  std::string note;
};

// Who decided, and through what: "cli", "console", "api", "terminal", "decider", "webhook".
struct Actor {
  std::string name, role, through;
  std::optional<Address> source;
};

struct Approval {
  enum class State { pending, approved, denied, expired };
  std::string id;  // "ap_" and 26 characters, unguessable
  Question question;
  Circumstances first;
  std::string domain;  // the registrable domain, or the address: what a flood is grouped by
  State state = State::pending;
  WallClock::time_point first_seen, last_seen;
  std::uint64_t tries = 0;    // connections, requests and queries that asked
  std::uint64_t waiting = 0;  // held now

  // Once decided.
  std::optional<Decision> decision;
  Actor by;
  WallClock::time_point decided;
  std::string grant;
};

// A recorded answer, approve or deny, with a scope and an end.
struct Grant {
  std::string id;  // "gr_…"
  std::string approval;
  Question question;
  Decision decision;
  Actor by;
  WallClock::time_point created, expires;
  std::optional<std::uint64_t> uses_left, upload_left;
  std::uint64_t used = 0;  // connections and requests that went by it

  enum class End { none, revoked, expired, used_up };
  End end = End::none;
  WallClock::time_point ended;
  Actor ended_by;
};

const char* word_of(Scope scope);
const char* word_of(Match match);
const char* word_of(Approval::State state);
const char* word_of(Grant::End end);
std::optional<Scope> parse_scope(std::string_view word);
std::optional<Match> parse_match(std::string_view word);

}  // namespace sallyport
