// The public suffix list, as built into libpsl.
#pragma once
#include "policy/host_name.hpp"
#include "policy/pattern.hpp"
#include "policy/result.hpp"

#include <optional>
#include <string>

namespace sallyport {

// Is this name itself a suffix under which strangers get names?
//   icann:    in the ICANN section ("com", "co.uk").
//   private_: in the private section ("github.io"), or a top-level label that the list does not know, unless that is
//             one which can only be private ("test", "internal", "local", "lan", …).
enum class SuffixKind { none, icann, private_ };
SuffixKind suffix_kind(const std::string& host);

// "a.b.example.co.uk" gives "example.co.uk"; a name that is itself a suffix gives itself.
std::string registrable_domain(const HostName& name);

// Whether a wildcard may be used to allow or ask.
enum class PrivateSuffix { refused, accepted };  // accepted: the pattern says `public_suffix: true`
// nullopt: fine. Never complains of patterns that are no wildcards. Do not call for `deny` and `except`.
std::optional<Complaint> check_wildcard(const Pattern& pattern, PrivateSuffix private_suffix);

}  // namespace sallyport
