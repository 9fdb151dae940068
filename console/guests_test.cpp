#include "console/guests.hpp"

#include "console/console_test_support.hpp"

namespace sallyport::console_test {
namespace {

class GuestsTest : public ConsoleTest {
 protected:
  GuestsTest() : core_(backend(), *TokenStore::open(folder_), AdminLimits{}, {}) {
    limits_.connections = 8;
    limits_.strangers = 4;
    limits_.strangers_per_source = 2;
  }

  bool come(const std::string& from, std::size_t door = 0, std::optional<Caller> caller = std::nullopt) {
    AdminEntry entry;
    entry.remote = *Address::parse(from);
    entry.caller = std::move(caller);
    const auto source = Guest::source_of(entry);
    if (!make_place(guests_, limits_, door, source)) return false;
    guests_.emplace_back(core_, AdminSocket(core_.context), std::move(entry), door);
    return true;
  }
  std::string dropped() const {
    std::string text;
    for (const Guest& guest : guests_) text += guest.dropped ? 'x' : '.';
    return text;
  }

  AdminCore core_;
  std::list<Guest> guests_;
};

TEST_F(GuestsTest, F_10_TheOldestStrangerOfAGreedySourceLeaves) {
  for (int each = 0; each < 4; ++each) EXPECT_TRUE(come("10.77.0.2"));
  EXPECT_TRUE(come("10.77.0.3"));
  EXPECT_EQ(dropped(), "xx...");
}

TEST_F(GuestsTest, F_10_AddressesOfOnePrefixAreOneSource) {
  for (int each = 1; each <= 3; ++each) EXPECT_TRUE(come("2001:db8:0:1::" + std::to_string(each)));
  EXPECT_TRUE(come("2001:db8:0:2::1"));
  EXPECT_TRUE(come("::ffff:10.77.0.2"));
  EXPECT_EQ(dropped(), "x....");
}

TEST_F(GuestsTest, F_10_WhereStrangersAreManyTheOldestOfTheGreediestSourceLeaves) {
  EXPECT_TRUE(come("10.77.0.2"));
  EXPECT_TRUE(come("10.77.0.3"));
  EXPECT_TRUE(come("10.77.0.3"));
  EXPECT_TRUE(come("10.77.0.4"));
  EXPECT_TRUE(come("10.77.0.5"));
  EXPECT_EQ(dropped(), ".x...");
}

TEST_F(GuestsTest, F_10_ThoseOfThisHostAndThoseWhoAreKnownAreNotCounted) {
  const Caller known{"admin", Role::admin, "api", {}};
  for (int each = 0; each < 3; ++each) EXPECT_TRUE(come("127.0.0.1"));
  EXPECT_TRUE(come("::1"));
  for (int each = 0; each < 4; ++each) EXPECT_TRUE(come("10.77.0.2", 0, known));
  EXPECT_EQ(dropped(), "........");
  EXPECT_TRUE(come("10.77.0.2")) << "and takes the place of the oldest who said nothing";
  EXPECT_EQ(dropped(), "x........");
}

TEST_F(GuestsTest, F_10_NobodyWhoIsKnownLeavesForAnother) {
  const Caller known{"admin", Role::admin, "api", {}};
  for (int each = 0; each < 8; ++each) EXPECT_TRUE(come("10.77.0.2", 0, known));
  EXPECT_FALSE(come("127.0.0.1"));
  EXPECT_TRUE(come("127.0.0.1", 1));
}

}  // namespace
}  // namespace sallyport::console_test
