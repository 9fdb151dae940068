// Secrets into an allowed request, at the last moment before it is sent.
#pragma once
#include "policy/injection.hpp"
#include "proxy/connect_guarded.hpp"
#include "proxy/inject/reflection.hpp"
#include "proxy/services.hpp"
#include "proxy/wire/http_head.hpp"

#include <memory>
#include <span>

namespace sallyport {

// Changes `head`, which is then nobody's to see but the destination's; the value masks what comes back. An error where
// a secret has no value: the request must not be sent without it.
Refused<Reflection> put_secrets(const Shared& shared, wire::RequestHead& head,
                                std::span<const std::shared_ptr<const Injection>> injections);

}  // namespace sallyport
