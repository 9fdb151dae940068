#include "proxy/inject/own_words.hpp"

#include "proxy/inject/base64.hpp"
#include "proxy/inject/readings.hpp"
#include "proxy/inject/secret_trace.hpp"

#include <algorithm>
#include <utility>

namespace sallyport {
namespace {

// Fewer would stand in every head by chance, and leave parts unmasked that the agent cannot know.
constexpr std::size_t window = 4;
// Honest heads are shorter. Of others each part of a secret counts.
constexpr std::size_t longest = 16 * 1024, most_windows = 1U << 17U;

std::uint32_t window_at(std::string_view text, std::size_t at, bool backwards) {
  std::uint32_t bytes = 0;
  for (std::size_t i = 0; i < window; ++i)
    bytes = bytes << 8U | static_cast<unsigned char>(text[backwards ? at + window - 1 - i : at + i]);
  return bytes;
}

class Windows {
 public:
  // False: too many.
  bool add(std::string_view text) {
    for (std::size_t at = 0; at + window <= text.size(); ++at) {
      windows_.push_back(window_at(text, at, false));
      windows_.push_back(window_at(text, at, true));
    }
    return windows_.size() <= 2 * most_windows || pack();
  }

  // Each once, in order.
  bool pack() {
    std::sort(windows_.begin(), windows_.end());
    windows_.erase(std::unique(windows_.begin(), windows_.end()), windows_.end());
    return windows_.size() <= most_windows;
  }

  std::vector<std::uint32_t> take() { return std::move(windows_); }

 private:
  std::vector<std::uint32_t> windows_;
};

bool add_reading(Windows& windows, std::string_view reading) {
  PlainText plain(reading);
  if (!windows.add(plain.folded) || !windows.add(plain.bare)) return false;
  // As a host may write it that also changes the case, so that it cannot be read back.
  const std::string backwards(reading.rbegin(), reading.rend());
  for (const std::string_view way : {reading, std::string_view(backwards)}) {
    for (std::size_t shift = 0; shift < 3; ++shift) {
      plain.set(to_base64(std::string(shift, '\0') + std::string(way)));
      if (!windows.add(plain.bare)) return false;
    }
  }
  return true;
}

}  // namespace

void OwnWords::add(std::string_view text) {
  text_.append(text).append(1, '\n');
}

void OwnWords::read() const {
  is_read_ = true;
  if (text_.size() > longest) return;
  Windows windows;
  bool fits = true;
  const Readings seen = look_at_readings(text_, window, [&](std::string_view reading) {
    fits = add_reading(windows, reading);
    return !fits;
  });
  if (fits && seen == Readings::seen && windows.pack()) windows_ = windows.take();
}

std::size_t OwnWords::count_others(std::string_view part) const {
  if (!is_read_) read();
  std::size_t said = 0, said_to = 0;
  for (std::size_t at = 0; at + window <= part.size(); ++at) {
    if (!std::binary_search(windows_.begin(), windows_.end(), window_at(part, at, false))) continue;
    said += at + window - std::max(at, said_to);
    said_to = at + window;
  }
  return part.size() - said;
}

}  // namespace sallyport
