// A file descriptor that is closed with its owner. No word of Asio: for what the kernel hands out before, or without,
// an io_context.
#pragma once
#include <unistd.h>
#include <utility>

namespace sallyport {

class Descriptor {
 public:
  // A negative number is none.
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

}  // namespace sallyport
