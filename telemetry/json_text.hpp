// Appends one JSON object to a string, keys in the order they are given.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport {

// Appends `text` as a JSON string of about `limit` bytes at most, escapes included, whatever the bytes are: control
// characters, DEL, C1, line and bidirectional separators become \uXXXX, a byte that is not UTF-8 becomes the four
// characters \xNN, and what is too long ends in "...(+N bytes)". The result is one line of valid UTF-8 JSON.
void append_json_string(std::string& out, std::string_view text, std::size_t limit);

class JsonText {
 public:
  // The longest text of one field, unless told otherwise.
  static constexpr std::size_t field_limit = 2048;

  explicit JsonText(std::string& out) : out_(out), start_(out.size()) {}

  JsonText& begin() { return separate(), put('{'); }
  JsonText& begin(std::string_view key) { return name(key), put('{'); }
  JsonText& end() { return put('}'); }
  JsonText& begin_list(std::string_view key) { return name(key), put('['); }
  JsonText& end_list() { return put(']'); }

  // Text that others supplied.
  JsonText& text(std::string_view key, std::string_view value, std::size_t limit = field_limit);
  // The same, left out where it is empty.
  JsonText& some(std::string_view key, std::string_view value, std::size_t limit = field_limit);
  // Our own words: nothing in them needs escaping.
  JsonText& word(std::string_view key, std::string_view value);
  JsonText& number(std::string_view key, std::int64_t value);
  JsonText& count(std::string_view key, std::uint64_t value);
  JsonText& flag(std::string_view key, bool value);
  // Members that were written before, by a JsonText of their own.
  JsonText& members(std::string_view written);
  // An element of a list.
  JsonText& item(std::string_view value, std::size_t limit = field_limit);

 private:
  void separate();
  void name(std::string_view key);
  JsonText& put(char c) {
    out_.push_back(c);
    return *this;
  }
  std::string& out_;
  std::size_t start_;
};

}  // namespace sallyport
