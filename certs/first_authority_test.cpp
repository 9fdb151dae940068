#include "certs/first_authority.hpp"

#include "certs/certs_test_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <latch>
#include <set>
#include <thread>
#include <vector>

namespace sallyport {
namespace {

using test::Folder;
using test::some_day;
using testing::HasSubstr;

std::string complaint(const Folder& folder, CertificateTime now = some_day()) {
  const auto opened = open_first_authority(folder.path(), now);
  return opened ? "none" : opened.error().text;
}

TEST(FirstAuthority, IsMadeOnceAndThenStays) {
  const Folder folder;
  const auto first = open_first_authority(folder.path(), some_day()).value();
  const auto again = open_first_authority(folder.path(), some_day()).value();
  EXPECT_TRUE(first.made);
  EXPECT_FALSE(again.made);
  EXPECT_EQ(first.authority->fingerprint_sha256(), again.authority->fingerprint_sha256());
}

TEST(FirstAuthority, MaySignServersAndNoOtherAuthority) {
  const Folder folder;
  const auto ca = test::authority_in(folder);
  X509* certificate = ca->certificate().get();
  EXPECT_EQ(X509_check_ca(certificate), 1);
  EXPECT_EQ(X509_get_pathlen(certificate), 0);
  EXPECT_EQ(X509_get_key_usage(certificate), static_cast<unsigned>(KU_KEY_CERT_SIGN | KU_CRL_SIGN));
  for (const int kind : {NID_basic_constraints, NID_key_usage}) {
    X509_EXTENSION* extension = X509_get_ext(certificate, X509_get_ext_by_NID(certificate, kind, -1));
    EXPECT_EQ(X509_EXTENSION_get_critical(extension), 1);
  }
  EXPECT_NE(X509_get0_subject_key_id(certificate), nullptr);
  EXPECT_NE(X509_get0_authority_key_id(certificate), nullptr);
}

TEST(FirstAuthority, SaysWhatItIs) {
  const Folder folder;
  const auto ca = test::authority_in(folder);
  EXPECT_THAT(ca->subject(), HasSubstr("CN=Sallyport CA of "));
  EXPECT_THAT(ca->subject(), HasSubstr("made 2026-06-01"));
  EXPECT_THAT(ca->fingerprint_sha256(), testing::MatchesRegex("([0-9A-F]{2}:){31}[0-9A-F]{2}"));
  EXPECT_EQ(ca->not_after() - some_day(), authority_lifetime);
  EXPECT_EQ(some_day() - ca->not_before(), clock_skew);
}

TEST(FirstAuthority, F_11_KeepsItsKeyFromOthersWhateverTheUmask) {
  for (const mode_t mask : {mode_t{0}, mode_t{0077}}) {
    const Folder folder;
    const mode_t before = ::umask(mask);
    const auto opened = open_first_authority(folder.path(), some_day());
    ::umask(before);
    ASSERT_TRUE(opened);
    EXPECT_EQ(folder.mode("ca.key"), 0600U);
    EXPECT_EQ(folder.mode("ca.pem"), 0644U);
    EXPECT_THAT(opened->authority->pem(), testing::Not(HasSubstr("PRIVATE")));
  }
}

TEST(FirstAuthority, F_11_IsRefusedOnceOthersCouldReadItsKey) {
  const Folder folder;
  test::authority_in(folder);
  for (const unsigned mode : {0604U, 0640U, 0660U}) {
    ::chmod(folder.file("ca.key").c_str(), mode);
    EXPECT_THAT(complaint(folder), HasSubstr("ca.key can be ")) << mode;
  }
  EXPECT_THAT(complaint(folder), HasSubstr("chmod 600"));
}

TEST(FirstAuthority, IsNeverReplacedWhereOneFileIsMissing) {
  for (const char* missing : {"ca.key", "ca.pem"}) {
    const Folder folder;
    test::authority_in(folder);
    std::filesystem::remove(folder.file(missing));
    EXPECT_THAT(complaint(folder), HasSubstr(std::string(missing) + " is missing beside ")) << missing;
    EXPECT_FALSE(std::filesystem::exists(folder.file(missing)));
  }
}

TEST(FirstAuthority, IsNeverReplacedWhereAFileIsBroken) {
  for (const char* broken : {"ca.key", "ca.pem"}) {
    for (const std::string& text : {std::string(), std::string("no PEM"), std::string(2U << 20U, 'x')}) {
      const Folder folder;
      test::authority_in(folder);
      folder.write(broken, text);
      EXPECT_THAT(complaint(folder), HasSubstr(broken));
      EXPECT_EQ(folder.read(broken), text);
    }
  }
}

TEST(FirstAuthority, IsRefusedWithTheKeyOfAnother) {
  const Folder folder;
  const Folder other;
  test::authority_in(folder);
  test::authority_in(other);
  folder.write("ca.key", other.read("ca.key"));
  EXPECT_THAT(complaint(folder), HasSubstr("is not the key of"));
}

TEST(FirstAuthority, IsRefusedBeforeAndAfterItsTime) {
  const Folder folder;
  const auto ca = test::authority_in(folder);
  EXPECT_THAT(complaint(folder, ca->not_after()), HasSubstr("ended on "));
  EXPECT_THAT(complaint(folder, ca->not_before() - std::chrono::seconds(1)), HasSubstr("clock"));
}

TEST(FirstAuthority, FollowsNoLinkInItsFolder) {
  const Folder folder;
  const Folder other;
  test::authority_in(other);
  for (const char* name : {"ca.key", "ca.pem"}) std::filesystem::create_symlink(other.file(name), folder.file(name));
  EXPECT_THAT(complaint(folder), HasSubstr("is a link"));
  const Folder dangling;
  std::filesystem::create_symlink("/nonexistent/key", dangling.file("ca.key"));
  EXPECT_THAT(complaint(dangling), HasSubstr("is missing beside"));
}

TEST(FirstAuthority, IsMadeWhereAnEarlierAttemptBrokeOff) {
  const Folder folder;
  folder.write("ca.key.new", "half a key", 0644);
  std::filesystem::create_symlink(folder.file("elsewhere"), folder.file("ca.pem.new"));
  EXPECT_EQ(complaint(folder), "none");
  EXPECT_EQ(folder.mode("ca.key"), 0600U);
  EXPECT_FALSE(std::filesystem::exists(folder.file("elsewhere")));
  EXPECT_FALSE(std::filesystem::exists(folder.file("ca.key.new")));
}

TEST(FirstAuthority, IsOneForAllWhoComeAtOnce) {
  const Folder folder;
  constexpr int many = 16;
  std::latch start(many);
  std::vector<std::string> prints(many);
  std::vector<std::thread> threads;
  for (int each = 0; each < many; ++each) {
    threads.emplace_back([&, each] {
      start.arrive_and_wait();
      prints[static_cast<std::size_t>(each)] = test::authority_in(folder)->fingerprint_sha256();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(std::set(prints.begin(), prints.end()).size(), 1U);
}

TEST(FirstAuthority, BelongsToTheOwnerOfTheFolderAlsoWhenRootMakesIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const Folder folder;
  ASSERT_EQ(::chown(folder.path().c_str(), 65534, 65534), 0);
  test::authority_in(folder);
  for (const char* name : {"ca.key", "ca.pem"}) {
    struct stat about {};
    ASSERT_EQ(::stat(folder.file(name).c_str(), &about), 0);
    EXPECT_EQ(about.st_uid, 65534U);
    EXPECT_EQ(about.st_gid, 65534U);
  }
}

TEST(FirstAuthority, SaysWhereThereIsNoFolder) {
  const auto opened = open_first_authority("/nonexistent/data", some_day());
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().text, HasSubstr("cannot open /nonexistent/data"));
}

}  // namespace
}  // namespace sallyport
