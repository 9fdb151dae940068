#include "telemetry/chain.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <span>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr std::size_t signature_size = 64;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

void write_hex(std::span<const unsigned char> bytes, std::string& to) {
  constexpr char digits[] = "0123456789abcdef";
  to.resize(bytes.size() * 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    to[2 * i] = digits[bytes[i] >> 4];
    to[2 * i + 1] = digits[bytes[i] & 0xf];
  }
}

// Looking an algorithm up costs OpenSSL 3 as much as hashing a short line.
const EVP_MD* sha256() {
  static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> found(EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                                                     EVP_MD_free);
  return found.get();
}

std::string base64_of(const unsigned char* bytes, std::size_t size) {
  std::string out((size + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes, static_cast<int>(size));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

bool decode_signature(const std::string& text, std::array<unsigned char, signature_size>& out) {
  // 64 bytes are 88 characters with two of padding, which EVP_DecodeBlock turns into two further zero bytes.
  std::array<unsigned char, 66> bytes{};
  if (text.size() != 88 || !text.ends_with("==")) return false;
  if (EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()), 88) != 66) return false;
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return true;
}

std::string id_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  if (length <= 0) return {};
  std::string id = sha256_hex({reinterpret_cast<const char*>(der), static_cast<std::size_t>(length)});
  OPENSSL_free(der);
  return id;
}

Complaint trouble(const std::string& what, const std::string& path) {
  return {what + " " + path + ": " + std::strerror(errno)};
}

std::string public_path(const std::string& path) {
  const auto dot = path.rfind('.');
  const auto slash = path.rfind('/');
  const bool extension = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  return (extension ? path.substr(0, dot) : path) + ".pub";
}

// Written beside and renamed, so that a crash leaves a whole key or none.
Outcome<void> write_pem(const std::string& path, mode_t mode, EVP_PKEY* key, int (*write)(std::FILE*, EVP_PKEY*)) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const int descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (descriptor < 0) return trouble("can't write", fresh);
  File file(::fdopen(descriptor, "w"));
  const bool done = write(file.get(), key) == 1 && std::fflush(file.get()) == 0 && ::fsync(descriptor) == 0 &&
                    ::fchmod(descriptor, mode) == 0 && ::rename(fresh.c_str(), path.c_str()) == 0;
  if (!done) return trouble("can't write", path);
  return {};
}

int write_private(std::FILE* file, EVP_PKEY* key) {
  return PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
}

int write_public(std::FILE* file, EVP_PKEY* key) {
  return PEM_write_PUBKEY(file, key);
}

Outcome<KeyHandle> read_private(const std::string& path, std::FILE* file) {
  struct stat status {};
  if (::fstat(::fileno(file), &status) != 0) return trouble("can't read", path);
  if ((status.st_mode & 0077) != 0) {
    return Complaint{path + " can be read by others than its owner; chmod 600 it, or remove it to have a new one made"};
  }
  KeyHandle key(PEM_read_PrivateKey(file, nullptr, nullptr, nullptr));
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
    return Complaint{path + " is not an Ed25519 private key; move it away to have a new one made"};
  }
  return key;
}

Outcome<KeyHandle> make_private(const std::string& path) {
  KeyHandle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return Complaint{"can't make an Ed25519 key for " + path};
  const auto written = write_pem(path, 0600, key.get(), write_private);
  if (!written) return written.error();
  return key;
}

}  // namespace

void FreeKey::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

void sha256_hex(std::string_view bytes, std::string& to) {
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  // Memory alone can fail here, and a log without its chain is worse than none.
  if (EVP_DigestInit_ex2(context.get(), sha256(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
    throw std::bad_alloc();
  }
  write_hex(digest, to);
}

std::string sha256_hex(std::string_view bytes) {
  std::string hex;
  sha256_hex(bytes, hex);
  return hex;
}

std::string Head::text() const {
  return std::to_string(sequence) + ":" + sha256;
}

std::optional<Head> Head::parse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.size() - colon - 1 != no_previous.size()) return std::nullopt;
  Head head;
  const auto [end, error] = std::from_chars(text.data(), text.data() + colon, head.sequence);
  if (error != std::errc() || end != text.data() + colon) return std::nullopt;
  head.sha256 = std::string(text.substr(colon + 1));
  if (head.sha256.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
  return head;
}

std::string signed_text(const Head& head) {
  return "sallyport audit checkpoint 1\n" + std::to_string(head.sequence) + "\n" + head.sha256 + "\n";
}

Outcome<SigningKey> SigningKey::open(const std::string& path) {
  File file(std::fopen(path.c_str(), "re"));
  if (!file && errno != ENOENT) return trouble("can't read", path);
  Outcome<KeyHandle> key = file ? read_private(path, file.get()) : make_private(path);
  if (!key) return key.error();
  const std::string shown = public_path(path);
  if (!file || ::access(shown.c_str(), F_OK) != 0) {
    const auto written = write_pem(shown, 0644, key->get(), write_public);
    if (!written) return written.error();
  }
  std::string id = id_of(key->get());
  return SigningKey(std::move(*key), std::move(id));
}

Checkpoint SigningKey::sign(const Head& head) const {
  const std::string text = signed_text(head);
  std::array<unsigned char, signature_size> signature{};
  std::size_t size = signature.size();
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const bool done = context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
                    EVP_DigestSign(context.get(), signature.data(), &size,
                                   reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  // An unsigned checkpoint is still in the chain, and `audit verify` says that its signature is wrong.
  return {head, id_, done ? base64_of(signature.data(), size) : std::string()};
}

Outcome<VerifyingKey> VerifyingKey::read(const std::string& path) {
  const File file(std::fopen(path.c_str(), "re"));
  if (!file) return trouble("can't read", path);
  KeyHandle key(PEM_read_PUBKEY(file.get(), nullptr, nullptr, nullptr));
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
    return Complaint{path + " is not an Ed25519 public key in PEM; give the daemon's data/audit.pub"};
  }
  std::string id = id_of(key.get());
  return VerifyingKey(std::move(key), std::move(id));
}

bool VerifyingKey::verifies(const Checkpoint& checkpoint) const {
  std::array<unsigned char, signature_size> signature{};
  if (!decode_signature(checkpoint.signature, signature)) return false;
  const std::string text = signed_text(checkpoint.head);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
}

}  // namespace sallyport
