#include "proxy/internal_answer.hpp"

#include <boost/beast/http/status.hpp>
#include <boost/json.hpp>

namespace sallyport {
namespace {

std::string reason_phrase(unsigned status) {
  return boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
}

}  // namespace

InternalAnswer internal_text(std::string text) {
  InternalAnswer answer;
  answer.type = "text/plain; charset=utf-8";
  answer.body = std::move(text);
  return answer;
}

InternalAnswer internal_json(unsigned status, const boost::json::object& body) {
  InternalAnswer answer;
  answer.status = status;
  answer.body = boost::json::serialize(body) + "\n";
  return answer;
}

InternalAnswer internal_problem(unsigned status, std::string_view title, std::string_view detail,
                                std::string_view next) {
  boost::json::object body;
  body["type"] = "about:blank";
  body["title"] = title;
  body["status"] = status;
  body["detail"] = detail;
  body["next"] = next;
  InternalAnswer answer = internal_json(status, body);
  answer.type = "application/problem+json";
  answer.detail = detail;
  return answer;
}

std::string http_message(const InternalAnswer& answer, std::string_view method, AfterAnswer after) {
  std::string bytes = "HTTP/1.1 " + std::to_string(answer.status) + " " + reason_phrase(answer.status) + "\r\n";
  if (answer.status != 204) {
    bytes += "Content-Type: " + answer.type + "\r\n";
    bytes += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
  }
  bytes +=
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n";
  for (const auto& [name, value] : answer.fields) bytes.append(name).append(": ").append(value).append("\r\n");
  if (after == AfterAnswer::close) bytes += "Connection: close\r\n";
  bytes += "\r\n";
  if (method != "HEAD" && answer.status != 204) bytes += answer.body;
  return bytes;
}

}  // namespace sallyport
