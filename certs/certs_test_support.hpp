// For the tests of this room: a folder, a CA in it, and handshakes in memory.
#pragma once
#include "certs/first_authority.hpp"
#include "certs/leaf.hpp"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace sallyport::test {

// 2026-06-01 00:00 UTC
inline CertificateTime some_day() {
  return CertificateTime(std::chrono::sys_days(std::chrono::year(2026) / 6 / 1));
}

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "certs-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for the test");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(file(name)).rdbuf();
    return text.str();
  }
  void write(const std::string& name, const std::string& text, unsigned mode = 0600) const {
    std::ofstream(file(name)) << text;
    ::chmod(file(name).c_str(), mode);
  }
  unsigned mode(const std::string& name) const {
    struct stat about {};
    return ::stat(file(name).c_str(), &about) == 0 ? about.st_mode & 07777U : 0;
  }

 private:
  std::string path_;
};

inline std::shared_ptr<const Authority> authority_in(const Folder& folder, CertificateTime now = some_day()) {
  return open_first_authority(folder.path(), now).value().authority;
}

inline Host host_of(std::string_view text) {
  return Host::parse(text).value();
}

// A client that trusts `ca` connects, as of `now`, to a server that shows `leaf`, and wants `expected`: a name, or an
// address without brackets. "ok", or OpenSSL's words about the certificate. `sent` counts the server's certificates.
std::string handshake(const Authority& ca, const Leaf& leaf, const std::string& expected, CertificateTime now,
                      int* sent = nullptr);

}  // namespace sallyport::test
