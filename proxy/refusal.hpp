// Why a connection or request is not served, and the words each door has for it (DESIGN section 10).
#pragma once
#include "approvals/approval.hpp"
#include "policy/destination.hpp"
#include "policy/policy.hpp"
#include "proxy/wire/client_hello.hpp"
#include "proxy/wire/socks.hpp"

#include <string>

namespace sallyport {

struct Refusal {
  enum class Kind {
    denied,     // by policy, guard or limit
    upstream,   // allowed, but the other side could not be reached
    malformed,  // not understood
    silent,     // the client said nothing in time
    left,       // the client has gone: nobody to tell
  };
  Kind kind = Kind::denied;
  Verdict verdict;          // of `denied`
  unsigned status = 403;    // HTTP
  std::string proxy_error;  // RFC 9209 error token
  std::string detail;       // a plain sentence
  std::string approval;     // id of the question this is about, or empty
  Approval::State approval_state = Approval::State::pending;
  std::optional<unsigned> retry_after;  // seconds: trying again then may help
  wire::Socks5Reply socks = wire::Socks5Reply::not_allowed;
  wire::AlertDescription alert = wire::AlertDescription::access_denied;
};

// The reason of a denial for want of a log.
inline constexpr std::string_view log_trouble = "the audit log cannot be written";

Refusal denied(Verdict verdict);
// A denial that no rule made: guard and limits.
Refusal denied_by(DecidedBy by, std::string reason);
Refusal malformed(unsigned status, std::string detail);

enum class AfterRefusal { keep_open, close };

// The whole HTTP answer: problem+json (RFC 9457), Proxy-Status (RFC 9209), Content-Length.
std::string http_refusal(const Refusal& refusal, const Destination* to, std::string_view instance, AfterRefusal after,
                         std::string_view method);

}  // namespace sallyport
