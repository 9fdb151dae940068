#include "telemetry/event.hpp"

namespace sallyport {

const char* word_of(Door door) {
  switch (door) {
    case Door::proxy:
      return "proxy";
    case Door::socks:
      return "socks";
    case Door::transparent:
      return "transparent";
    case Door::attached:
      return "attached";
    case Door::dns:
      return "dns";
  }
  return "unknown";
}

const char* word_of(NameFrom from) {
  switch (from) {
    case NameFrom::lease:
      return "lease";
    case NameFrom::connect:
      return "connect";
    case NameFrom::socks:
      return "socks";
    case NameFrom::sni:
      return "sni";
    case NameFrom::host:
      return "host";
    case NameFrom::address:
      return "address";
  }
  return "unknown";
}

const char* word_of(ClosedBy by) {
  switch (by) {
    case ClosedBy::client:
      return "client";
    case ClosedBy::upstream:
      return "upstream";
    case ClosedBy::idle:
      return "idle";
    case ClosedBy::limit:
      return "limit";
    case ClosedBy::policy:
      return "policy";
    case ClosedBy::revoked:
      return "revoked";
    case ClosedBy::detached:
      return "detached";
    case ClosedBy::timeout:
      return "timeout";
    case ClosedBy::shutdown:
      return "shutdown";
    case ClosedBy::error:
      return "error";
    case ClosedBy::crash:
      return "crash";
  }
  return "unknown";
}

const char* word_of(DecidedBy by) {
  switch (by) {
    case DecidedBy::rule:
      return "rule";
    case DecidedBy::default_:
      return "default";
    case DecidedBy::grant:
      return "grant";
    case DecidedBy::guard:
      return "guard";
    case DecidedBy::limit:
      return "limit";
  }
  return "unknown";
}

const char* word_of(Action action) {
  switch (action) {
    case Action::allow:
      return "allow";
    case Action::ask:
      return "ask";
    case Action::deny:
      return "deny";
  }
  return "unknown";
}

}  // namespace sallyport
