#include "approvals/approvals.hpp"

#include <array>

namespace sallyport {

const char* word_of(Scope scope) {
  switch (scope) {
    case Scope::once:
      return "once";
    case Scope::agent:
      return "agent";
    case Scope::everyone:
      return "everyone";
  }
  return "unknown";
}

const char* word_of(Match match) {
  return match == Match::subdomains ? "subdomains" : "host";
}

const char* word_of(Approval::State state) {
  switch (state) {
    case Approval::State::pending:
      return "pending";
    case Approval::State::approved:
      return "approved";
    case Approval::State::denied:
      return "denied";
    case Approval::State::expired:
      return "expired";
  }
  return "unknown";
}

const char* word_of(Grant::End end) {
  switch (end) {
    case Grant::End::none:
      return "none";
    case Grant::End::revoked:
      return "revoked";
    case Grant::End::expired:
      return "expired";
    case Grant::End::used_up:
      return "used_up";
  }
  return "unknown";
}

std::optional<Scope> parse_scope(std::string_view word) {
  for (const Scope scope : {Scope::once, Scope::agent, Scope::everyone}) {
    if (word == word_of(scope)) return scope;
  }
  return std::nullopt;
}

std::optional<Match> parse_match(std::string_view word) {
  for (const Match match : {Match::host, Match::subdomains}) {
    if (word == word_of(match)) return match;
  }
  return std::nullopt;
}

const char* sentence(Approvals::Fault fault) {
  switch (fault) {
    case Approvals::Fault::pending_per_agent:
      return "This agent has too many open questions; one of them has to be answered first.";
    case Approvals::Fault::max_pending:
      return "Too many questions are open; some of them have to be answered first.";
    case Approvals::Fault::held_per_agent:
      return "Too many connections of this agent are waiting for an answer.";
    case Approvals::Fault::store:
      return "The store of approvals cannot be written, so nothing new is asked.";
  }
  return "Nothing was asked.";
}

const char* sentence(Approvals::DecideFault fault) {
  switch (fault) {
    case Approvals::DecideFault::unknown:
      return "There is nothing with this id.";
    case Approvals::DecideFault::decided:
      return "This was decided before, or has ended.";
    case Approvals::DecideFault::too_wide:
      return "Subdomains can be decided only of a registrable domain or a name below one: decide the host alone.";
    case Approvals::DecideFault::not_allowed:
      return "These bounds make no sense: ttl, uses and upload are more than zero, ttl at most ten years; `once` takes "
             "no "
             "uses, and a denial no upload.";
    case Approvals::DecideFault::store:
      return "It could not be written to disk, so nothing has changed.";
  }
  return "Nothing has changed.";
}

}  // namespace sallyport
