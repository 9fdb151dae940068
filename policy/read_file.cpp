#include "policy/read_file.hpp"

#include "policy/program.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace sallyport {

Outcome<std::string> read_file(const std::string& path) {
  constexpr std::size_t max_size = 1U << 30U;
  const auto cannot = [&path](const std::string& why) { return Complaint{"cannot read " + path + ": " + why}; };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error) return cannot(error.message());
  // A device or a pipe might never end, or change under us.
  if (!std::filesystem::is_regular_file(status)) return cannot("not a regular file");
  const auto size = std::filesystem::file_size(path, error);
  if (error) return cannot(error.message());
  if (size > max_size) return cannot("larger than 1 GiB");

  std::ifstream stream(path, std::ios::binary);
  if (!stream) return cannot(std::strerror(errno));
  std::string bytes(static_cast<std::size_t>(size), '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (static_cast<std::size_t>(stream.gcount()) != bytes.size() || stream.peek() != std::ifstream::traits_type::eof()) {
    return cannot("it changed while it was read; try again");
  }
  return bytes;
}

std::optional<FileIdentity> identify_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

}  // namespace sallyport
