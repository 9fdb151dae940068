// Records a second: encoded and chained, and through queue, file and sync.
#include "telemetry/audit_log.hpp"
#include "telemetry/ocsf.hpp"
#include "telemetry/samples.hpp"

#include <benchmark/benchmark.h>

#include <filesystem>
#include <thread>
#include <unistd.h>

namespace sallyport {
namespace {

void encode_and_chain(benchmark::State& state) {
  const Event event = samples::connection(ConnectionEvent::Activity::close);
  std::string prev(no_previous);
  std::uint64_t sequence = 0;
  for (auto unused : state) prev = sha256_hex(encode(event, ++sequence, prev));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_and_chain);

void append_to_disk(benchmark::State& state) {
  const auto folder = std::filesystem::temp_directory_path() / ("sallyport-bench-" + std::to_string(::getpid()));
  AuditOptions options;
  options.path = folder / "audit.jsonl";
  auto log = AuditLog::open(options).value();
  const Event event = samples::connection(ConnectionEvent::Activity::close);
  for (auto unused : state) {
    while (log->counters().queued > options.queue / 2) std::this_thread::yield();
    benchmark::DoNotOptimize(log->append(event));
  }
  log->flush(std::chrono::seconds(60));
  state.SetItemsProcessed(state.iterations());
  log.reset();
  std::filesystem::remove_all(folder);
}
BENCHMARK(append_to_disk)->UseRealTime();

}  // namespace
}  // namespace sallyport
