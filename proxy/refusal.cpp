#include "proxy/refusal.hpp"

#include "telemetry/event.hpp"

#include <boost/beast/http/status.hpp>
#include <boost/json.hpp>

namespace sallyport {
namespace {

namespace json = boost::json;

std::string reason_phrase(unsigned status) {
  const auto phrase = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return std::string(phrase);
}

std::string title_of(const Refusal& refusal) {
  switch (refusal.kind) {
    case Refusal::Kind::denied:
      return refusal.verdict.action == Action::ask ? "Nobody has allowed this destination yet"
                                                   : "This destination is not allowed";
    case Refusal::Kind::upstream:
      return "The destination could not be reached";
    case Refusal::Kind::malformed:
      return "The request was not understood";
    case Refusal::Kind::silent:
    case Refusal::Kind::left:
      return "Nothing was sent in time";
  }
  return "Refused";
}

// Programs show the reason phrase of a refused CONNECT where they show nothing else. It is one line of plain ASCII.
std::string phrase_of(const Refusal& refusal, std::string_view method) {
  if (method != "CONNECT" || refusal.kind != Refusal::Kind::denied) return reason_phrase(refusal.status);
  constexpr std::size_t longest = 120;
  std::string phrase = "Sallyport: ";
  for (const char each : refusal.detail.substr(0, longest)) phrase += each >= 0x20 && each < 0x7f ? each : '?';
  return phrase;
}

std::string next_step(const Refusal& refusal, const Destination* to) {
  switch (refusal.kind) {
    case Refusal::Kind::denied:
      break;
    case Refusal::Kind::upstream:
      if (refusal.proxy_error == "tls_certificate_error")
        return "Trying again won't help. Where this certificate is meant to be trusted, the operator can name its CA "
               "under `inspect: roots:`.";
      return "The policy allows it; try again later, or check the name.";
    default:
      return "Send well-formed HTTP/1.1 to this proxy.";
  }
  const std::string host = to ? to->host.text() : "HOST";
  if (!refusal.approval.empty() && refusal.approval_state == Approval::State::pending)
    return "Somebody has been asked. GET http://sallyport.internal/v1/access/" + refusal.approval +
           "?wait=30s waits for the answer; once it is yes, the same request goes through.";
  if (!refusal.approval.empty()) return "A person has decided this: go without it, or ask the operator to reconsider.";
  if (refusal.verdict.decided_by == DecidedBy::default_ || refusal.verdict.action == Action::ask) {
    const bool web = !to || to->port == 80 || to->port == 443;
    const std::string ports = web ? "" : " with `ports: [" + std::to_string(to->port) + "]`";
    return "Trying again won't help until a rule allows it. The operator can add `- allow: " + host + "`" + ports +
           " under `rules:` in the policy.";
  }
  if (refusal.verdict.reason == log_trouble) return "Tell the operator: the audit log cannot be written.";
  if (refusal.verdict.decided_by == DecidedBy::limit) return "Close other connections or wait, then try again.";
  return "Trying again won't help: go without it, or ask the operator to change the policy.";
}

}  // namespace

Refusal denied(Verdict verdict) {
  Refusal refusal;
  refusal.detail = verdict.reason;
  refusal.verdict = std::move(verdict);
  refusal.proxy_error = "http_request_denied";
  return refusal;
}

Refusal denied_by(DecidedBy by, std::string reason) {
  Verdict verdict;
  verdict.action = Action::deny;
  verdict.decided_by = by;
  verdict.reason = std::move(reason);
  return denied(std::move(verdict));
}

Refusal malformed(unsigned status, std::string detail) {
  Refusal refusal;
  refusal.kind = Refusal::Kind::malformed;
  refusal.status = status;
  refusal.detail = std::move(detail);
  refusal.verdict.decided_by = DecidedBy::guard;
  refusal.verdict.reason = refusal.detail;
  refusal.proxy_error = "http_request_error";
  refusal.socks = wire::Socks5Reply::general_failure;
  refusal.alert = wire::AlertDescription::illegal_parameter;
  return refusal;
}

std::string http_refusal(const Refusal& refusal, const Destination* to, std::string_view instance, AfterRefusal after,
                         std::string_view method) {
  json::object body;
  body["type"] = "about:blank";
  body["title"] = title_of(refusal);
  body["status"] = refusal.status;
  body["detail"] = refusal.detail;
  body["instance"] = "urn:sallyport:connection:" + std::string(instance);
  if (to) {
    body["host"] = to->host.text();
    body["port"] = to->port;
  }
  if (refusal.kind == Refusal::Kind::denied) {
    body["verdict"] = word_of(refusal.verdict.action);
    body["rule"] = refusal.verdict.rule;
    body["reason"] = refusal.verdict.reason;
  }
  if (!refusal.approval.empty())
    body["approval"] = {{"id", refusal.approval}, {"state", word_of(refusal.approval_state)}};
  body["next"] = next_step(refusal, to);
  const std::string text = json::serialize(body) + "\n";
  std::string answer = "HTTP/1.1 " + std::to_string(refusal.status) + " " + phrase_of(refusal, method) + "\r\n";
  answer += "Content-Type: application/problem+json\r\nContent-Length: " + std::to_string(text.size()) + "\r\n";
  answer += "Cache-Control: no-store\r\nProxy-Status: sallyport; error=" + refusal.proxy_error + "\r\n";
  if (refusal.retry_after) answer += "Retry-After: " + std::to_string(*refusal.retry_after) + "\r\n";
  if (refusal.status == 407) answer += "Proxy-Authenticate: Basic realm=\"sallyport\"\r\n";
  if (after == AfterRefusal::close) answer += "Connection: close\r\n";
  answer += "\r\n";
  if (method != "HEAD") answer += text;
  return answer;
}

}  // namespace sallyport
