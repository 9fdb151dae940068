#include "policy/public_suffix.hpp"

#include <libpsl.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace sallyport {
namespace {

// Top-level labels that no registry sells: RFC 2606, 6761, 6762, 7686, 8375, 9476, ICANN's "internal", and the ones
// that ICANN has set aside because private networks use them.
constexpr std::array<std::string_view, 14> private_tops{"alt",       "corp",    "example", "home",  "internal",
                                                        "intranet",  "invalid", "lan",     "local", "localdomain",
                                                        "localhost", "mail",    "onion",   "test"};

bool is_suffix(const std::string& host, int type) {
  return psl_is_public_suffix2(psl_builtin(), host.c_str(), type | PSL_TYPE_NO_STAR_RULE) != 0;
}

}  // namespace

SuffixKind suffix_kind(const std::string& host) {
  if (is_suffix(host, PSL_TYPE_ICANN)) return SuffixKind::icann;
  if (is_suffix(host, PSL_TYPE_PRIVATE)) return SuffixKind::private_;
  if (host.find('.') != host.npos) return SuffixKind::none;
  // Perhaps a top-level domain that is younger than the list.
  const bool known = std::find(private_tops.begin(), private_tops.end(), host) != private_tops.end();
  return known ? SuffixKind::none : SuffixKind::private_;
}

std::string registrable_domain(const HostName& name) {
  const char* domain = psl_registrable_domain(psl_builtin(), name.text().c_str());
  return domain != nullptr ? domain : name.text();
}

std::optional<Complaint> check_wildcard(const Pattern& pattern, PrivateSuffix private_suffix) {
  if (!pattern.is_wildcard()) return std::nullopt;
  const std::string& parent = pattern.name()->text();
  switch (suffix_kind(parent)) {
    case SuffixKind::none:
      return std::nullopt;
    case SuffixKind::icann:
      return Complaint{pattern.text() + " is everyone under the public suffix " + parent +
                       "; name the domains you mean, such as *.example." + parent};
    case SuffixKind::private_:
      break;
  }
  if (private_suffix == PrivateSuffix::accepted) return std::nullopt;
  return Complaint{pattern.text() + ": strangers can get names under " + parent +
                   "; name the hosts you mean, or write { pattern: \"" + pattern.text() + "\", public_suffix: true }"};
}

}  // namespace sallyport
