// One record of every kind, for tests: agents' text in them is as hostile as it gets.
#pragma once
#include "telemetry/dns_text.hpp"
#include "telemetry/event.hpp"

#include <string>
#include <vector>

namespace sallyport::samples {

inline const std::string hostile = "a\"\\\n\r\x1b[31m\x7f\xe2\x80\xa8\xe2\x80\xae\xff\xc3(";

inline Origin origin() {
  Origin origin;
  origin.time = WallClock::time_point(std::chrono::milliseconds(1'780'000'000'123));
  origin.correlation = "c-1";
  origin.agent = "release-bot";
  origin.door = Door::attached;
  origin.source = Address::v4({10, 20, 0, 7});
  origin.source_port = 40000;
  origin.host = "api.github.com";
  origin.port = 443;
  origin.name_from = NameFrom::lease;
  origin.policy_uid = std::string(64, 'a');
  Verdict verdict;
  verdict.action = Action::allow;
  verdict.decided_by = DecidedBy::rule;
  verdict.rule = "policy.yaml:12";
  verdict.rule_id = "github";
  verdict.reason = "the rule allows it";
  origin.verdict = verdict;
  return origin;
}

inline ConnectionEvent connection(ConnectionEvent::Activity activity, const std::string& correlation = "c-1") {
  ConnectionEvent event;
  event.origin = origin();
  event.origin.correlation = correlation;
  event.activity = activity;
  event.peer = Address::v4({140, 82, 112, 6});
  event.traffic = {1000, 200};
  return event;
}

inline ConnectionEvent full_connection() {
  ConnectionEvent event = connection(ConnectionEvent::Activity::close);
  event.origin.process = ProcessInfo{42, hostile, hostile, "/usr/bin/" + hostile, 64768, 77, {{7, hostile}, {1, "sh"}}};
  event.origin.context = AgentContext{hostile, hostile, hostile, hostile, hostile};
  event.origin.approval = "ap-1";
  event.cumulative = Traffic{5000, ~0ULL};
  event.duration = std::chrono::milliseconds(1500);
  event.tls = TlsFacts{hostile, "1.3", {"h2", hostile}, true, "t13d1516h2_8daaf6152771_b186095e22b6"};
  event.status_detail = hostile;
  event.closed_by = ClosedBy::client;
  event.held = std::chrono::milliseconds(900);
  event.count = 12;
  return event;
}

inline HttpEvent request(const std::string& method) {
  HttpEvent event;
  event.origin = origin();
  event.method = method;
  event.scheme = "https";
  event.version = "1.1";
  event.path = "/repos/" + hostile + "?token=hunter2";
  event.user_agent = hostile;
  event.headers = {{"Accept", hostile}, {"AUTHORIZATION", "Bearer hunter2"}, {"Cookie", "hunter2"}};
  event.status = 200;
  event.duration = std::chrono::milliseconds(15);
  return event;
}

inline DnsFacts question_facts(int rcode) {
  DnsFacts facts;
  facts.origin = origin();
  facts.origin.door = Door::dns;
  facts.name = hostile + ".example";
  facts.type = "AAAA";
  facts.rcode = rcode;
  facts.answers = {{"CNAME", hostile, 60}, {"A", "198.18.0.1", 60}};
  return facts;
}

inline DnsEvent question(int rcode) {
  return told_once(question_facts(rcode));
}

inline DnsEvent repeated_question() {
  DnsEvent event = question(0);
  event.count = 7;
  event.last_time = event.time + std::chrono::milliseconds(150);
  return event;
}

inline std::vector<Event> all() {
  using Activity = ConnectionEvent::Activity;
  std::vector<Event> events;
  for (const Activity one : {Activity::open, Activity::close, Activity::reset, Activity::fail, Activity::refuse,
                             Activity::traffic, Activity::hold}) {
    events.emplace_back(connection(one));
  }
  events.emplace_back(full_connection());
  ConnectionEvent bare;
  bare.activity = Activity::refuse;
  bare.tls = TlsFacts{"only.sni.example", "", {}, false, ""};
  events.emplace_back(bare);
  for (const char* method : {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "PATCH", "BREW"}) {
    events.emplace_back(request(method));
  }
  events.emplace_back(HttpEvent{});
  for (const int rcode : {0, 1, 2, 3, 5, 77}) events.emplace_back(question(rcode));
  events.emplace_back(repeated_question());
  for (int kind = 0; kind < static_cast<int>(LifecycleEvent::Kind::checkpoint); ++kind) {
    LifecycleEvent event;
    event.kind = static_cast<LifecycleEvent::Kind>(kind);
    event.detail = hostile;
    event.agent = hostile;
    event.lost = 3;
    events.emplace_back(event);
  }
  PolicyEvent policy;
  policy.old_uid = std::string(64, 'a');
  policy.why = "policy.yaml:3:1: " + hostile;
  events.emplace_back(policy);
  policy.accepted = true;
  policy.new_uid = std::string(64, 'b');
  events.emplace_back(policy);
  ApiEvent api;
  api.operation = "approvals.approve";
  api.actor = "alice";
  api.role = "approver";
  api.source = Address::v4({127, 0, 0, 1});
  api.host = hostile;
  api.port = 443;
  api.note = hostile;
  api.grant = "g-1";
  api.through = hostile;
  api.decision_time = std::chrono::milliseconds(1234);
  events.emplace_back(api);
  events.emplace_back(ApiEvent{});
  return events;
}

}  // namespace sallyport::samples
