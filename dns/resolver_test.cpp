#include "dns/resolver.hpp"

#include "dns/fake_upstream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace sallyport;
using namespace sallyport::dns;
using namespace std::chrono_literals;
using testing::ElementsAre;

namespace {

WireName wire(std::string_view text) {
  return WireName::from_text(text).value();
}
HostName name(std::string_view text) {
  return HostName::parse(text).value();
}
Record alias(std::string_view from, std::string_view to, std::uint32_t ttl = 60) {
  return name_record(wire(from), RecordType::cname, wire(to), ttl);
}
Record a(std::string_view from, std::uint8_t last, std::uint32_t ttl = 60) {
  return address_record(wire(from), Bytes{203, 0, 113, last}, ttl);
}
Bytes only_a(const QueryMessage& query, std::vector<Record> records) {
  Reply reply;
  if (query.question.type == RecordType::a) reply.answers = std::move(records);
  if (reply.answers.empty()) reply.authority.push_back(soa_record(60));
  return build_reply(query, reply, tcp_limit);
}

struct Resolving {
  explicit Resolving(std::vector<std::string> upstream) {
    ResolverOptions options;
    options.upstream = std::move(upstream);
    options.timeout = 100ms;
    options.tries = 2;
    options.limit = 1s;
    resolver = std::make_unique<Resolver>(context, options);
  }
  Result<Answer> operator()(std::string_view text) {
    Result<Answer> result = error_code(asio::error::would_block);
    const auto done = [&](const std::exception_ptr& failure, Result<Answer> found) {
      if (!failure) result = std::move(found);
    };
    asio::co_spawn(context, resolver->resolve(name(text)), done);
    context.restart();
    context.run();
    return result;
  }
  asio::io_context context;
  std::unique_ptr<Resolver> resolver;
};

error_code code(ResolveFault fault) {
  return make_error_code(fault);
}

}  // namespace

TEST(Resolver, FollowsAliasesAndReturnsThem) {
  FakeUpstream upstream([](const QueryMessage& query) {
    return only_a(query, {alias("www.example", "edge.cdn.example"), a("edge.cdn.example", 7), a("other.example", 8)});
  });
  Resolving resolve({upstream.endpoint()});
  const auto answer = resolve("www.example");
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->addresses, ElementsAre(Address::v4({203, 0, 113, 7})));
  EXPECT_THAT(answer->aliases, ElementsAre(name("edge.cdn.example")));
}

TEST(Resolver, AsksOnceWhileTheAnswerIsFresh) {
  FakeUpstream upstream([](const QueryMessage& query) { return only_a(query, {a("www.example", 7)}); });
  Resolving resolve({upstream.endpoint()});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(resolve("www.example"));
  EXPECT_EQ(upstream.asked(), 2);  // A and AAAA
}

TEST(Resolver, D_15_KeepsNothingWithATtlOfZero) {
  FakeUpstream upstream([](const QueryMessage& query) { return only_a(query, {a("www.example", 7, 0)}); });
  Resolving resolve({upstream.endpoint()});
  EXPECT_TRUE(resolve("www.example"));
  EXPECT_TRUE(resolve("www.example"));
  EXPECT_EQ(upstream.asked(), 3);  // AAAA's negative answer was kept
}

TEST(Resolver, D_21_AsksOnceForManyAtOnce) {
  FakeUpstream upstream([](const QueryMessage& query) { return only_a(query, {a("www.example", 7)}); });
  Resolving resolve({upstream.endpoint()});
  int answered = 0;
  const auto done = [&](const std::exception_ptr&, const Result<Answer>& found) { answered += found ? 1 : 0; };
  for (int i = 0; i < 99; ++i) asio::co_spawn(resolve.context, resolve.resolver->resolve(name("www.example")), done);
  EXPECT_TRUE(resolve("www.example"));
  EXPECT_EQ(answered, 99);
  EXPECT_EQ(upstream.asked(), 2);
}

TEST(Resolver, KeepsAMissingNameAsLongAsItsZoneSays) {
  FakeUpstream upstream([](const QueryMessage& query) {
    return build_reply(query, {Rcode::no_such_name, {}, {soa_record(60)}, {}}, 512);
  });
  Resolving resolve({upstream.endpoint()});
  EXPECT_EQ(resolve("gone.example").error(), code(ResolveFault::not_found));
  EXPECT_EQ(resolve("gone.example").error(), code(ResolveFault::not_found));
  EXPECT_EQ(upstream.asked(), 2);
}

TEST(Resolver, F_07_NamesEachFailureOfTheUpstream) {
  const std::tuple<const char*, FakeUpstream::Answer, ResolveFault> cases[] = {
      {"silent", [](const QueryMessage&) { return Bytes(); }, ResolveFault::timeout},
      {"refusing",
       [](const QueryMessage& query) {
         return build_reply(query, {Rcode::refused, {}, {}, {}}, 512);
       },
       ResolveFault::unreachable},
      {"failing",
       [](const QueryMessage& query) {
         return build_reply(query, {Rcode::server_failure, {}, {}, {}}, 512);
       },
       ResolveFault::unreachable},
      {"empty", [](const QueryMessage& query) { return only_a(query, {}); }, ResolveFault::no_data},
      {"unrelated", [](const QueryMessage& query) { return only_a(query, {a("evil.example", 6)}); },
       ResolveFault::no_data},
      {"looping",
       [](const QueryMessage& query) {
         return build_reply(
             query, {Rcode::no_error, {alias("www.example", "b.example"), alias("b.example", "www.example")}, {}, {}},
             512);
       },
       ResolveFault::garbage},
      {"cut",
       [](const QueryMessage& query) {
         Bytes bytes = only_a(query, {a("www.example", 7)});
         bytes.resize(bytes.size() - 3);
         return bytes;
       },
       ResolveFault::garbage},
      {"for another question",
       [](QueryMessage query) {
         query.question.name = wire("evil.example");
         return build_reply(query, {Rcode::no_error, {a("evil.example", 6)}, {}, {}}, 512);
       },
       ResolveFault::timeout},
      {"with another id",
       [](QueryMessage query) {
         ++query.id;
         return build_reply(query, {Rcode::no_error, {a("www.example", 6)}, {}, {}}, 512);
       },
       ResolveFault::timeout},
  };
  for (const auto& [what, answer, fault] : cases) {
    FakeUpstream upstream(answer);
    Resolving resolve({upstream.endpoint()});
    const auto result = resolve("www.example");
    ASSERT_FALSE(result) << what;
    EXPECT_EQ(result.error(), code(fault)) << what << ": " << result.error().message();
  }
}

TEST(Resolver, F_07_TurnsToTheSecondServerWhenTheFirstIsDead) {
  FakeUpstream dead([](const QueryMessage&) { return Bytes(); });
  FakeUpstream alive([](const QueryMessage& query) { return only_a(query, {a("www.example", 7)}); });
  Resolving resolve({dead.endpoint(), alive.endpoint()});
  EXPECT_TRUE(resolve("www.example"));
}

TEST(Resolver, DoesNotWaitLongForTheOtherFamily) {
  FakeUpstream upstream([](const QueryMessage& query) {
    return query.question.type == RecordType::a ? only_a(query, {a("www.example", 7)}) : Bytes();
  });
  Resolving resolve({upstream.endpoint()});
  EXPECT_TRUE(resolve("www.example"));
}

TEST(Resolver, EndsItsLookUpsWhenItGoes) {
  FakeUpstream upstream([](const QueryMessage&) { return Bytes(); });
  Resolving resolve({upstream.endpoint()});
  error_code seen;
  const auto done = [&](const std::exception_ptr&, const Result<Answer>& found) { seen = found.error(); };
  asio::co_spawn(resolve.context, resolve.resolver->resolve(name("www.example")), done);
  resolve.context.poll();
  resolve.resolver.reset();
  resolve.context.restart();
  resolve.context.run();
  EXPECT_EQ(seen, code(ResolveFault::stopped));
}

TEST(Resolver, RefusesAnUpstreamItDoesNotUnderstand) {
  asio::io_context context;
  for (const char* upstream : {"dns.example", "9.9.9.9:x", "[2620:fe::fe", "9.9.9"}) {
    ResolverOptions options;
    options.upstream = {upstream};
    EXPECT_THROW(Resolver(context, options), std::runtime_error) << upstream;
  }
  ResolverOptions good;
  good.upstream = {"9.9.9.9", "9.9.9.9:53", "2620:fe::fe", "[2620:fe::fe]:53"};
  EXPECT_NO_THROW(Resolver(context, good));
}
