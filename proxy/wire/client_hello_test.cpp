#include "proxy/wire/client_hello.hpp"

#include "proxy/wire/wire_test_hello.hpp"

#include <gtest/gtest.h>

namespace sallyport::wire {
namespace {

using namespace testing;

// The parser's answer as one comparable value.
std::string answer(std::span<const std::uint8_t> stream) {
  const auto hello = parse_client_hello(stream);
  if (!hello) return std::string(sentence(hello.error()));
  std::string text = hello->server_name.value_or("-") + '|' + std::to_string(hello->version) + '|' +
                     hello->ja4_raw.text() + (hello->ech ? "|ech" : "");
  for (const std::string& protocol : hello->alpn) text += '|' + protocol;
  return text;
}

HelloFault fault_of(const Buffer& stream) {
  const auto hello = parse_client_hello(stream);
  EXPECT_TRUE(hello.has_error());
  return hello ? HelloFault::need_more : hello.error();
}

void expect_prefixes_agree(const Buffer& stream) {
  const std::string whole = answer(stream);
  const std::string more(sentence(HelloFault::need_more));
  bool decided = false;
  for (std::size_t length = 0; length <= stream.size(); ++length) {
    const std::string part = answer(std::span(stream).first(length));
    if (part == more && !decided) continue;
    decided = true;
    ASSERT_EQ(part, whole) << "after " << length << " bytes";
  }
}

TEST(ClientHello, ReadsWhatABrowserSends) {
  const auto hello = parse_client_hello(browser_hello("www.allowed.test").stream());
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->server_name, "www.allowed.test");
  EXPECT_EQ(hello->alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_TRUE(hello->ech);
  EXPECT_EQ(hello->version, 0x0304);
}

TEST(ClientHello, FingerprintsAsTheJa4PagesSay) {
  const auto hello = parse_client_hello(browser_hello().stream());
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->ja4_raw.a, "t13d1516h2");
  EXPECT_EQ(hello->ja4_raw.ciphers, "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9");
  EXPECT_EQ(hello->ja4_raw.extensions,
            "0005,000a,000b,000d,0012,0017,001b,0023,002b,002d,0033,44cd,fe0d,ff01_"
            "0403,0804,0401,0503,0805,0501,0806,0601");
  const auto fake_hash = [](std::string_view text) { return std::to_string(text.size()) + "0123456789abcdef"; };
  EXPECT_EQ(ja4(hello->ja4_raw, fake_hash), "t13d1516h2_740123456789_109012345678");
}

TEST(ClientHello, FingerprintsAProtocolThatIsNoTextByItsHexForm) {
  auto odd = small_hello();
  odd.add(0x0010, alpn({"\xab"}));
  EXPECT_EQ(parse_client_hello(odd.stream())->ja4_raw.a, "t13d0303ab");
  auto single = small_hello();
  single.add(0x0010, alpn({"h"}));
  EXPECT_EQ(parse_client_hello(single.stream())->ja4_raw.a, "t13d0303hh");
}

TEST(ClientHello, T_01_IsReadAsIfWholeHoweverSegmentsCutIt) {
  expect_prefixes_agree(browser_hello().stream());
  expect_prefixes_agree(small_hello().stream());
}

TEST(ClientHello, T_02_IsReadAcrossManyRecords) {
  const Buffer message = browser_hello().message();
  const std::string whole = answer(in_records(message));
  ASSERT_NE(whole.find("allowed.test"), std::string::npos);
  for (std::size_t size = 1; size < 130; ++size) EXPECT_EQ(answer(in_records(message, size)), whole) << size;
}

TEST(ClientHello, T_02_IsReadWhereverTwoRecordsMeet) {
  const Buffer message = small_hello().message();
  const std::string whole = answer(in_records(message));
  for (std::size_t cut = 1; cut < message.size(); ++cut) {
    const auto middle = message.begin() + static_cast<std::ptrdiff_t>(cut);
    Buffer stream = in_records(Buffer(message.begin(), middle));
    put(stream, in_records(Buffer(middle, message.end())));
    ASSERT_EQ(answer(stream), whole) << cut;
    if (cut % 7 == 0) expect_prefixes_agree(stream);
  }
}

TEST(ClientHello, T_06_NeedsNoKnownVersion) {
  auto hello = small_hello();
  hello.extensions.back().second = with_length8(numbers({0x7a7a, 0x0305, 0x0304}));
  EXPECT_EQ(parse_client_hello(hello.stream())->version, 0x0305);
  EXPECT_TRUE(parse_client_hello(in_records(hello.message(), 100, 9)));
}

TEST(ClientHello, T_06_TakesTheLegacyVersionWhereNoneIsListed) {
  HelloBuilder old;
  old.has_extensions = false;
  const auto hello = parse_client_hello(old.stream());
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->version, 0x0303);
  EXPECT_FALSE(hello->server_name);
  EXPECT_EQ(hello->ja4_raw.a, "t12i030000");
}

TEST(ClientHello, T_07_MayBeLargerThanOneRecord) {
  auto hello = small_hello();
  hello.add(0x0015, Buffer(20'000, 0));
  EXPECT_EQ(parse_client_hello(hello.stream())->server_name, "allowed.test");
  hello.add(0x7777, Buffer(40'000, 0));
  EXPECT_EQ(parse_client_hello(hello.stream())->server_name, "allowed.test");
}

TEST(ClientHello, T_07_EndsWithin64KiBOfStream) {
  auto hello = small_hello();
  hello.add(0x0015, Buffer(50'000, 0)).add(0x7777, Buffer(15'200, 0));
  Buffer stream = in_records(hello.message(), 100);
  ASSERT_GT(stream.size(), hello_limit);
  EXPECT_EQ(fault_of(stream), HelloFault::too_large);
  EXPECT_EQ(answer(std::span(stream).first(hello_limit - 1)), sentence(HelloFault::need_more));
  EXPECT_EQ(answer(std::span(stream).first(hello_limit)), sentence(HelloFault::too_large));
}

TEST(ClientHello, T_07_IsRefusedAtOnceWhenItsLengthIsPastTheLimit) {
  EXPECT_EQ(fault_of({0x16, 3, 1, 0, 4, 1, 1, 0, 0}), HelloFault::too_large);
  EXPECT_EQ(fault_of({0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}), HelloFault::too_large);
}

TEST(ClientHello, T_07_MustFillTheLengthItClaims) {
  Buffer message = small_hello().message();
  ++message[3];  // one byte more than there is
  EXPECT_EQ(fault_of(in_records(message)), HelloFault::need_more);
  message.push_back(0);
  EXPECT_EQ(fault_of(in_records(message)), HelloFault::malformed);
}

TEST(ClientHello, T_07_MayNotBeFollowedInItsRecord) {
  Buffer message = small_hello().message();
  put(message, {20, 0, 0, 0});
  EXPECT_EQ(fault_of(in_records(message)), HelloFault::malformed);
  expect_prefixes_agree(in_records(message));
}

TEST(ClientHello, T_18_IgnoresEarlyDataInLaterRecords) {
  Buffer stream = small_hello().stream();
  const std::string alone = answer(stream);
  put(stream, {0x17, 3, 3, 0, 1, 0x42});
  EXPECT_EQ(answer(stream), alone);
}

TEST(ClientHello, T_09_RefusesTwoNames) {
  Buffer two = sni_entry("allowed.test");
  put(two, sni_entry("evil.test"));
  EXPECT_EQ(fault_of(HelloBuilder().add(0, with_length16(two)).stream()), HelloFault::malformed);
}

TEST(ClientHello, T_09_RefusesTheSameExtensionTwice) {
  EXPECT_EQ(fault_of(small_hello().add(0, sni("evil.test")).stream()), HelloFault::malformed);
  EXPECT_EQ(fault_of(small_hello().add(0x1234).add(0x1234).stream()), HelloFault::malformed);
}

TEST(ClientHello, T_10_RefusesNamesThatAreNoHostName) {
  EXPECT_EQ(fault_of(HelloBuilder().add(0, with_length16({})).stream()), HelloFault::malformed);
  EXPECT_EQ(fault_of(HelloBuilder().add(0).stream()), HelloFault::malformed);
  EXPECT_EQ(fault_of(HelloBuilder().add(0, sni("")).stream()), HelloFault::malformed);
  EXPECT_EQ(fault_of(HelloBuilder().add(0, with_length16(sni_entry("a.test", 1))).stream()), HelloFault::malformed);
  Buffer longer = sni("a.test");
  longer.push_back(0);
  EXPECT_EQ(fault_of(HelloBuilder().add(0, longer).stream()), HelloFault::malformed);
}

TEST(ClientHello, T_11_HandsTheNameOverExactlyAsSent) {
  const std::string name("Allowed.test\0\n *\xff.", 18);
  EXPECT_EQ(parse_client_hello(small_hello(name).stream())->server_name, name);
}

TEST(ClientHello, T_16_TellsOfEncryptedClientHello) {
  EXPECT_FALSE(parse_client_hello(small_hello().stream())->ech);
  EXPECT_TRUE(parse_client_hello(small_hello().add(0xfe0d, {0, 1, 2}).stream())->ech);
  EXPECT_TRUE(parse_client_hello(small_hello().add(0xffce).stream())->ech);
}

TEST(ClientHello, T_21_RefusesOtherRecordsBeforeOrAmidIt) {
  const Buffer message = small_hello().message();
  const Buffer half = in_records(Buffer(message.begin(), message.begin() + 20));
  for (const Buffer& other :
       {Buffer{0x15, 3, 1, 0, 2, 1, 0}, Buffer{0x14, 3, 1, 0, 1, 1}, Buffer{0x80, 0x2e, 1, 3, 1}}) {
    Buffer before = other;
    put(before, in_records(message));
    EXPECT_EQ(fault_of(before), HelloFault::not_tls);
    Buffer amid = half;
    put(amid, other);
    EXPECT_EQ(fault_of(amid), HelloFault::malformed);
    expect_prefixes_agree(amid);
  }
}

TEST(ClientHello, T_21_RefusesRecordsOfNoLength) {
  Buffer stream{0x16, 3, 1, 0, 0};
  put(stream, small_hello().stream());
  EXPECT_EQ(fault_of(stream), HelloFault::malformed);
}

TEST(ClientHello, T_22_RefusesOtherProtocolsBehindATlsHeader) {
  Buffer stream{0x16, 3, 1, 0, 0x20};
  put(stream, bytes_of("SSH-2.0-OpenSSH_9.2p1\r\n"));
  EXPECT_EQ(fault_of(stream), HelloFault::malformed);
  EXPECT_EQ(fault_of(bytes_of("GET / HTTP/1.1\r\n\r\n")), HelloFault::not_tls);
}

TEST(ClientHello, RefusesBrokenLists) {
  EXPECT_EQ(fault_of(small_hello().add(0x0010, alpn({})).stream()), HelloFault::malformed);
  EXPECT_EQ(fault_of(small_hello().add(0x0010, alpn({""})).stream()), HelloFault::malformed);
  EXPECT_EQ(fault_of(small_hello().add(0x0010, {0, 3, 5, 'h', '2'}).stream()), HelloFault::malformed);
  EXPECT_EQ(fault_of(HelloBuilder().add(0x002b, {3, 3, 4, 3}).stream()), HelloFault::malformed);
  EXPECT_EQ(fault_of(HelloBuilder().add(0x000d, {0, 0}).stream()), HelloFault::malformed);
  HelloBuilder hello = small_hello();
  hello.ciphers.clear();
  EXPECT_EQ(fault_of(hello.stream()), HelloFault::malformed);
  hello = small_hello();
  hello.session_id = Buffer(33, 0);
  EXPECT_EQ(fault_of(hello.stream()), HelloFault::malformed);
  hello = small_hello();
  hello.compression.clear();
  EXPECT_EQ(fault_of(hello.stream()), HelloFault::malformed);
  hello = small_hello();
  hello.after_extensions = {0};
  EXPECT_EQ(fault_of(hello.stream()), HelloFault::malformed);
}

TEST(ClientHello, NeverReadsPastAMessageWithAnyByteChanged) {
  const Buffer good = browser_hello().stream();
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {1, 0x80, 0xff}) {
      Buffer stream = good;
      stream[at] = static_cast<std::uint8_t>(stream[at] ^ flip);
      (void)parse_client_hello(stream);  // the sanitizers watch
    }
  }
}

TEST(FatalAlert, IsOneWholeRecord) {
  EXPECT_EQ(fatal_alert(AlertDescription::access_denied), (Buffer{0x15, 3, 3, 0, 2, 2, 49}));
  EXPECT_EQ(fatal_alert(AlertDescription::unrecognized_name).back(), 112);
  EXPECT_EQ(fatal_alert(AlertDescription::illegal_parameter).back(), 47);
}

TEST(LooksLikeTls, NeedsTwoBytes) {
  EXPECT_TRUE(looks_like_tls(Buffer{0x16, 3}));
  EXPECT_FALSE(looks_like_tls(Buffer{0x16}));
  EXPECT_FALSE(looks_like_tls(Buffer{0x16, 2}));
}

}  // namespace
}  // namespace sallyport::wire
