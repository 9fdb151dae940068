#include "dns/wire/message.hpp"

#include <algorithm>
#include <charconv>

namespace sallyport::dns {
namespace {

constexpr std::string_view v4_suffix = "in-addr.arpa";
constexpr std::string_view v6_suffix = "ip6.arpa";

std::string lower(std::string text) {
  for (char& byte : text) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  return text;
}

bool at_or_below(std::string_view name, std::string_view zone) {
  return name == zone ||
         (name.size() > zone.size() && name.ends_with(zone) && name[name.size() - zone.size() - 1] == '.');
}

// Labels before the zone, last first: the order in which the address is written.
std::vector<std::string_view> labels_before(std::string_view name, std::string_view zone) {
  std::vector<std::string_view> labels;
  if (name.size() <= zone.size()) return labels;
  name.remove_suffix(zone.size() + 1);
  for (;;) {
    const auto dot = name.rfind('.');
    labels.push_back(dot == std::string_view::npos ? name : name.substr(dot + 1));
    if (dot == std::string_view::npos) return labels;
    name = name.substr(0, dot);
  }
}

std::optional<std::uint8_t> number(std::string_view label, int base) {
  std::uint8_t value = 0;
  const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), value, base);
  if (error != std::errc() || end != label.data() + label.size()) return std::nullopt;
  if (label.size() > 1 && label[0] == '0') return std::nullopt;
  return value;
}

}  // namespace

bool is_arpa(const WireName& name) {
  const std::string text = lower(name.text());
  return at_or_below(text, v4_suffix) || at_or_below(text, v6_suffix);
}

std::optional<Bytes> address_of_arpa(const WireName& name) {
  const std::string text = lower(name.text());
  Bytes address;
  if (at_or_below(text, v4_suffix)) {
    for (const auto label : labels_before(text, v4_suffix)) {
      const auto value = number(label, 10);
      if (!value) return std::nullopt;
      address.push_back(*value);
    }
    return address.size() == 4 ? std::optional(address) : std::nullopt;
  }
  if (!at_or_below(text, v6_suffix)) return std::nullopt;
  const auto nibbles = labels_before(text, v6_suffix);
  if (nibbles.size() != 32) return std::nullopt;
  for (std::size_t i = 0; i < nibbles.size(); i += 2) {
    const auto high = number(nibbles[i], 16);
    const auto low = number(nibbles[i + 1], 16);
    if (!high || !low || *high > 15 || *low > 15) return std::nullopt;
    address.push_back(static_cast<std::uint8_t>(*high << 4U | *low));
  }
  return address;
}

}  // namespace sallyport::dns
