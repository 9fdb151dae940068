#include "proxy/attached_file.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

const std::vector<RememberedNamespace> two{
    {"release-bot", {"/run/netns/a", 0}, {4, 4026532000, 77, 1780000000123456789}},
    {"other", {"", 4242}, {4, 4026532001, ~0ULL, 991}},
};

TEST(AttachedFile, ComesBackAsItWas) {
  const auto back = parse_attached(attached_text(two, "boot-1"), "boot-1");
  ASSERT_TRUE(back) << back.error().text;
  ASSERT_EQ(back->size(), 2U);
  for (std::size_t i = 0; i < two.size(); ++i) {
    EXPECT_EQ((*back)[i].agent, two[i].agent);
    EXPECT_EQ((*back)[i].place, two[i].place);
    EXPECT_EQ((*back)[i].identity, two[i].identity);
  }
}

TEST(AttachedFile, SaysNothingAfterAnotherBoot) {
  const auto back = parse_attached(attached_text(two, "boot-1"), "boot-2");
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->empty());
}

TEST(AttachedFile, IsNothingAtAllWhereItIsBroken) {
  const std::string good = attached_text(two, "boot-1");
  for (std::size_t cut = 0; cut + 1 < good.size(); cut += 7)
    EXPECT_FALSE(parse_attached(good.substr(0, cut), "boot-1")) << cut;
  EXPECT_FALSE(parse_attached(R"({"boot":"boot-1","attached":[{"agent":"../x","pid":1,"device":1,"inode":1,)"
                              R"("cookie":1,"began":1}]})",
                              "boot-1"));
}

}  // namespace
}  // namespace sallyport
