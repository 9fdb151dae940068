#include "net/passed_descriptors.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace sallyport {
namespace {

class PassedDescriptors : public testing::Test {
 protected:
  PassedDescriptors() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    near_ = ends[0];
    far_ = ends[1];
  }
  ~PassedDescriptors() override {
    hang_up();
    ::close(far_);
  }
  void hang_up() {
    if (near_ >= 0) ::close(near_);
    near_ = -1;
  }

  std::array<char, 8> bytes_{};
  int near_ = -1, far_ = -1;
};

TEST_F(PassedDescriptors, ArriveWithTheirMessage) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const Descriptor reading(pipe[0]);
  {
    const Descriptor writing(pipe[1]);
    ASSERT_TRUE(send_with_descriptors(near_, "ab", {writing.get(), writing.get()}));
  }
  {
    const auto got = receive_with_descriptors(far_, bytes_);
    ASSERT_TRUE(got);
    EXPECT_EQ(std::string_view(bytes_.data(), got->size), "ab");
    EXPECT_FALSE(got->is_cut);
    ASSERT_EQ(got->descriptors.size(), 2U);
    EXPECT_EQ(::fcntl(got->descriptors[0].get(), F_GETFD), FD_CLOEXEC);
    ASSERT_EQ(::write(got->descriptors[1].get(), "x", 1), 1);
  }
  char c = 0;
  ASSERT_EQ(::read(reading.get(), &c, 1), 1);
  EXPECT_EQ(::read(reading.get(), &c, 1), 0) << "one of them is still open";
}

TEST_F(PassedDescriptors, MayBeNone) {
  ASSERT_TRUE(send_with_descriptors(near_, "ab", {}));
  const auto got = receive_with_descriptors(far_, bytes_);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->size, 2U);
  EXPECT_TRUE(got->descriptors.empty());
}

TEST_F(PassedDescriptors, AreNotMoreThanAMessageHolds) {
  EXPECT_FALSE(send_with_descriptors(near_, "a", std::vector<int>(most_in_a_message + 1, near_)));
  EXPECT_TRUE(send_with_descriptors(near_, "a", std::vector<int>(most_in_a_message, near_)));
  const auto got = receive_with_descriptors(far_, bytes_);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->descriptors.size(), most_in_a_message);
}

TEST_F(PassedDescriptors, SayThatAMessageWasCut) {
  ASSERT_TRUE(send_with_descriptors(near_, "0123456789", {}));
  const auto got = receive_with_descriptors(far_, bytes_);
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->is_cut);
  EXPECT_EQ(got->size, 10U);
}

TEST_F(PassedDescriptors, SayThatTheOtherEndHasGone) {
  hang_up();
  const auto got = receive_with_descriptors(far_, bytes_);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->size, 0U);
  EXPECT_FALSE(send_with_descriptors(far_, "a", {}));
  EXPECT_FALSE(receive_with_descriptors(-1, bytes_));
}

}  // namespace
}  // namespace sallyport
