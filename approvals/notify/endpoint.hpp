// One address that is sent to by POST, signed, over TLS that is verified.
#pragma once
#include "approvals/notify/options.hpp"
#include "dns/resolver.hpp"
#include "net/task.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport {

// Whether this text holds at least one certificate in PEM, and nothing but certificates that can be read.
bool are_certificates(const std::string& pem);

class Endpoint {
 public:
  // Throws std::runtime_error where the roots can't be used. `resolver` outlives this.
  Endpoint(dns::Resolver& resolver, EndpointOptions options);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  struct Reply {
    unsigned status = 0;
    std::string body;
    std::chrono::seconds retry_after{};  // zero: the other side did not say
  };
  // One try on a connection of its own, over within `limit` whatever the other side does. Redirects are not followed:
  // they are replies like others. The complaint is half a sentence for the log, and holds no secret. Without an `id`
  // it is a plain request, not a webhook.
  Task<Outcome<Reply>> post(std::string id, std::string body, Clock::duration limit);

  // "https://hooks.example.com"
  std::string origin() const { return options_.url.origin(); }
  std::string host() const { return options_.url.at.host.text(); }

 private:
  struct Trust;
  std::string request(const std::string& id, const std::string& body) const;
  bool tunnels() const;
  Task<Result<Outcome<Reply>>> attempt(std::string request, Clock::duration limit);
  Task<Outcome<Socket>> connect(Clock::duration limit);

  dns::Resolver& resolver_;
  const EndpointOptions options_;
  std::unique_ptr<Trust> trust_;  // null: http://
};

}  // namespace sallyport
