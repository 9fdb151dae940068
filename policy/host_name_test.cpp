#include "policy/host_name.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace sallyport {
namespace {

using namespace std::string_literals;

// The canonical text, or "!" and the complaint.
std::string parsed(const std::string& text) {
  const auto name = HostName::parse(text);
  return name ? name->text() : "!" + name.error().text;
}

bool refused(const std::string& text) {
  return !HostName::parse(text).has_value();
}

TEST(HostName, N_01_N_02_RefusesNulAnywhere) {
  EXPECT_TRUE(refused("evil.test\0.allowed.test"s));
  EXPECT_TRUE(refused("allowed.test\0.evil.test"s));
  EXPECT_TRUE(refused("allowed.test\0"s));
  EXPECT_TRUE(refused("\0"s));
  EXPECT_TRUE(refused("b\xc3\xbc\0cher.test"s));
}

TEST(HostName, N_03_IsBelowComparesAtLabelBoundaries) {
  const HostName name = HostName::parse("a.b.allowed.test").value();
  EXPECT_TRUE(name.is_below("allowed.test"));
  EXPECT_TRUE(name.is_below("test"));
  EXPECT_FALSE(name.is_below("lowed.test"));
  EXPECT_FALSE(name.is_below("a.b.allowed.test"));
  EXPECT_FALSE(name.is_below(""));
  EXPECT_FALSE(name.is_below(".allowed.test"));
  EXPECT_FALSE(HostName::parse("notallowed.test")->is_below("allowed.test"));
}

TEST(HostName, N_05_FoldsAsciiCase) {
  EXPECT_EQ(parsed("ALLOWED.TEST"), "allowed.test");
  EXPECT_EQ(parsed("aLlOwEd.TeSt"), "allowed.test");
}

TEST(HostName, N_06_StripsExactlyOneTrailingDot) {
  EXPECT_EQ(parsed("allowed.test."), "allowed.test");
}

TEST(HostName, N_07_RefusesEmptyLabelsAndEmptyNames) {
  for (const char* text : {"", ".", "..", "allowed.test..", ".allowed.test", "a..b", "a.\xe3\x80\x82",
                           "a\xe3\x80\x82\xe3\x80\x82"
                           "b",
                           "a.\xc2\xad.b"}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

TEST(HostName, N_08_BoundsLabelsAndNames) {
  const std::string label63(63, 'a');
  EXPECT_EQ(parsed(label63 + ".test"), label63 + ".test");
  EXPECT_TRUE(refused(label63 + "a.test"));
  const std::string name251 = label63 + "." + label63 + "." + label63 + "." + std::string(59, 'b');
  EXPECT_EQ(parsed(name251 + ".c").size(), 253U);
  EXPECT_EQ(parsed(name251 + ".c.").size(), 253U);
  EXPECT_TRUE(refused(name251 + ".cd"));
  std::string labels127 = "a";
  for (int i = 1; i < 127; ++i) labels127 += ".a";
  EXPECT_EQ(parsed(labels127), labels127);
  EXPECT_TRUE(refused(labels127 + ".a"));
  EXPECT_TRUE(refused(std::string(1'000'000, 'a')));
}

TEST(HostName, N_09_MapsInternationalNamesToALabels) {
  EXPECT_EQ(parsed("b\xc3\xbc"
                   "cher.example"),
            "xn--bcher-kva.example");
  EXPECT_EQ(parsed("B\xc3\x9c"
                   "CHER.example"),
            "xn--bcher-kva.example");
  EXPECT_EQ(parsed("bu\xcc\x88"
                   "cher.example"),
            "xn--bcher-kva.example");
  EXPECT_EQ(parsed("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
  EXPECT_EQ(parsed("stra\xc3\x9f"
                   "e.example"),
            "xn--strae-oqa.example");
  // Full-width letters and dots, an ideographic full stop, a soft hyphen.
  EXPECT_EQ(parsed("\xef\xbd\x81\xef\xbd\x82\xef\xbc\x8etest"), "ab.test");
  EXPECT_EQ(parsed("allowed\xe3\x80\x82test\xef\xbd\xa1"), "allowed.test");
  EXPECT_EQ(parsed("all\xc2\xadowed.test"), "allowed.test");
  EXPECT_EQ(parsed("b\xc3\xbc"
                   "cher._x.r3---sn-a.test"),
            "xn--bcher-kva._x.r3---sn-a.test");
}

TEST(HostName, N_09_RefusesInternationalNamesThatAreNotWhatTheySeem) {
  const std::vector<std::string> texts = {
      "xn--.test",                    // encodes nothing
      "xn--allowed-.test",            // encodes plain ASCII
      "xn--a.test",                   // bad punycode
      "xn--bcher-kva8445foa99.test",  // outside Unicode or not assigned
      "xn--Bcher-KVA-zzzzzzzz.test",
      "a\xe2\x80\x8d"
      "b.test",             // ZWJ without its context
      "a\xe2\x80\xa4test",  // one dot leader: a dot inside a label
      "a\xe2\x84\x80"
      "b.test",  // "a/c"
      "a\xef\xbc\x85"
      "41.test",  // full-width percent sign
      "a\xef\xbc\xa0"
      "b.test",             // full-width @
      "\xff\xfe.test",      // no UTF-8
      "\xc0\xae.test",      // overlong dot
      "\xed\xa0\x80.test",  // surrogate
      "a\xe2\x80\xae"
      "b.test",  // right-to-left override
  };
  for (const auto& text : texts) EXPECT_TRUE(refused(text)) << text << " became " << parsed(text);
}

TEST(HostName, N_10_NeverBecomesAnAddressByMapping) {
  EXPECT_TRUE(refused("\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1"));
  EXPECT_TRUE(refused("\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1"));
  EXPECT_TRUE(
      refused("127\xe3\x80\x82"
              "0\xe3\x80\x82"
              "0\xe3\x80\x82"
              "1"));
  EXPECT_TRUE(refused("\xef\xbc\x90x7f"));
}

TEST(HostName, N_11_TakesUnderscoresAndHyphens) {
  for (const char* text : {"_dmarc.allowed.test", "a_b.test", "r3---sn-4g5e6nez.googlevideo.com", "foo-.test", "x"}) {
    EXPECT_EQ(parsed(text), text);
  }
}

TEST(HostName, N_15_RefusesPercentEncodingAndOtherBytes) {
  for (const char* text : {"%61llowed.test",
                           "allowed%2etest",
                           "allowed.test%00",
                           "a b.test",
                           " a.test",
                           "a.test\n",
                           "a.test\r",
                           "a\ttest",
                           "a\x7f.test",
                           "user@a.test",
                           "a.test/",
                           "a\\b.test",
                           "a.test:80",
                           "[a.test]",
                           "*.a.test",
                           "a,b",
                           "a;b",
                           "a\"b",
                           "a?b",
                           "a#b",
                           "fe80::1%eth0"}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

TEST(HostName, I_11_RefusesWhatLooksLikeANumber) {
  for (const char* text :
       {"0177.0.0.1", "012.0.0.1", "0x7f.1", "127.1", "2130706433", "0", "127.0.0.1", "127.0.0.1.", "0x7f000001",
        "0x7F000001", "0x", "1.2.3.0x", "a.1", "a.0xff", "256.256.256.256", "1.2.3.4.5"}) {
    EXPECT_TRUE(refused(text)) << text;
  }
  for (const char* text : {"1.a", "0x.test", "1e100.net", "0xg", "163.com", "7f"}) EXPECT_EQ(parsed(text), text);
}

TEST(HostName, IsTheSameWhenReadAgain) {
  for (const char* text : {"a.test",
                           "B\xc3\xbc"
                           "cher.example.",
                           "_x.A.test", "XN--P1AI"}) {
    const std::string once = parsed(text);
    EXPECT_EQ(parsed(once), once);
  }
}

TEST(HostName, IsPlainlyCanonicalOnlyWhereParsingChangesNothing) {
  for (const char* text : {"a", "a.test", "_a-b.c9"}) EXPECT_TRUE(is_plainly_canonical(text)) << text;
  for (const char* text :
       {"", "A.test", "a.test.", ".a", "a..b", "a.1", "a.0x1", "xn--p1ai", "a b", "a%", "b\xc3\xbc"}) {
    EXPECT_FALSE(is_plainly_canonical(text)) << text;
  }
}

}  // namespace
}  // namespace sallyport
