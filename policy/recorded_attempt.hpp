// An attempt that a log tells of, for those who learn from what was, or ask another policy about it.
#pragma once
#include "policy/policy.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace sallyport {

struct RecordedAttempt {
  enum class Kind { connection, request, lookup };
  Kind kind = Kind::connection;
  std::string agent;
  Host host;
  std::uint16_t port = 0;              // 0 with a lookup
  Spoken spoken = Spoken::pending;     // pending: the log does not say
  std::string method = {}, path = {};  // of a request
  bool ech = false;
  Action verdict = Action::deny;  // what was said
  DecidedBy decided_by = DecidedBy::default_;
  bool let_through = false;  // and it was reached
  std::uint64_t count = 1;
  WallClock::time_point time = {};
  std::string program = {}, source = {};  // text of others; empty: not known
  std::string correlation = {};           // the same of a connection and its requests; empty: not known
};

}  // namespace sallyport
