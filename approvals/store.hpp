// Approvals and grants on disk: one SQLite file, written by one thread. The one place that knows SQLite.
#pragma once
#include "approvals/approval.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sallyport {

// The sequence is the order of creation, over approvals and grants.
struct ApprovalRow {
  Approval approval;  // `waiting` is not kept
  std::uint64_t sequence = 0;
};
struct GrantRow {
  Grant grant;
  std::uint64_t sequence = 0;
};

// What one transaction writes.
struct Changes {
  std::vector<ApprovalRow> approvals;  // new ones whole; of known ones what may change
  std::vector<GrantRow> grants;        // likewise
  std::vector<Grant> ends;             // only how it ended
  std::vector<std::string> erased;     // approvals, with their grants

  bool empty() const { return approvals.empty() && grants.empty() && ends.empty() && erased.empty(); }
};

class Store {
 public:
  // Creates the file (0600), whole or not at all, where there is none; ":memory:" is for tests. Throws with the path
  // and what to do where it can't be used: damaged, of a newer version, open elsewhere, not ours. Never begins anew
  // over a file that is there.
  explicit Store(const std::string& path);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  struct Contents {
    std::vector<ApprovalRow> approvals;
    std::vector<GrantRow> grants;
  };
  // In order of creation. Throws as the constructor does.
  Contents load();

  // All of them in one transaction, on disk when it returns true. False: nothing has changed.
  bool write(const std::vector<const Changes*>& changes);
  // Whether something can be written at all; writes a little.
  bool probe();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport
