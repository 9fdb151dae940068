// YAML as values with places: the one file that knows yaml-cpp stands behind this header.
#pragma once
#include "policy/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport {

struct YamlEntry;

struct YamlNode {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string scalar;
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  // in file order; duplicate keys are refused at parse
  int line = 0, column = 0;        // from 1
  bool quoted = false;             // a quoted scalar is never a number or boolean

  const YamlNode* find(std::string_view key) const;
};

// A key and its value: what std::pair would be, could it hold a type that is not complete yet.
struct YamlEntry {
  YamlEntry(YamlNode key, YamlNode value) : first(std::move(key)), second(std::move(value)) {}
  YamlNode first, second;
};

// `file` stands in complaints: "file:line:column: …". At most 64 levels deep; anchors and aliases are refused.
Outcome<YamlNode> parse_yaml(std::string_view text, const std::string& file);

// "file:line:column: text"
Complaint complain(const std::string& file, const YamlNode& at, const std::string& text);

// Scalars with units. Errors are half sentences: "expected a duration such as 30s, 10m, 8h or 90d".
Outcome<std::uint64_t> parse_bytes(std::string_view text);                 // 200MiB, 64KiB, 1048576
Outcome<std::chrono::milliseconds> parse_duration(std::string_view text);  // 300ms, 30s, 10m, 8h, 90d

// Which of `known` is closest to `word`, for "did you mean"; empty where none is near.
std::string nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sallyport
