// Synthetic addresses: per agent, one name has one address while it is leased (DESIGN section 4).
#pragma once
#include "policy/address.hpp"
#include "policy/host_name.hpp"
#include "policy/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport::dns {

struct Lease {
  HostName name;
  Address v4, v6;
  std::string correlation;  // one id from the DNS answer to the last record of its connections
};

enum class LeaseFault {
  foreign_lease = 1,  // the address is another agent's
  unknown_lease,      // nothing was ever leased there, or it has been freed for good
  pool_exhausted,     // every address is leased, resting, or kept for other agents' share
  too_many_names,     // the agent has as many names as it may
  not_saved,          // the lease could not be written down, so it isn't given
};
// A sentence for the record and for the agent.
std::string_view sentence(LeaseFault fault);
[[noreturn]] void throw_exception_from_error(LeaseFault fault, const boost::source_location& where);

struct LeaseOptions {
  Cidr pool4;                                         // 198.18.0.0/15; at least a /30
  Cidr pool6;                                         // fd53:414c:4c59::/64; at least as many addresses as pool4
  std::string file;                                   // the saved map; empty: kept in memory only
  std::chrono::seconds lease{std::chrono::hours(1)};  // without use or connection for so long: freed
  std::chrono::seconds rest{std::chrono::hours(6)};   // after that, until another name may have the address
  std::size_t names_per_agent = 4096;

  static LeaseOptions defaults();
};

struct LeaseClock {
  std::function<std::chrono::steady_clock::time_point()> now;
  std::function<std::chrono::system_clock::time_point()> wall;  // only for what is saved

  static LeaseClock real();
};

class LeaseTable;

// Keeps a lease from being freed while it lives: one per connection. The table must outlive it.
class LeasePin {
 public:
  LeasePin() = default;
  LeasePin(LeasePin&& other) noexcept;
  LeasePin& operator=(LeasePin&& other) noexcept;
  ~LeasePin();
  explicit operator bool() const { return table_ != nullptr; }

 private:
  friend class LeaseTable;
  LeasePin(LeaseTable* table, std::uint32_t index) : table_(table), index_(index) {}
  LeaseTable* table_ = nullptr;
  std::uint32_t index_ = 0;
};

// Used by every thread. A known lease is found without touching the disk; a new one is written down before it is
// returned, so it outlives a crash of the process (not of the machine). A freed address rests; while it rests it still
// means its old name, and a look-up or connection takes it into use again.
class LeaseTable {
 public:
  // Reads the saved map. Throws std::runtime_error with what to do where the file can't be read or written. Lines that
  // are damaged are skipped and counted.
  explicit LeaseTable(LeaseOptions options, LeaseClock clock = LeaseClock::real());
  ~LeaseTable();

  Outcome<Lease, LeaseFault> lease(std::string_view agent, const HostName& name);
  // What `address` means to `agent`. Counts as use. An IPv4-mapped address is looked up as IPv4.
  Outcome<Lease, LeaseFault> find(std::string_view agent, const Address& address);
  // The same, for a PTR query: doesn't count as use.
  Outcome<Lease, LeaseFault> peek(std::string_view agent, const Address& address) const;
  // An empty pin where the address isn't this agent's.
  LeasePin pin(std::string_view agent, const Address& address);

  bool in_pool(const Address& address) const;

  struct Counts {
    std::size_t leased = 0, resting = 0, size = 0;
    std::size_t damaged_lines = 0;  // of the saved map, at start
  };
  Counts counts() const;

 private:
  friend class LeasePin;
  void unpin(std::uint32_t index);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::dns
