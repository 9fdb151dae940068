#include "net/listener.hpp"

#include "net/loopback_test.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cstdlib>
#include <fcntl.h>
#include <sched.h>
#include <thread>
#include <unistd.h>

namespace sallyport {
namespace {

using asio::ip::tcp;

const tcp::endpoint any_port4(asio::ip::address_v4::loopback(), 0);
const tcp::endpoint dual_stack(asio::ip::address_v6::any(), 0);

struct ListenerTest : ::testing::Test {
  // Runs accept_each until it has taken `count` connections, then closes the acceptor.
  void take(Acceptor& acceptor, std::size_t count) {
    taken.clear();
    auto keep = [&, count](Socket socket) {
      taken.push_back(std::move(socket));
      if (taken.size() == count) acceptor.close();
    };
    testing::run_to_end(context, accept_each(acceptor, keep, std::chrono::milliseconds(5)));
  }
  Socket dial(const tcp::endpoint& endpoint) {
    Socket socket(context.get_executor());
    socket.connect(endpoint);
    return socket;
  }

  asio::io_context context;
  std::vector<Socket> taken;
};

TEST_F(ListenerTest, SaysWhichAddressIsTaken) {
  auto first = open_listener(context, any_port4);
  ASSERT_TRUE(first) << first.error().text;
  const auto second = open_listener(context, first->local_endpoint());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, asio::error::address_in_use);
  EXPECT_NE(second.error().text.find("127.0.0.1:"), std::string::npos);
  EXPECT_THROW(second.value(), std::runtime_error);
}

TEST_F(ListenerTest, SharesAPortBetweenThreadsWhenAsked) {
  const ListenerOptions options{.reuse_port = ReusePort::yes};
  auto first = open_listener(context, any_port4, options);
  ASSERT_TRUE(first) << first.error().text;
  EXPECT_TRUE(open_listener(context, first->local_endpoint(), options));
}

TEST_F(ListenerTest, KeepsIPv4OutWhenAsked) {
  auto acceptor = open_listener(context, dual_stack, {.v6_only = V6Only::yes}).value();
  EXPECT_THROW(dial({asio::ip::address_v4::loopback(), acceptor.local_endpoint().port()}), boost::system::system_error);
}

TEST_F(ListenerTest, HandsOverSocketsThatChildrenDoNotInherit) {
  auto acceptor = open_listener(context, any_port4).value();
  EXPECT_TRUE(::fcntl(acceptor.native_handle(), F_GETFD) & FD_CLOEXEC);
  const Socket client = dial(acceptor.local_endpoint());
  take(acceptor, 1);
  EXPECT_TRUE(::fcntl(taken[0].native_handle(), F_GETFD) & FD_CLOEXEC);
  tcp::no_delay no_delay;
  taken[0].get_option(no_delay);
  EXPECT_TRUE(no_delay.value());
}

// Lowers the limit of open files so that not one more can be had; puts it back when it dies.
struct NoMoreFiles {
  NoMoreFiles() {
    ::getrlimit(RLIMIT_NOFILE, &before);
    const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest);
    const rlimit none{static_cast<rlim_t>(lowest), before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreFiles() { restore(); }
  void restore() { ::setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};

TEST_F(ListenerTest, F_05_WaitsOutALackOfDescriptors) {
  // The first round has descriptors to spare: the undefined-behaviour sanitizer needs some for what it meets first.
  for (const bool is_short : {false, true}) {
    auto acceptor = open_listener(context, any_port4).value();
    const Socket client = dial(acceptor.local_endpoint());
    std::optional<NoMoreFiles> shortage;
    Timer later(context.get_executor(), std::chrono::milliseconds(30));
    later.async_wait([&](error_code) {
      EXPECT_EQ(taken.empty(), is_short);
      shortage.reset();
    });
    taken.clear();  // frees its descriptor before the shortage is measured
    if (is_short) shortage.emplace();
    take(acceptor, 1);
    EXPECT_EQ(taken.size(), 1u);
    context.restart();
    context.run();
  }
}

TEST_F(ListenerTest, AdoptsAListeningDescriptor) {
  auto original = open_listener(context, any_port4).value();
  auto adopted = adopt_listener(context, ::dup(original.native_handle()));
  ASSERT_TRUE(adopted) << adopted.error().text;
  EXPECT_EQ(adopted->local_endpoint(), original.local_endpoint());
}

TEST_F(ListenerTest, LeavesADescriptorThatDoesNotListenToItsOwner) {
  Socket plain(context.get_executor(), tcp::v4());
  EXPECT_FALSE(adopt_listener(context, plain.native_handle()));
  EXPECT_NE(::fcntl(plain.native_handle(), F_GETFD), -1);
  EXPECT_FALSE(adopt_listener(context, -1));
}

TEST_F(ListenerTest, KnowsNoOriginalDestinationOfADirectConnection) {
  auto acceptor = open_listener(context, any_port4).value();
  const Socket client = dial(acceptor.local_endpoint());
  take(acceptor, 1);
  const auto destination = original_destination(taken[0]);
  // Where connection tracking runs it knows the connection, as one to the listener itself.
  if (destination) {
    EXPECT_EQ(*destination, taken[0].local_endpoint());
  }
}

bool bring_up_loopback() {
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool up = ::ioctl(descriptor, SIOCSIFFLAGS, &request) == 0;
  ::close(descriptor);
  return up;
}

// The machine's own loopback may have no IPv6; that of a network namespace of this thread's own has.
TEST_F(ListenerTest, TakesBothFamiliesOnOneSocket) {
  std::thread([this] {
    if (::unshare(CLONE_NEWNET) == 0) bring_up_loopback();
    try {
      auto acceptor = open_listener(context, dual_stack, {.v6_only = V6Only::no}).value();
      const auto port = acceptor.local_endpoint().port();
      const Socket four = dial({asio::ip::address_v4::loopback(), port});
      const Socket six = dial({asio::ip::address_v6::loopback(), port});
      take(acceptor, 2);
    } catch (const boost::system::system_error& error) {
      ADD_FAILURE() << error.what();
    }
  }).join();
  EXPECT_EQ(taken.size(), 2u);
}

bool steer_to(std::uint16_t port) {
  const std::string rules =
      "nft 'table inet steer { chain output { type nat hook output priority -100; tcp dport 4242 "
      "redirect to :" +
      std::to_string(port) + "; }; }' 2>/dev/null";
  return std::system(rules.c_str()) == 0;
}

// In a network namespace of this thread's own.
void find_redirected(bool& possible, std::vector<Result<tcp::endpoint>>& found) {
  if (::unshare(CLONE_NEWNET) != 0 || !bring_up_loopback()) return;
  asio::io_context context;
  auto acceptor = open_listener(context, dual_stack, {.v6_only = V6Only::no}).value();
  if (!steer_to(acceptor.local_endpoint().port())) return;
  possible = true;
  for (const char* address : {"127.0.0.9", "::1"}) {
    Socket client(context.get_executor());
    client.connect({asio::ip::make_address(address), 4242});
    Socket accepted = acceptor.accept();
    found.push_back(original_destination(accepted));
  }
}

TEST(OriginalDestination, P_11_IsFoundForBothFamiliesOnADualStackSocket) {
  bool possible = false;
  std::vector<Result<tcp::endpoint>> found;
  std::thread([&] { find_redirected(possible, found); }).join();
  if (!possible) GTEST_SKIP() << "needs a network namespace and nft";
  ASSERT_EQ(found.size(), 2u);
  ASSERT_TRUE(found[0]) << found[0].error().message();
  EXPECT_EQ(*found[0], tcp::endpoint(asio::ip::make_address("127.0.0.9"), 4242));
  ASSERT_TRUE(found[1]) << found[1].error().message();
  EXPECT_EQ(*found[1], tcp::endpoint(asio::ip::make_address("::1"), 4242));
}

}  // namespace
}  // namespace sallyport
