// The terminal while `watch` has it, and given back however the program ends.
#pragma once
#include "policy/result.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace sallyport {

// One at a time. Keys come at once and unechoed; the screen is one of its own, so that what was there comes back.
// Signals that end the program, a crash among them, restore both first.
class WatchTerminal {
 public:
  static Outcome<WatchTerminal> take();
  WatchTerminal(WatchTerminal&& other) noexcept;
  WatchTerminal& operator=(WatchTerminal&&) = delete;
  ~WatchTerminal();

  // Readable once the size has changed, or somebody asked the program to end.
  int signals() const;
  enum class Signal { none, resized, end };
  Signal next_signal() const;

  std::size_t rows() const { return rows_; }
  std::size_t places() const { return places_; }
  void measure();
  // In one write, and only where it differs from what is there.
  void draw(const std::vector<std::string>& lines);
  std::string read_keys() const;

 private:
  WatchTerminal() = default;
  bool owns_ = false;
  std::size_t rows_ = 24, places_ = 80;
  std::string last_;
};

}  // namespace sallyport
