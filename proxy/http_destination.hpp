// Where a request says it wants to go.
#pragma once
#include "policy/destination.hpp"
#include "proxy/connect_guarded.hpp"
#include "proxy/wire/http_head.hpp"

#include <cstdint>
#include <string>

namespace sallyport {

inline constexpr std::uint16_t usual_http_port = 80;
inline constexpr std::uint16_t usual_https_port = 443;

// How the request came: to a proxy, or inside a connection for one destination, in clear or in TLS that ends here.
enum class HttpWay { proxy, bound, inspected };

Outcome<Host> host_of(const wire::Authority& authority);

// What the request names. `port` is meant where it names none. An error where it asks in a form that has no place
// there.
Refused<Destination> destination_of(const wire::RequestHead& head, HttpWay way, std::uint16_t port);

// What a rule about paths has judged is what is sent and recorded (promise 5): an origin that leaves dot segments alone
// would otherwise be asked for another path. One that can be read in two ways matches no such rule and stays as it is.
void make_canonical(std::string& path);

// As Host says it: without the port that is `usual`.
std::string authority_of(const Destination& to, std::uint16_t usual);

}  // namespace sallyport
