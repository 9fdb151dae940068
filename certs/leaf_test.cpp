#include "certs/leaf.hpp"

#include "certs/certs_test_support.hpp"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include <set>

namespace sallyport {
namespace {

using test::host_of;
using test::some_day;

constexpr auto day = std::chrono::hours(24);

class LeafTest : public testing::Test {
 protected:
  std::shared_ptr<const Leaf> mint(std::string_view host = "a.example", CertificateTime now = some_day()) const {
    return mint_leaf(*ca_, key_, host_of(host), now).value();
  }
  const test::Folder folder_;
  const std::shared_ptr<const Authority> ca_ = test::authority_in(folder_);
  const PrivateKey key_ = new_private_key();
};

TEST_F(LeafTest, IsForServersAndForNothingElse) {
  const auto leaf = mint();
  X509* certificate = leaf->certificate.get();
  EXPECT_EQ(X509_check_ca(certificate), 0);
  EXPECT_EQ(X509_get_extended_key_usage(certificate), static_cast<unsigned>(XKU_SSL_SERVER));
  EXPECT_EQ(X509_get_key_usage(certificate), static_cast<unsigned>(KU_DIGITAL_SIGNATURE));
  EXPECT_NE(X509_get0_authority_key_id(certificate), nullptr);
  EXPECT_NE(X509_get0_subject_key_id(certificate), nullptr);
}

TEST_F(LeafTest, HasOneAlternativeNameAndNoCommonName) {
  const auto leaf = mint("a.example");
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf->certificate.get(), NID_subject_alt_name, nullptr, nullptr));
  ASSERT_NE(names, nullptr);
  EXPECT_EQ(sk_GENERAL_NAME_num(names), 1);
  EXPECT_EQ(sk_GENERAL_NAME_value(names, 0)->type, GEN_DNS);
  GENERAL_NAMES_free(names);
  EXPECT_EQ(X509_NAME_get_index_by_NID(X509_get_subject_name(leaf->certificate.get()), NID_commonName, -1), -1);
}

TEST_F(LeafTest, HasASerialNumberOfItsOwnThatCannotBeGuessed) {
  std::set<std::string> seen;
  for (int count = 0; count < 50; ++count) {
    const auto leaf = mint();
    const ASN1_INTEGER* serial = X509_get0_serialNumber(leaf->certificate.get());
    BIGNUM* number = ASN1_INTEGER_to_BN(serial, nullptr);
    EXPECT_EQ(BN_num_bits(number), 127);
    EXPECT_FALSE(BN_is_negative(number));
    BN_free(number);
    seen.emplace(reinterpret_cast<const char*>(serial->data), static_cast<std::size_t>(serial->length));
  }
  EXPECT_EQ(seen.size(), 50U);
}

TEST_F(LeafTest, NeverLivesLongerThanThirtyDaysOrThanItsCa) {
  const auto leaf = mint();
  EXPECT_LE(leaf->not_after - leaf->not_before, 30 * day);
  const auto late = mint("a.example", ca_->not_after() - 3 * day);
  EXPECT_EQ(late->not_after, ca_->not_after());
  const auto early = mint("a.example", ca_->not_before());
  EXPECT_EQ(early->not_before, ca_->not_before());
}

TEST_F(LeafTest, AsksForAnotherADayBeforeItsEndUnlessItsCaEndsToo) {
  const auto leaf = mint();
  EXPECT_TRUE(leaf->serves(some_day()));
  EXPECT_TRUE(leaf->serves(leaf->not_after - day - std::chrono::seconds(1)));
  EXPECT_FALSE(leaf->serves(leaf->not_after - day));
  EXPECT_FALSE(leaf->serves(leaf->not_before - std::chrono::seconds(1)));
  const auto last = mint("a.example", ca_->not_after() - std::chrono::hours(2));
  EXPECT_TRUE(last->serves(ca_->not_after() - std::chrono::seconds(1)));
}

TEST_F(LeafTest, IsNotMintedWhereTheCaIsNotValid) {
  EXPECT_FALSE(mint_leaf(*ca_, key_, host_of("a.example"), ca_->not_after()));
  EXPECT_FALSE(mint_leaf(*ca_, key_, host_of("a.example"), ca_->not_before() - std::chrono::seconds(1)));
}

}  // namespace
}  // namespace sallyport
