#include "telemetry/log_filter.hpp"

#include "policy/pattern.hpp"
#include "telemetry/safe_text.hpp"

#include <algorithm>

namespace sallyport {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same(std::string_view written, std::string_view canonical) {
  return std::equal(written.begin(), written.end(), canonical.begin(), canonical.end(),
                    [](char a, char b) { return lower(a) == b; });
}

}  // namespace

Outcome<void> LogFilter::set_host(const std::string& pattern) {
  const auto parsed = parse_pattern(pattern);
  if (!parsed) return Complaint{in_quotes(pattern), ": ", parsed.error().text};
  const Cidr* block = parsed->block();
  const bool one = block != nullptr && block->length() == block->base().bytes().size() * 8;
  if (parsed->name() == nullptr && !one) {
    return Complaint{in_quotes(pattern), " is no host: write example.com, *.example.com or an address"};
  }
  itself_ = parsed->kind() != PatternKind::below;
  below_ = parsed->is_wildcard();
  host_ = one ? block->base().text() : parsed->name()->text();
  return {};
}

bool LogFilter::in_time(const LogRecord& record) const {
  return (!since || record.time >= *since) && (!until || record.time < *until);
}

bool LogFilter::only_time() const {
  return agent.empty() && door.empty() && correlation.empty() && verdict.empty() && host_.empty();
}

bool LogFilter::matches(const LogRecord& record) const {
  if (!in_time(record)) return false;
  if (!agent.empty() && record.agent != agent) return false;
  if (!door.empty() && record.door != door) return false;
  if (!correlation.empty() && record.correlation != correlation) return false;
  if (!verdict.empty() && record.verdict_word() != verdict) return false;
  if (host_.empty()) return true;
  std::string_view host = record.host;
  if (host.ends_with('.')) host.remove_suffix(1);
  if (itself_ && same(host, host_)) return true;
  if (!below_ || host.size() <= host_.size() + 1) return false;
  const std::size_t dot = host.size() - host_.size() - 1;
  return host[dot] == '.' && same(host.substr(dot + 1), host_);
}

}  // namespace sallyport
