#include "proxy/internal_pages.hpp"

#include "approvals/json.hpp"

#include <boost/json.hpp>

namespace sallyport {
namespace {

namespace json = boost::json;

constexpr std::size_t most_rules = 2000;
constexpr std::size_t most_grants = 200;
constexpr std::size_t most_looked_at = 1000;

constexpr const char* what_exists =
    "GET /, GET /v1/policy, POST /v1/access, GET /v1/access/ID, GET, PUT and DELETE /v1/context";

// Its own and, of the newest, those for everyone; whose question the latter once were is not said.
std::vector<Grant> grants_of(const Approvals& approvals, const std::string& agent) {
  Approvals::GrantFilter own;
  own.agent = agent;
  own.limit = most_grants;
  auto found = approvals.grants(own);
  Approvals::GrantFilter newest;
  newest.limit = most_looked_at;
  for (Grant& grant : approvals.grants(newest)) {
    const bool others = grant.decision.scope == Scope::everyone && grant.question.agent != agent;
    if (others && found.size() < most_grants) found.push_back(std::move(grant));
  }
  return found;
}

constexpr auto uninspected_words =
    R"(    TLS is not inspected here, so there is no certificate authority to trust and no /ca.pem. Other services' own
    certificates reach you unchanged.
)";
constexpr auto inspected_words =
    R"(    Where a rule looks at requests, https connections show a certificate of Sallyport's own authority, which your
    programs have to trust: curl http://sallyport.internal/ca.pem gives it. All others reach you unchanged.
)";

json::object own_grant_json(const Grant& grant) {
  json::object object;
  object["decision"] = grant.decision.approve ? "allow" : "deny";
  object["host"] = grant.question.to.host.text();
  object["match"] = word_of(grant.decision.match);
  object["port"] = grant.question.to.port;
  if (!grant.question.method.empty()) object["method"] = grant.question.method;
  if (!grant.question.path.empty()) object["path"] = grant.question.path;
  object["scope"] = word_of(grant.decision.scope);
  object["expires"] = time_text(grant.expires);
  if (grant.uses_left) object["uses_left"] = *grant.uses_left;
  if (grant.upload_left) object["upload_left"] = *grant.upload_left;
  if (!grant.decision.note.empty()) object["note"] = plain_text(grant.decision.note);
  return object;
}

std::string line_of(const Grant& grant) {
  std::string line = grant.decision.approve ? "allow " : "deny ";
  line += grant.question.to.text();
  if (grant.decision.match == Match::subdomains) line += " and its subdomains";
  if (!grant.question.method.empty()) line += ", " + grant.question.method;
  if (!grant.question.path.empty()) line += " " + grant.question.path;
  return line + ", until " + time_text(grant.expires);
}

std::vector<std::string> rules_of(const Policy& policy, const std::string& agent) {
  auto lines = policy.describe(agent);
  if (lines.size() <= most_rules) return lines;
  const std::size_t more = lines.size() - most_rules;
  lines.resize(most_rules);
  lines.push_back("and " + std::to_string(more) + " more rules");
  return lines;
}

}  // namespace

InternalAnswer certificate_page(const std::string& pem) {
  InternalAnswer answer = internal_text(pem);
  answer.type = "application/x-pem-file";
  return answer;
}

InternalAnswer front_page(const std::string& agent, Wants wants, Certificates certificates) {
  const bool inspects = certificates == Certificates::ours;
  if (wants == Wants::json) {
    json::object body;
    body["agent"] = agent;
    body["what"] = "Sallyport stands between this sandbox and the network.";
    body["policy"] = "GET /v1/policy";
    body["ask"] = "POST /v1/access {to, method?, reason}";
    body["wait"] = "GET /v1/access/ID?wait=30s";
    body["context"] = "PUT /v1/context {session, tool_call, tool, reason, traceparent}";
    if (inspects) {
      body["ca"] = "GET /ca.pem";
    } else {
      body["ca"] = nullptr;
    }
    return internal_json(200, body);
  }
  return internal_text("You are the agent \"" + agent + R"(" here.

This is Sallyport. It stands between your sandbox and the network: every connection and every look-up passes it and is
written down. What the policy allows goes through, what it denies is refused, and what nobody has decided on waits, open
and silent, until a person decides.

What you may reach
    curl http://sallyport.internal/v1/policy

How to ask before you need it, and wait for the answer
    curl http://sallyport.internal/v1/access -H 'Content-Type: application/json' \
         -d '{"to": "https://example.com/", "reason": "why you need it"}'
    curl 'http://sallyport.internal/v1/access/ID?wait=30s'
    You may as well just connect: the connection is held until somebody decides. If it ends before that, try again: the
    answer is remembered.

How to say what you are doing, so that whoever decides can see it
    curl -X PUT http://sallyport.internal/v1/context -H 'Content-Type: application/json' \
         -d '{"session": "…", "tool_call": "…", "tool": "…", "reason": "…", "traceparent": "…"}'
    It labels the connections that follow, here and in the log, as your words. GET shows it, DELETE ends it; so does an
    hour in which nothing is connected.

How a refusal looks
    HTTP and CONNECT: 403 with application/problem+json; `reason` says why and `next` what to do.
    TLS: the alert access_denied. SOCKS: reply 2. DNS: NXDOMAIN with an Extended DNS Error.
    A refusal that names a pending approval is a question somebody has yet to answer. Any other is final until the
    operator changes the policy: do without, trying other ways won't help.

Certificates
)" + std::string(inspects ? inspected_words : uninspected_words));
}

InternalAnswer policy_page(const Policy& policy, const Approvals& approvals, const std::string& agent, Wants wants) {
  const auto rules = rules_of(policy, agent);
  const auto grants = grants_of(approvals, agent);
  if (wants == Wants::text) {
    std::string text = "What the agent \"" + agent + "\" may reach (deny beats ask beats allow):\n";
    for (const auto& rule : rules) text += "  " + plain_text(rule) + "\n";
    if (!grants.empty()) text += "What people have answered to what is asked:\n";
    for (const auto& grant : grants) text += "  " + line_of(grant) + "\n";
    return internal_text(std::move(text));
  }
  json::object body;
  body["agent"] = agent;
  body["policy"] = policy.uid();
  body["precedence"] = "deny beats ask beats allow; a grant answers what is asked, never what is denied";
  json::array lines;
  for (const auto& rule : rules) lines.emplace_back(rule);
  body["rules"] = std::move(lines);
  json::array answers;
  for (const auto& grant : grants) answers.push_back(own_grant_json(grant));
  body["grants"] = std::move(answers);
  return internal_json(200, body);
}

InternalAnswer no_such_page() {
  return internal_problem(404, "There is no such page", "this path does not exist on sallyport.internal",
                          std::string("There are ") + what_exists + ".");
}

}  // namespace sallyport
