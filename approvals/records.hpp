// Approvals and grants as they stand in memory; under the state's mutex.
#pragma once
#include "approvals/store.hpp"
#include "approvals/waiter.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace sallyport {

struct ApprovalRecord {
  ApprovalRecord(ApprovalRow of, std::string question) : row(std::move(of)), key(std::move(question)) {}
  ApprovalRow row;
  std::string key;    // of its question
  Waiters waiters;    // in the order of their arrival
  bool busy = false;  // a decision on it is on its way to disk

  Approval& approval() { return row.approval; }
  const Approval& approval() const { return row.approval; }
};

struct GrantRecord {
  explicit GrantRecord(GrantRow of) : row(std::move(of)) {}
  GrantRow row;
  // A wall clock that is set back does not prolong what was granted.
  std::chrono::steady_clock::time_point deadline;
  std::uint64_t reservations = 0;      // connections that hold its upload
  std::vector<std::string> approvals;  // answered by it
  bool busy = false;                   // its revocation is on its way to disk
  bool lapsed = false;                 // nothing may live on it any more
  bool closed = false;                 // it offers nothing any more

  Grant& grant() { return row.grant; }
  const Grant& grant() const { return row.grant; }
  bool is_bounded() const { return grant().decision.uses || grant().decision.upload || is_once(); }
  bool is_once() const { return grant().decision.scope == Scope::once; }
  bool is_due(WallClock::time_point now) const {
    return now >= grant().expires || std::chrono::steady_clock::now() >= deadline;
  }
  // It would answer a question now.
  bool offers(WallClock::time_point now) const {
    return grant().end == Grant::End::none && grant().uses_left != 0U && grant().upload_left != 0U && !is_due(now);
  }
};

}  // namespace sallyport
