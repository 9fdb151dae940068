// What of a secret a text gives away to whoever reads it as it stands.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

class OwnWords;

// A text without what is often changed on the way: once with letters in lower case and "+" as the space it may stand
// for, once also without anything but letters, digits and bytes beyond ASCII.
struct PlainText {
  explicit PlainText(std::string_view text) { set(text); }
  PlainText() = default;
  void set(std::string_view text);

  std::string folded, bare;
};

// Found is the secret in any case, in order or from its end, with anything between its characters, or a part of it that
// is long enough to tell: eight characters and a third of the secret, of its beginning, which secrets of a kind share
// (a JWT's header), a half. That is, unless every other header holds such a part ("application") or it has few
// different characters. Also its base64 in any case. Of a secret of fewer than eight characters only the whole is
// looked for. Of a part, only what the agent did not say itself is counted; the whole is found whoever said it.
//
// Made once for a secret; its memory is wiped.
class SecretTrace {
 public:
  explicit SecretTrace(std::string_view secret);
  ~SecretTrace();
  SecretTrace(const SecretTrace&) = delete;
  SecretTrace& operator=(const SecretTrace&) = delete;

  struct Found {
    std::optional<std::uint64_t> part;  // which one; none: the whole
  };
  std::optional<Found> find_in(const PlainText& text, const OwnWords& own) const;
  // The fewest characters that can give it away.
  std::size_t least() const { return least_; }

 private:
  // Every part of `least` characters holds one of the blocks that stand at multiples of `block`.
  struct Needle {
    std::string text;
    std::size_t least, least_of_beginning, block;
    bool is_bare;  // looked for in PlainText::bare
    bool is_reversed = false;
  };
  void add(std::string text, bool is_bare, std::size_t shortest);
  void note_beginnings();
  bool may_be_in(std::string_view text) const;
  struct Part {
    std::size_t begin, size;  // in the text
    std::size_t from;         // in the needle
    bool is_of_beginning;
  };
  static Part part_around(const Needle& needle, std::size_t from, std::string_view text, std::size_t at);
  static bool gives_away(const Needle& needle, const Part& part, std::string_view text, const OwnWords& own);
  static std::optional<Part> find(const Needle& needle, std::string_view text, const OwnWords& own);

  std::vector<Needle> needles_;
  std::vector<bool> beginnings_;  // of blocks, by a hash: most texts hold none, and are looked at no further
  std::size_t least_;
};

}  // namespace sallyport
