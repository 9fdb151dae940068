// What an incremental parser answers: the value, and how many bytes of the input it was made of.
#pragma once
#include <cstddef>

namespace sallyport::wire {

template <class T>
struct Parsed {
  T value;
  std::size_t consumed = 0;
};

}  // namespace sallyport::wire
