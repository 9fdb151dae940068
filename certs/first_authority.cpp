#include "certs/first_authority.hpp"

#include "certs/guarded_file.hpp"
#include "certs/memory_bio.hpp"
#include "certs/sign.hpp"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace sallyport {
namespace {

constexpr const char* cert_name = "ca.pem";
constexpr const char* key_name = "ca.key";

std::string reason(int error) {
  return std::generic_category().message(error);
}

// The data directory, open and locked against another that makes a CA at the same time.
class LockedFolder {
 public:
  static Outcome<LockedFolder> open(const std::string& path) {
    LockedFolder folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.number_ < 0 && (errno == EACCES || errno == EPERM))
      return Complaint{"cannot open ", path, ": try again as root, or as the daemon's user"};
    if (folder.number_ < 0) return Complaint{"cannot open ", path, ": ", reason(errno)};
    int locked = -1;
    do {
      locked = ::flock(folder.number_, LOCK_EX);
    } while (locked != 0 && errno == EINTR);
    if (locked != 0) return Complaint{"cannot lock ", path, ": ", reason(errno)};
    return folder;
  }
  ~LockedFolder() {
    if (number_ >= 0) ::close(number_);
  }
  LockedFolder(LockedFolder&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  LockedFolder& operator=(LockedFolder&&) = delete;
  int get() const { return number_; }

 private:
  explicit LockedFolder(int number) : number_(number) {}
  int number_;
};

// Also a link that leads nowhere is something that is there.
Outcome<bool> is_there(const LockedFolder& folder, const char* name) {
  struct stat about {};
  if (::fstatat(folder.get(), name, &about, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  return Complaint{"cannot look for ", name, ": ", reason(errno)};
}

std::string own_host_name() {
  // A common name has at most 64 characters, of which 33 are ours.
  constexpr std::size_t longest = 31;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "this host";
  std::string text = std::string(name.data()).substr(0, longest);
  for (char& c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '-';
  }
  return text.empty() ? "this host" : text;
}

std::string day_of(CertificateTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 16> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return {text.data(), size};
}

struct Pems {
  std::string cert, key;
};

Outcome<Pems> make_pems(CertificateTime now) {
  const PrivateKey key = new_private_key();
  if (!key) return Complaint{"cannot make a key: ", last_openssl_error()};
  SigningPlan plan;
  plan.key = plan.issuer_key = key.get();
  plan.not_before = now - clock_skew;
  plan.not_after = now + authority_lifetime;
  plan.organization = "Sallyport";
  plan.common_name = "Sallyport CA of " + own_host_name() + ", made " + day_of(now);
  plan.extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                     {NID_key_usage, "critical,keyCertSign,cRLSign"}};
  const Certificate made = sign(plan);
  if (!made) return Complaint{"cannot make a CA: ", last_openssl_error()};
  const Bio cert_bio = new_memory();
  const Bio key_bio = new_memory();
  if (PEM_write_bio_X509(cert_bio.get(), made.get()) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return Complaint{"cannot write a CA down: ", last_openssl_error()};
  return Pems{text_in(cert_bio), text_in(key_bio)};
}

// Both are on disk before either has its name. The key comes first: a certificate that somebody could already trust
// never stands without it.
Outcome<void> save(const LockedFolder& folder, const Pems& pems) {
  const std::string fresh_key = std::string(key_name) + ".new";
  const std::string fresh_cert = std::string(cert_name) + ".new";
  const auto rename = [&folder](const std::string& from, const char* to) {
    return ::renameat(folder.get(), from.c_str(), folder.get(), to) == 0;
  };
  const auto fail = [&](Complaint why) {
    for (const std::string& name : {fresh_key, fresh_cert}) ::unlinkat(folder.get(), name.c_str(), 0);
    return why;
  };
  if (const auto saved = write_beside(folder.get(), fresh_key, 0600, pems.key); !saved) return fail(saved.error());
  if (const auto saved = write_beside(folder.get(), fresh_cert, 0644, pems.cert); !saved) return fail(saved.error());
  if (!rename(fresh_key, key_name)) return fail({"cannot keep ", key_name, ": ", reason(errno)});
  if (!rename(fresh_cert, cert_name)) {
    const int error = errno;
    ::unlinkat(folder.get(), key_name, 0);
    return fail({"cannot keep ", cert_name, ": ", reason(error)});
  }
  if (::fsync(folder.get()) != 0) return Complaint{"cannot sync: ", reason(errno)};
  return {};
}

Complaint one_is_missing(const std::string& missing, const std::string& left) {
  return Complaint{missing, " is missing beside ",
                   left,    ": restore it from a backup; or move ",
                   left,    " away to have a new CA made, which whoever trusted the old one must be given"};
}

}  // namespace

AuthorityFiles authority_files(const std::string& data) {
  return {data + "/" + cert_name, data + "/" + key_name};
}

Outcome<FirstAuthority> open_first_authority(const std::string& data, CertificateTime now) {
  const auto folder = LockedFolder::open(data);
  if (!folder) return folder.error();
  const AuthorityFiles files = authority_files(data);
  const auto cert_there = is_there(*folder, cert_name);
  if (!cert_there) return cert_there.error();
  const auto key_there = is_there(*folder, key_name);
  if (!key_there) return key_there.error();
  if (*cert_there != *key_there)
    return *cert_there ? one_is_missing(files.key, files.cert) : one_is_missing(files.cert, files.key);
  const bool make = !*cert_there;
  if (make) {
    auto pems = make_pems(now);
    if (!pems) return pems.error();
    const auto saved = save(*folder, *pems);
    OPENSSL_cleanse(pems->key.data(), pems->key.size());
    if (!saved) return Complaint{data, ": ", saved.error().text};
  }
  auto authority = Authority::load(files, AuthorityOwner::sallyport, now);
  if (!authority) return authority.error();
  return FirstAuthority{std::move(*authority), make};
}

}  // namespace sallyport
