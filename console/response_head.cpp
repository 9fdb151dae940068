#include "console/response_head.hpp"

namespace sallyport {
namespace {

// No inline script or style, no frame, no form, nothing from elsewhere; and no header that lets another origin in.
constexpr std::string_view guards =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cache-Control: no-store\r\n";

}  // namespace

std::string response_head(const ApiResponse& response, bool close) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  head.append(reason_phrase(response.status)).append("\r\n");
  if (!response.type.empty()) head.append("Content-Type: ").append(response.type).append("\r\n");
  if (response.status != 204) head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  for (const auto& [name, value] : response.fields) head.append(name).append(": ").append(value).append("\r\n");
  head += guards;
  if (close) head += "Connection: close\r\n";
  return head + "\r\n";
}

std::string event_stream_head() {
  // Ended by the connection's end: no chunks, so each event is whole wherever it is cut.
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
  head += guards;
  return head + "Connection: close\r\n\r\nretry: 1000\n\n";
}

}  // namespace sallyport
