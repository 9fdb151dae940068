// What the admin API answers, one row each. openapi.json says the same to other programs; a test compares them.
#pragma once
#include "console/backend.hpp"
#include "console/message.hpp"
#include "console/tokens.hpp"

#include <span>
#include <string>
#include <string_view>

namespace sallyport {

// What every answer is made from.
struct Desk {
  Backend backend;
  TokenStore& tokens;
};

enum class Needs { nothing, viewer, approver, admin };
// slow: reads much; it waits for its like, and no decision waits for it.
enum class Pace { quick, slow };

struct Route {
  std::string_view method, path;  // "/v1/approvals/{id}"
  Needs needs;
  // Any thread; may block. Null: the stream of events, which the session itself writes.
  ApiResponse (*answer)(const Desk& desk, const ApiRequest& request);
  Pace pace = Pace::quick;
};
std::span<const Route> routes();

struct FoundRoute {
  const Route* route = nullptr;
  std::string id;      // what stood at {id}
  std::string others;  // with no route: the methods this path has, for Allow; empty: no such path
};
FoundRoute find_route(std::string_view method, std::string_view path);

}  // namespace sallyport
