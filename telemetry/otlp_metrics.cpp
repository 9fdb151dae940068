#include "telemetry/json_read.hpp"
#include "telemetry/otlp_parts.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace sallyport {
namespace {

constexpr int cumulative = 2;

// "sallyport_network_io_bytes_total" is "sallyport.network.io" in OpenTelemetry: unit and kind are not in the name.
std::string name_of(const Measure& measure) {
  std::string name = measure.name;
  const auto without = [&](std::string_view ending) {
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  };
  without("_total");
  if (measure.unit == "By") without("_bytes");
  if (measure.unit == "s") without("_seconds");
  std::replace(name.begin(), name.end(), '_', '.');
  return name;
}

void put_point(JsonText& json, const Measure& measure, const std::string& started, const std::string& now) {
  json.begin();
  {
    Attributes attributes(json, "attributes");
    for (const auto& [key, value] : measure.labels) attributes.text(key, value);
  }
  if (measure.kind == Measure::Kind::counter) json.word("startTimeUnixNano", started);
  json.word("timeUnixNano", now).word("asInt", std::to_string(std::llround(measure.value))).end();
}

}  // namespace

std::string otlp_metrics(const OtlpResource& resource, const std::vector<Measure>& measures,
                         WallClock::time_point started, WallClock::time_point now) {
  const std::string since = nanoseconds(started), at = nanoseconds(now);
  std::string out;
  JsonText json(out);
  begin_export(json, "resourceMetrics", "scopeMetrics", "sallyport", resource);
  json.begin_list("metrics");
  for (std::size_t i = 0; i < measures.size();) {
    const Measure& first = measures[i];
    const bool sum = first.kind == Measure::Kind::counter;
    json.begin().text("name", name_of(first)).some("description", first.help).some("unit", first.unit);
    json.begin(sum ? "sum" : "gauge");
    if (sum) json.number("aggregationTemporality", cumulative).flag("isMonotonic", true);
    json.begin_list("dataPoints");
    for (; i < measures.size() && measures[i].name == first.name; ++i) put_point(json, measures[i], since, at);
    json.end_list().end().end();
  }
  json.end_list();
  end_export(json);
  return out;
}

OtlpPartial partial_of(std::string_view reply) {
  const ParsedJson parsed(reply);
  const auto* partial = object_at(parsed.object(), "partialSuccess");
  const auto* count = value_at(partial, "rejectedLogRecords");
  OtlpPartial out;
  if (count == nullptr) return out;
  out.rejected = number_at(partial, "rejectedLogRecords");
  if (const auto* text = count->if_string()) std::from_chars(text->data(), text->data() + text->size(), out.rejected);
  out.message = text_at(partial, "errorMessage").substr(0, 200);
  return out;
}

}  // namespace sallyport
