// What a ClientHello tells of its client, for the record.
#pragma once
#include "proxy/wire/client_hello.hpp"
#include "telemetry/event.hpp"

namespace sallyport {

TlsFacts facts_of(const wire::ClientHello& hello);

}  // namespace sallyport
