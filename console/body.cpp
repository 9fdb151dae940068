#include "console/body.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>

namespace sallyport {
Outcome<boost::json::object, ApiResponse> read_body(const ApiRequest& request,
                                                    std::initializer_list<std::string_view> known) {
  const std::string_view type = std::string_view(request.type).substr(0, request.type.find(';'));
  if (type != "application/json") return problem(415, "the body must be application/json");
  boost::system::error_code error;
  auto value = boost::json::parse(boost::json::string_view(request.body.data(), request.body.size()), error);
  if (error || !value.is_object()) return problem(400, "the body is no JSON object");
  for (const auto& [key, unused] : value.get_object()) {
    const std::string_view name(key.data(), key.size());
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string names;
    for (const auto word : known) names += (names.empty() ? "" : ", ") + std::string(word);
    return problem(400, "unknown key in the body", "the keys are: " + names);
  }
  return std::move(value.get_object());
}

Outcome<std::string> text_at(const boost::json::object& body, std::string_view key) {
  const auto* value = body.if_contains(boost::json::string_view(key.data(), key.size()));
  if (!value || value->is_null()) return std::string();
  if (!value->is_string()) return Complaint{key, ": expected text"};
  return std::string(value->get_string());
}

}  // namespace sallyport
