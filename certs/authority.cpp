#include "certs/authority.hpp"

#include "certs/guarded_file.hpp"
#include "certs/memory_bio.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <optional>
#include <string_view>

namespace sallyport {
namespace {

constexpr int least_security_bits = 112;  // RSA 2048, P-224
constexpr std::size_t longest_chain = 10;

Bio memory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// OpenSSL would ask on the terminal otherwise.
int no_password(char*, int, int, void*) {
  return -1;
}

std::optional<CertificateTime> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string date_of(CertificateTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
  return {text.data(), size};
}

Outcome<std::vector<Certificate>> read_certificates(const std::string& path, const std::string& text) {
  const Bio bio = memory(text);
  std::vector<Certificate> found;
  while (found.size() < longest_chain) {
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
    if (!next) break;
    found.push_back(std::move(next));
  }
  const auto error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  const std::string why = last_openssl_error();
  if (!found.empty() && (at_end || found.size() == longest_chain)) return found;
  return Complaint{path, " holds no certificate that can be read as PEM (", why, "): restore it from a backup"};
}

Outcome<PrivateKey> read_key(const std::string& path, const std::string& text) {
  const Bio bio = memory(text);
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  const std::string why = last_openssl_error();
  if (key) return key;
  if (text.find("ENCRYPTED") != std::string::npos) {
    return Complaint{path, " is encrypted, and there is nobody to ask for its password: decrypt it with ",
                     "`openssl pkey -in FILE -out NEW`, and keep NEW readable by the daemon's user only"};
  }
  return Complaint{path, " holds no private key that can be read as PEM (", why, "): restore it from a backup"};
}

Outcome<void> check_kind(const std::string& path, const Certificate& certificate) {
  X509* ca = certificate.get();
  const auto flags = X509_get_extension_flags(ca);
  if ((flags & EXFLAG_INVALID) != 0) return Complaint{path, " has extensions that can't be understood: use another CA"};
  if ((flags & EXFLAG_CA) == 0)
    return Complaint{path, " is not a CA (basicConstraints CA:TRUE): name the CA's certificate, not a server's"};
  if ((X509_get_key_usage(ca) & KU_KEY_CERT_SIGN) == 0)
    return Complaint{path, " may not sign certificates (keyUsage lacks keyCertSign): use a CA that may"};
  if ((flags & EXFLAG_XKUSAGE) != 0 && (X509_get_extended_key_usage(ca) & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
    return Complaint{path, " may not sign for servers (extendedKeyUsage lacks serverAuth): use a CA that may"};
  const int strength = EVP_PKEY_get_security_bits(X509_get0_pubkey(ca));
  if (strength > 0 && strength < least_security_bits)
    return Complaint{path, " has a key too weak to be trusted: use RSA with 2048 bits or more, or P-256"};
  return {};
}

Outcome<void> check_dates(const AuthorityFiles& files, AuthorityOwner owner, const Authority& ca, CertificateTime now) {
  if (now < ca.not_before())
    return Complaint{files.cert, " is valid only from " + date_of(ca.not_before()), ": is this machine's clock right?"};
  if (now < ca.not_after()) return {};
  const std::string ended = " ended on " + date_of(ca.not_after()) + ": ";
  if (owner == AuthorityOwner::operator_) return Complaint{files.cert, ended, "renew it, or name another"};
  return Complaint{files.cert, ended, "move it and ", files.key,
                   " away, make another with `sallyport ca export`, and give that to whoever trusted this one"};
}

}  // namespace

Outcome<std::shared_ptr<const Authority>> Authority::load(const AuthorityFiles& files, AuthorityOwner owner,
                                                          CertificateTime now) {
  const bool ours = owner == AuthorityOwner::sallyport;
  const auto cert_text = read_guarded(files.cert, {0022, ours ? Links::refused : Links::followed});
  if (!cert_text) return cert_text.error();
  const auto key_text = read_guarded(files.key, {ours ? 0077U : 0027U, ours ? Links::refused : Links::followed});
  if (!key_text) return key_text.error();

  auto certificates = read_certificates(files.cert, *cert_text);
  if (!certificates) return certificates.error();
  auto key = read_key(files.key, *key_text);
  if (!key) return key.error();
  if (const auto kind = check_kind(files.cert, certificates->front()); !kind) return kind.error();
  const bool match = X509_check_private_key(certificates->front().get(), key->get()) == 1;
  if (!match) {
    last_openssl_error();
    return Complaint{files.key, " is not the key of ", files.cert, ": restore the one that belongs to it"};
  }

  std::shared_ptr<Authority> made(new Authority);
  const auto not_before = time_of(X509_get0_notBefore(certificates->front().get()));
  const auto not_after = time_of(X509_get0_notAfter(certificates->front().get()));
  if (!not_before || !not_after) return Complaint{files.cert, " has dates that can't be understood: use another CA"};
  made->not_before_ = *not_before;
  made->not_after_ = *not_after;
  if (const auto dates = check_dates(files, owner, *made, now); !dates) return dates.error();

  made->files_ = files;
  made->key_ = std::move(*key);
  made->certificates_ = std::move(*certificates);
  const bool is_root = (X509_get_extension_flags(made->certificate().get()) & EXFLAG_SS) != 0;
  if (!is_root) {
    for (const auto& each : made->certificates_) made->intermediates_.push_back(share(each));
  }
  return std::shared_ptr<const Authority>(std::move(made));
}

std::string Authority::subject() const {
  const Bio bio = new_memory();
  constexpr unsigned long style = XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate().get()), 0, style);
  return text_in(bio);
}

std::string Authority::fingerprint_sha256() const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  X509_digest(certificate().get(), EVP_sha256(), bytes.data(), &size);
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (unsigned at = 0; at < size; ++at) {
    if (at != 0) text += ':';
    text += digits[bytes[at] >> 4U];
    text += digits[bytes[at] & 15U];
  }
  return text;
}

std::string Authority::pem() const {
  const Bio bio = new_memory();
  for (const auto& each : certificates_) PEM_write_bio_X509(bio.get(), each.get());
  return text_in(bio);
}

}  // namespace sallyport
