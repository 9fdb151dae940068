#include "approvals/json.hpp"
#include "console/answers.hpp"
#include "console/body.hpp"

#include <boost/json/array.hpp>

namespace sallyport {
namespace {

int status_of(TokenStore::Fault fault) {
  switch (fault) {
    case TokenStore::Fault::name_taken:
    case TokenStore::Fault::last_admin:
      return 409;
    case TokenStore::Fault::bad_name:
      return 400;
    case TokenStore::Fault::unknown:
      return 404;
    case TokenStore::Fault::too_many:
      return 422;
    case TokenStore::Fault::disk:
      return 503;
  }
  return 500;
}

void record(const Desk& desk, const ApiRequest& request, ApiEvent::Activity activity, const char* operation,
            const std::string& name) {
  ApiEvent event;
  event.time = WallClock::now();
  event.activity = activity;
  event.operation = operation;
  event.actor = request.caller.name;
  event.role = word_of(request.caller.role);
  event.source = request.caller.source;
  event.note = name;
  static_cast<void>(desk.backend.audit.append(std::move(event)));
}

boost::json::object to_json(const TokenInfo& token) {
  return {{"name", token.name}, {"role", word_of(token.role)}, {"created", time_text(token.created)}};
}

}  // namespace

ApiResponse list_tokens(const Desk& desk, const ApiRequest&) {
  boost::json::array list;
  for (const auto& token : desk.tokens.list()) list.push_back(to_json(token));
  return json_response(boost::json::object{{"tokens", std::move(list)}});
}

ApiResponse create_token(const Desk& desk, const ApiRequest& request) {
  const auto body = read_body(request, {"name", "role"});
  if (!body) return body.error();
  const auto name = text_at(*body, "name");
  const auto word = text_at(*body, "role");
  if (!name) return problem(400, name.error().text);
  const auto role = word ? parse_role(*word) : std::nullopt;
  if (!role) return problem(400, "role: viewer, approver or admin");
  const auto created = desk.tokens.create(*name, *role);
  if (!created) return problem(status_of(created.error()), sentence(created.error()));
  record(desk, request, ApiEvent::Activity::create, "tokens.create", *name);
  return json_response(boost::json::object{{"name", *name}, {"role", word_of(*role)}, {"token", *created}}, 201);
}

ApiResponse remove_token(const Desk& desk, const ApiRequest& request) {
  const auto removed = desk.tokens.remove(request.id);
  if (!removed) return problem(status_of(removed.error()), sentence(removed.error()));
  record(desk, request, ApiEvent::Activity::remove, "tokens.remove", request.id);
  return {204, {}, {}, {}};
}

}  // namespace sallyport
