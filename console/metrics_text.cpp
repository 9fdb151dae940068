#include "console/metrics_text.hpp"

#include <array>
#include <charconv>
#include <map>

namespace sallyport {
namespace {

// A label's value, or a HELP text: both escape backslash and newline, a label its quote too.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string number(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? std::string(text.data(), end) : "NaN";
}

std::string sample(const Metric& metric) {
  std::string labels;
  for (const auto& [name, value] : metric.labels)
    labels += (labels.empty() ? "{" : ",") + name + "=\"" + escaped(value) + '"';
  if (!labels.empty()) labels += '}';
  return metric.name + labels + ' ' + number(metric.value) + '\n';
}

}  // namespace

std::string metrics_text(const std::vector<Metric>& metrics) {
  std::vector<std::string> order;
  std::map<std::string, std::string> blocks;
  for (const auto& metric : metrics) {
    std::string& block = blocks[metric.name];
    if (block.empty()) {
      order.push_back(metric.name);
      block = "# HELP " + metric.name + ' ' + escaped(metric.help) + "\n# TYPE " + metric.name +
              (metric.kind == Metric::Kind::counter ? " counter\n" : " gauge\n");
    }
    block += sample(metric);
  }
  std::string text;
  for (const auto& name : order) text += blocks[name];
  return text;
}

}  // namespace sallyport
