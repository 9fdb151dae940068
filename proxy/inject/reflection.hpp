// Secrets that an answer's head gives back: the agent is shown their placeholders instead.
#pragma once
#include "proxy/inject/secret_values.hpp"
#include "proxy/wire/http_head.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sallyport {

// A secret that went into a request.
struct UsedSecret {
  std::string name;
  std::shared_ptr<const SecretValue> value;
};

// Made once for a request, used on every head and trailer of its answer. It finds a secret as it stands, with any of
// its bytes percent-encoded, and inside base64 of either alphabet, wherever it begins there. A body is not looked at: a
// host that echoes what it is sent must be given no secret.
class Reflection {
 public:
  Reflection() = default;
  explicit Reflection(std::vector<UsedSecret> used);

  bool empty() const { return used_.empty(); }
  // "sallyport-secret:NAME" in place of the secret. Fields whose very name holds a secret are taken out.
  void mask(wire::Fields& fields) const;
  void mask(wire::ResponseHead& head) const;  // its reason too
  std::string masked(std::string text) const;

 private:
  struct Encoded {
    std::string text;  // a part of the base64 that the secret alone decides
    std::string name;
  };
  std::vector<UsedSecret> used_;
  std::vector<Encoded> encoded_;
};

}  // namespace sallyport
