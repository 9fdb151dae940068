#include "net/happy_eyeballs.hpp"

#include "net/listener.hpp"
#include "net/loopback_test.hpp"
#include "net/within.hpp"

#include <sys/socket.h>

namespace sallyport {
namespace {

using asio::ip::tcp;
using testing::run_to_end;

const auto loopback4 = asio::ip::address_v4::loopback();
const auto loopback6 = asio::ip::address_v6::loopback();

struct HappyEyeballsTest : ::testing::Test {
  Task<> connect(std::vector<tcp::endpoint> endpoints, ConnectOptions options) {
    auto connected = co_await connect_any(std::move(endpoints), std::move(options));
    if (connected) {
      socket.emplace(std::move(*connected));
    } else {
      error = connected.error();
    }
  }

  void dial(std::vector<tcp::endpoint> endpoints, ConnectOptions options = {}) {
    run_to_end(context, connect(std::move(endpoints), std::move(options)));
  }

  Acceptor listen(int backlog = 10) { return open_listener(context, {loopback4, 0}, {.backlog = backlog}).value(); }
  // A port of loopback where nobody listens.
  tcp::endpoint closed_endpoint() { return listen().local_endpoint(); }

  asio::io_context context;
  std::optional<Socket> socket;
  error_code error;
};

// A listener whose queue is full: what dials it waits without an answer.
struct SilentListener {
  explicit SilentListener(HappyEyeballsTest& test) : acceptor(test.listen(0)) {
    for (int i = 0; i < 4; ++i) {
      Socket& filler = fillers.emplace_back(test.context.get_executor());
      filler.open(tcp::v4());
      filler.native_non_blocking(true);
      const tcp::endpoint endpoint = acceptor.local_endpoint();
      ::connect(filler.native_handle(), endpoint.data(), static_cast<socklen_t>(endpoint.size()));
    }
  }
  Acceptor acceptor;
  std::vector<Socket> fillers;
};

std::vector<std::string> words(const std::vector<tcp::endpoint>& endpoints) {
  std::vector<std::string> all;
  for (const auto& endpoint : endpoints) all.push_back(endpoint.address().to_string());
  return all;
}

TEST(InterleaveFamilies, AlternatesBeginningWithTheFirst) {
  const tcp::endpoint four(loopback4, 1), six(loopback6, 1), other(asio::ip::make_address("127.0.0.2"), 1);
  EXPECT_EQ(words(interleave_families({six, four, other})),
            (std::vector<std::string>{"::1", "127.0.0.1", "127.0.0.2"}));
  EXPECT_EQ(words(interleave_families({four, other, six})),
            (std::vector<std::string>{"127.0.0.1", "::1", "127.0.0.2"}));
  EXPECT_TRUE(interleave_families({}).empty());
}

TEST(InterleaveFamilies, StopsAtTheMostAttempts) {
  const std::vector<tcp::endpoint> many(50, tcp::endpoint(loopback4, 1));
  EXPECT_EQ(interleave_families(many).size(), max_connect_attempts);
}

TEST_F(HappyEyeballsTest, ConnectsToTheOnlyAddress) {
  auto acceptor = listen();
  dial({acceptor.local_endpoint()});
  ASSERT_TRUE(socket) << error.message();
  EXPECT_EQ(socket->remote_endpoint(), acceptor.local_endpoint());
}

TEST_F(HappyEyeballsTest, GoesOnAtOnceAfterARefusal) {
  auto acceptor = listen();
  const auto start = Clock::now();
  dial({closed_endpoint(), acceptor.local_endpoint()}, {.attempt_delay = std::chrono::seconds(8)});
  ASSERT_TRUE(socket) << error.message();
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(4));
}

TEST_F(HappyEyeballsTest, GivesTheNextAddressItsTurnWhileOneIsSilent) {
  auto acceptor = listen();
  SilentListener silent(*this);
  dial({silent.acceptor.local_endpoint(), acceptor.local_endpoint()}, {.attempt_delay = std::chrono::milliseconds(10)});
  ASSERT_TRUE(socket) << error.message();
  EXPECT_EQ(socket->remote_endpoint(), acceptor.local_endpoint());
}

TEST_F(HappyEyeballsTest, EndsAtItsLimit) {
  SilentListener silent(*this);
  dial({silent.acceptor.local_endpoint()}, {.limit = std::chrono::milliseconds(20)});
  EXPECT_EQ(error, asio::error::timed_out);
}

Task<> give_up_early(tcp::endpoint endpoint, error_code& error) {
  const std::vector<tcp::endpoint> endpoints(1, endpoint);
  auto connected = co_await within(std::chrono::milliseconds(10), connect_any(endpoints, ConnectOptions()));
  if (!connected) error = connected.error();
}

TEST_F(HappyEyeballsTest, ObeysCancellation) {
  SilentListener silent(*this);
  run_to_end(context, give_up_early(silent.acceptor.local_endpoint(), error));
  EXPECT_EQ(error, asio::error::timed_out);
}

TEST_F(HappyEyeballsTest, TellsTheLastErrorWhenAllFail) {
  dial({closed_endpoint(), closed_endpoint()});
  EXPECT_EQ(error, asio::error::connection_refused);
}

TEST_F(HappyEyeballsTest, HasAnErrorForNoAddressAtAll) {
  dial({});
  EXPECT_EQ(error, asio::error::host_not_found);
}

TEST_F(HappyEyeballsTest, DialsNothingWhereTheHookFails) {
  auto acceptor = listen();
  ConnectOptions options;
  options.before_connect = [](int) -> error_code { return asio::error::no_permission; };
  dial({acceptor.local_endpoint()}, options);
  EXPECT_EQ(error, asio::error::no_permission);
  acceptor.non_blocking(true);
  error_code none_came;
  acceptor.accept(none_came);
  EXPECT_EQ(none_came, asio::error::would_block);
}

}  // namespace
}  // namespace sallyport
