// The text form of a NameSet. A list of a million plain names must load in a second, so these do not become Patterns.
#include "policy/name_set.hpp"
#include "policy/public_suffix.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view line) {
  line = line.substr(0, line.find('#'));
  const auto start = line.find_first_not_of(blanks);
  if (start == line.npos) return {};
  return line.substr(start, line.find_last_not_of(blanks) - start + 1);
}

struct Stars {
  PatternKind kind = PatternKind::host;
  std::string_view host;
};

Stars split_stars(std::string_view text) {
  if (text.starts_with("**.")) return {PatternKind::host_and_below, text.substr(3)};
  if (text.starts_with("*.")) return {PatternKind::below, text.substr(2)};
  return {PatternKind::host, text};
}

std::optional<Complaint> check_use(const Pattern& pattern, NameListUse use) {
  if (pattern.kind() == PatternKind::any) return Complaint{"a list cannot hold any; write it in the rule itself"};
  if (use == NameListUse::deny) return std::nullopt;
  const bool accepted = use == NameListUse::allow_public_suffix;
  return check_wildcard(pattern, accepted ? PrivateSuffix::accepted : PrivateSuffix::refused);
}

std::optional<Complaint> complain_unless(bool added) {
  if (added) return std::nullopt;
  return Complaint{"the list is too long; at most 4 GiB of names"};
}

std::optional<Complaint> add_line(NameSet::Builder& builder, std::string_view line, NameListUse use) {
  if (line.find_first_of(blanks) != line.npos) return Complaint{"expected one pattern a line; remove the other words"};
  const Stars plain = split_stars(line);
  const bool unrestricted = plain.kind == PatternKind::host || use == NameListUse::deny;
  if (unrestricted && line != "any" && is_plainly_canonical(plain.host)) {
    return complain_unless(builder.add(plain.kind, plain.host));
  }
  const auto pattern = parse_pattern(line);
  if (!pattern) return pattern.error();
  if (auto complaint = check_use(*pattern, use)) return complaint;
  return complain_unless(builder.add(*pattern));
}

}  // namespace

Outcome<NameSet> read_name_list(std::string_view bytes, const std::string& file, NameListUse use) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  NameSet::Builder builder;
  // Comments may make this too much, by no more than the text's own size.
  builder.reserve(static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n')) / 2, bytes.size());
  for (std::size_t number = 1; !bytes.empty(); ++number) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = trimmed(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (line.empty()) continue;
    if (const auto complaint = add_line(builder, line, use)) {
      return Complaint{file, ":", std::to_string(number), ": ", complaint->text};
    }
  }
  return std::move(builder).build();
}

}  // namespace sallyport
