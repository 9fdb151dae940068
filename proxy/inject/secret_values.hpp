// The values of secrets, as requests are given them.
#pragma once
#include "policy/result.hpp"
#include "proxy/inject/secret_trace.hpp"
#include "proxy/inject/wipe.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// Shorter ones would stand in every other header, and could not be masked there.
inline constexpr std::size_t min_secret_size = 4;
inline constexpr std::size_t max_secret_size = 8 * 1024;

// A host that cuts a secret short does so in a way or two. Of more, each may be a guess that proved right.
inline constexpr std::size_t most_parts_given_back = 8;

// One value; its memory is wiped when nobody uses it any more.
class SecretValue {
 public:
  // What a file or a command gave: line ends at its end are left out. Refused are values that are too short or too
  // long, or hold a control character. The complaint is half a sentence, and tells nothing of the value.
  static Outcome<std::shared_ptr<const SecretValue>> parse(std::string text);

  ~SecretValue();
  SecretValue(const SecretValue&) = delete;
  SecretValue& operator=(const SecretValue&) = delete;

  std::string_view text() const { return text_; }
  const SecretTrace& trace() const { return trace_; }

  // An answer gave back this part of it (SecretTrace::Found). Any thread, as all here.
  void note_part(std::uint64_t part) const;
  // That many different ones have been: whoever sees which of its guesses are masked has found out no more than these.
  bool is_guessed_at() const;

 private:
  explicit SecretValue(std::string_view text) : text_(text), trace_(text) {}
  std::string text_;
  const SecretTrace trace_;
  mutable std::mutex mutex_;
  mutable std::vector<std::uint64_t> parts_;  // by `mutex_`
};

// By name. Immutable; any thread.
class SecretValues {
 public:
  using Map = std::map<std::string, std::shared_ptr<const SecretValue>, std::less<>>;

  SecretValues() = default;
  explicit SecretValues(Map values) : values_(std::move(values)) {}

  // Null: it has no value now.
  std::shared_ptr<const SecretValue> find(std::string_view name) const;
  const Map& all() const { return values_; }

 private:
  Map values_;
};

}  // namespace sallyport
