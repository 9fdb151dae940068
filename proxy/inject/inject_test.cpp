#include "proxy/inject/inject.hpp"

#include "proxy/inject/base64.hpp"
#include "proxy/inject/placeholder.hpp"
#include "proxy/inject/query.hpp"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

using Kind = Injection::Kind;

SecretText secret(const std::string& name, const std::string& before = "") {
  SecretText text;
  if (!before.empty()) text.pieces.push_back({SecretText::Kind::plain, before});
  text.pieces.push_back({SecretText::Kind::secret, name});
  return text;
}

SecretText plain(const std::string& text) {
  return {{{SecretText::Kind::plain, text}}};
}

std::shared_ptr<const Injection> injection(Kind kind, const std::string& name, SecretText value, SecretText user = {}) {
  return std::make_shared<const Injection>(Injection{kind, name, std::move(user), std::move(value), "policy.yaml:7"});
}

const SecretValues& secrets() {
  static const SecretValues values(
      {{"github", *SecretValue::parse("ghp_0123456789\n")}, {"other", *SecretValue::parse("another-secret")}});
  return values;
}

struct Request {
  std::string method = "GET";
  wire::Fields fields{};
  std::optional<std::string> query = std::nullopt;
};

using Injections = std::vector<std::shared_ptr<const Injection>>;

boost::system::result<Reflection, InjectRefusal> run(Request& request, const Injections& injections) {
  return inject(request.method, request.fields, request.query, injections, secrets());
}

TEST(Inject, PutsAHeaderInPlaceOfAllOfItsName) {
  Request request{.fields = {{"authorization", "mine"}, {"Accept", "*/*"}, {"AUTHORIZATION", "mine too"}}};
  ASSERT_TRUE(run(request, {injection(Kind::header, "Authorization", secret("github", "Bearer "))}));
  EXPECT_EQ(request.fields, (wire::Fields{{"Accept", "*/*"}, {"Authorization", "Bearer ghp_0123456789"}}));
}

TEST(Inject, PutsBasicCredentials) {
  Request request;
  ASSERT_TRUE(run(request, {injection(Kind::basic, "", secret("github"), plain("x"))}));
  EXPECT_EQ(request.fields, (wire::Fields{{"Authorization", "Basic " + to_base64("x:ghp_0123456789")}}));
}

TEST(Inject, PutsAQueryParameterOnce) {
  Request request{.query = "a=1&%6bey=mine&key=x&b"};
  ASSERT_TRUE(run(request, {injection(Kind::query, "key", plain("a b&c"))}));
  EXPECT_EQ(request.query, "a=1&key=a%20b%26c&b");
  Request bare;
  ASSERT_TRUE(run(bare, {injection(Kind::query, "key", secret("github"))}));
  EXPECT_EQ(bare.query, "key=ghp_0123456789");
}

TEST(Inject, OfTwoRulesTheFirstWins) {
  Request request;
  ASSERT_TRUE(
      run(request, {injection(Kind::header, "X-Key", plain("first")), injection(Kind::header, "x-key", plain("2")),
                    injection(Kind::query, "k", plain("first")), injection(Kind::query, "k", plain("2"))}));
  EXPECT_EQ(request.fields, (wire::Fields{{"X-Key", "first"}}));
  EXPECT_EQ(request.query, "k=first");
}

TEST(Inject, WithoutAValueTheRequestIsRefused) {
  Request request;
  const auto refused = run(request, {injection(Kind::header, "X-Key", secret("gone"))});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, InjectFault::no_value);
  EXPECT_NE(refused.error().text.find("\"gone\""), std::string::npos);
  EXPECT_FALSE(run(request, {injection(Kind::placeholder, "", secret("gone"))}));
}

TEST(Inject, ASecretThatIsGuessedAtIsGivenToNobodyAnyMore) {
  const SecretValues values({{"github", *SecretValue::parse("ghp_0123456789")}});
  for (std::uint64_t part = 0; part < most_parts_given_back; ++part) values.find("github")->note_part(part);
  Request request;
  const auto refused = inject(request.method, request.fields, request.query,
                              Injections{injection(Kind::header, "X-Key", secret("github"))}, values);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, InjectFault::guessed);
  EXPECT_NE(refused.error().text.find("\"github\""), std::string::npos);
  EXPECT_EQ(refused.error().text.find("0123456789"), std::string::npos);
}

TEST(Inject, WhatTheRequestSaidItselfIsShown) {
  for (const bool in_target : {true, false}) {
    wire::RequestHead head;
    head.method = "GET";
    head.raw_target = in_target ? "/a/xp_012345678?b" : "/";
    if (!in_target) head.fields = {{"X-A", "xp_012345678"}};
    const auto used = inject(head, Injections{injection(Kind::header, "X-Key", secret("github"))}, secrets());
    ASSERT_TRUE(used);
    EXPECT_EQ(used->masked("/xP_012345678"), "/xP_012345678");
    EXPECT_EQ(used->masked("ghp_0123456789 "), "sallyport-secret:github ");
  }
}

TEST(Inject, TraceIsRefused) {
  Request request{.method = "TRACE"};
  const auto refused = run(request, {injection(Kind::header, "X-Key", secret("github"))});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, InjectFault::trace);
}

TEST(Inject, ReplacesPlaceholdersOfItsOwnSecretsOnly) {
  Request request{.fields = {{"X-Api-Key", "sallyport-secret:github"},
                             {"Cookie", "a=sallyport-secret:github; b=sallyport-secret:other"},
                             {"Host", "sallyport-secret:github"}}};
  ASSERT_TRUE(run(request, {injection(Kind::placeholder, "", secret("github"))}));
  EXPECT_EQ(request.fields[0].value, "ghp_0123456789");
  EXPECT_EQ(request.fields[1].value, "a=ghp_0123456789; b=sallyport-secret:other");
  EXPECT_EQ(request.fields[2].value, "sallyport-secret:github");
}

TEST(Inject, LeavesPlaceholdersWhereNothingIsInjected) {
  Request request{.fields = {{"X-Api-Key", "sallyport-secret:github"}}};
  const auto injected = run(request, {});
  ASSERT_TRUE(injected);
  EXPECT_TRUE(injected->empty());
  EXPECT_EQ(request.fields[0].value, "sallyport-secret:github");
}

TEST(Inject, ReplacesPlaceholdersInsideBasicCredentials) {
  Request request{.fields = {{"Authorization", "basic " + to_base64("x-access-token:sallyport-secret:github")}}};
  ASSERT_TRUE(run(request, {injection(Kind::placeholder, "", secret("github"))}));
  EXPECT_EQ(request.fields[0].value, "basic " + to_base64("x-access-token:ghp_0123456789"));
}

TEST(Inject, RefusesMorePlaceholdersThanAnybodyNeeds) {
  std::string many;
  for (int i = 0; i < 65; ++i) many += "sallyport-secret:github ";
  Request request{.fields = {{"X", many}}};
  const auto refused = run(request, {injection(Kind::placeholder, "", secret("github"))});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, InjectFault::too_large);
}

TEST(Inject, AFieldThatConnectionNamesIsSentAllTheSame) {
  wire::RequestHead head;
  head.method = "GET";
  head.connection = {"authorization", "x-mine"};
  ASSERT_TRUE(inject(head, Injections{injection(Kind::basic, "", secret("github"))}, secrets()));
  EXPECT_EQ(head.connection, std::vector<std::string>{"x-mine"});
}

TEST(Placeholder, EndsWhereItsNameEnds) {
  const auto find = [](std::string_view name) -> std::optional<std::string_view> {
    return name == "a" ? std::optional<std::string_view>("AAAA") : std::nullopt;
  };
  const std::vector<std::pair<std::string, std::string>> table{
      {"sallyport-secret:a", "AAAA"},
      {"x sallyport-secret:a,sallyport-secret:ab", "x AAAA,sallyport-secret:ab"},
      {"sallyport-secret:sallyport-secret:a", "sallyport-secret:AAAA"},
      {"sallyport-secret:", "sallyport-secret:"},
      {"SALLYPORT-secret:a", "SALLYPORT-secret:a"},
  };
  for (auto [text, expected] : table) {
    replace_placeholders(text, find);
    EXPECT_EQ(text, expected);
  }
}

TEST(SecretValue, IsOneLineOfSomeLength) {
  EXPECT_EQ((*SecretValue::parse("abcd\r\n"))->text(), "abcd");
  for (const char* text : {"", "\n", "abc", "ab\ncd", "ab\rcd", "ab\tcd"})
    EXPECT_FALSE(SecretValue::parse(text)) << text;
  EXPECT_FALSE(SecretValue::parse(std::string("ab\0cd", 5)));
  EXPECT_FALSE(SecretValue::parse(std::string(8193, 'x')));
}

TEST(Base64, IsReadBackAsItWasWritten) {
  for (const char* text : {"", "a", "ab", "abc", "abcd", "\xff\xfe\xfd"}) EXPECT_EQ(from_base64(to_base64(text)), text);
  EXPECT_EQ(to_base64("abcd"), "YWJjZA==");
  EXPECT_EQ(from_base64("YWJjZA"), "abcd");
  for (const char* text : {"Y", "YW=j", "YW J", "YWJjZA==="}) EXPECT_FALSE(from_base64(text)) << text;
}

}  // namespace
}  // namespace sallyport
