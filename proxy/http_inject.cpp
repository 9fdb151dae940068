#include "proxy/http_inject.hpp"

#include "proxy/inject/inject.hpp"
#include "proxy/secrets.hpp"

namespace sallyport {
namespace {

Refusal refused(const InjectRefusal& why) {
  Refusal refusal = denied_by(DecidedBy::guard, why.text);
  if (why.fault == InjectFault::too_large) refusal.status = 431;
  if (why.fault == InjectFault::no_value || why.fault == InjectFault::guessed) {
    refusal.status = 503;
    refusal.proxy_error = "proxy_configuration_error";
  }
  return refusal;
}

}  // namespace

Refused<Reflection> put_secrets(const Shared& shared, wire::RequestHead& head,
                                std::span<const std::shared_ptr<const Injection>> injections) {
  if (injections.empty()) return Reflection();
  const auto values = shared.secrets ? shared.secrets->current() : std::make_shared<const SecretValues>();
  auto used = inject(head, injections, *values);
  if (!used) return refused(used.error());
  return std::move(*used);
}

}  // namespace sallyport
