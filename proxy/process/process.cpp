#include "proxy/process/process.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <memory>

namespace sallyport {
namespace {

constexpr std::size_t most_command_line = 4096;
constexpr std::size_t most_children = 1 << 20;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

Folder open_folder(int at, const char* name) {
  const int number = ::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (number < 0) return nullptr;
  DIR* folder = ::fdopendir(number);
  if (folder == nullptr) ::close(number);
  return Folder(folder);
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(" \n");
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(" \n"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::optional<FileIdentity> identity_of(int folder, const char* name) {
  struct stat found {};
  if (folder < 0 || ::fstatat(folder, name, &found, 0) != 0) return std::nullopt;
  return FileIdentity{found.st_dev, found.st_ino};
}

std::string link_at(int folder, const char* name) {
  std::array<char, 4096> buffer;
  const ssize_t got = folder < 0 ? -1 : ::readlinkat(folder, name, buffer.data(), buffer.size());
  return got < 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(got));
}

}  // namespace

Process::Process(pid_t pid)
    : pid_(pid), folder_(::open(("/proc/" + std::to_string(pid)).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

std::string Process::read(const char* name, std::size_t most) const {
  const Descriptor file(folder_ ? ::openat(folder_.get(), name, O_RDONLY | O_CLOEXEC) : -1);
  std::string text;
  std::array<char, 4096> buffer;
  while (file && text.size() < most) {
    const ssize_t got = ::read(file.get(), buffer.data(), std::min(buffer.size(), most - text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

// "42 (name (with) anything) S 7 …": the name ends with the last parenthesis (proc_pid_stat(5)).
std::optional<Process::Stat> Process::stat() const {
  const std::string text = read("stat", 4096);
  const auto begin = text.find('(');
  const auto end = text.rfind(')');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return std::nullopt;
  const auto words = words_of(std::string_view(text).substr(end + 1));
  constexpr std::size_t parent_word = 1, started_word = 19;
  if (words.size() <= started_word) return std::nullopt;
  const auto parent = number_in<pid_t>(words[parent_word]);
  const auto started = number_in<std::uint64_t>(words[started_word]);
  if (!parent || !started) return std::nullopt;
  return Stat{text.substr(begin + 1, end - begin - 1), *parent, *started};
}

std::vector<pid_t> Process::children() const {
  std::vector<pid_t> all;
  const Folder tasks = folder_ ? open_folder(folder_.get(), "task") : nullptr;
  if (!tasks) return all;
  while (const dirent* task = ::readdir(tasks.get())) {
    if (task->d_name[0] == '.') continue;
    const std::string text = read((std::string("task/") + task->d_name + "/children").c_str(), most_children);
    for (const auto word : words_of(text)) {
      if (const auto pid = number_in<pid_t>(word)) all.push_back(*pid);
    }
  }
  return all;
}

std::optional<FileIdentity> Process::network() const {
  return identity_of(folder_.get(), "ns/net");
}

Process::Holds Process::holds_socket(std::uint64_t inode, Clock::time_point until) const {
  if (!folder_) return Holds::no;
  const Folder descriptors = open_folder(folder_.get(), "fd");
  if (!descriptors) return Holds::no;
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  constexpr unsigned between_looks_at_the_clock = 64;
  unsigned seen = 0;
  std::array<char, 64> link;
  while (const dirent* each = ::readdir(descriptors.get())) {
    if (++seen % between_looks_at_the_clock == 0 && Clock::now() > until) return Holds::unknown;
    const ssize_t got = ::readlinkat(::dirfd(descriptors.get()), each->d_name, link.data(), link.size());
    if (got == static_cast<ssize_t>(wanted.size()) && wanted.compare(0, wanted.size(), link.data(), wanted.size()) == 0)
      return Holds::yes;
  }
  return Holds::no;
}

std::optional<FileIdentity> Process::executable() const {
  return identity_of(folder_.get(), "exe");
}

std::string Process::executable_path() const {
  return link_at(folder_.get(), "exe");
}

std::string Process::command_line() const {
  std::string text = read("cmdline", most_command_line);
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> all;
  const Folder folder = open_folder(AT_FDCWD, "/proc");
  if (!folder) return all;
  while (const dirent* each = ::readdir(folder.get())) {
    if (const auto pid = number_in<pid_t>(each->d_name)) all.push_back(*pid);
  }
  return all;
}

}  // namespace sallyport
