// Signing as Standard Webhooks 1.0 has it: HMAC-SHA256 over "id.timestamp.body".
#pragma once
#include "policy/result.hpp"

#include <string>
#include <string_view>

namespace sallyport {

// The key's bytes: those behind "whsec_" decoded from base64, any other text as it stands. At least 16 of them.
// A complaint never repeats the text.
Outcome<std::string> parse_webhook_secret(std::string_view text);

// "v1," and the base64 of the signature: the value of webhook-signature.
std::string webhook_signature(std::string_view secret, std::string_view id, std::string_view timestamp,
                              std::string_view body);

}  // namespace sallyport
