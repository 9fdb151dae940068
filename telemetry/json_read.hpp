// Reading JSON that others may have written: what is missing or of another kind is empty or zero. For .cpp files only.
#pragma once
#include <boost/json.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport {

// One line of up to 64 KiB is parsed without an allocation. The object lives as long as this.
class ParsedJson {
 public:
  explicit ParsedJson(std::string_view text) : memory_(buffer_.data(), buffer_.size()) {
    boost::system::error_code error;
    value_ = boost::json::parse(text, error, &memory_);
    good_ = !error;
    if (error) value_ = nullptr;
  }
  bool good() const { return good_; }
  const boost::json::object* object() const { return value_.if_object(); }

 private:
  std::array<unsigned char, 32768> buffer_;
  boost::json::monotonic_resource memory_;
  boost::json::value value_;
  bool good_ = false;
};

inline const boost::json::value* value_at(const boost::json::object* from, std::string_view key) {
  return from != nullptr ? from->if_contains(key) : nullptr;
}

inline const boost::json::object* object_at(const boost::json::object* from, std::string_view key) {
  const auto* value = value_at(from, key);
  return value != nullptr ? value->if_object() : nullptr;
}

inline std::string text_at(const boost::json::object* from, std::string_view key) {
  const auto* value = value_at(from, key);
  const auto* text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr ? std::string(text->data(), text->size()) : std::string();
}

inline std::uint64_t number_at(const boost::json::object* from, std::string_view key) {
  const auto* value = value_at(from, key);
  if (value == nullptr || !value->is_number()) return 0;
  boost::system::error_code error;
  const auto number = value->to_number<std::uint64_t>(error);
  return error ? 0 : number;
}

}  // namespace sallyport
