#include "proxy/inject/reflection.hpp"

#include "proxy/inject/hex.hpp"
#include "proxy/inject/placeholder.hpp"
#include "proxy/inject/readings.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// Of fewer characters two values would have some by chance.
constexpr std::size_t shortest_spread = 8;
// Some header has spread it more often than that: all are masked.
constexpr int most_spreads = 4;

// How many characters of `text` at `at` are the byte `c`, plain or encoded; 0: none.
std::size_t length_of(std::string_view text, std::size_t at, char c) {
  if (at >= text.size()) return 0;
  if (text[at] == c || (c == ' ' && text[at] == '+')) return 1;
  if (text[at] != '%' || at + 2 >= text.size()) return 0;
  const auto high = hex_value(text[at + 1]);
  const auto low = hex_value(text[at + 2]);
  return high && low && static_cast<char>(*high * 16U + *low) == c ? 3 : 0;
}

// How long the secret is that stands at `at`; 0: it does not.
std::size_t match_at(std::string_view text, std::size_t at, std::string_view secret) {
  std::size_t end = at;
  for (const char c : secret) {
    const std::size_t length = length_of(text, end, c);
    if (length == 0) return 0;
    end += length;
  }
  return end - at;
}

std::string placeholder_of(const UsedSecret& secret) {
  return std::string(placeholder_prefix) + secret.name;
}

void put_in_place_of(std::string& text, std::string_view secret, std::string_view put) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t length = match_at(text, at, secret);
    if (length == 0) continue;
    text.replace(at, length, put);
    at += put.size() - 1;
  }
}

std::string joined(const std::vector<std::string>& texts, std::size_t first, std::size_t last) {
  std::string all;
  for (std::size_t i = first; i < last; ++i) all += texts[i];
  return all;
}

// The least number of `from` to `to` for which `holds`, which does for `to` and does not again below one for which it
// does not.
template <class Holds>
std::size_t least_that(std::size_t from, std::size_t to, const Holds& holds) {
  while (from < to) {
    const std::size_t middle = from + (to - from) / 2;
    if (holds(middle)) {
      to = middle;
    } else {
      from = middle + 1;
    }
  }
  return to;
}

}  // namespace

Reflection::Reflection(std::vector<UsedSecret> used, OwnWords own) : used_(std::move(used)), own_(std::move(own)) {
  // Where one secret holds another, the longer is masked whole.
  std::sort(used_.begin(), used_.end(),
            [](const UsedSecret& a, const UsedSecret& b) { return a.value->text().size() > b.value->text().size(); });
}

// The first one that the text gives away, of those that need `shortest` characters for it.
Reflection::Found Reflection::found_in(std::string_view text, std::size_t shortest) const {
  Found found;
  const UsedSecret* first = nullptr;
  std::size_t least = std::string_view::npos;
  for (const UsedSecret& secret : used_) {
    if (secret.value->trace().least() < shortest) continue;
    if (first == nullptr) first = &secret;
    least = std::min(least, secret.value->trace().least());
  }
  if (first == nullptr) return {};
  PlainText plain;
  const Readings seen = look_at_readings(text, least, [&](std::string_view reading) {
    plain.set(reading);
    for (const UsedSecret& secret : used_) {
      const SecretTrace& trace = secret.value->trace();
      if (trace.least() < shortest) continue;
      const auto here = trace.find_in(plain, own_);
      if (!here) continue;
      found = {&secret, here->part};
      return true;
    }
    return false;
  });
  return seen == Readings::too_many ? Found{first, std::nullopt} : found;
}

// What the agent will see masked.
const UsedSecret* Reflection::noted(const Found& found) const {
  if (found.part) found.secret->value->note_part(*found.part);
  return found.secret;
}

// `rest` becomes the text without the secrets that stand in it as they are: of what it says besides, no more is shown
// than it may say.
Reflection::Whole Reflection::mask_in(std::string& text, std::string& rest) const {
  rest = text;
  for (const UsedSecret& secret : used_) {
    put_in_place_of(rest, secret.value->text(), "\n");
    put_in_place_of(text, secret.value->text(), placeholder_of(secret));
  }
  const UsedSecret* found = noted(found_in(rest));
  if (found == nullptr) return Whole::no;
  text = placeholder_of(*found);
  return Whole::yes;
}

std::string Reflection::masked(std::string text) const {
  std::string rest;
  if (!empty()) static_cast<void>(mask_in(text, rest));
  return text;
}

// `rests` are what is looked at of `texts`.
void Reflection::mask_spread(std::vector<std::string*> texts, std::vector<std::string> rests) const {
  const auto found = [&](std::size_t first, std::size_t last) {
    return found_in(joined(rests, first, last), shortest_spread);
  };
  for (int spreads = 0;; ++spreads) {
    const std::size_t size = texts.size();
    const UsedSecret* secret = noted(found(0, size));
    if (secret == nullptr) return;
    std::size_t first = 0, last = size;
    if (spreads < most_spreads) {
      last = least_that(1, size, [&](std::size_t at) { return found(0, at).secret != nullptr; });
      first =
          last - least_that(1, last, [&](std::size_t count) { return found(last - count, last).secret != nullptr; });
    }
    for (std::size_t i = first; i < last; ++i) *texts[i] = placeholder_of(*secret);
    texts.erase(texts.begin() + static_cast<std::ptrdiff_t>(first), texts.begin() + static_cast<std::ptrdiff_t>(last));
    rests.erase(rests.begin() + static_cast<std::ptrdiff_t>(first), rests.begin() + static_cast<std::ptrdiff_t>(last));
  }
}

void Reflection::take_out_names(wire::Fields& fields) const {
  std::vector<std::string*> names;
  std::vector<std::string> rests;
  for (wire::Field& field : fields) {
    if (noted(found_in(field.name)) != nullptr) field.name.clear();
    if (field.name.empty()) continue;
    names.push_back(&field.name);
    rests.push_back(field.name);
  }
  mask_spread(std::move(names), std::move(rests));
  // A placeholder is no token.
  const auto is_masked = [](const wire::Field& field) { return !wire::is_token(field.name); };
  fields.erase(std::remove_if(fields.begin(), fields.end(), is_masked), fields.end());
}

void Reflection::mask(wire::Fields& fields) const {
  if (empty()) return;
  take_out_names(fields);
  std::vector<std::string*> values;
  std::vector<std::string> rests;
  for (wire::Field& field : fields) {
    std::string rest;
    if (mask_in(field.value, rest) == Whole::yes) continue;
    values.push_back(&field.value);
    rests.push_back(std::move(rest));
  }
  mask_spread(std::move(values), std::move(rests));
}

void Reflection::mask(wire::ResponseHead& head) const {
  if (empty()) return;
  head.reason = masked(std::move(head.reason));
  mask(head.fields);
}

}  // namespace sallyport
