#include "telemetry/log_sink.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

Complaint trouble(const std::string& path) {
  return {"can't write the audit log " + path + ": " + std::strerror(errno)};
}

fs::path folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

bool make_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return true;
  fs::create_directories(folder.parent_path(), error);
  return ::mkdir(folder.c_str(), 0750) == 0 || errno == EEXIST;
}

// A new name is durable only once its directory is.
bool sync_folder(const std::string& path) {
  const int folder = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return false;
  const bool done = ::fsync(folder) == 0;
  ::close(folder);
  return done;
}

// Non-blocking, or a FIFO put in the log's place would stop us.
int open_file(const std::string& path, int more) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | more, 0640);
}

}  // namespace

Outcome<std::unique_ptr<LogSink>> LogSink::open(const std::string& path) {
  if (!make_folder(folder_of(path))) return trouble(path);
  const int file = open_file(path, 0);
  if (file < 0) return trouble(path);
  struct stat status {};
  std::unique_ptr<LogSink> sink(new LogSink(path, file, 0));
  if (::fstat(file, &status) != 0) return trouble(path);
  if (!S_ISREG(status.st_mode)) return Complaint{"the audit log " + path + " is no regular file"};
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    return Complaint{"another process writes the audit log " + path + "; stop it, or name another path"};
  }
  sink->size_ = static_cast<std::uint64_t>(status.st_size);
  if (!sync_folder(path)) return trouble(path);
  return sink;
}

LogSink::~LogSink() {
  ::close(file_);
}

bool LogSink::write(std::string_view bytes) {
  if (broken_ && !repair()) return false;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      fault_ = written < 0 ? errno : ENOSPC;
      broken_ = rest.size() != bytes.size();
      if (broken_) repair();
      return false;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  size_ += bytes.size();
  return true;
}

bool LogSink::sync() {
  if (::fdatasync(file_) == 0) return true;
  fault_ = errno;
  return false;
}

bool LogSink::repair() {
  broken_ = ::ftruncate(file_, static_cast<off_t>(size_)) != 0;
  if (broken_) fault_ = errno;
  return !broken_;
}

bool LogSink::in_place() const {
  struct stat ours {};
  struct stat named {};
  return ::fstat(file_, &ours) == 0 && ::lstat(path_.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

bool LogSink::rotate(const std::string& older_path) {
  struct stat status {};
  if (::lstat(older_path.c_str(), &status) == 0) return false;
  if (::rename(path_.c_str(), older_path.c_str()) != 0) return false;
  const int fresh = open_file(path_, O_EXCL);
  if (fresh < 0 || ::flock(fresh, LOCK_EX | LOCK_NB) != 0) {
    if (fresh >= 0) ::close(fresh);
    ::rename(older_path.c_str(), path_.c_str());
    return false;
  }
  ::close(file_);
  file_ = fresh;
  size_ = 0;
  sync_folder(path_);
  return true;
}

}  // namespace sallyport
