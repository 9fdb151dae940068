// Secrets that an answer's head gives back: the agent is shown their placeholders instead.
#pragma once
#include "proxy/inject/own_words.hpp"
#include "proxy/inject/secret_values.hpp"
#include "proxy/wire/http_head.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// A secret that went into a request.
struct UsedSecret {
  std::string name;
  std::shared_ptr<const SecretValue> value;
};

// Made once for a request, used on every head and trailer of its answer. "sallyport-secret:NAME" takes the place
//
// - of the secret alone, where it stands as it is or with any of its bytes percent-encoded;
// - of the whole value, where the secret or a telling part of it (SecretTrace) stands there in any case, reversed, with
//   anything between its characters, escaped, in hexadecimal or in base64, up to four of these one inside the other
//   (look_at_readings());
// - of all values over which it is spread, in whatever of these forms, where they follow one another.
//
// A part that the agent itself said is shown as it is, whatever the destination makes of it: else guesses could be
// tried one after another. What gets past that, as what was said in a body, is counted (SecretValue::note_part()).
//
// A body is not looked at, and who wants to tell finds a form that is not looked for: a host that echoes what it is
// sent must be given no secret.
class Reflection {
 public:
  Reflection() = default;
  // `own`: what the request said before the secrets were in it.
  explicit Reflection(std::vector<UsedSecret> used, OwnWords own = {});

  bool empty() const { return used_.empty(); }
  void add_own(std::string_view text) { own_.add(text); }
  // Fields whose very names give a secret away are taken out.
  void mask(wire::Fields& fields) const;
  void mask(wire::ResponseHead& head) const;  // its reason too
  std::string masked(std::string text) const;

 private:
  enum class Whole { no, yes };
  Whole mask_in(std::string& text, std::string& rest) const;
  void take_out_names(wire::Fields& fields) const;
  void mask_spread(std::vector<std::string*> texts, std::vector<std::string> rests) const;
  struct Found {
    const UsedSecret* secret = nullptr;  // null: none
    std::optional<std::uint64_t> part;
  };
  Found found_in(std::string_view text, std::size_t shortest = 0) const;
  const UsedSecret* noted(const Found& found) const;

  std::vector<UsedSecret> used_;
  OwnWords own_;
};

}  // namespace sallyport
