// A request and its answer, as the API's functions see them: values, whatever carried them.
#pragma once
#include "console/caller.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct ApiRequest {
  std::string method;       // "GET"; HEAD has become GET
  std::string path;         // "/v1/approvals/ap_…", without the query
  Pairs query;              // decoded
  std::string body, type;   // type: Content-Type
  std::string credentials;  // Authorization
  std::string last_event;   // Last-Event-ID
  std::string id;           // what stands at {id} in the route, filled by the router
  Caller caller;            // filled once known
  // The first of that name; empty: not given.
  std::string_view parameter(std::string_view name) const;
};

struct ApiResponse {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  Pairs fields;
};

ApiResponse json_response(const boost::json::value& value, int status = 200);
// RFC 9457. `next` says what to do about it; it may be empty.
ApiResponse problem(int status, std::string_view detail, std::string_view next = {});
std::string_view reason_phrase(int status);

// "/v1/audit?agent=a%20b": nullopt where it is no origin-form, or is encoded wrongly.
struct RequestTarget {
  std::string path;
  Pairs query;
};
std::optional<RequestTarget> parse_request_target(std::string_view target);

}  // namespace sallyport
