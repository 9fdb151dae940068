// The grants a connection or request lives on.
#pragma once
#include "approvals/approvals.hpp"
#include "net/relay.hpp"
#include "proxy/attempt.hpp"
#include "proxy/services.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

class Consent {
 public:
  explicit Consent(Shared& shared) : shared_(shared) {}
  // What the last connection or request on these grants did not send is free again; see used().
  ~Consent() { give_back(); }
  Consent(const Consent&) = delete;
  Consent& operator=(const Consent&) = delete;

  void add(const Answer& answer);
  // Forgets every grant: another connection or request begins.
  void clear();
  // Bytes sent so far, for what give_back() leaves; without it everything reserved counts as sent.
  void used(std::uint64_t bytes) { used_ = bytes; }

  // The smallest of the bounds on bytes sent.
  std::optional<std::uint64_t> upload() const;
  // Whether what was let in by these grants may go on. `approvals.on_revoke: keep` lets it.
  bool lives() const;
  // Ids, for people.
  std::string text() const;

 private:
  void give_back();
  struct Held {
    std::string grant;
    std::optional<std::uint64_t> upload;
  };
  Shared& shared_;
  std::vector<Held> grants_;
  std::optional<std::uint64_t> used_;
};

// For each direction the smaller one.
RelayLimits strictest(const RelayLimits& one, const RelayLimits& other);

// What a person is asked where this verdict asks.
Question question_of(const Attempt& attempt, const Verdict& verdict);

// The verdict where this attempt is allowed now, by rules and by grants without bounds. Nothing is held or spent.
std::optional<Verdict> allowed_now(const Shared& shared, Attempt attempt);

}  // namespace sallyport
