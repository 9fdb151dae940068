#include "proxy/inject/secret_values.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// What is wrong with it, or null.
const char* fault_of(std::string_view text) {
  if (text.empty()) return "is empty";
  if (text.size() < min_secret_size) return "is shorter than 4 bytes, so it could not be masked where it turns up";
  if (text.size() > max_secret_size) return "is longer than 8 KiB";
  const bool controls =
      std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  return controls ? "holds a line break or another control character" : nullptr;
}

}  // namespace

Outcome<std::shared_ptr<const SecretValue>> SecretValue::parse(std::string text) {
  std::string_view value = text;
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.remove_suffix(1);
  const char* fault = fault_of(value);
  std::shared_ptr<const SecretValue> made;
  if (fault == nullptr) made.reset(new SecretValue(value));
  wipe(text);
  if (fault != nullptr) return Complaint{fault};
  return made;
}

SecretValue::~SecretValue() {
  wipe(text_);
}

void SecretValue::note_part(std::uint64_t part) const {
  const std::lock_guard lock(mutex_);
  if (parts_.size() >= most_parts_given_back || std::find(parts_.begin(), parts_.end(), part) != parts_.end()) return;
  parts_.push_back(part);
}

bool SecretValue::is_guessed_at() const {
  const std::lock_guard lock(mutex_);
  return parts_.size() >= most_parts_given_back;
}

std::shared_ptr<const SecretValue> SecretValues::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : found->second;
}

}  // namespace sallyport
