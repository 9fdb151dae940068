#include "proxy/daemon_telemetry.hpp"

#include "proxy/connection_record.hpp"
#include "proxy/otlp_transport.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>

namespace sallyport {
namespace {

AuditOptions audit_options(const Config& config) {
  AuditOptions options;
  options.path = config.audit.path;
  options.key_path = config.data + "/audit.key";
  options.rotate_bytes = config.audit.rotate_bytes;
  options.max_total_bytes = config.audit.max_total_bytes;
  options.keep = config.audit.keep;
  options.on_failure = config.audit.on_failure;
  return options;
}

// On standard error too: with the log's disk full there is no other place where it could be read.
void tell_of_trouble(OnFailure on_failure, const std::string& trouble) {
  if (trouble.empty()) {
    spdlog::info("the audit log is written again");
  } else if (on_failure == OnFailure::block) {
    spdlog::error("the audit log cannot be written: {}; nothing new is let out", trouble);
  } else {
    spdlog::error("the audit log cannot be written: {}; what happens meanwhile is not recorded", trouble);
  }
}

}  // namespace

std::unique_ptr<OtlpExporter> open_exporter(const Config& config, const EventCounters& counted) {
  if (!config.otlp) return nullptr;
  OtlpOptions options;
  options.name = "otlp " + config.otlp->url.origin();
  options.resource.instance = new_correlation();
  options.metrics = [&counted] { return counted.measures(); };
  options.warn = [](const std::string& sentence) { spdlog::warn("{}", sentence); };
  return std::make_unique<OtlpExporter>(otlp_over_http(*config.otlp, config.dns.upstream), std::move(options));
}

std::unique_ptr<AuditLog> open_log(const Config& config, EventCounters& counted, OtlpExporter* otlp) {
  AuditOptions options = audit_options(config);
  options.on_line = [&counted, otlp](const Event& event, std::uint64_t sequence, std::string_view line) {
    counted.add(event);
    if (otlp) otlp->line(sequence, line);
  };
  if (otlp) options.on_synced = [otlp](std::uint64_t sequence) { otlp->synced(sequence); };
  options.on_trouble = [how = config.audit.on_failure](const std::string& trouble) { tell_of_trouble(how, trouble); };
  auto log = AuditLog::open(std::move(options));
  if (!log) throw std::runtime_error("the audit log cannot be used: " + log.error().text);
  return std::move(*log);
}

void record_lifecycle(LifecycleEvent::Kind kind, std::string detail, const Policy& policy, AuditLog& audit) {
  LifecycleEvent event;
  event.time = WallClock::now();
  event.kind = kind;
  event.detail = std::move(detail);
  event.policy_uid = policy.uid();
  static_cast<void>(audit.append(std::move(event)));
}

void record_floods(Admission& admission, const Policy& policy, AuditLog& audit) {
  for (const auto& flood : admission.take_floods()) {
    ConnectionEvent event;
    event.origin.time = WallClock::now();
    event.origin.correlation = new_correlation();
    event.origin.agent = flood.agent;
    event.origin.policy_uid = policy.uid();
    Verdict verdict;
    verdict.decided_by = DecidedBy::limit;
    verdict.reason = sentence(Admission::Fault::rate);
    event.status_detail = verdict.reason;
    event.origin.verdict = std::move(verdict);
    event.activity = ConnectionEvent::Activity::refuse;
    event.count = flood.count;
    static_cast<void>(audit.append(std::move(event)));
  }
}

std::vector<Metric> metrics_of(const EventCounters& counted, const OtlpExporter* otlp) {
  auto measures = counted.measures();
  if (otlp) {
    const auto own = measures_of(otlp->counters());
    measures.insert(measures.end(), own.begin(), own.end());
  }
  std::vector<Metric> all;
  for (auto& measure : measures) {
    // Prometheus has no dots in names.
    for (auto& label : measure.labels) std::replace(label.first.begin(), label.first.end(), '.', '_');
    const auto kind = measure.kind == Measure::Kind::counter ? Metric::Kind::counter : Metric::Kind::gauge;
    all.push_back(
        Metric{std::move(measure.name), std::move(measure.help), kind, std::move(measure.labels), measure.value});
  }
  return all;
}

}  // namespace sallyport
