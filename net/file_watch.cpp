#include "net/file_watch.hpp"

#include <boost/asio/error.hpp>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>
#include <unistd.h>

namespace sallyport {

namespace {

namespace fs = std::filesystem;

constexpr int max_links = 40;           // as the kernel's own limit for one path
constexpr int max_settle_rounds = 100;  // a file that never comes to rest is told of all the same
constexpr std::uint32_t interesting = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                      IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

// Adds the directory of `path` and, where a component on the way is a symbolic link, the directory that holds the link
// and those of its target.
void collect_directories(const fs::path& path, std::set<fs::path>& directories, int& links) {
  fs::path walked;
  for (const fs::path& component : path) {
    const fs::path parent = walked;
    walked /= component;
    std::error_code error;
    if (!fs::is_symlink(walked, error) || ++links > max_links) continue;
    directories.insert(parent);
    const fs::path target = fs::read_symlink(walked, error);
    if (error) continue;
    walked = target.is_absolute() ? target : (parent / target).lexically_normal();
    collect_directories(walked, directories, links);
  }
  directories.insert(walked.parent_path());
}

std::uint64_t nanoseconds(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

FileWatch::FileWatch(asio::io_context& context, std::vector<fs::path> files, FileWatchOptions options)
    : options_(options), notify_(context.get_executor()), timer_(context.get_executor()) {
  if (options_.means == FileWatchOptions::Means::notify) {
    const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    error_code error;
    if (descriptor >= 0) notify_.assign(descriptor, error);
    if (error) ::close(descriptor);
  }
  watch(std::move(files));
}

void FileWatch::watch(std::vector<fs::path> files) {
  files_.clear();
  for (const fs::path& file : files) files_.push_back(fs::absolute(file).lexically_normal());
  // Watch first, look second: a change in between is then seen twice rather than never.
  watch_directories();
  known_ = fingerprints();
}

std::vector<FileWatch::Fingerprint> FileWatch::fingerprints() const {
  std::vector<Fingerprint> all;
  for (const fs::path& file : files_) {
    struct stat found {};
    Fingerprint print{};
    if (::stat(file.c_str(), &found) == 0) {
      print = {found.st_dev,
               found.st_ino,
               static_cast<std::uint64_t>(found.st_size),
               nanoseconds(found.st_mtim),
               nanoseconds(found.st_ctim),
               1};
    }
    all.push_back(print);
  }
  return all;
}

// Also after every event: a directory or a link on the way may be another one by now. Watches of directories left
// behind cost an event now and then and no more.
void FileWatch::watch_directories() {
  polling_ = !notify_.is_open();
  if (polling_) return;
  std::set<fs::path> directories;
  for (const fs::path& file : files_) {
    int links = 0;
    collect_directories(file, directories, links);
  }
  for (const fs::path& directory : directories) {
    if (::inotify_add_watch(notify_.native_handle(), directory.c_str(), interesting) < 0) polling_ = true;
  }
}

bool FileWatch::drain() {
  if (!notify_.is_open()) return false;
  alignas(inotify_event) char events[4096];
  bool any = false;
  while (::read(notify_.native_handle(), events, sizeof events) > 0) any = true;
  return any;
}

Task<> FileWatch::wait_for_event() {
  if (polling_) {
    timer_.expires_after(options_.poll_interval);
    co_await timer_.async_wait(use_task);
  } else {
    co_await notify_.async_wait(asio::posix::descriptor_base::wait_read, use_task);
  }
}

Task<> FileWatch::settle() {
  std::vector<Fingerprint> before;
  for (int round = 0; round < max_settle_rounds; ++round) {
    before = fingerprints();
    timer_.expires_after(options_.settle);
    co_await timer_.async_wait(use_task);
    drain();
    if (fingerprints() == before) co_return;
  }
}

Task<> FileWatch::changed() {
  for (;;) {
    drain();
    watch_directories();
    if (fingerprints() != known_) {
      co_await settle();
      watch_directories();
      const std::vector<Fingerprint> now = fingerprints();
      const bool differs = now != known_;
      known_ = now;
      if (differs) co_return;
    }
    co_await wait_for_event();
  }
}

}  // namespace sallyport
