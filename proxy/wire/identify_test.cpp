#include "proxy/wire/identify.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::wire {
namespace {

FirstBytes identify_text(std::string_view text) {
  return identify({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

struct Row {
  std::string_view text;
  FirstBytes answer;
};

const std::vector<Row> rows{
    {"", FirstBytes::need_more},
    {"\x16", FirstBytes::need_more},
    {"\x16\x03\x01", FirstBytes::tls},
    {"\x16\x02", FirstBytes::other},
    {"\x05\x01", FirstBytes::socks5},
    {"\x04\x01", FirstBytes::socks4},
    {"GET", FirstBytes::need_more},
    {"GET ", FirstBytes::http},
    {"CONNECT a.test:443 HTTP/1.1\r\n", FirstBytes::http},
    {"PROPFIND /dav HTTP/1.1\r\n", FirstBytes::http},
    {"REPORT http://a.test/ HTTP/1.1\r\n", FirstBytes::http},
    {"get / HTTP/1.1\r\n", FirstBytes::http},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FirstBytes::h2_preface},
    {"PRI * HTTP/2.0\r\n", FirstBytes::need_more},
    {"PRI / HTTP/1.1\r\n", FirstBytes::http},
    {"SSH-2.0-x\r\n", FirstBytes::ssh},
    {"SSH", FirstBytes::need_more},
    {"EHLO me\r\n", FirstBytes::other},
    {"USER anonymous\r\n", FirstBytes::other},
    {"QUIT\r\n", FirstBytes::other},
    {"\r\nGET / HTTP/1.1\r\n", FirstBytes::other},
    {" GET /", FirstBytes::other},
    {std::string_view("\0\0\0\x08\x04\xd2\x16\x2f", 8), FirstBytes::other},
    {"\x80\x2e\x01\x03\x01", FirstBytes::other},
    {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", FirstBytes::other},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG /", FirstBytes::other},
};

TEST(Identify, T_25_KnowsWhatTheFirstBytesMean) {
  for (const Row& row : rows) EXPECT_EQ(identify_text(row.text), row.answer) << row.text;
}

TEST(Identify, T_01_NeverChangesItsMind) {
  for (const Row& row : rows) {
    bool decided = false;
    for (std::size_t length = 0; length <= row.text.size(); ++length) {
      const auto part = identify_text(row.text.substr(0, length));
      if (part == FirstBytes::need_more && !decided) continue;
      decided = true;
      ASSERT_EQ(part, row.answer) << row.text.substr(0, length);
    }
  }
}

TEST(Identify, T_03_AsksForNoMoreThanItsLimit) {
  const std::string endless = "WORD " + std::string(identify_limit, 'x');
  EXPECT_EQ(identify_text(endless.substr(0, identify_limit - 1)), FirstBytes::need_more);
  EXPECT_EQ(identify_text(endless), FirstBytes::other);
}

}  // namespace
}  // namespace sallyport::wire
