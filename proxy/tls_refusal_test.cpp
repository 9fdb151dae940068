#include "proxy/tls_refusal.hpp"

#include <gmock/gmock.h>

namespace sallyport {
namespace {

using ::testing::HasSubstr;

Host host() {
  return Host::parse("allowed.test").value();
}

TEST(TlsRefusal, ACertificateThatIsNotAcceptedIsABadGatewayThatSaysWhy) {
  const Refusal refusal = server_tls_refusal({TlsTrouble::Kind::certificate, "certificate has expired"}, host());
  EXPECT_EQ(refusal.status, 502U);
  EXPECT_EQ(refusal.proxy_error, "tls_certificate_error");
  EXPECT_THAT(refusal.detail, HasSubstr("allowed.test"));
  EXPECT_THAT(refusal.detail, HasSubstr("certificate has expired"));
  EXPECT_THAT(http_refusal(refusal, nullptr, "id", AfterRefusal::close, "GET"), HasSubstr("inspect: roots:"));
}

TEST(TlsRefusal, AServerThatDoesNotAnswerIsAGatewayTimeout) {
  EXPECT_EQ(server_tls_refusal({TlsTrouble::Kind::timeout, ""}, host()).status, 504U);
}

TEST(TlsRefusal, AClientThatDoesNotTrustUsIsToldOfWithAdvice) {
  for (const auto kind : {TlsTrouble::Kind::distrust, TlsTrouble::Kind::closed})
    EXPECT_THAT(client_tls_trouble({kind, "tlsv1 alert unknown ca"}), HasSubstr("sallyport ca export"));
  EXPECT_THAT(client_tls_trouble({TlsTrouble::Kind::protocol, "no shared cipher"}), HasSubstr("no shared cipher"));
}

}  // namespace
}  // namespace sallyport
