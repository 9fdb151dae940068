#include "certs/certs_test_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace sallyport::test {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;
using Ssl = std::unique_ptr<SSL, FreeSsl>;

Ssl client_of(SSL_CTX* context, const std::string& expected, CertificateTime now) {
  Ssl client(SSL_new(context));
  X509_VERIFY_PARAM* how = SSL_get0_param(client.get());
  X509_VERIFY_PARAM_set_time(how, std::chrono::system_clock::to_time_t(now));
  // Not even as a last resort is the common name looked at.
  X509_VERIFY_PARAM_set_hostflags(how, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS);
  X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_SSL_SERVER);
  if (Address::parse(expected)) {
    X509_VERIFY_PARAM_set1_ip_asc(how, expected.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(how, expected.c_str(), expected.size());
  }
  SSL_set_connect_state(client.get());
  return client;
}

void trust(SSL_CTX* context, const Authority& ca) {
  const std::string pem = ca.pem();
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                          BIO_free_all);
  X509* last = nullptr;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    X509_free(last);
    last = next;
  }
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), last);
  X509_free(last);
}

}  // namespace

std::string handshake(const Authority& ca, const Leaf& leaf, const std::string& expected, CertificateTime now,
                      int* sent) {
  const Context server_context(SSL_CTX_new(TLS_server_method()));
  const Context client_context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(client_context.get(), SSL_VERIFY_PEER, nullptr);
  trust(client_context.get(), ca);
  const Ssl server(SSL_new(server_context.get()));
  if (!use_leaf(server.get(), leaf)) return "the server refused the leaf";
  SSL_set_accept_state(server.get());
  const Ssl client = client_of(client_context.get(), expected, now);
  BIO* server_end = nullptr;
  BIO* client_end = nullptr;
  BIO_new_bio_pair(&server_end, 0, &client_end, 0);
  SSL_set_bio(server.get(), server_end, server_end);
  SSL_set_bio(client.get(), client_end, client_end);
  bool done = false;
  for (int turn = 0; turn < 20 && !done; ++turn) {
    const int client_done = SSL_do_handshake(client.get());
    const int server_done = SSL_do_handshake(server.get());
    done = client_done == 1 && server_done == 1;
  }
  const long verified = SSL_get_verify_result(client.get());
  if (sent) *sent = sk_X509_num(SSL_get_peer_cert_chain(client.get()));
  last_openssl_error();
  if (verified != X509_V_OK) return X509_verify_cert_error_string(verified);
  return done ? "ok" : "the handshake did not end";
}

namespace {

constexpr auto day = std::chrono::hours(24);

class Handshake : public testing::Test {
 protected:
  std::shared_ptr<const Leaf> mint(std::string_view host, CertificateTime now = some_day()) const {
    return mint_leaf(*ca_, key_, host_of(host), now).value();
  }
  std::string shake(const Leaf& leaf, const std::string& expected, CertificateTime now = some_day()) const {
    return handshake(*ca_, leaf, expected, now);
  }

  const Folder folder_;
  const std::shared_ptr<const Authority> ca_ = authority_in(folder_);
  const PrivateKey key_ = new_private_key();
};

TEST_F(Handshake, SucceedsForTheNameOfTheLeafAndNoOther) {
  const auto leaf = mint("api.example.com");
  EXPECT_EQ(shake(*leaf, "api.example.com"), "ok");
  for (const char* other : {"example.com", "www.api.example.com", "other.example.com", "api.example.com.evil.org"})
    EXPECT_EQ(shake(*leaf, other), "hostname mismatch") << other;
  EXPECT_EQ(shake(*leaf, "192.0.2.1"), "IP address mismatch");
}

TEST_F(Handshake, TakesANameInItsALabelForm) {
  const auto leaf = mint("bücher.example");
  EXPECT_EQ(shake(*leaf, "xn--bcher-kva.example"), "ok");
  EXPECT_EQ(shake(*leaf, "bucher.example"), "hostname mismatch");
}

TEST_F(Handshake, TakesNamesOfEveryKindThatPolicyKnows) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  for (const std::string& name : {longest, std::string("under_score.example"), std::string("localhost")})
    EXPECT_EQ(shake(*mint(name), name), "ok") << name;
}

TEST_F(Handshake, TakesAddressesOfBothFamilies) {
  EXPECT_EQ(shake(*mint("192.0.2.7"), "192.0.2.7"), "ok");
  EXPECT_EQ(shake(*mint("192.0.2.7"), "192.0.2.8"), "IP address mismatch");
  EXPECT_EQ(shake(*mint("[2001:db8::7]"), "2001:db8::7"), "ok");
  EXPECT_EQ(shake(*mint("[2001:db8::7]"), "2001:db8::8"), "IP address mismatch");
}

TEST_F(Handshake, ForgivesAClockADayBehindAndNoMore) {
  const auto leaf = mint("a.example");
  EXPECT_EQ(shake(*leaf, "a.example", some_day() - day + std::chrono::minutes(1)), "ok");
  EXPECT_EQ(shake(*leaf, "a.example", some_day() - day - std::chrono::minutes(1)), "certificate is not yet valid");
  EXPECT_EQ(shake(*leaf, "a.example", some_day() + 29 * day - std::chrono::minutes(1)), "ok");
  EXPECT_EQ(shake(*leaf, "a.example", some_day() + 29 * day + std::chrono::minutes(1)), "certificate has expired");
}

TEST_F(Handshake, FailsForAClientThatTrustsAnotherCa) {
  const Folder other;
  EXPECT_THAT(handshake(*authority_in(other), *mint("a.example"), "a.example", some_day()),
              testing::HasSubstr("unable to get local issuer certificate"));
}

TEST_F(Handshake, SendsTheLeafAloneWhereClientsTrustItsCa) {
  int sent = 0;
  EXPECT_EQ(handshake(*ca_, *mint("a.example"), "a.example", some_day(), &sent), "ok");
  EXPECT_EQ(sent, 1);
}

}  // namespace
}  // namespace sallyport::test
