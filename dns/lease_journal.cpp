#include "dns/lease_journal.hpp"

#include <boost/crc.hpp>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>

namespace sallyport::dns {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

std::string checksum(std::string_view text) {
  boost::crc_32_type crc;
  crc.process_bytes(text.data(), text.size());
  std::string hex(8, '0');
  for (unsigned i = 0; i < 8; ++i) hex[7 - i] = hex_digits[crc.checksum() >> (4 * i) & 0xFU];
  return hex;
}

// Agent names are free text: what could end a field or a line is written as %XX.
std::string percent(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    const auto value = static_cast<std::uint8_t>(byte);
    if (value <= 0x20 || value == '%' || value >= 0x7F) {
      out += '%';
      out += hex_digits[value >> 4U];
      out += hex_digits[value & 0xFU];
    } else {
      out += byte;
    }
  }
  return out;
}

bool unpercent(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    if (text.size() - i < 3) return false;
    const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    if (error != std::errc() || end != text.data() + i + 3) return false;
    out += static_cast<char>(value);
    i += 2;
  }
  return true;
}

template <class Number>
bool parse_number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

int open_locked(const std::string& file, int flags) {
  const int descriptor = ::open(file.c_str(), flags | O_RDWR | O_CLOEXEC | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
  if (descriptor < 0) return -1;
  struct stat status {};
  int error = 0;
  if (::fstat(descriptor, &status) != 0 || ::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    error = errno;
  } else if (!S_ISREG(status.st_mode)) {
    error = EINVAL;
  }
  if (error == 0) return descriptor;
  ::close(descriptor);
  errno = error;
  return -1;
}

}  // namespace

std::string encode(const LeaseEntry& entry) {
  std::string rest;
  rest += static_cast<char>(entry.state);
  rest += ' ' + std::to_string(entry.index) + ' ' + std::to_string(entry.seconds) + ' ' + percent(entry.correlation) +
          ' ' + entry.name + ' ' + percent(entry.agent);
  return checksum(rest) + ' ' + rest + '\n';
}

bool decode(std::string_view line, LeaseEntry& entry) {
  if (line.size() < 10 || line[8] != ' ' || checksum(line.substr(9)) != line.substr(0, 8)) return false;
  line.remove_prefix(9);
  std::array<std::string_view, 6> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto space = line.find(' ');
    if ((space == std::string_view::npos) != (i + 1 == fields.size())) return false;
    fields[i] = line.substr(0, space);
    if (space != std::string_view::npos) line.remove_prefix(space + 1);
  }
  if (fields[0] != "L" && fields[0] != "F") return false;
  entry.state = static_cast<LeaseEntry::State>(fields[0][0]);
  entry.name = fields[4];
  return parse_number(fields[1], entry.index) && parse_number(fields[2], entry.seconds) &&
         unpercent(fields[3], entry.correlation) && unpercent(fields[5], entry.agent);
}

LeaseJournal::LeaseJournal(std::string file) : file_(std::move(file)), descriptor_(open_locked(file_, 0)) {
  if (descriptor_ < 0) {
    const bool taken = errno == EWOULDBLOCK;
    throw std::runtime_error(taken
                                 ? file_ + ": another process uses it; give each its own `data` directory"
                                 : file_ + ": " + std::strerror(errno) + "; the directory must exist and be writable");
  }
}

LeaseJournal::~LeaseJournal() {
  ::close(descriptor_);
}

LeaseJournal::Loaded LeaseJournal::load() {
  std::string text;
  std::array<char, 65536> chunk;
  off_t at = 0;
  for (;;) {
    const ssize_t got = ::pread(descriptor_, chunk.data(), chunk.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::runtime_error(file_ + ": " + std::strerror(errno));
    if (got == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
    at += got;
  }
  size_ = text.size();
  Loaded loaded;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    LeaseEntry entry;
    if (end != std::string_view::npos && decode(rest.substr(0, end), entry)) {
      loaded.entries.push_back(std::move(entry));
    } else {
      ++loaded.damaged;
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  // A line torn by a crash is ended, so that the next one stands by itself.
  if (!text.empty() && text.back() != '\n' && !append("\n")) {
    throw std::runtime_error(file_ + ": can't be written; is the disk full?");
  }
  return loaded;
}

bool LeaseJournal::append(const std::string& lines) {
  if (write_all(descriptor_, lines)) {
    size_ += lines.size();
    return true;
  }
  // Half a line would spoil the next one.
  if (::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0 && write_all(descriptor_, "\n")) ++size_;
  return false;
}

bool LeaseJournal::rewrite(const std::string& lines) {
  const std::string next = file_ + ".next";
  const int descriptor = open_locked(next, O_TRUNC);
  if (descriptor < 0) return false;
  if (!write_all(descriptor, lines) || ::rename(next.c_str(), file_.c_str()) != 0) {
    ::unlink(next.c_str());
    ::close(descriptor);
    return false;
  }
  ::close(descriptor_);
  descriptor_ = descriptor;
  size_ = lines.size();
  return true;
}

}  // namespace sallyport::dns
