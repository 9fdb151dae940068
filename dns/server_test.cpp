#include "dns/server.hpp"

#include "dns/fake_upstream.hpp"
#include "telemetry/dns_text.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

using namespace sallyport;
using namespace sallyport::dns;
using namespace std::chrono_literals;
using asio::ip::tcp;
using asio::ip::udp;

namespace {

constexpr const char* policy_text = R"(version: 1
default: ask
rules:
  - allow: api.example
  - allow: "*.wild.example"
    limits: { names: 3 }
  - allow: "*.text.example"
    dns: [TXT]
  - allow: soon.example
    expires: 2199-12-31
  - deny: "**.paste.example"
    reason: paste sites leak code
)";

WireName wire(std::string_view text) {
  return WireName::from_text(text).value();
}

Bytes upstream_answer(const QueryMessage& query) {
  const auto name = query.question.name;
  Reply reply;
  if (query.question.type == RecordType::txt && name.text() == "leak.text.example") {
    reply.answers = {name_record(name, RecordType::cname, wire("x.paste.example"), 60),
                     {wire("x.paste.example"), RecordType::txt, RecordClass::internet, 60, Bytes{1, 'x'}}};
  } else if (query.question.type == RecordType::txt) {
    reply.answers = {{name, RecordType::txt, RecordClass::internet, 600, Bytes{2, 'o', 'k'}}};
  } else if (query.question.type == RecordType::a) {
    reply.answers = {address_record(name, Bytes{10, 0, 0, 1}, 60), address_record(name, Bytes{93, 184, 216, 34}, 60)};
  } else {
    reply.authority = {soa_record(60)};
  }
  return build_reply(query, reply, tcp_limit);
}

class DnsServer : public testing::Test {
 protected:
  void start(Mode mode = Mode::synthetic) {
    auto parsed = Policy::parse(policy_text, "policy.yaml", ".");
    ASSERT_TRUE(parsed) << parsed.error().front().text;
    policy_ = *parsed;
    ResolverOptions options;
    options.upstream = {upstream_.endpoint()};
    resolver_ = std::make_unique<Resolver>(context_, options);
    Services services{[this] { return policy_; },
                      leases_,
                      budget_,
                      given_,
                      *resolver_,
                      [this](DnsEvent event) { records_.push_back(std::move(event)); }};
    services.on_ask = [this](const QueryRecord& query, const HostName& name, const Verdict&) {
      asked_.push_back(name.text() + ' ' + text_of(query.type));
      return std::string("ap_1");
    };
    ServerOptions server;
    server.answers.mode = mode;
    server.tcp_connections_per_agent = 3;
    server.tcp_idle = 300ms;
    server_ = std::make_unique<Server>(context_, server, services, [](const Address& source) {
      return source.text() == "127.0.0.9" ? std::nullopt : std::optional<std::string>("a");
    });
    endpoint_ = server_->listen({asio::ip::address_v4::loopback(), 0});
    work_ = std::thread([this] { context_.run(); });
  }
  void TearDown() override {
    if (!server_) return;
    asio::post(context_, [this] { server_->stop(); });
    guard_.reset();
    work_.join();
    server_.reset();
    resolver_.reset();
  }

  std::optional<Message> ask_bytes(const Bytes& bytes) {
    udp::socket socket(client_, udp::endpoint(udp::v4(), 0));
    const timeval limit{3, 0};
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    socket.send_to(asio::buffer(bytes), endpoint_);
    std::array<std::uint8_t, 4096> buffer{};
    const ssize_t got = ::recv(socket.native_handle(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return std::nullopt;
    const auto message = parse_message(std::span(buffer).first(static_cast<std::size_t>(got)));
    return message ? std::optional(*message) : std::nullopt;
  }
  Message ask(std::string_view name, RecordType type = RecordType::a, RecordClass klass = RecordClass::internet) {
    const auto answer = ask_bytes(build_query({7, true, {wire(name), type, klass}, Edns{1232, false}}));
    EXPECT_TRUE(answer) << name;
    return answer.value_or(Message{});
  }

  FakeUpstream upstream_{upstream_answer};
  LeaseTable leases_{LeaseOptions::defaults()};
  NameBudget budget_;
  GivenAddresses given_;
  std::shared_ptr<const Policy> policy_;
  std::vector<DnsEvent> records_;  // read when the server has answered: it emits first
  std::vector<std::string> asked_;
  asio::io_context context_, client_;
  asio::executor_work_guard<Executor> guard_{context_.get_executor()};
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<Server> server_;
  udp::endpoint endpoint_;
  std::thread work_;
};

ExtendedError error_of(const Message& message) {
  return message.errors.empty() ? ExtendedError::other : message.errors[0].first;
}

}  // namespace

TEST_F(DnsServer, D_01_AnswersUnlistedNamesWithoutAskingAnybody) {
  start();
  const auto four = ask("new.example");
  ASSERT_EQ(four.answers.size(), 1U);
  EXPECT_EQ(four.answers[0].data[0], 198);
  EXPECT_EQ(four.answers[0].ttl, 60U);
  EXPECT_EQ(ask("new.example", RecordType::aaaa).answers.at(0).data.at(0), 0xfd);
  EXPECT_EQ(ask("NEW.example").answers.at(0).data, four.answers[0].data);
  EXPECT_EQ(upstream_.asked(), 0);
  ASSERT_EQ(records_.size(), 3U);
  EXPECT_THAT(records_[0].text->after_port, testing::HasSubstr(R"("verdict":"ask")"));
  // One lease, and so one correlation.
  const std::string correlation = records_[0].text->before_port.substr(0, 60);
  EXPECT_THAT(correlation, testing::StartsWith(R"("correlation_uid":")"));
  EXPECT_THAT(records_[1].text->before_port, testing::StartsWith(correlation.substr(0, 50)));
}

TEST_F(DnsServer, GivesARepeatedQuestionTheSameAnswerAndOneCountedRecord) {
  start();
  const auto ask_as = [this](std::uint16_t id) {
    return ask_bytes(build_query({id, true, {wire("new.example"), RecordType::a, RecordClass::internet}, {}}));
  };
  const auto first = ask_as(1);
  ASSERT_TRUE(first);
  for (std::uint16_t id = 2; id < 5; ++id) {
    const auto again = ask_as(id);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->id, id);
    EXPECT_EQ(again->answers.at(0).data, first->answers.at(0).data);
  }
  asio::post(context_, [this] { server_->stop(); });  // which tells of repeats
  guard_.reset();
  work_.join();
  server_.reset();
  std::uint64_t told = 0;
  for (const DnsEvent& record : records_) told += record.count;
  EXPECT_EQ(told, 4U);
}

TEST_F(DnsServer, JudgesEachQuestionWhoseRuleExpires) {
  start();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("soon.example").answers.size(), 1U);
  EXPECT_EQ(records_.size(), 3U) << "none is a repeat";
}

TEST_F(DnsServer, JudgesARepeatedQuestionByTheNewPolicy) {
  start();
  EXPECT_EQ(ask("new.example").rcode, Rcode::no_error);
  auto parsed = Policy::parse("version: 1\ndefault: deny\n", "policy.yaml", ".");
  ASSERT_TRUE(parsed);
  std::promise<void> replaced;
  asio::post(context_, [&] {
    policy_ = *parsed;
    replaced.set_value();
  });
  replaced.get_future().wait();
  EXPECT_EQ(ask("new.example").rcode, Rcode::no_such_name);
}

TEST_F(DnsServer, SaysWhyANameIsDenied) {
  start();
  const auto reply = ask("x.paste.example");
  EXPECT_EQ(reply.rcode, Rcode::no_such_name);
  EXPECT_EQ(error_of(reply), ExtendedError::blocked);
  EXPECT_THAT(reply.errors.at(0).second, testing::HasSubstr("paste sites leak code"));
  EXPECT_TRUE(negative_ttl(reply));
}

TEST_F(DnsServer, D_02_CountsNamesUnderAWildcard) {
  start();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("n" + std::to_string(i) + ".wild.example").answers.size(), 1U);
  }
  EXPECT_EQ(ask("n3.wild.example").rcode, Rcode::refused);
}

TEST_F(DnsServer, D_03_RefusesWhatIsNotForNames) {
  start();
  EXPECT_EQ(ask("api.example", RecordType::any).rcode, Rcode::refused);
  EXPECT_EQ(ask("api.example", RecordType::axfr).rcode, Rcode::refused);
  EXPECT_EQ(ask("version.bind", RecordType::txt, RecordClass::chaos).rcode, Rcode::refused);
  EXPECT_EQ(upstream_.asked(), 0);
}

TEST_F(DnsServer, D_03_PassesOtherTypesOnOnlyForAllowedNames) {
  start();
  EXPECT_EQ(ask("api.example", RecordType::txt).answers.size(), 1U);
  EXPECT_EQ(upstream_.asked(), 1);
  EXPECT_EQ(ask("n1.wild.example", RecordType::txt).rcode, Rcode::refused);
  const auto held = ask("new.example", RecordType::txt);
  EXPECT_EQ(held.rcode, Rcode::refused);
  EXPECT_EQ(error_of(held), ExtendedError::prohibited);
  EXPECT_EQ(upstream_.asked(), 1);
  EXPECT_THAT(asked_, testing::Contains("new.example TXT"));
}

TEST_F(DnsServer, D_04_HasNoServiceBindings) {
  start();
  for (const auto type : {RecordType::https, RecordType::svcb}) {
    const auto reply = ask("api.example", type);
    EXPECT_EQ(reply.rcode, Rcode::no_error);
    EXPECT_TRUE(reply.answers.empty());
  }
  EXPECT_EQ(upstream_.asked(), 0);
}

TEST_F(DnsServer, D_05_RefusesAnAliasOfADeniedName) {
  start();
  const auto reply = ask("leak.text.example", RecordType::txt);
  EXPECT_EQ(reply.rcode, Rcode::no_such_name);
  EXPECT_TRUE(reply.answers.empty());
  EXPECT_EQ(ask("fine.text.example", RecordType::txt).answers.size(), 1U);
}

TEST_F(DnsServer, D_08_AnswersMalformedQueriesWithFormerr) {
  start();
  Bytes trailing = build_query({7, true, {wire("api.example"), RecordType::a, RecordClass::internet}, {}});
  trailing.push_back(1);
  EXPECT_EQ(ask_bytes(trailing)->rcode, Rcode::format_error);
}

TEST_F(DnsServer, D_13_KeepsBrowsersOnThisResolver) {
  start();
  EXPECT_EQ(ask("use-application-dns.net").rcode, Rcode::no_such_name);
}

TEST_F(DnsServer, D_19_AnswersReverseNamesOfOwnLeasesAlone) {
  start();
  const auto data = ask("api.example").answers.at(0).data;
  const auto reverse = [](const Bytes& bytes) {
    std::string text;
    for (std::size_t i = 4; i > 0; --i) text += std::to_string(bytes[i - 1]) + '.';
    return text + "in-addr.arpa";
  };
  const auto reply = ask(reverse(data), RecordType::ptr);
  ASSERT_EQ(reply.answers.size(), 1U);
  EXPECT_EQ(name_in(reply.answers[0])->text(), "api.example");
  const auto foreign = leases_.lease("b", HostName::parse("other.example").value())->v4;
  EXPECT_EQ(ask(reverse(Bytes(foreign.bytes().begin(), foreign.bytes().end())), RecordType::ptr).rcode,
            Rcode::no_such_name);
  EXPECT_EQ(ask("8.8.8.8.in-addr.arpa", RecordType::ptr).rcode, Rcode::no_such_name);
  EXPECT_EQ(upstream_.asked(), 0);
}

TEST_F(DnsServer, AnswersItsOwnNamesAndLocalhost) {
  start();
  EXPECT_EQ(ask("localhost").answers.at(0).data, (Bytes{127, 0, 0, 1}));
  EXPECT_EQ(ask("sallyport.internal").answers.size(), 1U);
}

TEST_F(DnsServer, RealModeGivesGuardedAddressesOfAllowedNames) {
  start(Mode::real);
  const auto reply = ask("api.example");
  ASSERT_EQ(reply.answers.size(), 1U);
  EXPECT_EQ(reply.answers[0].data, (Bytes{93, 184, 216, 34}));
  const auto now = std::chrono::steady_clock::now();
  EXPECT_TRUE(given_.was_given("a", Address::v4({93, 184, 216, 34}), now));
  EXPECT_FALSE(given_.was_given("a", Address::v4({10, 0, 0, 1}), now));
  EXPECT_FALSE(given_.was_given("b", Address::v4({93, 184, 216, 34}), now));
  const auto held = ask("new.example");
  EXPECT_EQ(held.rcode, Rcode::refused);
  EXPECT_EQ(error_of(held), ExtendedError::prohibited);
  EXPECT_THAT(asked_, testing::ElementsAre("new.example A"));
}

TEST_F(DnsServer, D_11_AnswersManyQueriesOnOneConnectionByteByByte) {
  start();
  tcp::socket socket(client_);
  socket.connect({endpoint_.address(), endpoint_.port()});
  const Bytes query = build_query({7, true, {wire("api.example"), RecordType::a, RecordClass::internet}, {}});
  Bytes stream{0, static_cast<std::uint8_t>(query.size())};
  stream.insert(stream.end(), query.begin(), query.end());
  for (const std::uint8_t byte : stream) asio::write(socket, asio::buffer(&byte, 1));
  Bytes many;
  for (int i = 0; i < 200; ++i) many.insert(many.end(), stream.begin(), stream.end());
  asio::write(socket, asio::buffer(many));
  for (int i = 0; i < 201; ++i) {
    std::array<std::uint8_t, 2> length{};
    asio::read(socket, asio::buffer(length));
    Bytes reply(static_cast<std::size_t>(length[0]) * 256 + length[1]);
    asio::read(socket, asio::buffer(reply));
    ASSERT_EQ(parse_message(reply)->answers.size(), 1U) << i;
  }
}

TEST_F(DnsServer, D_11_ClosesEmptyIdleAndSurplusConnections) {
  start();
  std::vector<tcp::socket> sockets;
  for (int i = 0; i < 5; ++i) sockets.emplace_back(client_).connect({endpoint_.address(), endpoint_.port()});
  asio::write(sockets[0], asio::buffer(Bytes{0, 0}));
  asio::write(sockets[1], asio::buffer(Bytes{0xFF, 0xFF, 1}));
  asio::write(sockets[2], asio::buffer(Bytes{0}));
  for (auto& socket : sockets) {
    std::uint8_t byte = 0;
    error_code error;
    asio::read(socket, asio::buffer(&byte, 1), error);
    EXPECT_TRUE(error);
  }
}

TEST_F(DnsServer, RefusesWhoIsNobodysAgent) {
  start();
  udp::socket socket(client_, udp::endpoint(asio::ip::make_address("127.0.0.9"), 0));
  const Bytes query = build_query({7, true, {wire("api.example"), RecordType::a, RecordClass::internet}, {}});
  socket.send_to(asio::buffer(query), endpoint_);
  std::array<std::uint8_t, 512> buffer{};
  const auto size = socket.receive(asio::buffer(buffer));
  EXPECT_EQ(parse_message(std::span(buffer).first(size))->rcode, Rcode::refused);
}
