#include "proxy/inject/reflection.hpp"

#include "proxy/inject/written_for_test.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sallyport {
namespace {

constexpr std::string_view put = "sallyport-secret:s";
const std::string token = "Zk3v9QmX2tLw7RbN4yHc8JpD5";

Reflection of(const std::string& secret) {
  return Reflection({{"s", *SecretValue::parse(secret)}});
}

bool masks(const std::string& secret, const std::string& text) {
  return of(secret).masked(text).find(put) != std::string::npos;
}

wire::Fields masked(const std::string& secret, wire::Fields fields) {
  of(secret).mask(fields);
  return fields;
}

TEST(Reflection, MasksOnlyTheSecretWhereItStandsAsItIs) {
  const Reflection reflection = of("p@ss w/rd?9");
  EXPECT_EQ(reflection.masked("a p@ss w/rd?9 b"), "a sallyport-secret:s b");
  EXPECT_EQ(reflection.masked("/?k=p%40ss%20w%2Frd%3f9&x"), "/?k=sallyport-secret:s&x");
  EXPECT_EQ(reflection.masked("/?k=%70%40ss+w/rd%3F9"), "/?k=sallyport-secret:s");
  EXPECT_EQ(reflection.masked("p@ss w"), "p@ss w");
}

TEST(Reflection, MasksTheWholeValueWhereTheSecretIsWrittenInAnotherWay) {
  for (const Way& way : ways) {
    EXPECT_TRUE(masks(token, way.write(token))) << way.name;
    EXPECT_TRUE(masks("p@ss w/rd?9", way.write("p@ss w/rd?9"))) << way.name;
    EXPECT_TRUE(masks("ab1/", way.write("ab1/"))) << way.name;
  }
  for (const char* text : {"%c3%a9t%C3%A9-2026", "\\u00e9t\\u00E9-2026", "&#233;t&#xe9;-2026", "\\u{e9}t%u00e9-2026"})
    EXPECT_TRUE(masks("\xc3\xa9t\xc3\xa9-2026", text)) << text;
  for (const std::string& text : {in_upper(token), in_lower(token), reversed(token), in_upper(to_base64("u:" + token)),
                                  to_base64(to_base64(token)), in_upper(reversed(token))}) {
    EXPECT_EQ(of(token).masked("a " + text + " b"), put) << text;
  }
}

TEST(Reflection, MasksASecretWithSomethingBetweenItsCharacters) {
  for (const char* between : {" ", "-", ", ", "\",\"", "."}) {
    std::string text;
    for (const char c : token) text.append(1, c).append(between);
    EXPECT_EQ(of(token).masked(text), put) << text;
  }
}

TEST(Reflection, MasksValuesThatHoldALongPartOfTheSecret) {
  struct Row {
    std::string part;
    bool is_masked;
  };
  // Of 25 characters a part tells from 9 on, of the beginning from 12 on.
  const std::vector<Row> table{
      {token.substr(0, 13), true},        {token.substr(13), true},    {token.substr(0, 12), true},
      {token.substr(0, 11), false},       {token.substr(1, 9), true},  {token.substr(16), true},
      {token.substr(8, 9), true},         {token.substr(7, 8), false}, {to_base64(token.substr(3, 12)), true},
      {in_hex(token.substr(3, 12)), true}};
  for (const Row& row : table) {
    EXPECT_EQ(of(token).masked("x=" + row.part + "!") == put, row.is_masked) << row.part;
  }
}

TEST(Reflection, OfAReversedSecretTheBeginningTellsNoMoreThanForwards) {
  EXPECT_FALSE(masks(token, reversed(token.substr(0, 11))));
  EXPECT_TRUE(masks(token, reversed(token.substr(0, 12))));
  EXPECT_TRUE(masks(token, reversed(token.substr(16))));
}

// What an agent that said `own` sees of `text`.
std::string shown_to(const std::string& own, const std::string& text) {
  OwnWords words;
  words.add(own);
  return Reflection({{"s", *SecretValue::parse(token)}}, std::move(words)).masked(text);
}

TEST(Reflection, ShowsTheAgentsOwnGuessesWhetherTheyAreRightOrWrong) {
  const std::string right = token.substr(4, 16), known = token.substr(4, 15), wrong = known + "z";
  ASSERT_NE(right, wrong);
  for (const std::string& guess : {right, wrong}) {
    for (const std::string& said : {guess, percent_encode(guess), to_base64(guess), in_hex(guess), reversed(guess)}) {
      for (const std::string& text : {guess, in_upper(guess), reversed(guess), to_base64(guess), in_hex(guess, ":"),
                                      in_upper(to_base64(guess)), in_upper(url_base64("u:" + guess))}) {
        EXPECT_EQ(shown_to("/redirect?/" + said + "&x", text), text) << said;
      }
    }
  }
  EXPECT_EQ(shown_to("/redirect?/" + right.substr(0, 7), right), put) << "the half that it did not say tells";
}

TEST(Reflection, MasksTheWholeSecretWhoeverSaidIt) {
  for (const std::string& text : {in_upper(token), reversed(token), to_base64(token), in_hex(token)}) {
    EXPECT_EQ(shown_to(token, "a " + text), put) << text;
  }
  EXPECT_EQ(shown_to(token, "a " + token), "a " + std::string(put));
}

TEST(Reflection, TakesNoWordOfAnAgentThatSaysTooMuch) {
  EXPECT_EQ(shown_to(std::string(20 * 1024, 'a') + token.substr(3, 15), token.substr(3, 15)), put);
}

TEST(Reflection, CountsTheDifferentPartsThatWereMasked) {
  const auto value = *SecretValue::parse(token);
  const Reflection reflection({{"s", value}});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(reflection.masked(token.substr(5, 12)), put);
    EXPECT_EQ(reflection.masked(in_upper(token)), put);
    EXPECT_EQ(reflection.masked("a " + token), "a " + std::string(put));
  }
  EXPECT_FALSE(value->is_guessed_at());
  for (std::size_t size = 12; size < 12 + most_parts_given_back; ++size) {
    EXPECT_FALSE(value->is_guessed_at()) << size;
    EXPECT_EQ(reflection.masked(token.substr(5, size)), put);
  }
  EXPECT_TRUE(value->is_guessed_at());
}

TEST(Reflection, MasksAllValuesThatTheSecretIsSpreadOver) {
  for (const std::string& text : {token, in_hex(token), to_base64("u:" + token), in_hex(token, "", "%")}) {
    wire::Fields fields{{"Date", "Sat, 21 Nov 2026 22:49:18 GMT"}, {"Content-Type", "application/json"}};
    for (std::size_t at = 0; at < text.size(); at += 4) fields.push_back({"X-Part", text.substr(at, 4)});
    fields.push_back({"Server", "nginx"});
    fields = masked(token, std::move(fields));
    std::size_t shown = 0;
    for (const auto& field : fields) shown += field.name == "X-Part" && field.value != put ? field.value.size() : 0;
    // A part that is too short to tell may be left at either end.
    EXPECT_LE(shown, text.size() * 2 / 3) << text;
    EXPECT_EQ(fields.front().value, "Sat, 21 Nov 2026 22:49:18 GMT") << text;
    EXPECT_EQ(fields[1].value, "application/json") << text;
    EXPECT_EQ(fields.back().value, "nginx") << text;
  }
  const auto halves = masked(token, {{"X-B", token.substr(12)}, {"Server", "nginx"}, {"X-A", token.substr(0, 12)}});
  EXPECT_EQ(halves, (wire::Fields{{"X-B", std::string(put)}, {"Server", "nginx"}, {"X-A", std::string(put)}}));
}

TEST(Reflection, MasksHeadersThatSpreadItAgainAndAgain) {
  wire::Fields fields;
  for (int i = 0; i < 20; ++i) {
    for (std::size_t at = 0; at < token.size(); at += 5) fields.push_back({"X", token.substr(at, 5)});
    fields.push_back({"Server", "nginx"});
  }
  for (const auto& field : masked(token, fields)) EXPECT_EQ(field.value, put);
}

TEST(Reflection, TakesOutFieldsWhoseNamesGiveItAway) {
  const Reflection reflection({{"github", *SecretValue::parse("Ghp_1234")}});
  wire::ResponseHead head;
  head.reason = "no Ghp_1234";
  head.fields = {
      {"x-ghp_1234", "1"}, {in_hex("Ghp_1234"), "1"}, {"Location", "/?t=Ghp_1234"}, {"x-gh", "1"}, {"p_1234", "2"}};
  reflection.mask(head);
  EXPECT_EQ(head.fields, (wire::Fields{{"Location", "/?t=sallyport-secret:github"}}));
  EXPECT_EQ(head.reason, "no sallyport-secret:github");
  head.reason = "no " + in_hex("Ghp_1234");
  reflection.mask(head);
  EXPECT_EQ(head.reason, "sallyport-secret:github");
}

TEST(Reflection, NamesTheSecretThatIsGivenAway) {
  const Reflection reflection({{"a", *SecretValue::parse("first-4711-secret")}, {"b", *SecretValue::parse(token)}});
  wire::Fields fields{{"X", in_hex("first-4711-secret")}, {"Y", in_hex(token)}, {"Z", "nothing"}};
  reflection.mask(fields);
  EXPECT_EQ(fields, (wire::Fields{{"X", "sallyport-secret:a"}, {"Y", "sallyport-secret:b"}, {"Z", "nothing"}}));
}

TEST(Reflection, LeavesAloneWhatOtherHeadsHoldToo) {
  const wire::Fields usual{
      {"Date", "Sat, 21 Nov 2026 22:49:18 GMT"},
      {"Content-Type", "application/json; charset=utf-8"},
      {"Cache-Control", "public, max-age=31536000, immutable"},
      {"Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload"},
      {"Content-Security-Policy", "default-src 'none'; script-src 'self' https://www.example.com"},
      {"Access-Control-Expose-Headers", "ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit"},
      {"ETag", "W/\"0815cafe4711deadbeef0123456789ab\""},
      {"Set-Cookie", "session_id=Fe26.2**0cdd607945dd1dffb7da0b0bf5f1a7daa6218cbae14cac51dcbd91fb077aeb5b; path=/"},
      {"WWW-Authenticate", "Bearer realm=\"production\", error=\"invalid_token\""},
      {"X-GitHub-Request-Id", "C0DE:1234:5678ABC:9DEF012:6741F1A2"},
      {"Authorization-Info", "Bearer ghp_"},
      {"X-JWT", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvdGhlciJ9.c29tZXRoaW5nIGVsc2UgZW50aXJlbHk"}};
  for (const std::string& secret : {token, std::string("ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
                                    std::string("application-9f3Kq-json"), std::string("production-authorization"),
                                    std::string("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.") +
                                        "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
                                    std::string("0000000000000000"), std::string("abcd"), std::string("hunter2")}) {
    EXPECT_EQ(masked(secret, usual), usual) << secret;
  }
}

class Random {
 public:
  explicit Random(unsigned seed) : numbers_(seed) {}
  std::size_t below(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(numbers_); }
  std::string text(std::size_t size, std::string_view alphabet) {
    std::string result;
    while (result.size() < size) result += alphabet[below(alphabet.size())];
    return result;
  }

 private:
  std::mt19937 numbers_;
};

constexpr std::string_view letters_and_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view visible =
    "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

TEST(Reflection, MasksEverySecretInEveryTwoWaysOneInsideTheOther) {
  Random random(20261121);
  for (const std::string_view alphabet : {letters_and_digits, hex_digits, visible}) {
    for (int round = 0; round < 12; ++round) {
      const std::string secret = random.text(4 + random.below(60), alphabet);
      const Reflection reflection = of(secret);
      for (const Way& inner : ways) {
        for (const Way& outer : ways) {
          const std::string text = outer.write(inner.write(secret));
          EXPECT_NE(reflection.masked(text).find(put), std::string::npos)
              << secret << " as " << inner.name << " as " << outer.name << ": " << text;
        }
        const std::string changed = inner.write(random.below(2) == 0 ? in_upper(secret) : reversed(secret));
        EXPECT_NE(reflection.masked(changed).find(put), std::string::npos) << secret << " as " << changed;
      }
    }
  }
}

TEST(Reflection, LeavesEveryOtherHeadAlone) {
  Random random(4711);
  for (int round = 0; round < 300; ++round) {
    const Reflection reflection =
        of(random.text(8 + random.below(60), round % 2 == 0 ? letters_and_digits : hex_digits));
    const std::string id = random.text(32, hex_digits);
    const wire::Fields fields{
        {"ETag", "\"" + random.text(40, hex_digits) + "\""},
        {"X-Request-Id", id.substr(0, 8) + "-" + id.substr(8, 4) + "-" + id.substr(12)},
        {"Set-Cookie", "session=" + random.text(86, letters_and_digits) + "; Path=/; HttpOnly; SameSite=Lax"},
        {"Location", "/?state=" + percent_encode(random.text(30, visible)) + "&n=" + random.text(10, "0123456789")},
        {"X-Session", to_base64("{\"user\":\"" + random.text(12, letters_and_digits) + "\"}")},
        {"Server", "nginx/1." + random.text(2, "0123456789")}};
    wire::Fields shown = fields;
    reflection.mask(shown);
    EXPECT_EQ(shown, fields);
  }
}

TEST(Reflection, TakesTimeThatGoesByTheSizeOfTheHead) {
  // Escapes inside escapes, of which each round makes a little less.
  std::string text;
  while (text.size() < 64 * 1024) text += "%2525252525252525252541";
  const auto began = std::chrono::steady_clock::now();
  static_cast<void>(of(token).masked(text));
  static_cast<void>(of(std::string(8192, 'a')).masked(std::string(64 * 1024, 'b') + std::string(4096, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

}  // namespace
}  // namespace sallyport
