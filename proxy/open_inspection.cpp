#include "proxy/open_inspection.hpp"

#include "certs/first_authority.hpp"

#include <spdlog/spdlog.h>

#include <stdexcept>

namespace sallyport {
namespace {

std::shared_ptr<const Authority> authority_of(const Config& config) {
  const auto now = std::chrono::system_clock::now();
  if (!config.inspect.ca_cert.empty()) {
    const AuthorityFiles files{config.inspect.ca_cert, config.inspect.ca_key};
    auto given = Authority::load(files, AuthorityOwner::operator_, now);
    if (!given) throw std::runtime_error("inspect.ca: " + given.error().text);
    return *given;
  }
  const auto own = open_first_authority(config.data, now);
  if (!own) throw std::runtime_error("Sallyport's CA: " + own.error().text);
  if (own->made) spdlog::info("made a CA for inspected connections: {}", authority_files(config.data).cert);
  return own->authority;
}

}  // namespace

std::unique_ptr<const Inspection> open_inspection(const Config& config) {
  auto opened = Inspection::open(authority_of(config), config.inspect.roots);
  if (!opened) throw std::runtime_error(opened.error().text);
  return std::move(*opened);
}

}  // namespace sallyport
