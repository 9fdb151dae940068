// Puts secrets into a request that a policy gives them to (DESIGN section 5, `inject`).
#pragma once
#include "policy/injection.hpp"
#include "proxy/inject/reflection.hpp"
#include "proxy/inject/secret_values.hpp"
#include "proxy/wire/http_head.hpp"

#include <boost/system/result.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace sallyport {

enum class InjectFault {
  no_value,   // a secret has no value now: the operator's to mend, so 503
  trace,      // TRACE would send it back: 403
  too_large,  // too many placeholders: 431
  guessed,    // too many parts of a secret were given back: the operator's to replace it, so 503
};

struct InjectRefusal {
  InjectFault fault = InjectFault::no_value;
  std::string text;  // a sentence for the agent and the log: names of secrets, never values
};

// Changes `fields` and `query` (without "?") of a request with `method`, and says which secrets are in it now: mask the
// answer with them. On a refusal the request must not be sent, whatever has been changed.
//
// Call it last: after the verdict (`injections` is Verdict::injections), after hop-by-hop fields have been left out,
// for a connection whose upstream certificate has been verified, and for the very host that was decided. Then never log
// the head, nor give it to an error text. Nothing is changed where `injections` is empty: placeholders stay as they
// are.
//
// A header is put in place of all of that name, a query parameter likewise; where two rules inject the same, the first
// wins. Then placeholders are replaced, of the secrets in `injections` only.
boost::system::result<Reflection, InjectRefusal> inject(std::string_view method, wire::Fields& fields,
                                                        std::optional<std::string>& query,
                                                        std::span<const std::shared_ptr<const Injection>> injections,
                                                        const SecretValues& secrets);

// The same for a head of HTTP/1. An injected field that Connection names is sent all the same. `raw_target` stays as it
// was.
boost::system::result<Reflection, InjectRefusal> inject(wire::RequestHead& head,
                                                        std::span<const std::shared_ptr<const Injection>> injections,
                                                        const SecretValues& secrets);

}  // namespace sallyport
