// The one open file of the log: whole groups of lines or nothing.
#pragma once
#include "policy/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport {

// Not thread-safe. Every failure leaves the file at its last whole group, or broken() true until repair() works.
class LogSink {
 public:
  // Makes directory (0750) and file (0640) where missing; never follows a link; takes the file's lock.
  static Outcome<std::unique_ptr<LogSink>> open(const std::string& path);
  ~LogSink();
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  // Appends all of `bytes`, or takes back what was written of them.
  bool write(std::string_view bytes);
  bool sync();
  // Cuts off what a failed write left behind.
  bool repair();
  // True while the path still names this file: not removed, nor replaced by another.
  bool in_place() const;
  // Renames this file and opens a fresh one under its path. On failure this file goes on.
  bool rotate(const std::string& older_path);

  std::uint64_t size() const { return size_; }
  // errno of the last write, sync or repair that failed; 0: none did.
  int fault() const { return fault_; }

 private:
  LogSink(std::string path, int descriptor, std::uint64_t size)
      : path_(std::move(path)), file_(descriptor), size_(size) {}
  std::string path_;
  int file_;
  std::uint64_t size_;
  bool broken_ = false;
  int fault_ = 0;
};

}  // namespace sallyport
