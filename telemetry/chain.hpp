// What makes the log tamper-evident: each line names the hash of the one before, and checkpoints sign it. Pure but for
// reading and making the key files.
#pragma once
#include "policy/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace sallyport {

// `prev` of the first line.
inline constexpr std::string_view no_previous = "0000000000000000000000000000000000000000000000000000000000000000";

// Lower-case hex of the SHA-256.
std::string sha256_hex(std::string_view bytes);
// The same, into `to`.
void sha256_hex(std::string_view bytes, std::string& to);

// "SEQUENCE:SHA256": a line by its number and hash; what `audit verify --against` takes.
struct Head {
  std::uint64_t sequence = 0;
  std::string sha256 = std::string(no_previous);

  std::string text() const;
  static std::optional<Head> parse(std::string_view text);
  friend bool operator==(const Head&, const Head&) = default;
};

// A signed statement: "the line `sequence` hashes to `sha256`", and so, by the chain, every line before it.
struct Checkpoint {
  Head head;
  std::string key;        // which key: lower-case hex of the SHA-256 of its SubjectPublicKeyInfo (DER)
  std::string signature;  // base64 of the Ed25519 signature of signed_text(head)
};

// "sallyport audit checkpoint 1\nSEQUENCE\nSHA256\n"
std::string signed_text(const Head& head);

struct FreeKey {
  void operator()(evp_pkey_st* key) const;
};
using KeyHandle = std::unique_ptr<evp_pkey_st, FreeKey>;

class SigningKey {
 public:
  // Reads the PEM at `path`, or makes one with mode 0600; writes the public half (PEM, 0644) to `path` with its
  // extension replaced by ".pub" where it is missing. A key file others could read is an error.
  static Outcome<SigningKey> open(const std::string& path);
  Checkpoint sign(const Head& head) const;
  const std::string& id() const { return id_; }

 private:
  SigningKey(KeyHandle key, std::string id) : key_(std::move(key)), id_(std::move(id)) {}
  KeyHandle key_;
  std::string id_;
};

class VerifyingKey {
 public:
  // A PEM public key file.
  static Outcome<VerifyingKey> read(const std::string& path);
  // True where this key made the signature over this head.
  bool verifies(const Checkpoint& checkpoint) const;
  const std::string& id() const { return id_; }

 private:
  VerifyingKey(KeyHandle key, std::string id) : key_(std::move(key)), id_(std::move(id)) {}
  KeyHandle key_;
  std::string id_;
};

}  // namespace sallyport
