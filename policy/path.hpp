// Request paths in the one form that rules are compared with (DESIGN section 5, methods / paths).
#pragma once
#include "policy/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// How a request-target's path may be understood.
struct PathReadings {
  // Unreserved characters decoded, other escapes with upper-case digits, bytes above ASCII escaped, dot segments
  // removed (RFC 3986, 6.2.2). Meaningless where `ambiguous`.
  std::string canonical;
  // Servers differ about it: an encoded backslash or dot segment, "//", "\", ";", double encoding, a control
  // character, a broken escape, UTF-8 longer than need be, or no "/" at the start. Such a path matches no allow.
  bool ambiguous = false;
  // It holds %2F, and is not ambiguous otherwise: matches an allow only where the pattern itself writes %2F.
  bool encoded_slash = false;
  // Every reading that some server may have, decoded: what deny and ask are compared with.
  std::vector<std::string> any;
  // Too long, or too odd, to be read in every way: matches every deny and ask.
  bool unreadable = false;
};

PathReadings read_path(std::string_view path);

// "/repos/acme/**": `*` is any run of characters within a segment, `**` one across segments; both may be empty.
class PathPattern {
 public:
  // Must begin with "/" and be in canonical form itself, but for %2F. Complaints say what to write instead.
  static Outcome<PathPattern> parse(std::string_view text);

  bool allows(const PathReadings& path) const;
  // For deny and ask: by any reading, in upper or lower case, with or without a "/" at its end.
  bool catches(const PathReadings& path) const;
  const std::string& text() const { return text_; }

  friend bool operator==(const PathPattern&, const PathPattern&) = default;

 private:
  explicit PathPattern(std::string text, std::string decoded) : text_(std::move(text)), decoded_(std::move(decoded)) {}
  std::string text_;     // canonical
  std::string decoded_;  // every escape decoded, as PathReadings::any are, and in lower case
};

}  // namespace sallyport
