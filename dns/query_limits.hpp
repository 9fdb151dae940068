// What the DNS servers of all threads share: the budget of names under wildcards, and the addresses given out.
#pragma once
#include "policy/address.hpp"
#include "policy/host_name.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sallyport::dns {

// Distinct names under wildcard rules, per agent and hour (the last 60 minutes, in windows that begin with an agent's
// first name). Thread-safe.
class NameBudget {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr unsigned default_limit = 200;

  // True where `name` was already counted or there is room for it; then it is counted.
  bool charge(std::string_view agent, const HostName& name, unsigned limit, TimePoint now);

 private:
  struct Names {
    std::unordered_map<std::string, TimePoint> seen;
    TimePoint swept{};
  };
  std::mutex mutex_;
  std::map<std::string, Names, std::less<>> agents_;
};

// Real addresses an agent was given for allowed names (mode `real`): transparent connections must go to one of them.
// Thread-safe; at most `capacity` addresses per agent, the soonest to end goes first.
class GivenAddresses {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  explicit GivenAddresses(std::size_t capacity = 8192) : capacity_(capacity) {}

  void give(std::string_view agent, const Address& address, const HostName& name, TimePoint now, TimePoint until);
  bool was_given(std::string_view agent, const Address& address, TimePoint now) const;
  // The names it was given for, latest first; at most 16.
  std::vector<HostName> names(std::string_view agent, const Address& address, TimePoint now) const;

 private:
  struct Given {
    HostName name;
    TimePoint until;
  };
  using Addresses = std::map<Address, std::vector<Given>>;
  static void sweep(Addresses& addresses, TimePoint now, std::size_t capacity);
  std::size_t capacity_;
  mutable std::mutex mutex_;
  std::map<std::string, Addresses, std::less<>> agents_;
};

}  // namespace sallyport::dns
