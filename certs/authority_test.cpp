// A CA that was given: what is taken, and what is refused with which words.
#include "certs/authority.hpp"

#include "certs/certs_test_support.hpp"
#include "certs/memory_bio.hpp"
#include "certs/sign.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

namespace sallyport {
namespace {

using test::Folder;
using test::some_day;
using testing::HasSubstr;

constexpr auto day = std::chrono::hours(24);
using Extensions = std::vector<std::pair<int, const char*>>;
const Extensions of_a_ca = {{NID_basic_constraints, "critical,CA:TRUE"}, {NID_key_usage, "critical,keyCertSign"}};

std::string pem_of(const Certificate& certificate) {
  const Bio bio = new_memory();
  PEM_write_bio_X509(bio.get(), certificate.get());
  return text_in(bio);
}

std::string pem_of(const PrivateKey& key, const char* password = nullptr) {
  const Bio bio = new_memory();
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), password ? EVP_aes_128_cbc() : nullptr, password,
                                password ? static_cast<int>(std::string_view(password).size()) : 0, nullptr, nullptr);
  return text_in(bio);
}

struct Made {
  Certificate certificate;
  PrivateKey key;
};

Made make(const Extensions& extensions = of_a_ca, PrivateKey key = new_private_key(), const Made* issuer = nullptr) {
  SigningPlan plan;
  plan.key = plan.issuer_key = key.get();
  if (issuer) {
    plan.issuer = issuer->certificate.get();
    plan.issuer_key = issuer->key.get();
  }
  plan.not_before = some_day() - day;
  plan.not_after = some_day() + 100 * day;
  plan.organization = issuer ? "Below" : "Example Org";
  plan.extensions = extensions;
  Certificate certificate = sign(plan);
  return {std::move(certificate), std::move(key)};
}

class GivenAuthority : public testing::Test {
 protected:
  AuthorityFiles files() const { return {folder_.file("own.pem"), folder_.file("own.key")}; }
  void write(const Made& made) const {
    folder_.write("own.pem", pem_of(made.certificate), 0644);
    folder_.write("own.key", pem_of(made.key), 0600);
  }
  auto load(CertificateTime now = some_day()) const { return Authority::load(files(), AuthorityOwner::operator_, now); }
  std::string complaint(CertificateTime now = some_day()) const {
    const auto loaded = load(now);
    return loaded ? "none" : loaded.error().text;
  }
  std::string shake() const {
    const auto ca = load().value();
    const auto leaf = mint_leaf(*ca, new_private_key(), test::host_of("a.example"), some_day()).value();
    return test::handshake(*ca, *leaf, "a.example", some_day());
  }

  const Folder folder_;
};

TEST_F(GivenAuthority, SignsWithAKeyOfAnyUsualKind) {
  write(make());
  EXPECT_EQ(shake(), "ok");
  write(make(of_a_ca, PrivateKey(EVP_RSA_gen(2048))));
  EXPECT_EQ(shake(), "ok");
  write(make(of_a_ca, PrivateKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))));
  EXPECT_EQ(shake(), "ok");
}

TEST_F(GivenAuthority, SendsItselfAndThoseAboveWhereItIsAnIntermediate) {
  const Made root = make();
  const Made below = make(of_a_ca, new_private_key(), &root);
  write(below);
  folder_.write("own.pem", pem_of(below.certificate) + pem_of(root.certificate), 0644);
  EXPECT_EQ(shake(), "ok");
  EXPECT_EQ(load().value()->intermediates().size(), 2U);
}

TEST_F(GivenAuthority, IsFollowedThroughLinksAndMayBeReadByAGroup) {
  write(make());
  ::chmod(folder_.file("own.key").c_str(), 0440);
  std::filesystem::rename(folder_.file("own.key"), folder_.file("real.key"));
  std::filesystem::create_symlink("real.key", folder_.file("own.key"));
  EXPECT_EQ(complaint(), "none");
}

TEST_F(GivenAuthority, F_11_IsRefusedWhereOthersCanReadItsKeyOrChangeIt) {
  write(make());
  ::chmod(folder_.file("own.key").c_str(), 0604);
  EXPECT_THAT(complaint(), HasSubstr("own.key can be read by others"));
  ::chmod(folder_.file("own.key").c_str(), 0620);
  EXPECT_THAT(complaint(), HasSubstr("own.key can be changed by others"));
  ::chmod(folder_.file("own.key").c_str(), 0600);
  ::chmod(folder_.file("own.pem").c_str(), 0666);
  EXPECT_THAT(complaint(), HasSubstr("own.pem can be changed by others"));
}

TEST_F(GivenAuthority, IsRefusedWhereItIsNoCa) {
  write(make({{NID_basic_constraints, "critical,CA:FALSE"}}));
  EXPECT_THAT(complaint(), HasSubstr("is not a CA"));
  write(make({}));
  EXPECT_THAT(complaint(), HasSubstr("is not a CA"));
  write(make({{NID_basic_constraints, "critical,CA:TRUE"}, {NID_key_usage, "critical,digitalSignature"}}));
  EXPECT_THAT(complaint(), HasSubstr("keyCertSign"));
  write(make({{NID_basic_constraints, "critical,CA:TRUE"}, {NID_ext_key_usage, "clientAuth"}}));
  EXPECT_THAT(complaint(), HasSubstr("serverAuth"));
  write(make(of_a_ca, PrivateKey(EVP_RSA_gen(1024))));
  EXPECT_THAT(complaint(), HasSubstr("too weak"));
}

TEST_F(GivenAuthority, IsRefusedOutsideItsTime) {
  write(make());
  EXPECT_THAT(complaint(some_day() + 101 * day), HasSubstr("renew it"));
  EXPECT_THAT(complaint(some_day() - 2 * day), HasSubstr("clock"));
}

TEST_F(GivenAuthority, IsRefusedWithAKeyThatIsMissingEncryptedOrAnothers) {
  write(make());
  folder_.write("own.key", pem_of(new_private_key()));
  EXPECT_THAT(complaint(), HasSubstr("is not the key of"));
  folder_.write("own.key", pem_of(new_private_key(), "secret"));
  EXPECT_THAT(complaint(), HasSubstr("is encrypted"));
  std::filesystem::remove(folder_.file("own.key"));
  EXPECT_THAT(complaint(), HasSubstr("cannot read "));
  std::filesystem::create_directory(folder_.file("own.key"));
  EXPECT_THAT(complaint(), HasSubstr("not a regular file"));
}

TEST_F(GivenAuthority, F_11_IsExportedWithoutAKeyThatStandsInItsCertificatesFile) {
  const Made made = make();
  write(made);
  folder_.write("own.pem", pem_of(made.certificate) + pem_of(made.key), 0644);
  EXPECT_EQ(load().value()->pem(), pem_of(made.certificate));
}

}  // namespace
}  // namespace sallyport
