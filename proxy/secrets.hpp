// The secrets of the policy in force: their values, kept fresh.
#pragma once
#include "policy/injection.hpp"
#include "proxy/inject/secret_values.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sallyport {

struct SecretsOptions {
  std::chrono::milliseconds command_limit{10'000};
  // A sentence for the operator when a secret gets no value, and when it has one again. Never a value.
  std::function<void(const std::string&)> tell{};
};

// Values are in memory only, and wiped when they are replaced and no request uses them any more. A secret without a
// value (a variable that is not set, a file that cannot be read, a command that fails) has none at all, not its last
// one: requests that need it are refused.
//
//   env      is read by load()
//   file     is read by load(), and whenever it changes
//   command  is run by load(), and again every `every`; one that fails is tried again after a minute
//
// Has one thread of its own, which watches files and runs commands.
class Secrets {
 public:
  explicit Secrets(SecretsOptions options = {});
  ~Secrets();

  // On start and after each reload of the policy, with Policy::secrets(). Variables and files are read before it
  // returns, and so are commands that have not run yet; of those that have, the value stands until they have run again.
  void load(std::vector<SecretSource> sources);

  // Any thread; never null. Ask for it for each request.
  std::shared_ptr<const SecretValues> current() const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

// What a sandboxed command finds in place of the variables that hold secrets: VARIABLE and "sallyport-secret:NAME".
std::vector<std::pair<std::string, std::string>> placeholder_variables(const std::vector<SecretSource>& sources);

}  // namespace sallyport
