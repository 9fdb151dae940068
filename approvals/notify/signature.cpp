#include "approvals/notify/signature.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

namespace sallyport {
namespace {

constexpr std::string_view prefix = "whsec_";
constexpr std::size_t shortest_key = 16;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Outcome<std::string> from_base64(std::string text) {
  while (text.size() % 4 != 0) text += '=';
  std::string decoded(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()), bytes_of(text), static_cast<int>(text.size()));
  if (size < 0) return Complaint{"what stands behind whsec_ is not base64"};
  // EVP_DecodeBlock counts what the padding stands for as zeros.
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  decoded.resize(static_cast<std::size_t>(size) - padding);
  return decoded;
}

}  // namespace

Outcome<std::string> parse_webhook_secret(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  if (text.size() > 4096) return Complaint{"a secret has at most 4096 bytes"};
  auto key = text.starts_with(prefix) ? from_base64(std::string(text.substr(prefix.size())))
                                      : Outcome<std::string>(std::string(text));
  if (key && key->size() < shortest_key)
    return Complaint{"a secret has at least 16 bytes: make one with `echo whsec_$(openssl rand -base64 32)`"};
  return key;
}

std::string webhook_signature(std::string_view secret, std::string_view id, std::string_view timestamp,
                              std::string_view body) {
  std::string signed_text(id);
  signed_text.append(".").append(timestamp).append(".").append(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(signed_text), signed_text.size(),
           digest.data(), &size) == nullptr)
    throw std::runtime_error("OpenSSL can't compute an HMAC-SHA256");
  std::array<unsigned char, EVP_MAX_MD_SIZE * 2> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return "v1," + std::string(reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length));
}

}  // namespace sallyport
