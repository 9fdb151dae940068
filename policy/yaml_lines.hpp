// A YAML text as lines, for edits that leave the rest of it alone.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// Lines count from 0. The text outlives it.
class YamlLines {
 public:
  explicit YamlLines(std::string_view text);

  std::string_view text() const { return text_; }
  std::string_view line_end() const;  // that of the first line
  std::size_t indent(std::size_t line) const;
  // The line from its first character that is no space, without its end; empty where there is none.
  std::string_view ink(std::size_t line) const;
  // What stands behind the key of this line, without a comment.
  std::string_view value_on(std::size_t line) const;
  // The first line with more than a comment from here on; `end` where there is none.
  std::size_t next_ink(std::size_t line, std::size_t end) const;
  // Where the document that has this line ends.
  std::size_t document_end(std::size_t line) const;
  // The last line before `end` that says something, or the last of the comments right below it with this indentation.
  std::size_t last_of_block(std::size_t first, std::size_t end, std::size_t indent) const;
  std::size_t skip_comments(std::size_t line, std::size_t end, std::size_t indent) const;
  std::size_t line_at(std::size_t offset) const;
  // Where this part of a line stands in the text.
  std::size_t offset_of(std::string_view part) const { return static_cast<std::size_t>(part.data() - text_.data()); }

  std::string with_lines_after(std::size_t line, const std::string& more) const;

 private:
  bool says_nothing(std::size_t line) const;

  std::string_view text_;
  std::vector<std::string_view> lines_;  // with their ends
};

// `close`: where the bracket that opens at `open` closes. `last`: behind the last character in between that is neither
// space nor comment; behind the bracket where there is none.
struct Brackets {
  std::size_t last, close;
};
std::optional<Brackets> find_brackets(std::string_view text, std::size_t open);

}  // namespace sallyport
