// Notices that files have changed, however they were written.
#pragma once
#include "net/task.hpp"

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace sallyport {

struct FileWatchOptions {
  enum class Means { notify, poll };  // poll is also what notify falls back to
  Means means = Means::notify;
  Clock::duration settle = std::chrono::milliseconds(100);  // quiet this long before a change is told
  Clock::duration poll_interval = std::chrono::seconds(2);
};

// Watches the directories of the files and of every symbolic link on the way to them, so that writes, atomic renames,
// swapped links, removals and files that do not exist yet are all seen. One waiter at a time.
class FileWatch {
 public:
  FileWatch(asio::io_context& context, std::vector<std::filesystem::path> files, FileWatchOptions options = {});

  // Another set from now on. What is there now counts as known, so call it before reading the files.
  void watch(std::vector<std::filesystem::path> files);

  // Returns when any file differs from what was last known: at construction, at watch(), or at the last return.
  // Cancelled, it throws operation_aborted.
  Task<> changed();

  bool polling() const { return polling_; }

 private:
  using Fingerprint = std::array<std::uint64_t, 6>;  // all zero for a file that is not there

  std::vector<Fingerprint> fingerprints() const;
  void watch_directories();
  bool drain();
  Task<> wait_for_event();
  Task<> settle();

  FileWatchOptions options_;
  std::vector<std::filesystem::path> files_;
  std::vector<Fingerprint> known_;
  asio::posix::basic_stream_descriptor<Executor> notify_;
  Timer timer_;
  bool polling_ = false;
};

}  // namespace sallyport
