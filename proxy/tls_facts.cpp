#include "proxy/tls_facts.hpp"

#include "policy/sha256.hpp"

namespace sallyport {

TlsFacts facts_of(const wire::ClientHello& hello) {
  TlsFacts facts;
  facts.sni = hello.server_name.value_or("");
  facts.alpn = hello.alpn;
  facts.ech = hello.ech;
  facts.ja4 = wire::ja4(hello.ja4_raw, [](std::string_view text) { return hex(sha256(text)); });
  return facts;
}

}  // namespace sallyport
