#include "telemetry/otlp_parts.hpp"

namespace sallyport {
namespace {

// The longest text of one attribute: the line itself stands in the body.
constexpr std::size_t attribute_limit = 4096;

}  // namespace

void Attributes::text(std::string_view key, std::string_view value) {
  if (value.empty()) return;
  begin(key).text("stringValue", value, attribute_limit);
  end();
}

void Attributes::texts(std::string_view key, const std::vector<std::string>& values) {
  if (values.empty()) return;
  begin(key).begin("arrayValue").begin_list("values");
  for (const auto& value : values) json_.begin().text("stringValue", value, attribute_limit).end();
  json_.end_list().end();
  end();
}

// 64-bit numbers are strings in JSON: a reader of doubles would round them.
void Attributes::number(std::string_view key, std::int64_t value) {
  begin(key).word("intValue", std::to_string(value));
  end();
}

void Attributes::flag(std::string_view key, bool value) {
  begin(key).flag("boolValue", value);
  end();
}

void begin_export(JsonText& json, std::string_view of, std::string_view in, std::string_view scope,
                  const OtlpResource& resource) {
  json.begin().begin_list(of).begin().begin("resource");
  {
    Attributes attributes(json, "attributes");
    attributes.text("service.name", "sallyport");
    attributes.text("service.version", SALLYPORT_VERSION);
    attributes.text("service.instance.id", resource.instance);
  }
  json.end().begin_list(in).begin();
  json.begin("scope").word("name", scope).word("version", SALLYPORT_VERSION).end();
}

void end_export(JsonText& json) {
  json.end().end_list().end().end_list().end();
}

std::string nanoseconds(WallClock::time_point time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

}  // namespace sallyport
