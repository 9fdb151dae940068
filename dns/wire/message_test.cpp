#include "dns/wire/message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

using namespace sallyport::dns;
using testing::ElementsAre;
using testing::SizeIs;

namespace {

WireName name(std::string_view text) {
  return WireName::from_text(text).value();
}

QueryMessage query_for(std::string_view text, RecordType type = RecordType::a,
                       std::optional<Edns> edns = std::nullopt) {
  return {0x1234, true, {name(text), type, RecordClass::internet}, edns};
}

Rcode problem_of(const Bytes& bytes) {
  const auto query = parse_query(bytes);
  if (query || query.error().drop) return Rcode::no_error;
  return query.error().rcode;
}

Bytes with_label(const std::string& label) {
  Bytes bytes = build_query(query_for("x.example"));
  bytes[12] = static_cast<std::uint8_t>(label.size());
  bytes.erase(bytes.begin() + 13);
  bytes.insert(bytes.begin() + 13, label.begin(), label.end());
  return bytes;
}

}  // namespace

TEST(ParseQuery, ReadsWhatItBuilds) {
  const auto query = parse_query(build_query(query_for("API.Example", RecordType::aaaa, Edns{4096, true})));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->id, 0x1234);
  EXPECT_EQ(query->question.name.text(), "API.Example");
  EXPECT_EQ(query->question.type, RecordType::aaaa);
  ASSERT_TRUE(query->edns);
  EXPECT_EQ(query->edns->udp_size, 4096);
  EXPECT_TRUE(query->edns->dnssec_ok);
}

TEST(ParseQuery, RefusesEveryPrefixOfAQuery) {
  const Bytes whole = build_query(query_for("api.example", RecordType::a, Edns{}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_query(std::span(whole).first(size))) << size;
  }
}

TEST(ParseQuery, D_06_RefusesLabelsThatReadAsSomethingElse) {
  using namespace std::string_literals;
  for (const std::string& label :
       {"a.b"s, "a\0b"s, "a\nb"s, "a\rb"s, "a\x1b[0m"s, "a@b"s, "a/b"s, "a b"s, "\xc3\xa9"s}) {
    EXPECT_EQ(problem_of(with_label(label)), Rcode::format_error) << label;
  }
  EXPECT_TRUE(parse_query(with_label("_dmarc-1")));
}

TEST(ParseQuery, D_07_RefusesPointersAndUnknownLabelTypes) {
  for (const int length : {0xC0, 0xC1, 0x40, 0x80, 0x7F}) {
    Bytes bytes = build_query(query_for("abcdef.example"));
    bytes[12] = static_cast<std::uint8_t>(length);
    EXPECT_EQ(problem_of(bytes), Rcode::format_error) << length;
  }
}

TEST(ParseQuery, D_08_RefusesWhatIsNoSingleQuestion) {
  const Bytes good = build_query(query_for("api.example"));
  const auto changed = [&](std::size_t at, std::uint8_t value) {
    Bytes bytes = good;
    bytes[at] = value;
    return bytes;
  };
  EXPECT_EQ(problem_of(changed(5, 0)), Rcode::format_error);
  EXPECT_EQ(problem_of(changed(5, 2)), Rcode::format_error);
  EXPECT_EQ(problem_of(changed(7, 1)), Rcode::format_error);
  EXPECT_EQ(problem_of(changed(9, 1)), Rcode::format_error);
  EXPECT_EQ(problem_of(changed(2, 5 << 3)), Rcode::not_implemented);  // UPDATE
  EXPECT_EQ(problem_of(changed(2, 4 << 3)), Rcode::not_implemented);  // NOTIFY
  Bytes trailing = good;
  trailing.push_back(0);
  EXPECT_EQ(problem_of(trailing), Rcode::format_error);
}

TEST(ParseQuery, D_08_NeverAnswersAResponse) {
  Bytes bytes = build_query(query_for("api.example"));
  bytes[2] |= 0x80;
  const auto query = parse_query(bytes);
  ASSERT_FALSE(query);
  EXPECT_TRUE(query.error().drop);
  EXPECT_TRUE(build_problem(query.error()).empty());
}

TEST(ParseQuery, D_09_RefusesTwoOptRecordsAndBrokenOptions) {
  const Bytes one = build_query(query_for("api.example", RecordType::a, Edns{}));
  Bytes two = one;
  two.insert(two.end(), one.end() - 11, one.end());
  two[11] = 2;
  EXPECT_EQ(problem_of(two), Rcode::format_error);
  Bytes broken = one;
  broken.back() = 3;  // RDLENGTH
  broken.insert(broken.end(), {0, 8, 0});
  EXPECT_EQ(problem_of(broken), Rcode::format_error);
  Bytes overlong = one;
  overlong.back() = 4;
  overlong.insert(overlong.end(), {0, 8, 0, 9});
  EXPECT_EQ(problem_of(overlong), Rcode::format_error);
}

TEST(ParseQuery, D_10_ForgetsClientOptions) {
  Bytes bytes = build_query(query_for("api.example", RecordType::a, Edns{}));
  bytes.back() = 8;
  bytes.insert(bytes.end(), {0, 8, 0, 4, 0, 1, 24, 0});  // a client subnet
  const auto query = parse_query(bytes);
  ASSERT_TRUE(query);
  EXPECT_LT(build_query(*query).size(), bytes.size());
}

TEST(ParseQuery, AnswersAnUnknownEdnsVersionWithBadvers) {
  Bytes bytes = build_query(query_for("api.example", RecordType::a, Edns{}));
  bytes[bytes.size() - 5] = 1;
  EXPECT_EQ(problem_of(bytes), Rcode::bad_version);
  const auto reply = parse_message(build_problem(parse_query(bytes).error()));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->rcode, Rcode::bad_version);
}

TEST(BuildReply, IsReadBackAsItWasMeant) {
  const auto query = query_for("api.example", RecordType::a, Edns{1232, false});
  const Reply reply{Rcode::no_such_name,
                    {address_record(name("api.example"), Bytes{198, 18, 0, 1}, 60)},
                    {soa_record(10)},
                    std::pair(ExtendedError::blocked, std::string("paste sites leak code"))};
  const auto message = parse_message(build_reply(query, reply, 1232));
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->response);
  EXPECT_EQ(message->rcode, Rcode::no_such_name);
  ASSERT_THAT(message->answers, SizeIs(1));
  EXPECT_EQ(message->answers[0].name.text(), "api.example");
  EXPECT_THAT(message->answers[0].data, ElementsAre(198, 18, 0, 1));
  EXPECT_EQ(negative_ttl(*message), 10U);
  ASSERT_THAT(message->errors, SizeIs(1));
  EXPECT_EQ(message->errors[0].first, ExtendedError::blocked);
  EXPECT_EQ(message->errors[0].second, "paste sites leak code");
}

TEST(BuildReply, D_21_StaysWithinTheClientsSizeAndSetsTruncated) {
  Reply reply;
  for (int i = 0; i < 200; ++i) {
    reply.answers.push_back({name("api.example"), RecordType::txt, RecordClass::internet, 60, Bytes(20, 19)});
  }
  const std::tuple<std::optional<Edns>, std::size_t> cases[] = {
      {std::nullopt, 512}, {Edns{100, false}, 512}, {Edns{800, false}, 800}, {Edns{65535, false}, 1232}};
  for (const auto& [edns, limit] : cases) {
    const auto query = query_for("api.example", RecordType::txt, edns);
    const Bytes bytes = build_reply(query, reply, udp_limit(query));
    EXPECT_LE(bytes.size(), limit);
    const auto message = parse_message(bytes);
    ASSERT_TRUE(message);
    EXPECT_TRUE(message->truncated);
  }
  const auto whole = parse_message(build_reply(query_for("api.example"), reply, tcp_limit));
  ASSERT_TRUE(whole);
  EXPECT_FALSE(whole->truncated);
  EXPECT_THAT(whole->answers, SizeIs(200));
}

TEST(BuildReply, CutsALongReasonBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "\xc3\xa9";
  const auto query = query_for("api.example", RecordType::a, Edns{});
  const Reply reply{Rcode::refused, {}, {}, std::pair(ExtendedError::blocked, text)};
  const auto message = parse_message(build_reply(query, reply, 512));
  ASSERT_TRUE(message);
  ASSERT_THAT(message->errors, SizeIs(1));
  EXPECT_LE(message->errors[0].second.size(), 200U);
  EXPECT_EQ(message->errors[0].second.size() % 2, 0U);
}

TEST(ParseMessage, D_07_FollowsPointersOnlyBackwards) {
  // header, question "a.b", an answer whose name is a pointer
  const auto with_pointer = [](std::uint8_t high, std::uint8_t low) {
    return Bytes{0, 1, 0x80, 0,   0, 1, 0, 1, 0, 0, 0, 0, 1, 'a', 1,   'b', 0, 0, 1,
                 0, 1, high, low, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4,   192, 0,   2, 1};
  };
  const auto good = parse_message(with_pointer(0xC0, 14));
  ASSERT_TRUE(good);
  EXPECT_EQ(good->answers.at(0).name.text(), "b");
  EXPECT_FALSE(parse_message(with_pointer(0xC0, 21)));  // itself
  EXPECT_FALSE(parse_message(with_pointer(0xC0, 30)));  // forwards
  EXPECT_FALSE(parse_message(with_pointer(0xFF, 0xFF)));
}

TEST(ParseMessage, D_07_RefusesEveryCutAndAnyLyingCount) {
  const auto query = query_for("api.example");
  const Reply reply{
      Rcode::no_error, {address_record(name("api.example"), Bytes{192, 0, 2, 1}, 60)}, {soa_record(5)}, {}};
  const Bytes whole = build_reply(query, reply, 512);
  ASSERT_TRUE(parse_message(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_message(std::span(whole).first(size))) << size;
  }
  for (const std::size_t at : {5U, 7U, 9U, 11U}) {
    Bytes lying = whole;
    ++lying[at];
    EXPECT_FALSE(parse_message(lying)) << at;
  }
}

TEST(ParseMessage, D_07_ReadsALongChainOfPointersInOneGo) {
  // Each answer's name points at the one before: a name of many links, still bounded by its 255 bytes.
  Bytes bytes{0, 1, 0x80, 0, 0, 0, 0x03, 0xE8, 0, 0, 0, 0};
  for (int i = 0; i < 1000; ++i) {
    const std::size_t at = bytes.size();
    bytes.insert(bytes.end(), {1, 'a'});
    if (i == 0) {
      bytes.push_back(0);
    } else {
      const std::size_t before = i == 1 ? 12 : at - 18;
      bytes.push_back(static_cast<std::uint8_t>(0xC0U | before >> 8U));
      bytes.push_back(static_cast<std::uint8_t>(before & 0xFFU));
    }
    bytes.insert(bytes.end(), {0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1});
  }
  EXPECT_FALSE(parse_message(bytes));
}

TEST(ParseMessage, D_15_ReadsATtlWithTheTopBitAsZero) {
  Bytes bytes = build_reply(query_for("a.b"),
                            {Rcode::no_error, {address_record(name("a.b"), Bytes{1, 2, 3, 4}, 60)}, {}, {}}, 512);
  bytes[bytes.size() - 10] = 0x80;
  EXPECT_EQ(parse_message(bytes)->answers.at(0).ttl, 0U);
}

TEST(ParseMessage, WritesOutCompressedNamesInsideData) {
  const Bytes bytes{0, 1,    0x80, 0, 0,  1, 0, 1, 0, 0, 0, 0, 1, 'a', 1,  'b', 0,   0,    15, 0,
                    1, 0xC0, 12,   0, 15, 0, 1, 0, 0, 0, 9, 0, 6, 0,   10, 1,   'm', 0xC0, 14};
  const auto message = parse_message(bytes);
  ASSERT_TRUE(message);
  EXPECT_THAT(message->answers.at(0).data, ElementsAre(0, 10, 1, 'm', 1, 'b', 0));
}

TEST(ParseMessage, RefusesAddressesAndTextsOfTheWrongShape) {
  for (const auto& [type, data] : std::vector<std::pair<RecordType, Bytes>>{{RecordType::a, {1, 2, 3}},
                                                                            {RecordType::aaaa, {1, 2, 3, 4}},
                                                                            {RecordType::txt, {}},
                                                                            {RecordType::txt, {5, 1}}}) {
    const Reply reply{Rcode::no_error, {{name("a.b"), type, RecordClass::internet, 5, data}}, {}, {}};
    EXPECT_FALSE(parse_message(build_reply(query_for("a.b"), reply, 512)));
  }
}

TEST(ArpaName, D_19_IsReadAsItsAddress) {
  EXPECT_THAT(address_of_arpa(name("4.3.18.198.in-addr.ARPA")).value(), ElementsAre(198, 18, 3, 4));
  EXPECT_FALSE(address_of_arpa(name("3.18.198.in-addr.arpa")));
  EXPECT_FALSE(address_of_arpa(name("256.3.18.198.in-addr.arpa")));
  EXPECT_FALSE(address_of_arpa(name("04.3.18.198.in-addr.arpa")));
  EXPECT_FALSE(address_of_arpa(name("4.3.18.198.in-addr.arpa.example")));
  std::string six = "1";
  for (int i = 0; i < 31; ++i) six += ".0";
  const auto address = address_of_arpa(name(six + ".ip6.arpa"));
  ASSERT_TRUE(address);
  EXPECT_EQ(address->back(), 1);
  EXPECT_FALSE(address_of_arpa(name(six.substr(2) + ".ip6.arpa")));
  EXPECT_TRUE(is_arpa(name("b._dns-sd._udp.0.in-addr.arpa")));
  EXPECT_FALSE(is_arpa(name("xin-addr.arpa")));
}

TEST(WireName, L_01_EscapesWhatIsNotPlain) {
  const Bytes bytes{4, 'a', '\n', '.', 0x1b, 0};
  std::size_t offset = 0;
  EXPECT_EQ(WireName::read(bytes, offset)->text(), "a\\010\\046\\027");
  EXPECT_EQ(WireName().text(), ".");
}

TEST(WireName, IsAtMost255BytesLong) {
  std::string text(63, 'a');
  text = text + '.' + text + '.' + text + '.' + std::string(61, 'b');
  EXPECT_TRUE(WireName::from_text(text));
  EXPECT_FALSE(WireName::from_text(text + "c"));
  EXPECT_FALSE(WireName::from_text(std::string(64, 'a')));
  EXPECT_FALSE(WireName::from_text("a..b"));
}
