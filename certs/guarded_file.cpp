#include "certs/guarded_file.hpp"

#include "net/descriptor.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr std::size_t largest_file = 1U << 20U;

std::string reason(int error) {
  return std::generic_category().message(error);
}

Complaint cannot_open(const std::string& path, int error) {
  if (error == ELOOP) return Complaint{path, " is a link: put the file itself there"};
  if (error == EACCES || error == EPERM)
    return Complaint{"cannot read ", path, ": try again as root, or as the daemon's user"};
  return Complaint{"cannot read ", path, ": ", reason(error)};
}

Outcome<void> check_guard(const std::string& path, int file, FileGuard guard) {
  struct stat about {};
  if (::fstat(file, &about) != 0) return cannot_open(path, errno);
  if (!S_ISREG(about.st_mode)) return Complaint{path, " is not a regular file"};
  if ((about.st_mode & guard.forbidden_mode) == 0) return {};
  const unsigned open = about.st_mode & guard.forbidden_mode;
  const bool others_write = (open & 0022U) != 0;
  return Complaint{path,
                   " can be ",
                   others_write ? "changed" : "read",
                   " by others: if nobody did, `chmod ",
                   (guard.forbidden_mode & 0004U) != 0 ? "600" : "644",
                   " ",
                   path,
                   "`; if in doubt, use a new CA"};
}

Outcome<void> write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(file, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return Complaint{reason(errno)};
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

// As root the files would be root's in a folder of the daemon's user, who could then not read them.
Outcome<void> give_to_owner_of(int folder, int file) {
  struct stat above {};
  struct stat own {};
  if (::fstat(folder, &above) != 0 || ::fstat(file, &own) != 0) return Complaint{reason(errno)};
  if (own.st_uid == above.st_uid && own.st_gid == above.st_gid) return {};
  if (::geteuid() != 0) return {};
  if (::fchown(file, above.st_uid, above.st_gid) != 0) return Complaint{reason(errno)};
  return {};
}

Outcome<void> fill(int folder, int file, unsigned mode, std::string_view text) {
  if (const auto given = give_to_owner_of(folder, file); !given) return given;
  if (::fchmod(file, mode) != 0) return Complaint{reason(errno)};
  if (const auto written = write_all(file, text); !written) return written;
  if (::fsync(file) != 0) return Complaint{reason(errno)};
  return {};
}

}  // namespace

Outcome<std::string> read_guarded(const std::string& path, FileGuard guard) {
  // Not blocking: a pipe in its place would wait for a writer for ever.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (guard.links == Links::refused ? O_NOFOLLOW : 0);
  const Descriptor file(::open(path.c_str(), flags));
  if (file.get() < 0) return cannot_open(path, errno);
  if (const auto checked = check_guard(path, file.get(), guard); !checked) return checked.error();
  std::string text(largest_file + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_open(path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > largest_file) return Complaint{path, " is larger than 1 MiB: is it the right file?"};
  text.resize(size);
  return text;
}

Outcome<void> write_beside(int folder, const std::string& name, unsigned mode, std::string_view text) {
  ::unlinkat(folder, name.c_str(), 0);
  const Descriptor file(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  const auto filled = file.get() < 0 ? Outcome<void>(Complaint{reason(errno)}) : fill(folder, file.get(), mode, text);
  if (filled) return {};
  ::unlinkat(folder, name.c_str(), 0);
  return Complaint{"cannot write ", name, ": ", filled.error().text};
}

}  // namespace sallyport
