#include "net/sd_notify.hpp"

#include <boost/asio/local/datagram_protocol.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <unistd.h>

namespace sallyport {
namespace {

using Datagram = asio::local::datagram_protocol;

struct SdNotify : ::testing::Test {
  ~SdNotify() override { ::unsetenv("NOTIFY_SOCKET"); }
};

TEST_F(SdNotify, IsContentWhereNobodyListens) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(sd_notify("READY=1"));
}

TEST_F(SdNotify, SendsToAnAbstractSocket) {
  asio::io_context context;
  const std::string name = "sd-notify-test-" + std::to_string(::getpid());
  Datagram::socket manager(context, Datagram::endpoint('\0' + name));
  ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  ASSERT_TRUE(sd_notify("READY=1"));
  std::string got(100, ' ');
  got.resize(manager.receive(asio::buffer(got)));
  EXPECT_EQ(got, "READY=1");
}

TEST_F(SdNotify, SaysSoWhereTheSocketIsMissing) {
  ::setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
  EXPECT_FALSE(sd_notify("READY=1"));
}

TEST_F(SdNotify, RefusesAPathThatIsTooLong) {
  ::setenv("NOTIFY_SOCKET", ("/" + std::string(200, 'x')).c_str(), 1);
  EXPECT_FALSE(sd_notify("READY=1"));
}

}  // namespace
}  // namespace sallyport
