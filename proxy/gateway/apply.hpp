// Puts a gateway's rules into the kernel's tables of this network namespace, and looks whether they are still there.
#pragma once
#include "policy/result.hpp"
#include "proxy/gateway/rules.hpp"

#include <string>
#include <utility>

namespace sallyport {

// Needs CAP_NET_ADMIN. Acts on the network namespace of the calling thread. Not thread-safe.
class Gateway {
 public:
  explicit Gateway(GatewayPlan plan) : plan_(std::move(plan)) {}

  // Would the kernel take the rules? Changes nothing.
  Outcome<void> try_out() const;

  // Puts the rules in force, in place of any earlier ones, in one transaction; for tproxy also the routing rules.
  // Doing it twice is the same as once. On an error either what was in force before still is, or the rules are and only
  // tproxy's routing is missing: then agents are cut off, not let out.
  Outcome<void> apply();

  // No error where exactly these rules are in force; else the difference in a sentence.
  // What counts is how the kernel shows them: a missing, changed or added chain or rule, a flushed or sleeping table.
  Outcome<void> installed();

 private:
  Outcome<void> learn_expected();

  GatewayPlan plan_;
  std::string expected_;
};

// Opens what apply closed and leaves nothing behind: table, routing rules and routes. No error where there was nothing.
Outcome<void> remove_gateway();

}  // namespace sallyport
