// The audit log: JSON Lines of OCSF, chained, signed now and then, written by one thread (DESIGN section 9).
#pragma once
#include "policy/result.hpp"
#include "telemetry/event.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport {

enum class OnFailure { block, proceed };

struct AuditOptions {
  std::string path = "/var/log/sallyport/audit.jsonl";  // its directory is made (0750) where it is missing
  std::string key_path;                                 // Ed25519, made (0600) where missing, beside it *.pub;
                                                        // empty: no checkpoints
  std::uint64_t rotate_bytes = 256ULL << 20;
  std::uint64_t max_total_bytes = 20ULL << 30;  // of rotated files and the current one; the oldest go first
  std::chrono::milliseconds keep = std::chrono::hours(90 * 24);
  OnFailure on_failure = OnFailure::block;  // `on_failure: continue` is `proceed`
  std::size_t queue = 65536;                // records waiting; an Open is taken only while a quarter is free
  std::chrono::milliseconds sync_within{200};
  std::chrono::milliseconds checkpoint_every = std::chrono::minutes(1);
  // Sees every line once it is written, on the log's own thread, in order. Must not block and must not throw.
  std::function<void(const Event& event, std::uint64_t sequence, std::string_view line)> on_line;
  // Likewise, whenever every line up to `sequence` is on disk.
  std::function<void(std::uint64_t sequence)> on_synced;
  // Likewise, when writing begins to fail, with why; and with nothing when it works again.
  std::function<void(const std::string& trouble)> on_trouble;
};

struct AuditCounters {
  std::uint64_t written = 0, bytes = 0;  // lines and bytes that write(2) took
  std::uint64_t dropped = 0;             // records lost: told of by a log_gap record when writing works again
  std::uint64_t refused = 0;             // Opens that append() did not take
  std::uint64_t errors = 0;              // failed writes, syncs, rotations
  std::uint64_t queued = 0;
  std::uint64_t sequence = 0;  // of the last line
};

// Threads: append(), healthy() and counters() from any thread; the rest from the owner's. It owns a thread, so it is
// opened after every fork.
class AuditLog {
 public:
  // Reads the tail of the newest file, ends a torn line, continues sequence and chain, and ends every Open that has no
  // end as Fail with `closed_by: crash`. An error where the log can't be continued or another process writes it.
  static Outcome<std::unique_ptr<AuditLog>> open(AuditOptions options);
  // Stops as stop() does.
  ~AuditLog();

  // Never waits for the disk. False: the log can't be trusted to hold this record, and the caller refuses the
  // connection. Under `block` an Open is not taken, and not recorded, while the disk refuses or the queue is nearly
  // full; any other record is queued while there is room, else counted as lost. Under `proceed` it is always true.
  [[nodiscard]] bool append(Event event);

  // Writing works.
  bool healthy() const;
  AuditCounters counters() const;
  // Waits until everything appended before is on disk. False: it is not, and won't be within `limit`.
  bool flush(std::chrono::milliseconds limit = std::chrono::seconds(5));
  // Writes what is queued and a checkpoint, syncs and closes. Later appends answer false.
  void stop();

  const AuditOptions& options() const;

  class Writer;

 private:
  explicit AuditLog(std::unique_ptr<Writer> writer);
  std::unique_ptr<Writer> writer_;
};

}  // namespace sallyport
