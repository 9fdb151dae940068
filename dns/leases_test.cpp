#include "dns/leases.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace sallyport;
using namespace sallyport::dns;
using namespace std::chrono_literals;

namespace {

HostName name(const std::string& text) {
  return HostName::parse(text).value();
}
HostName numbered(int i) {
  return name("n" + std::to_string(i) + ".example");
}

class Leases : public testing::Test {
 protected:
  Leases() {
    directory_ = std::filesystem::temp_directory_path() / ("leases-" + std::to_string(::getpid()) + "-XXXXXX");
    std::string pattern = directory_.string();
    directory_ = ::mkdtemp(pattern.data());
    options_.pool4 = Cidr::parse("198.18.0.0/28").value();  // 14 addresses
    options_.file = (directory_ / "leases").string();
  }
  ~Leases() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<LeaseTable> open() {
    return std::make_unique<LeaseTable>(options_, LeaseClock{[this] { return now_; }, [this] { return wall_; }});
  }
  void pass(std::chrono::seconds time) {
    now_ += time;
    wall_ += time;
  }
  std::uintmax_t saved_bytes() const { return std::filesystem::file_size(options_.file); }

  std::filesystem::path directory_;
  LeaseOptions options_ = LeaseOptions::defaults();
  std::chrono::steady_clock::time_point now_{1000h};
  std::chrono::system_clock::time_point wall_{400000h};
};

}  // namespace

TEST_F(Leases, GiveANameOneAddressOfEachFamily) {
  const auto table = open();
  const auto first = table->lease("a", name("api.example")).value();
  const auto again = table->lease("a", name("api.example")).value();
  const auto other = table->lease("a", name("other.example")).value();
  EXPECT_EQ(first.v4, again.v4);
  EXPECT_EQ(first.v6, again.v6);
  EXPECT_EQ(first.correlation, again.correlation);
  EXPECT_NE(first.v4, other.v4);
  EXPECT_TRUE(table->in_pool(first.v4));
  EXPECT_TRUE(table->in_pool(first.v6));
  EXPECT_FALSE(table->in_pool(Address::parse("198.51.100.1").value()));
  EXPECT_EQ(table->find("a", first.v4)->name.text(), "api.example");
  EXPECT_EQ(table->find("a", first.v6)->name.text(), "api.example");
  EXPECT_EQ(table->find("a", Address::parse("::ffff:" + first.v4.text()).value())->name.text(), "api.example");
}

TEST_F(Leases, I_18_AreNoOtherAgents) {
  const auto table = open();
  const auto mine = table->lease("a", name("api.example")).value();
  const auto theirs = table->lease("b", name("api.example")).value();
  EXPECT_NE(mine.v4, theirs.v4);
  EXPECT_EQ(table->find("b", mine.v4).error(), LeaseFault::foreign_lease);
  EXPECT_EQ(table->peek("b", mine.v6).error(), LeaseFault::foreign_lease);
  EXPECT_FALSE(table->pin("b", mine.v4));
}

TEST_F(Leases, AreUnknownWhereNothingWasGiven) {
  const auto table = open();
  for (const char* address : {"198.18.0.0", "198.18.0.3", "198.18.0.15", "fd53:414c:4c59::1:0:3", "192.0.2.1"}) {
    EXPECT_EQ(table->find("a", Address::parse(address).value()).error(), LeaseFault::unknown_lease) << address;
  }
}

TEST_F(Leases, KnownOnesDoNotTouchTheDisk) {
  const auto table = open();
  (void)table->lease("a", name("api.example"));
  const auto before = saved_bytes();
  for (int i = 0; i < 100; ++i) (void)table->lease("a", name("api.example"));
  EXPECT_EQ(saved_bytes(), before);
}

TEST_F(Leases, RestBeforeAnotherNameGetsTheAddress) {
  const auto table = open();
  for (int i = 0; i < 14; ++i) ASSERT_TRUE(table->lease("a", numbered(i))) << i;
  EXPECT_EQ(table->lease("a", numbered(14)).error(), LeaseFault::pool_exhausted);
  pass(options_.lease + 1s);
  EXPECT_EQ(table->lease("a", numbered(14)).error(), LeaseFault::pool_exhausted);
  EXPECT_EQ(table->counts().resting, 14U);
  pass(options_.rest - 2s);
  EXPECT_EQ(table->lease("a", numbered(14)).error(), LeaseFault::pool_exhausted);
  pass(3s);
  EXPECT_TRUE(table->lease("a", numbered(14)));
}

TEST_F(Leases, KeepTheirNameWhileTheyRest) {
  const auto table = open();
  const auto lease = table->lease("a", name("api.example")).value();
  pass(options_.lease + 1s);
  (void)table->lease("a", name("other.example"));
  EXPECT_EQ(table->counts().resting, 1U);
  EXPECT_EQ(table->find("a", lease.v4)->name.text(), "api.example");
  EXPECT_EQ(table->counts().resting, 0U);
}

TEST_F(Leases, D_16_AreNeverTakenFromAConnection) {
  const auto table = open();
  const auto lease = table->lease("a", name("api.example")).value();
  auto pin = table->pin("a", lease.v6);
  ASSERT_TRUE(pin);
  for (int hours = 0; hours < 48; ++hours) {
    pass(1h);
    EXPECT_EQ(table->peek("a", lease.v4)->name.text(), "api.example");
    for (int i = 0; i < 20; ++i) (void)table->lease("a", numbered(100 * hours + i));
  }
  pin = LeasePin();
  pass(options_.lease + 1s);
  (void)table->lease("a", name("trigger.example"));
  pass(options_.rest + 1s);
  (void)table->lease("a", name("trigger2.example"));
  const auto now_means = table->peek("a", lease.v4);
  EXPECT_TRUE(!now_means || now_means->name.text() == "trigger2.example");
}

TEST_F(Leases, D_16_AreCappedPerAgent) {
  options_.names_per_agent = 3;
  const auto table = open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(table->lease("a", numbered(i)));
  EXPECT_EQ(table->lease("a", numbered(3)).error(), LeaseFault::too_many_names);
  EXPECT_TRUE(table->lease("a", numbered(0)));
  EXPECT_TRUE(table->lease("b", numbered(3)));
}

TEST_F(Leases, LeaveTheLastQuarterToAgentsBelowTheirShare) {
  const auto table = open();
  (void)table->lease("b", name("one.example"));
  int greedy = 0;
  while (table->lease("a", numbered(greedy))) ++greedy;
  EXPECT_LT(greedy, 13);
  EXPECT_TRUE(table->lease("b", name("two.example")));
  EXPECT_TRUE(table->lease("c", name("three.example")));
}

TEST_F(Leases, D_17_MeanTheSameNamesAfterARestart) {
  std::vector<Lease> before;
  {
    const auto table = open();
    for (int i = 0; i < 10; ++i) before.push_back(table->lease("agent " + std::to_string(i % 2), numbered(i)).value());
  }
  const auto table = open();
  for (int i = 0; i < 10; ++i) {
    const auto found = table->find("agent " + std::to_string(i % 2), before[static_cast<std::size_t>(i)].v4);
    ASSERT_TRUE(found) << i;
    EXPECT_EQ(found->name, numbered(i));
    EXPECT_EQ(found->correlation, before[static_cast<std::size_t>(i)].correlation);
    EXPECT_EQ(table->lease("agent " + std::to_string(i % 2), numbered(i))->v4, before[static_cast<std::size_t>(i)].v4);
  }
}

TEST_F(Leases, D_17_AreSavedBeforeTheyAreGiven) {
  const auto table = open();
  const auto lease = table->lease("a", name("api.example")).value();
  std::filesystem::copy_file(options_.file, directory_ / "crashed");  // what a killed process leaves
  options_.file = (directory_ / "crashed").string();
  EXPECT_EQ(open()->find("a", lease.v4)->name.text(), "api.example");
}

TEST_F(Leases, RestOnAcrossARestart) {
  Address address = Address::v4({});
  {
    const auto table = open();
    address = table->lease("a", name("old.example"))->v4;
    pass(options_.lease + 1s);
    (void)table->lease("a", name("new.example"));
  }
  pass(options_.rest - 10s);
  {
    const auto table = open();
    EXPECT_EQ(table->counts().resting, 1U);
    EXPECT_EQ(table->peek("a", address)->name.text(), "old.example");
  }
  pass(20s);
  EXPECT_EQ(open()->peek("a", address).error(), LeaseFault::unknown_lease);
}

TEST_F(Leases, SurviveATornAndADamagedLine) {
  Address kept = Address::v4({});
  {
    const auto table = open();
    (void)table->lease("a", name("hurt.example"));
    kept = table->lease("a", name("kept.example"))->v4;
  }
  std::string text;
  std::getline(std::ifstream(options_.file), text, '\0');
  text[text.find("hurt")] = 'X';
  text += "deadbeef L 5 1 c torn.exam";
  std::ofstream(options_.file, std::ios::trunc) << text;
  const auto table = open();
  EXPECT_EQ(table->counts().damaged_lines, 2U);
  EXPECT_EQ(table->find("a", kept)->name.text(), "kept.example");
  ASSERT_TRUE(table->lease("a", name("more.example")));
}

TEST_F(Leases, AreNotGivenWhereTheyCanNotBeSaved) {
  const auto table = open();
  (void)::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit none = before;
  none.rlim_cur = 10;  // as on a full disk, half a line goes in
  ::setrlimit(RLIMIT_FSIZE, &none);
  const auto lease = table->lease("a", name("api.example"));
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error(), LeaseFault::not_saved);
  EXPECT_EQ(table->counts().leased, 0U);
  EXPECT_EQ(saved_bytes(), 0U);
  EXPECT_TRUE(table->lease("a", name("api.example")));
}

TEST_F(Leases, HaveOneProcessForAFile) {
  const auto table = open();
  EXPECT_THROW(open(), std::runtime_error);
}

TEST_F(Leases, RefuseAPoolTheyCanNotUse) {
  options_.pool6 = Cidr::parse("fd53::/126").value();
  EXPECT_THROW(open(), std::runtime_error);
  options_ = LeaseOptions::defaults();
  options_.pool4 = Cidr::parse("198.18.0.1/32").value();
  EXPECT_THROW(open(), std::runtime_error);
}

TEST_F(Leases, SaveARandomLifeFaithfully) {
  options_.lease = 50s;
  options_.rest = 100s;
  auto table = open();
  unsigned seed = 7;
  std::map<std::string, std::pair<std::string, std::chrono::steady_clock::time_point>>
      meant;  // address: name, last use
  for (int step = 0; step < 3000; ++step) {
    seed = seed * 1103515245U + 12345U;
    const auto wanted = numbered(static_cast<int>(seed >> 16U) % 40);
    if (const auto lease = table->lease("a", wanted)) {
      const auto key = lease->v4.text();
      const auto old = meant.find(key);
      if (old != meant.end() && old->second.first != wanted.text()) {
        EXPECT_GE(now_ - old->second.second, options_.lease + options_.rest) << step;
      }
      meant[key] = {wanted.text(), now_};
    }
    pass(std::chrono::seconds(seed >> 20U & 7U));
    if (step % 97 == 0) {
      table.reset();
      table = open();
    }
  }
}
