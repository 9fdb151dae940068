#include "proxy/run_trust.hpp"

#include <array>
#include <fstream>
#include <sstream>

namespace sallyport {
namespace {

constexpr const char* system_roots = "/etc/ssl/certs/ca-certificates.crt";

// adds: the program has roots of its own, and takes these too.
enum class Meaning { replaces, adds };
struct Variable {
  const char* name;
  Meaning meaning;
};
constexpr std::array variables{
    Variable{"SSL_CERT_FILE", Meaning::replaces},  Variable{"CURL_CA_BUNDLE", Meaning::replaces},
    Variable{"GIT_SSL_CAINFO", Meaning::replaces}, Variable{"REQUESTS_CA_BUNDLE", Meaning::replaces},
    Variable{"PIP_CERT", Meaning::replaces},       Variable{"CARGO_HTTP_CAINFO", Meaning::replaces},
    Variable{"AWS_CA_BUNDLE", Meaning::replaces},  Variable{"NODE_EXTRA_CA_CERTS", Meaning::adds},
    Variable{"DENO_CERT", Meaning::adds},
};

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  std::string all = text.str();
  if (!all.empty() && all.back() != '\n') all += '\n';
  return all;
}

// The place of NAME=VALUE in the environment, made where there is none.
std::string& entry_of(std::vector<std::string>& environment, const std::string& name) {
  for (auto& entry : environment) {
    if (entry.starts_with(name + "=")) return entry;
  }
  return environment.emplace_back(name + "=");
}

}  // namespace

void trust_inside(SandboxPlan& plan, const std::string& ca) {
  for (const auto& [variable, meaning] : variables) {
    const std::string name = variable;
    std::string& entry = entry_of(plan.environment, name);
    const std::string named = entry.substr(name.size() + 1);
    std::string roots = named.empty() ? "" : contents(named);
    if (roots.empty() && meaning == Meaning::replaces) roots = contents(system_roots);
    plan.files.emplace_back(name + ".pem", roots + ca);
    entry = name;
    entry.append("=").append(own_files).append("/").append(name).append(".pem");
  }
}

}  // namespace sallyport
