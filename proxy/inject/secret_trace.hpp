// What of a secret a text gives away to whoever reads it as it stands.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

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
// looked for.
//
// Made once for a secret; its memory is wiped.
class SecretTrace {
 public:
  explicit SecretTrace(std::string_view secret);
  ~SecretTrace();
  SecretTrace(const SecretTrace&) = delete;
  SecretTrace& operator=(const SecretTrace&) = delete;

  bool is_in(const PlainText& text) const;
  // The fewest characters that can give it away.
  std::size_t least() const { return least_; }

 private:
  // Every part of `least` characters holds one of the blocks that stand at multiples of `block`.
  struct Needle {
    std::string text;
    std::size_t least, least_of_beginning, block;
    bool is_bare;  // looked for in PlainText::bare
  };
  void add(std::string text, bool is_bare, std::size_t shortest);
  void note_beginnings();
  bool may_be_in(std::string_view text) const;
  struct Part {
    std::size_t begin, size;  // in the text
    bool is_of_beginning;
  };
  static Part part_around(const Needle& needle, std::size_t from, std::string_view text, std::size_t at);
  static bool gives_away(const Needle& needle, const Part& part, std::string_view text);
  static bool finds(const Needle& needle, std::string_view text);

  std::vector<Needle> needles_;
  std::vector<bool> beginnings_;  // of blocks, by a hash: most texts hold none, and are looked at no further
  std::size_t least_;
};

}  // namespace sallyport
