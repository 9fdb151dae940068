#include "proxy/http2_unfit.hpp"

#include <algorithm>
#include <string_view>

namespace sallyport {

bool uploads_badly_over_http2(const TlsFacts& client) {
  // JA4 without its head, where a name and ALPN are counted: ciphers, then extensions and signature algorithms.
  constexpr std::string_view libcurl_gnutls = "_723694b0fccc_288f874c93d6";
  const std::string_view ja4 = client.ja4;
  const bool known =
      ja4.size() > libcurl_gnutls.size() && ja4.substr(ja4.size() - libcurl_gnutls.size()) == libcurl_gnutls;
  return known && std::find(client.alpn.begin(), client.alpn.end(), "http/1.1") != client.alpn.end();
}

}  // namespace sallyport
