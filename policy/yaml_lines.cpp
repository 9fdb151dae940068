#include "policy/yaml_lines.hpp"

#include <algorithm>

namespace sallyport {

YamlLines::YamlLines(std::string_view text) : text_(text) {
  while (!text.empty()) {
    const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    lines_.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
}

std::string_view YamlLines::line_end() const {
  return !lines_.empty() && lines_.front().ends_with("\r\n") ? "\r\n" : "\n";
}

std::size_t YamlLines::indent(std::size_t line) const {
  const std::size_t found = lines_[line].find_first_not_of(' ');
  return found == std::string_view::npos ? 0 : found;
}

std::string_view YamlLines::ink(std::size_t line) const {
  std::string_view text = lines_[line];
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return text.substr(0, 0);
  return text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
}

std::string_view YamlLines::value_on(std::size_t line) const {
  const std::string_view text = ink(line);
  const std::size_t colon = text.find(':');
  const std::size_t first = colon == std::string_view::npos ? colon : text.find_first_not_of(" \t", colon + 1);
  if (first == std::string_view::npos || text[first] == '#') return text.substr(text.size());
  return text.substr(first);
}

bool YamlLines::says_nothing(std::size_t line) const {
  const std::string_view text = ink(line);
  return text.empty() || text[0] == '#';
}

std::size_t YamlLines::next_ink(std::size_t line, std::size_t end) const {
  while (line < end && says_nothing(line)) ++line;
  return std::min(line, lines_.size() - 1);
}

std::size_t YamlLines::document_end(std::size_t line) const {
  while (line < lines_.size() && !lines_[line].starts_with("...")) ++line;
  return line;
}

std::size_t YamlLines::last_of_block(std::size_t first, std::size_t end, std::size_t indent) const {
  std::size_t last = std::min(end, lines_.size()) - 1;
  while (last > first && says_nothing(last)) --last;
  return skip_comments(last, end, indent);
}

std::size_t YamlLines::skip_comments(std::size_t line, std::size_t end, std::size_t indented) const {
  const auto is_comment = [&](std::size_t at) { return ink(at).starts_with('#') && indent(at) >= indented; };
  while (line + 1 < std::min(end, lines_.size()) && is_comment(line + 1)) ++line;
  return line;
}

std::size_t YamlLines::line_at(std::size_t offset) const {
  return static_cast<std::size_t>(std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

std::string YamlLines::with_lines_after(std::size_t line, const std::string& more) const {
  const std::size_t at = offset_of(lines_[line]) + lines_[line].size();
  std::string text(text_);
  const bool ended = lines_[line].ends_with('\n');
  return text.insert(at, (ended ? "" : std::string(line_end())) + more);
}

std::optional<Brackets> find_brackets(std::string_view text, std::size_t open) {
  std::size_t depth = 0;
  Brackets found{open + 1, 0};
  for (std::size_t at = open; at < text.size(); ++at) {
    const char c = text[at];
    const bool behind_space = at > 0 && std::string_view(" \t\n").find(text[at - 1]) != std::string_view::npos;
    if (c == '#' && behind_space) {
      at = std::min(text.find('\n', at), text.size()) - 1;
      continue;
    }
    if (std::string_view(" \t\r\n").find(c) != std::string_view::npos) continue;
    if (c == '"' || c == '\'') {
      // A quote within a word is none; in doubt what comes out is compared with what should.
      do {
        if (c == '"' && text[at] == '\\') ++at;
        ++at;
      } while (at < text.size() && text[at] != c);
    }
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth == 0) {
      found.close = at;
      return found;
    }
    found.last = std::max(found.last, at + 1);
  }
  return std::nullopt;
}

}  // namespace sallyport
