#include "approvals/question.hpp"

namespace sallyport {
namespace {

// Lengths in front, so that no byte of a field can pass for a border.
void append_field(std::string& key, std::string_view field) {
  key.append(std::to_string(field.size())).append(1, ':').append(field);
}

}  // namespace

std::string Question::key() const {
  std::string key;
  append_field(key, agent);
  append_field(key, to.text());
  append_field(key, rule_key);
  append_field(key, method);
  append_field(key, path);
  return key;
}

}  // namespace sallyport
