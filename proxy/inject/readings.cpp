#include "proxy/inject/readings.hpp"

#include "proxy/inject/hex.hpp"
#include "proxy/inject/unescape.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

namespace sallyport {
namespace {

constexpr unsigned most_steps = 4;
// Honest heads need some six times their size.
constexpr std::size_t most_bytes_for_each = 48, most_bytes_at_least = 4096;
// Runs that are shorter are words or numbers.
constexpr std::size_t shortest_base64 = 4;

constexpr std::uint8_t no_digit = 64;

constexpr std::array<std::uint8_t, 256> base64_digits() {
  std::array<std::uint8_t, 256> digits{};
  for (auto& digit : digits) digit = no_digit;
  for (std::uint8_t i = 0; i < 26; ++i) {
    digits['A' + i] = i;
    digits['a' + i] = static_cast<std::uint8_t>(26 + i);
  }
  for (std::uint8_t i = 0; i < 10; ++i) digits['0' + i] = static_cast<std::uint8_t>(52 + i);
  digits['+'] = digits['-'] = 62;
  digits['/'] = digits['_'] = 63;
  return digits;
}

constexpr auto digit_of = base64_digits();

std::uint8_t digit_at(std::string_view text, std::size_t at) {
  return digit_of[static_cast<std::uint8_t>(text[at])];
}

std::size_t bytes_of(std::size_t digits) {
  return digits * 3 / 4;
}

// All runs of base64, each from its `skip`th character on; where that is not the first, those of `least` bytes only.
std::string from_base64_runs(std::string_view text, std::size_t skip, std::size_t least) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && digit_at(text, end) != no_digit) ++end;
    if (end - at >= shortest_base64 + skip && (skip == 0 || bytes_of(end - at - skip) >= least)) {
      if (!bytes.empty()) bytes += '\n';
      std::uint32_t bits = 0;
      unsigned count = 0;
      for (std::size_t i = at + skip; i < end; ++i) {
        bits = (bits << 6U | digit_at(text, i)) & 0xffffU;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes += static_cast<char>(bits >> count & 0xffU);
      }
    }
    at = end + 1;
  }
  return bytes;
}

// All pairs of digits, in runs of any length, each from its `skip`th digit on. What stands between runs is left out,
// "0x" too.
std::string from_hex_runs(std::string_view text, std::size_t skip) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && hex_value(text[end])) ++end;
    for (std::size_t i = at + skip; i + 1 < end; i += 2)
      bytes += static_cast<char>(*hex_value(text[i]) * 16U + *hex_value(text[i + 1]));
    at = end == at ? at + 1 : end;
  }
  return bytes;
}

// How much there is to decode. What the decoders make is no longer than it says.
struct Encoded {
  std::size_t base64 = 0, hex = 0;  // bytes
  bool escapes = false;
};

Encoded encoded_in(std::string_view text) {
  Encoded found;
  std::size_t base64_run = 0, hex_run = 0;
  const auto end_hex = [&] { found.hex += std::exchange(hex_run, 0) / 2; };
  const auto end_base64 = [&] {
    if (base64_run >= shortest_base64) found.base64 += bytes_of(base64_run) + 1;
    base64_run = 0;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (digit_at(text, at) == no_digit) {
      end_hex();
      end_base64();
      found.escapes = found.escapes || is_escape(text[at]);
      continue;
    }
    ++base64_run;
    if (hex_value(text[at])) {
      ++hex_run;
    } else {
      end_hex();
    }
  }
  end_hex();
  end_base64();
  return found;
}

class Reader {
 public:
  Reader(std::size_t size, std::size_t least, const std::function<bool(std::string_view)>& look)
      : left_(most_bytes_at_least + most_bytes_for_each * size), least_(least), look_(look) {}

  // True: there is nothing more to see.
  bool read(std::string_view text, unsigned steps) {
    if (text.size() < least_) return false;
    if (text.size() > left_) return too_many_ = true;
    left_ -= text.size();
    if (look_(text)) return true;
    if (steps == most_steps) return false;
    const Encoded encoded = encoded_in(text);
    return (encoded.escapes && read_unescaped(text, steps)) || (encoded.hex >= least_ && read_hex(text, steps)) ||
           (encoded.base64 >= least_ && read_base64(text, steps));
  }

  bool too_many() const { return too_many_; }

 private:
  bool read_unescaped(std::string_view text, unsigned steps) {
    const auto plain = unescaped(text);
    return plain && read(*plain, steps + 1);
  }

  bool read_hex(std::string_view text, unsigned steps) {
    return read(from_hex_runs(text, 0), steps + 1) || read(from_hex_runs(text, 1), steps + 1);
  }

  bool read_base64(std::string_view text, unsigned steps) {
    for (std::size_t skip = 0; skip < 4; ++skip) {
      if (read(from_base64_runs(text, skip, least_), steps + 1)) return true;
    }
    return false;
  }

  std::size_t left_;
  const std::size_t least_;
  const std::function<bool(std::string_view)>& look_;
  bool too_many_ = false;
};

}  // namespace

Readings look_at_readings(std::string_view text, std::size_t least, const std::function<bool(std::string_view)>& look) {
  Reader reader(text.size(), least, look);
  reader.read(text, 0);
  return reader.too_many() ? Readings::too_many : Readings::seen;
}

}  // namespace sallyport
