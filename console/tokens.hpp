// Bearer tokens: random, named, with a role; only their hashes are kept.
#pragma once
#include "console/caller.hpp"
#include "policy/result.hpp"
#include "policy/sha256.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

struct TokenInfo {
  std::string name;
  Role role = Role::viewer;
  WallClock::time_point created;
};

// Any thread. What it answers is on disk first.
class TokenStore {
 public:
  // Reads `data`/tokens.json. Where there is none, makes it with one admin token, "admin", whose text stands in
  // `data`/admin.token (0600). An error where a file is there and can't be understood: then nobody is let in.
  static Outcome<std::unique_ptr<TokenStore>> open(const std::string& data);

  // Whose token this is. Takes the same time for every wrong one.
  std::optional<TokenInfo> find(std::string_view token) const;
  std::vector<TokenInfo> list() const;
  enum class Fault { name_taken, bad_name, unknown, last_admin, too_many, disk };
  // The token's text, which is never shown again.
  boost::system::result<std::string, Fault> create(const std::string& name, Role role);
  boost::system::result<void, Fault> remove(const std::string& name);

  // The text in admin.token where it is still a valid token, for the address that is printed at start; else empty.
  std::string first_token() const;

 private:
  struct Entry {
    TokenInfo info;
    Sha256Digest hash;
  };
  explicit TokenStore(std::string data) : data_(std::move(data)) {}
  Outcome<void> load(std::string_view text);
  bool save(const std::vector<Entry>& entries) const;

  std::string data_;
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

const char* sentence(TokenStore::Fault fault);

}  // namespace sallyport
