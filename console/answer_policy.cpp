#include "approvals/json.hpp"
#include "console/answers.hpp"
#include "console/shapes.hpp"
#include "policy/read_file.hpp"

#include <boost/json/array.hpp>

#include <sstream>

namespace sallyport {
namespace {

boost::json::object to_json(const Policy::Match& match) {
  return {{"rule", match.rule}, {"action", word_of(match.action)}, {"won", match.won}, {"why", match.why}};
}

// Line by line, fit for any reader of JSON.
std::string shown_text(const std::string& text) {
  std::string shown;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) shown += plain_text(line, 4096) + '\n';
  return shown;
}

// How the file compares with what is in force, for whoever edits it.
boost::json::object file_json(const Backend& backend, const Policy& policy) {
  boost::json::array complaints;
  if (backend.policy_faults) {
    for (const auto& fault : backend.policy_faults())
      complaints.push_back(boost::json::value(plain_text(fault.text, 4096)));
  }
  const auto text = read_file(backend.policy_path);
  const bool same = text ? *text == policy.text() : policy.text().empty();
  if (!text && !same) complaints.push_back(boost::json::value(plain_text(text.error().text, 4096)));
  const char* state = !same && !text ? "unreadable" : same && complaints.empty() ? "in force" : "not in force";
  return {{"state", state}, {"complaints", std::move(complaints)}};
}

}  // namespace

ApiResponse show_policy(const Desk& desk, const ApiRequest& request) {
  const auto policy = desk.backend.policy();
  boost::json::object body{{"uid", policy->uid()}, {"path", desk.backend.policy_path}};
  const std::string agent(request.parameter("agent"));
  boost::json::array rules;
  for (const auto& line : policy->describe(agent.empty() ? "default" : agent))
    rules.push_back(boost::json::value(line));
  body["agent"] = agent.empty() ? "default" : plain_text(agent, 256);
  body["describes"] = std::move(rules);
  boost::json::array warnings;
  for (const auto& warning : policy->warnings()) warnings.push_back(boost::json::value(warning.text));
  body["warnings"] = std::move(warnings);
  body["text"] = shown_text(policy->text());
  body["file"] = file_json(desk.backend, *policy);
  return json_response(body);
}

ApiResponse explain_policy(const Desk& desk, const ApiRequest& request) {
  std::string url(request.parameter("url"));
  if (url.empty()) return problem(400, "url: https://HOST/PATH, http://…, ssh://HOST or tcp://HOST:PORT");
  if (url.find("://") == std::string::npos) url = "https://" + url;
  const auto target = parse_target(url);
  if (!target) return problem(400, "url: " + target.error().text);
  const std::string method(request.parameter("method"));
  const std::string agent(request.parameter("agent"));
  Query query{agent.empty() ? std::string_view("default") : std::string_view(agent),
              target->to,
              target->spoken,
              {},
              false,
              WallClock::now()};
  const auto policy = desk.backend.policy();
  // Plain HTTP shows its request, and TLS where a rule makes Sallyport look inside.
  if (target->spoken == Spoken::http || (target->spoken == Spoken::tls && policy->needs_request(query)))
    query.request = SeenRequest{method.empty() ? std::string_view("GET") : std::string_view(method), target->path};
  const auto explanation = policy->explain(query);
  boost::json::object body = to_json(explanation.verdict);
  body["to"] = target->to.text();
  body["agent"] = plain_text(query.agent, 256);
  boost::json::array matches;
  for (const auto& match : explanation.matches) matches.push_back(to_json(match));
  body["matches"] = std::move(matches);
  if (explanation.inspected_by) body["inspected_by"] = *explanation.inspected_by;
  boost::json::array injects;
  for (const auto& injected : explanation.injects) injects.push_back(boost::json::value(plain_text(injected, 1024)));
  if (!injects.empty()) body["injects"] = std::move(injects);
  if (!query.request && !method.empty())
    body["note"] = "The method is ignored: no rule needs to see this request, so it stays inside its tunnel.";
  return json_response(body);
}

ApiResponse reload_policy(const Desk& desk, const ApiRequest& request) {
  if (!desk.backend.reload) return problem(501, "this daemon does not reload its policy by request");
  const auto reloaded = desk.backend.reload(request.caller);
  if (reloaded) return json_response(boost::json::object{{"uid", *reloaded}});
  std::string complaints;
  for (const auto& complaint : reloaded.error()) complaints += (complaints.empty() ? "" : "\n") + complaint.text;
  return problem(422, "the new policy is not used, the old one stays: " + complaints, "correct the file and try again");
}

}  // namespace sallyport
