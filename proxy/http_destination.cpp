#include "proxy/http_destination.hpp"

#include "policy/path.hpp"

namespace sallyport {
namespace {

bool is_scheme_of(HttpWay way, std::string_view scheme) {
  if (way == HttpWay::inspected) return scheme == "https" || scheme == "wss";
  return scheme == "http" || scheme == "ws";
}

const char* wrong_scheme(HttpWay way) {
  return way == HttpWay::inspected ? "inside TLS only https:// may be asked for"
                                   : "only http:// may be asked for in absolute form; use CONNECT for https";
}

}  // namespace

Outcome<Host> host_of(const wire::Authority& authority) {
  return Host::parse(authority.bracketed ? "[" + authority.host + "]" : authority.host);
}

void make_canonical(std::string& path) {
  if (path.find('%') == std::string::npos && path.find("/.") == std::string::npos) return;
  PathReadings readings = read_path(path);
  if (!readings.ambiguous) path = std::move(readings.canonical);
}

Refused<Destination> destination_of(const wire::RequestHead& head, HttpWay way, std::uint16_t port) {
  if (head.method == "CONNECT") return malformed(400, "CONNECT inside a tunnel");
  const bool absolute = head.target.form == wire::TargetForm::absolute;
  if (absolute && !is_scheme_of(way, head.target.scheme)) return malformed(400, wrong_scheme(way));
  if (way == HttpWay::proxy && !absolute)
    return malformed(400, "this is a proxy: ask for http://HOST/PATH, or CONNECT HOST:PORT");
  auto host = host_of(head.host);
  if (!host) return malformed(400, "Host: " + host.error().text);
  return Destination{*host, head.host.port.value_or(port)};
}

std::string authority_of(const Destination& to, std::uint16_t usual) {
  if (to.port != usual) return to.text();
  const Address* address = to.host.address();
  return address && !address->is_v4() ? "[" + address->text() + "]" : to.host.text();
}

}  // namespace sallyport
