#include "console/console_test_support.hpp"
#include "console/page_files.hpp"
#include "console/routes.hpp"

#include <gmock/gmock.h>

#include <set>

namespace sallyport::console_test {
namespace {

using testing::HasSubstr;

TEST_F(ConsoleTest, AnswersWithTheFirstTokenAndTellsWhoAsks) {
  start();
  const auto reply = ask("GET", "/v1/status");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto status = reply.json().as_object();
  EXPECT_EQ(word(status.at("you").at("name")), "admin");
  EXPECT_EQ(word(status.at("you").at("role")), "admin");
  EXPECT_EQ(word(status.at("policy").at("uid")), policy_->uid());
}

TEST_F(ConsoleTest, KeepsItsFirstTokenForItsOwnerAlone) {
  start();
  const auto mode = std::filesystem::status(folder_ + "/admin.token").permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::ifstream file(folder_ + "/tokens.json");
  const std::string stored(std::istreambuf_iterator<char>(file), {});
  EXPECT_THAT(stored, HasSubstr("sha256"));
  EXPECT_THAT(stored, testing::Not(HasSubstr(token())));
  EXPECT_THAT(server_->addresses().front(), HasSubstr("/#token=" + token()));
}

TEST_F(ConsoleTest, A_09_NobodyComesInWithoutAToken) {
  start();
  for (const Route& route : routes()) {
    if (route.needs == Needs::nothing) continue;
    const auto reply = say(std::string(route.method) + ' ' + std::string(route.path.substr(0, route.path.find('{'))) +
                           (route.path.ends_with("{id}") ? "ap_x" : "") + " HTTP/1.1\r\n" + host() + "\r\n");
    EXPECT_EQ(reply.status, 401) << route.path;
    EXPECT_TRUE(reply.has("application/problem+json")) << route.path;
    EXPECT_TRUE(reply.has("WWW-Authenticate: Bearer")) << route.path;
  }
  EXPECT_EQ(say("GET /v1/status HTTP/1.1\r\n" + host() + "Authorization: Bearer sp_wrong\r\n\r\n").status, 401);
  EXPECT_EQ(say("GET /v1/unknown HTTP/1.1\r\n" + host() + "\r\n").status, 401);
}

TEST_F(ConsoleTest, A_09_APageOfAnotherNameIsNotListenedTo) {
  start();
  const std::string rebound =
      "GET /v1/approvals HTTP/1.1\r\nHost: rebound.evil.test:" + std::to_string(port()) + "\r\n" + bearer() + "\r\n";
  EXPECT_EQ(say(rebound).status, 421);
  EXPECT_EQ(say("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n").status, 421);
  EXPECT_EQ(say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
  EXPECT_EQ(say("GET / HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_EQ(say("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n").status, 400);
}

TEST_F(ConsoleTest, A_09_ARequestFromAnotherSiteIsRefused) {
  start();
  const std::string id = pend("new.example.org");
  const std::string body = R"({"decision":"approve"})";
  EXPECT_EQ(ask("POST", "/v1/approvals/" + id, body, "Origin: http://evil.test\r\n").status, 403);
  EXPECT_EQ(ask("POST", "/v1/approvals/" + id, body, "Origin: null\r\n").status, 403);
  EXPECT_EQ(ask("POST", "/v1/approvals/" + id, body, "Sec-Fetch-Site: cross-site\r\n").status, 403);
  EXPECT_EQ(ask("POST", "/v1/approvals/" + id, body, "Sec-Fetch-Site: same-site\r\n").status, 403);
  EXPECT_EQ(approvals_->approval(id)->state, Approval::State::pending);
  const auto preflight = ask("OPTIONS", "/v1/approvals/" + id, {}, "Origin: http://evil.test\r\n");
  EXPECT_EQ(preflight.status, 403);
  EXPECT_FALSE(preflight.has("Access-Control"));
  const std::string own = "Origin: http://127.0.0.1:" + std::to_string(port()) + "\r\nSec-Fetch-Site: same-origin\r\n";
  EXPECT_EQ(ask("POST", "/v1/approvals/" + id, body, own).status, 200);
}

TEST_F(ConsoleTest, A_09_ABodyThatAFormCouldSendIsNotRead) {
  start();
  const std::string id = pend("new.example.org");
  const std::string body = R"({"decision":"approve"})";
  const auto reply =
      say("POST /v1/approvals/" + id + " HTTP/1.1\r\n" + host() + bearer() +
          "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(reply.status, 415);
  EXPECT_EQ(approvals_->approval(id)->state, Approval::State::pending);
}

TEST_F(ConsoleTest, ALinkFromElsewhereMayOpenThePageButNoMore) {
  start();
  const std::string followed = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
  EXPECT_EQ(ask("GET", "/", {}, followed).status, 200);
  EXPECT_EQ(ask("GET", "/v1/status", {}, followed).status, 403);
  EXPECT_EQ(ask("GET", "/app.js", {}, "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n").status, 403);
}

TEST_F(ConsoleTest, F_10_WhatIsTooLargeOrBrokenIsRefused) {
  start();
  EXPECT_EQ(ask("POST", "/v1/tokens", std::string(65537, ' ')).status, 413);
  EXPECT_EQ(say("GET / HTTP/1.1\r\n" + host() + "X: " + std::string(20000, 'x') + "\r\n\r\n").status, 431);
  EXPECT_EQ(say("NONSENSE\r\n\r\n").status, 400);
  EXPECT_EQ(ask("GET", "/v1/%61pprovals").status, 400);
  EXPECT_EQ(ask("GET", "/v1/approvals?state=%0a").status, 400);
  EXPECT_EQ(ask("GET", "http://evil.test/v1/approvals").status, 400);
  const auto wrong = ask("PUT", "/v1/approvals");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_TRUE(wrong.has("Allow: GET"));
  EXPECT_EQ(ask("GET", "/v1/nothing").status, 404);
}

TEST_F(ConsoleTest, F_10_ASlowHeadOrBodyEndsInTime) {
  limits_.head = limits_.body = std::chrono::milliseconds(150);
  limits_.idle = std::chrono::milliseconds(150);
  start();
  Client head(port());
  head.send("GET / HTTP/1.1\r\nHo");
  EXPECT_EQ(head.reply().status, 408);
  Client body(port());
  body.send("POST /v1/tokens HTTP/1.1\r\n" + host() + bearer() +
            "Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{");
  EXPECT_EQ(body.reply().status, 408);
  Client silent(port());
  EXPECT_TRUE(silent.ended());
}

TEST_F(ConsoleTest, F_10_ConnectionsPastTheLimitAreClosedAndTheUnixSocketStaysOpen) {
  limits_.connections = 2;
  start();
  const std::string request = "GET /v1/status HTTP/1.1\r\n" + host() + bearer() + "\r\n";
  Client first(port());
  first.send(request);
  EXPECT_EQ(first.reply().status, 200);
  Client second(port());
  second.send(request);
  EXPECT_EQ(second.reply().status, 200);
  Client third(port());
  EXPECT_TRUE(third.ended());
  Client local(socket());
  local.send("GET /v1/status HTTP/1.1\r\nHost: sallyport\r\n\r\n");
  EXPECT_EQ(local.reply().status, 200);
}

TEST_F(ConsoleTest, F_10_WhoSaysNothingKeepsNobodyOut) {
  limits_.connections = 2;
  start();
  Client first(port());
  Client second(port());
  EXPECT_EQ(ask("GET", "/v1/status").status, 200);
  EXPECT_TRUE(first.ended());
}

TEST_F(ConsoleTest, F_10_RequestsPastTheRateAreRefused) {
  limits_.burst = 3;
  limits_.requests_per_second = 0.001;
  start();
  for (int each = 0; each < 3; ++each) EXPECT_EQ(ask("GET", "/v1/status").status, 200);
  const auto reply = ask("GET", "/v1/status");
  EXPECT_EQ(reply.status, 429);
  EXPECT_TRUE(reply.has("Retry-After"));
}

TEST_F(ConsoleTest, EveryAnswerForbidsWhatAPageNeverNeeds) {
  start();
  for (const char* path : {"/", "/app.js", "/style.css", "/icon.svg", "/v1/status", "/v1/nothing"}) {
    const auto reply = ask("GET", path);
    EXPECT_TRUE(
        reply.has("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                  "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"))
        << path;
    EXPECT_TRUE(reply.has("X-Content-Type-Options: nosniff")) << path;
    EXPECT_TRUE(reply.has("Referrer-Policy: no-referrer")) << path;
    EXPECT_TRUE(reply.has("Cache-Control: no-store")) << path;
    EXPECT_FALSE(reply.has("Access-Control")) << path;
  }
}

TEST_F(ConsoleTest, ServesSeveralRequestsOnOneConnectionAndHeadWithoutABody) {
  start();
  Client client(port());
  client.send("HEAD / HTTP/1.1\r\n" + host() + "\r\nGET /healthz HTTP/1.1\r\n" + host() + "Connection: close\r\n\r\n");
  ASSERT_TRUE(client.ended());
  EXPECT_THAT(client.text(), HasSubstr("\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json"));
}

TEST_F(ConsoleTest, TheUnixSocketKnowsItsUserAndAsksForNoToken) {
  start();
  Client client(socket());
  client.send("GET /v1/status HTTP/1.1\r\nHost: x\r\nX-Sallyport-Through: cli\r\n\r\n");
  const auto reply = client.reply();
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(word(reply.json().at("you").at("role")), "admin");
  EXPECT_EQ(word(reply.json().at("you").at("through")), "cli");
  EXPECT_EQ(std::filesystem::status(socket()).permissions(), static_cast<std::filesystem::perms>(0660));
}

TEST_F(ConsoleTest, ASocketInUseIsLeftAloneAndADeadOneReplaced) {
  start();
  AdminListenOptions again;
  again.socket = socket();
  EXPECT_FALSE(AdminListeners::open(again));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(socket()));
  { const auto opened = AdminListeners::open(again); }
  EXPECT_TRUE(AdminListeners::open(again));
  again.socket = folder_ + "/policy.yaml";
  EXPECT_FALSE(AdminListeners::open(again));
}

TEST_F(ConsoleTest, OpenApiNamesExactlyWhatTheServerAnswers) {
  start();
  const auto document = ask("GET", "/v1/openapi.json").json();
  std::set<std::string> named;
  for (const auto& [path, item] : document.at("paths").as_object()) {
    for (const auto& [method, operation] : item.as_object()) {
      if (method == "parameters") continue;
      std::string upper(method);
      for (char& c : upper) c = static_cast<char>(std::toupper(c));
      named.insert(upper + ' ' + std::string(path));
      const auto* role = operation.as_object().if_contains("x-role");
      ASSERT_NE(role, nullptr) << path;
    }
  }
  std::set<std::string> answered;
  for (const Route& route : routes()) answered.insert(std::string(route.method) + ' ' + std::string(route.path));
  EXPECT_EQ(named, answered);
}

TEST_F(ConsoleTest, EveryNamedPathIsAnsweredByItsOwnFunction) {
  start();
  for (const Route& route : routes()) {
    if (!route.answer) continue;
    const bool has_id = route.path.ends_with("{id}");
    const std::string path = std::string(route.path.substr(0, route.path.find('{'))) + (has_id ? "nothing" : "");
    const auto reply = ask(std::string(route.method), path, route.method == "POST" ? "{}" : "");
    EXPECT_NE(reply.status, 0) << path;
    EXPECT_NE(reply.status, 405) << path;
    EXPECT_NE(reply.status, 500) << path;
    EXPECT_TRUE(has_id || reply.status != 404) << path;
    EXPECT_EQ(reply.status >= 400, reply.has("application/problem+json")) << path;
  }
}

TEST_F(ConsoleTest, IsReadyOnlyWhileItGuardsAndTheLogCanBeWritten) {
  start();
  EXPECT_EQ(say("GET /readyz HTTP/1.1\r\n" + host() + "\r\n").status, 200);
  status_.guarding = false;
  EXPECT_EQ(say("GET /readyz HTTP/1.1\r\n" + host() + "\r\n").status, 503);
  EXPECT_EQ(say("GET /healthz HTTP/1.1\r\n" + host() + "\r\n").status, 200);
}

}  // namespace
}  // namespace sallyport::console_test
