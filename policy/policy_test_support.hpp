// For the tests of this room: a policy from text, and a decision in one line.
#pragma once
#include "policy/policy.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace sallyport::test {

inline std::shared_ptr<const Policy> policy_of(std::string_view rules, const std::string& directory = ".") {
  auto policy = Policy::parse(std::string("version: 1\n") + std::string(rules), "policy.yaml", directory);
  if (policy) return *policy;
  std::string all;
  for (const Complaint& complaint : policy.error()) all += complaint.text + "\n";
  throw std::runtime_error(all);
}

inline std::string complaints_of(std::string_view text, const std::string& directory = ".") {
  const auto policy = Policy::parse(text, "policy.yaml", directory);
  if (policy) return "no complaint";
  std::string all;
  for (const Complaint& complaint : policy.error()) all += complaint.text + "\n";
  return all;
}

// 2026-06-01 00:00 UTC
inline WallClock::time_point some_day() {
  return WallClock::time_point(std::chrono::sys_days(std::chrono::year(2026) / 6 / 1));
}

struct Ask {
  std::string agent = "default";
  Spoken spoken = Spoken::pending;
  std::optional<SeenRequest> request = std::nullopt;
  bool ech = false;
};

inline Verdict decide(const Policy& policy, std::string_view to, const Ask& ask = {}) {
  const auto destination = parse_authority(to, 443);
  if (!destination) throw std::runtime_error(std::string(to) + ": " + destination.error().text);
  const Query query{ask.agent, *destination, ask.spoken, ask.request, ask.ech, some_day()};
  return policy.decide(query);
}

inline Action action(const Policy& policy, std::string_view to, const Ask& ask = {}) {
  return decide(policy, to, ask).action;
}

}  // namespace sallyport::test
