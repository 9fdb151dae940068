// What `approvals.notify` and `approvals.decider` of sallyport.yaml say (DESIGN section 6).
//
//   approvals:
//     notify:
//       - webhook: https://hooks.example.com/sallyport   # or { env: NAME } or { file: F }: the address may be a secret
//         secret: { env: HOOK_SECRET }                   # or { file: F }: "whsec_" and base64, or the bytes themselves
//         events: [asked, decided, expired]              # default: asked
//         format: standard                               # or slack: {"text": …}, and then the secret is optional
//         ca: roots.pem                                  # roots trusted besides the system's
//       - exec: [/usr/local/bin/notify, --flag]          # the event as JSON on standard input; no shell
//         events: [asked]
//         timeout: 10s
//     decider:
//       url: https://rules.example.com/decide            # may be { env: … } or { file: … } too
//       secret: { file: decider.secret }
//       timeout: 3s
//       ca: roots.pem
//
// Secrets and roots are read with the configuration, before privileges are given away.
#pragma once
#include "approvals/notify/web_url.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

struct NotifyEvents {
  bool asked = true, decided = false, expired = false;
};

// A proxy of the network that Sallyport itself is in.
struct EndpointParent {
  Destination at;
  std::string credentials;    // the value of Proxy-Authorization; empty: none
  bool absolute_form = true;  // http:// is sent to it as it is; false: by CONNECT, as https:// always is
};

struct EndpointOptions {
  WebUrl url;
  std::string secret;  // the key's bytes; empty: nothing is signed
  std::string roots;   // PEM; empty: the system's alone
  std::optional<EndpointParent> parent = std::nullopt;
};

struct WebhookOptions {
  enum class Format { standard, slack };
  EndpointOptions endpoint;
  NotifyEvents events;
  Format format = Format::standard;
};

struct CommandOptions {
  std::vector<std::string> arguments;  // the first is an absolute path
  NotifyEvents events;
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
};

struct DeciderOptions {
  static constexpr std::chrono::milliseconds usual_timeout = std::chrono::seconds(3);
  EndpointOptions endpoint;
  std::chrono::milliseconds timeout = usual_timeout;
};

struct NotifyOptions {
  std::vector<WebhookOptions> webhooks;
  std::vector<CommandOptions> commands;
  std::optional<DeciderOptions> decider;

  bool empty() const { return webhooks.empty() && commands.empty() && !decider; }
};

}  // namespace sallyport
