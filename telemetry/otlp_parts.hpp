// What OTLP's logs and metrics share; used by otlp*.cpp only.
#pragma once
#include "telemetry/json_text.hpp"
#include "telemetry/otlp.hpp"

namespace sallyport {

// A list of attributes, each {"key": …, "value": {"stringValue": …}}. Empty texts are left out.
class Attributes {
 public:
  Attributes(JsonText& json, std::string_view key) : json_(json) { json_.begin_list(key); }
  ~Attributes() { json_.end_list(); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  void text(std::string_view key, std::string_view value);
  void texts(std::string_view key, const std::vector<std::string>& values);
  void number(std::string_view key, std::int64_t value);
  void flag(std::string_view key, bool value);

 private:
  JsonText& begin(std::string_view key) { return json_.begin().text("key", key, 256).begin("value"); }
  void end() { json_.end().end(); }
  JsonText& json_;
};

// Opens `of` ("resourceLogs") and within it `in` ("scopeLogs"), up to the object that holds the records.
void begin_export(JsonText& json, std::string_view of, std::string_view in, std::string_view scope,
                  const OtlpResource& resource);
void end_export(JsonText& json);

// Nanoseconds since 1970, as the JSON encoding has them: a string.
std::string nanoseconds(WallClock::time_point time);

}  // namespace sallyport
