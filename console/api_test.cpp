#include "console/console_test_support.hpp"
#include "console/tokens.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <sched.h>

namespace sallyport::console_test {
namespace {

using testing::HasSubstr;

std::string word(const boost::json::value& value) {
  return std::string(value.as_string());
}

TEST_F(ConsoleTest, ListsWhatIsPendingAndShowsOne) {
  start();
  const std::string first = pend("one.example.org");
  pend("two.example.org");
  const auto list = ask("GET", "/v1/approvals").json();
  ASSERT_EQ(list.at("approvals").as_array().size(), 2U);
  const auto& approval = list.at("approvals").as_array().front();
  EXPECT_EQ(word(approval.at("id")), first);
  EXPECT_EQ(word(approval.at("host")), "one.example.org");
  EXPECT_EQ(word(approval.at("state")), "pending");
  EXPECT_EQ(word(approval.at("domain")), "example.org");
  EXPECT_EQ(ask("GET", "/v1/approvals/" + first).json().at("port").as_int64(), 443);
  EXPECT_EQ(ask("GET", "/v1/approvals/ap_none").status, 404);
  EXPECT_EQ(ask("GET", "/v1/approvals?state=odd").status, 400);
  EXPECT_EQ(ask("GET", "/v1/approvals?limit=0").status, 400);
}

TEST_F(ConsoleTest, PagesThroughALongList) {
  start();
  for (int each = 0; each < 5; ++each) pend("host" + std::to_string(each) + ".example.org");
  std::string cursor;
  std::size_t seen = 0;
  for (int page = 0; page < 3; ++page) {
    const auto list = ask("GET", "/v1/approvals?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor)).json();
    seen += list.at("approvals").as_array().size();
    const auto* next = list.as_object().if_contains("next");
    cursor = next ? word(*next) : "";
  }
  EXPECT_EQ(seen, 5U);
  EXPECT_EQ(cursor, "");
}

TEST_F(ConsoleTest, A_10_DecidingTwiceIsAConflict) {
  start();
  const std::string id = pend("new.example.org");
  const auto first = ask("POST", "/v1/approvals/" + id, R"({"decision":"approve","note":"for the release"})",
                         "X-Sallyport-Through: console\r\n");
  ASSERT_EQ(first.status, 200) << first.body;
  const auto grant = first.json().at("grant");
  EXPECT_EQ(word(grant.at("scope")), "agent");
  EXPECT_EQ(word(grant.at("match")), "host");
  EXPECT_EQ(word(grant.at("by").at("name")), "admin");
  EXPECT_EQ(word(grant.at("by").at("through")), "console");
  EXPECT_EQ(word(grant.at("note")), "for the release");
  EXPECT_EQ(ask("POST", "/v1/approvals/" + id, R"({"decision":"deny"})").status, 409);
  EXPECT_EQ(approvals_->approval(id)->state, Approval::State::approved);
}

TEST_F(ConsoleTest, ADecisionIsReadStrictly) {
  start();
  const std::string id = pend("new.example.org");
  for (const char* body : {"{}", R"({"decision":"maybe"})", R"({"decision":"approve","scope":"all"})",
                           R"({"decision":"approve","match":"any"})", R"({"decision":"approve","ttl":"soon"})",
                           R"({"decision":"approve","ttl":"0s"})", R"({"decision":"approve","uses":0})",
                           R"({"decision":"approve","uses":-1})", R"({"decision":"approve","upload":"much"})",
                           R"({"decision":"approve","extra":1})", R"(["approve"])", "{"}) {
    EXPECT_EQ(ask("POST", "/v1/approvals/" + id, body).status, 400) << body;
  }
  EXPECT_EQ(approvals_->approval(id)->state, Approval::State::pending);
  const auto bounded = ask("POST", "/v1/approvals/" + id,
                           R"({"decision":"approve","scope":"everyone","ttl":"30m","uses":3,"upload":"1MiB"})");
  ASSERT_EQ(bounded.status, 200) << bounded.body;
  EXPECT_EQ(word(bounded.json().at("grant").at("ttl")), "30m");
}

TEST_F(ConsoleTest, A_06_SubdomainsOfAPublicSuffixAreNotGranted) {
  start();
  const std::string id = pend("strangers.github.io");
  EXPECT_EQ(ask("POST", "/v1/approvals/" + pend("com"), R"({"decision":"approve","match":"subdomains"})").status, 422);
  EXPECT_EQ(ask("POST", "/v1/approvals/" + id, R"({"decision":"approve"})").status, 200);
}

TEST_F(ConsoleTest, A_04_AGroupIsDecidedInOneAct) {
  start();
  for (int each = 0; each < 4; ++each) pend("n" + std::to_string(each) + ".flood.example", "noisy");
  pend("n9.flood.example", "quiet");
  const auto reply =
      ask("POST", "/v1/approvals/groups", R"({"agent":"noisy","domain":"flood.example","decision":"deny"})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json().at("decided").as_array().size(), 4U);
  EXPECT_EQ(approvals_->counts().pending, 1U);
  EXPECT_EQ(ask("POST", "/v1/approvals/groups", R"({"decision":"deny"})").status, 400);
}

TEST_F(ConsoleTest, A_17_AnAgentsWordsAreMarkedAsItsOwn) {
  start();
  const Question question{"builder", Destination{*Host::parse("xn--pple-43d.example"), 443}, "", "GET", "/x/**"};
  Circumstances circumstances;
  circumstances.access_reason = "approved by admin\x1b[2J \xff click allow";
  circumstances.context = AgentContext{"s1", "t1", "shell", "<img src=x onerror=alert(1)>", ""};
  const std::string id = *approvals_->ask(question, circumstances);
  const auto reply = ask("GET", "/v1/approvals/" + id);
  EXPECT_THAT(reply.body, testing::Not(HasSubstr("\x1b")));
  EXPECT_THAT(reply.body, testing::Not(HasSubstr("\xff")));
  const auto approval = reply.json();
  EXPECT_EQ(word(approval.at("host")), "xn--pple-43d.example");
  EXPECT_THAT(word(approval.at("access_reason")), HasSubstr("\\xff click allow"));
  EXPECT_EQ(word(approval.at("context").at("reason")), "<img src=x onerror=alert(1)>");
  EXPECT_TRUE(reply.has("nosniff"));
}

TEST_F(ConsoleTest, RevokesAGrantOnce) {
  start();
  ask("POST", "/v1/approvals/" + pend("new.example.org"), R"({"decision":"approve"})");
  const auto grants = ask("GET", "/v1/grants").json().at("grants").as_array();
  ASSERT_EQ(grants.size(), 1U);
  const std::string id = word(grants.front().at("id"));
  EXPECT_EQ(ask("DELETE", "/v1/grants/" + id).status, 200);
  EXPECT_EQ(ask("DELETE", "/v1/grants/" + id).status, 409);
  EXPECT_EQ(ask("DELETE", "/v1/grants/gr_none").status, 404);
  EXPECT_TRUE(ask("GET", "/v1/grants").json().at("grants").as_array().empty());
  EXPECT_EQ(ask("GET", "/v1/grants?ended=true").json().at("grants").as_array().size(), 1U);
}

TEST_F(ConsoleTest, GrantsAsPolicyIsAPolicyThatAllowsTheSame) {
  start();
  ask("POST", "/v1/approvals/" + pend("new.example.org"),
      R"({"decision":"approve","note":"it's \"fine\"\n- allow: any"})");
  ask("POST", "/v1/approvals/" + pend("all.example.net"),
      R"({"decision":"approve","scope":"everyone","match":"subdomains"})");
  const auto reply = ask("GET", "/v1/grants?format=policy");
  ASSERT_EQ(reply.status, 200);
  const auto policy = Policy::parse(reply.body, "grants.yaml", folder_);
  ASSERT_TRUE(policy) << reply.body << policy.error().front().text;
  const auto verdict = [&](const char* agent, const char* host) {
    const Destination to{*Host::parse(host), 443};
    return (*policy)->decide({agent, to, Spoken::tls, {}, false, WallClock::now()}).action;
  };
  EXPECT_EQ(verdict("builder", "new.example.org"), Action::allow);
  EXPECT_EQ(verdict("other", "new.example.org"), Action::ask);
  EXPECT_EQ(verdict("other", "deep.all.example.net"), Action::allow);
  EXPECT_EQ(verdict("builder", "unknown.example"), Action::ask);
}

TEST_F(ConsoleTest, ARoleMayDoWhatItsNameSays) {
  start();
  const auto token_of = [&](const std::string& role) {
    const auto made = ask("POST", "/v1/tokens", R"({"name":"a-)" + role + R"(","role":")" + role + "\"}");
    EXPECT_EQ(made.status, 201) << made.body;
    return "Authorization: Bearer " + word(made.json().at("token")) + "\r\n";
  };
  const std::string viewer = token_of("viewer");
  const std::string approver = token_of("approver");
  const std::string id = pend("new.example.org");
  const auto as = [&](const std::string& who, const std::string& method, const std::string& path,
                      const std::string& body) {
    return say(method + ' ' + path + " HTTP/1.1\r\n" + host() + who + with(body)).status;
  };
  const std::string body = R"({"decision":"approve"})";
  EXPECT_EQ(as(viewer, "GET", "/v1/approvals", ""), 200);
  EXPECT_EQ(as(viewer, "POST", "/v1/approvals/" + id, body), 403);
  EXPECT_EQ(as(viewer, "DELETE", "/v1/grants/gr_x", ""), 403);
  EXPECT_EQ(as(approver, "POST", "/v1/tokens", R"({"name":"x","role":"admin"})"), 403);
  EXPECT_EQ(as(approver, "POST", "/v1/policy/reload", "{}"), 403);
  EXPECT_EQ(as(approver, "POST", "/v1/approvals/" + id, body), 200);
}

TEST_F(ConsoleTest, ARemovedTokenIsNobodyAndTheLastAdminStays) {
  start();
  const auto made = ask("POST", "/v1/tokens", R"({"name":"ann","role":"viewer"})").json();
  EXPECT_EQ(ask("POST", "/v1/tokens", R"({"name":"ann","role":"viewer"})").status, 409);
  EXPECT_EQ(ask("POST", "/v1/tokens", R"({"name":"a b","role":"viewer"})").status, 400);
  EXPECT_EQ(ask("GET", "/v1/tokens").json().at("tokens").as_array().size(), 2U);
  const std::string ann = "Authorization: Bearer " + word(made.at("token")) + "\r\n";
  EXPECT_EQ(say("GET /v1/status HTTP/1.1\r\n" + host() + ann + "\r\n").status, 200);
  EXPECT_EQ(ask("DELETE", "/v1/tokens/ann").status, 204);
  EXPECT_EQ(say("GET /v1/status HTTP/1.1\r\n" + host() + ann + "\r\n").status, 401);
  EXPECT_EQ(ask("DELETE", "/v1/tokens/admin").status, 409);
}

TEST_F(ConsoleTest, TokensLiveOnAndABrokenStoreLetsNobodyIn) {
  start();
  const std::string before = token();
  server_.reset();
  start();
  EXPECT_EQ(token(), before);
  EXPECT_EQ(ask("GET", "/v1/status").status, 200);
  server_.reset();
  std::ofstream(folder_ + "/tokens.json") << "{\"tokens\":[{}]}";
  EXPECT_FALSE(TokenStore::open(folder_));
}

TEST_F(ConsoleTest, ExplainsAUrl) {
  start();
  const auto allowed = ask("GET", "/v1/policy/explain?url=https%3A%2F%2Fexample.com%2Fa&agent=builder").json();
  EXPECT_EQ(word(allowed.at("verdict")), "allow");
  EXPECT_EQ(allowed.at("matches").as_array().size(), 1U);
  EXPECT_EQ(word(ask("GET", "/v1/policy/explain?url=evil.test").json().at("verdict")), "deny");
  EXPECT_EQ(word(ask("GET", "/v1/policy/explain?url=other.test").json().at("verdict")), "ask");
  EXPECT_FALSE(allowed.as_object().contains("note"));
  const auto unseen = ask("GET", "/v1/policy/explain?url=https%3A%2F%2Fexample.com%2Fa&method=GET").json();
  EXPECT_THAT(word(unseen.at("note")), HasSubstr("method is ignored"));
  EXPECT_FALSE(unseen.as_object().contains("inspected_by"));
  EXPECT_EQ(ask("GET", "/v1/policy/explain").status, 400);
  EXPECT_EQ(ask("GET", "/v1/policy/explain?url=gopher%3A%2F%2Fx").status, 400);
  const auto policy = ask("GET", "/v1/policy").json();
  EXPECT_EQ(word(policy.at("uid")), policy_->uid());
  EXPECT_THAT(word(policy.at("text")), HasSubstr("deny: evil.test"));
  EXPECT_EQ(word(policy.at("file").at("state")), "in force");
}

TEST_F(ConsoleTest, ExplainsWhatIsSeenInsideTls) {
  const auto looks =
      Policy::parse("version: 1\nrules:\n  - { allow: seen.test, methods: [GET] }\n", "policy.yaml", ".");
  ASSERT_TRUE(looks) << looks.error().front().text;
  policy_ = *looks;
  start();
  const auto verdict = [this](const char* method) {
    return ask("GET", std::string("/v1/policy/explain?url=https%3A%2F%2Fseen.test%2F&method=") + method).json();
  };
  EXPECT_EQ(word(verdict("GET").at("verdict")), "allow");
  EXPECT_EQ(word(verdict("POST").at("verdict")), "ask");
  EXPECT_EQ(word(verdict("GET").at("inspected_by")), "policy.yaml:3");
  EXPECT_FALSE(verdict("GET").as_object().contains("note"));
}

TEST_F(ConsoleTest, ShowsTheRulesInForceAndNotWhatTheFileSaysMeanwhile) {
  std::vector<Complaint> faults;
  Backend lent = backend();
  lent.policy_faults = [&faults] { return faults; };
  start(std::move(lent));
  const auto shown = [this] { return ask("GET", "/v1/policy").json(); };
  std::ofstream(folder_ + "/policy.yaml") << "version: 1\nrules:\n  - alow: evil.test\n";
  faults.push_back(Complaint{"policy.yaml:3:5: unknown key"});
  EXPECT_THAT(word(shown().at("text")), HasSubstr("deny: evil.test"));
  EXPECT_EQ(word(shown().at("file").at("state")), "not in force");
  EXPECT_EQ(word(shown().at("file").at("complaints").at(0)), "policy.yaml:3:5: unknown key");
  faults.clear();
  std::filesystem::remove(folder_ + "/policy.yaml");
  EXPECT_THAT(word(shown().at("text")), HasSubstr("deny: evil.test"));
  EXPECT_EQ(word(shown().at("file").at("state")), "unreadable");
}

TEST_F(ConsoleTest, ReloadTellsWhatIsWrong) {
  Backend lent = backend();
  lent.reload = [](const Caller& by) -> Outcome<std::string, std::vector<Complaint>> {
    EXPECT_EQ(by.name, "admin");
    return std::vector{Complaint{"policy.yaml:2:1: unknown key"}};
  };
  start(std::move(lent));
  const auto reply = ask("POST", "/v1/policy/reload", "{}");
  EXPECT_EQ(reply.status, 422);
  EXPECT_THAT(reply.body, HasSubstr("policy.yaml:2:1: unknown key"));
}

TEST_F(ConsoleTest, L_02_MetricsNameNoHostAndEscapeLabels) {
  Backend lent = backend();
  lent.metrics = [] {
    return std::vector<Metric>{{"sallyport_x_total", "X.", Metric::Kind::counter, {{"agent", "a\"b\\c\nd"}}, 2}};
  };
  start(std::move(lent));
  pend("secret-name.example.org");
  const auto reply = ask("GET", "/metrics");
  EXPECT_TRUE(reply.has("text/plain; version=0.0.4"));
  EXPECT_THAT(reply.body, HasSubstr("sallyport_approvals_pending 1\n"));
  EXPECT_THAT(reply.body, HasSubstr("sallyport_x_total{agent=\"a\\\"b\\\\c\\nd\"} 2\n"));
  EXPECT_THAT(reply.body, testing::Not(HasSubstr("secret-name")));
}

TEST_F(ConsoleTest, FindsRecordsFromTheLogsEnd) {
  start();
  for (int each = 0; each < 300; ++each) {
    ConnectionEvent event;
    event.origin.time = WallClock::now();
    event.origin.agent = each % 3 == 0 ? "third" : "other";
    event.origin.host = "h" + std::to_string(each) + (each % 2 == 0 ? ".even.example" : ".odd.example");
    event.origin.port = 443;
    event.activity = ConnectionEvent::Activity::refuse;
    ASSERT_TRUE(audit_->append(event));
  }
  ASSERT_TRUE(audit_->flush());
  std::string target = "/v1/audit?agent=third&host=*.even.example&verdict=deny&limit=20";
  std::size_t found = 0;
  std::uint64_t last = ~0ULL;
  std::string cursor;
  do {
    const auto reply = ask("GET", target + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(reply.status, 200) << reply.body;
    const auto answer = reply.json();
    for (const auto& record : answer.at("records").as_array()) {
      const auto sequence = record.at("metadata").at("sequence").to_number<std::uint64_t>();
      EXPECT_LT(sequence, last);
      last = sequence;
      ++found;
    }
    const auto* next = answer.as_object().if_contains("next");
    cursor = next ? word(*next) : "";
  } while (!cursor.empty());
  EXPECT_EQ(found, 50U);
  EXPECT_EQ(ask("GET", "/v1/audit?cursor=x").status, 400);
  EXPECT_EQ(ask("GET", "/v1/audit?cursor=99.1").status, 410);
  EXPECT_EQ(ask("GET", "/v1/audit?since=never").status, 400);
  EXPECT_EQ(ask("GET", "/v1/audit?since=2h&limit=3").json().at("records").as_array().size(), 3U);
}

TEST_F(ConsoleTest, ListsConnectionsAndSaysWhatItCannotDo) {
  Backend lent = backend();
  lent.connections = [](std::size_t limit) {
    LiveConnection one;
    one.id = "c1";
    one.agent = "builder";
    one.host = "example.com";
    one.port = 443;
    one.state = LiveConnection::State::held;
    return std::vector<LiveConnection>(std::min<std::size_t>(limit, 3), one);
  };
  start(std::move(lent));
  const auto all = ask("GET", "/v1/connections").json();
  EXPECT_EQ(all.at("connections").as_array().size(), 3U);
  EXPECT_EQ(all.at("more"), false);
  EXPECT_EQ(ask("GET", "/v1/connections?limit=2").json().at("more"), true);
  EXPECT_EQ(ask("POST", "/v1/agents", R"({"agent":"a","pid":1})").status, 501);
  EXPECT_EQ(ask("DELETE", "/v1/agents/a").status, 501);
}

TEST_F(ConsoleTest, StreamsWhatHappensAndCountsAsSomebodyWhoCouldAnswer) {
  start();
  EXPECT_FALSE(approvals_->attended());
  std::string last;
  {
    Client watcher(port());
    watcher.send("GET /v1/events HTTP/1.1\r\n" + host() + bearer() + "\r\n");
    ASSERT_TRUE(watcher.read_until("event: reset"));
    EXPECT_TRUE(approvals_->attended());
    const std::string id = pend("new.example.org");
    ASSERT_TRUE(watcher.read_until("event: approval\ndata: {\"id\":\"" + id));
    ask("POST", "/v1/approvals/" + id, R"({"decision":"approve"})");
    ASSERT_TRUE(watcher.read_until("event: decision\n"));
    server_->connections_changed();
    ASSERT_TRUE(watcher.read_until("event: connections\ndata: {}\n\n"));
    const auto at = watcher.text().find("id: ", watcher.text().find("event: reset")) + 4;
    last = watcher.text().substr(at, watcher.text().find('\n', at) - at);
  }
  Client again(port());
  again.send("GET /v1/events HTTP/1.1\r\n" + host() + bearer() + "Last-Event-ID: " + last + "\r\n\r\n");
  ASSERT_TRUE(again.read_until("event: connections"));
  EXPECT_THAT(again.text(), HasSubstr("event: decision"));
  EXPECT_THAT(again.text(), testing::Not(HasSubstr("event: reset")));
  EXPECT_THAT(again.text(), testing::Not(HasSubstr("event: approval")));
}

TEST_F(ConsoleTest, AWatchersStreamEndsWithItsToken) {
  limits_.heartbeat = std::chrono::milliseconds(50);
  start();
  const auto made = ask("POST", "/v1/tokens", R"({"name":"ann","role":"viewer"})").json();
  Client watcher(port());
  watcher.send("GET /v1/events HTTP/1.1\r\n" + host() + "Authorization: Bearer " + word(made.at("token")) + "\r\n\r\n");
  ASSERT_TRUE(watcher.read_until("still here"));
  EXPECT_FALSE(approvals_->attended());
  EXPECT_EQ(ask("DELETE", "/v1/tokens/ann").status, 204);
  EXPECT_TRUE(watcher.ended());
}

TEST_F(ConsoleTest, A_09_TheUnixSocketTakesNobodyOfAnotherNetwork) {
  start();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Only what is safe after fork() in a program with threads.
    char said[4096] = {};
    const char request[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (folder_ + "/admin.sock").c_str(), sizeof address.sun_path - 1);
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) ::_exit(77);
    const int file = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) ::_exit(1);
    if (::send(file, request, sizeof request - 1, MSG_NOSIGNAL) < 0) ::_exit(2);
    const ssize_t size = ::recv(file, said, sizeof said, 0);
    if (size > 0 && ::write(ends[1], said, static_cast<std::size_t>(size)) < 0) ::_exit(3);
    ::_exit(0);
  }
  ::close(ends[1]);
  int status = 0;
  ::waitpid(child, &status, 0);
  std::array<char, 4096> said{};
  const ssize_t size = ::read(ends[0], said.data(), said.size());
  ::close(ends[0]);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "this host makes no namespaces for its users";
  ASSERT_EQ(WEXITSTATUS(status), 0);
  const std::string answer(said.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 403"));
  EXPECT_THAT(answer, HasSubstr("network namespace"));
}

}  // namespace
}  // namespace sallyport::console_test
