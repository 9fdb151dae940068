// Whatever an agent supplies, a record is one line of valid JSON.
#include "telemetry/ocsf.hpp"

#include <boost/json.hpp>

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  const std::string text(reinterpret_cast<const char*>(data), size);
  HttpEvent event;
  event.origin.agent = event.origin.host = event.origin.correlation = text;
  event.method = event.path = event.user_agent = text;
  event.headers.emplace_back(text, text);
  event.origin.context = AgentContext{text, text, text, text, text};
  const std::string line = encode(event, 1, no_previous);
  boost::system::error_code error;
  boost::json::parse(line, error);
  if (error || line.size() > 65536) std::abort();
  for (const char c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
  }
  return 0;
}
