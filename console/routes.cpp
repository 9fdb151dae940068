#include "console/routes.hpp"

#include "console/answers.hpp"

#include <charconv>

namespace sallyport {
namespace {

constexpr std::string_view placeholder = "{id}";

constexpr Route table[] = {
    {"GET", "/v1/approvals", Needs::viewer, list_approvals},
    {"POST", "/v1/approvals/groups", Needs::approver, decide_group},
    {"GET", "/v1/approvals/{id}", Needs::viewer, show_approval},
    {"POST", "/v1/approvals/{id}", Needs::approver, decide_approval},
    {"GET", "/v1/grants", Needs::viewer, list_grants},
    {"DELETE", "/v1/grants/{id}", Needs::approver, revoke_grant},
    {"GET", "/v1/connections", Needs::viewer, list_connections},
    {"GET", "/v1/audit", Needs::viewer, query_audit, Pace::slow},
    {"GET", "/v1/events", Needs::viewer, nullptr},
    {"GET", "/v1/policy", Needs::viewer, show_policy, Pace::slow},
    {"GET", "/v1/policy/explain", Needs::viewer, explain_policy},
    {"POST", "/v1/policy/reload", Needs::admin, reload_policy},
    {"GET", "/v1/agents", Needs::viewer, list_agents},
    {"POST", "/v1/agents", Needs::admin, attach_agent},
    {"DELETE", "/v1/agents/{id}", Needs::admin, detach_agent},
    {"GET", "/v1/tokens", Needs::admin, list_tokens},
    {"POST", "/v1/tokens", Needs::admin, create_token},
    {"DELETE", "/v1/tokens/{id}", Needs::admin, remove_token},
    {"GET", "/v1/status", Needs::viewer, show_status},
    {"GET", "/v1/openapi.json", Needs::viewer, show_openapi},
    {"GET", "/metrics", Needs::viewer, show_metrics},
    {"GET", "/healthz", Needs::nothing, show_health},
    {"GET", "/readyz", Needs::nothing, show_readiness},
};

// What stands at {id}; nullopt where the path is another.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with(placeholder)) {
    if (pattern == path) return std::string_view();
    return std::nullopt;
  }
  const std::string_view before = pattern.substr(0, pattern.size() - placeholder.size());
  if (!path.starts_with(before)) return std::nullopt;
  const std::string_view id = path.substr(before.size());
  if (id.empty() || id.find('/') != std::string_view::npos) return std::nullopt;
  return id;
}

}  // namespace

std::span<const Route> routes() {
  return table;
}

FoundRoute find_route(std::string_view method, std::string_view path) {
  FoundRoute found;
  bool fixed = false;
  for (const Route& route : table) {
    // A fixed path stands before a pattern that would match it, and hides it.
    if (fixed && route.path.ends_with(placeholder)) continue;
    const auto id = match(route.path, path);
    if (!id) continue;
    if (route.method == method) return {&route, std::string(*id), {}};
    fixed = fixed || route.path == path;
    found.others += (found.others.empty() ? "" : ", ") + std::string(route.method);
  }
  return found;
}

std::optional<std::size_t> limit_of(const ApiRequest& request, std::size_t usual, std::size_t most) {
  const std::string_view text = request.parameter("limit");
  if (text.empty()) return usual;
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0 || value > most) return std::nullopt;
  return value;
}

}  // namespace sallyport
