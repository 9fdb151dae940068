// A text as whoever gets it could read it: unescaped, from hexadecimal, from base64, or one inside the other.
#pragma once
#include <cstddef>
#include <functional>
#include <string_view>

namespace sallyport {

enum class Readings { seen, too_many };

// Calls `look` with the text and with what up to four steps of decoding make of it, in whatever order, until it says
// true or all were seen. What is shorter than `least` is left out. The work is bounded by the size of the text; where
// that is not enough the answer is too_many, which only a text that was made for it should ever be.
//
// Hexadecimal is read across anything that stands between pairs of digits, base64 in either alphabet from each of the
// four characters that it may begin at.
Readings look_at_readings(std::string_view text, std::size_t least, const std::function<bool(std::string_view)>& look);

}  // namespace sallyport
