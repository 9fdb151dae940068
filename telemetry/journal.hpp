// The log as a chain of groups on disk. No threads and no queue: AuditLog's writer thread owns one.
#pragma once
#include "telemetry/audit_log.hpp"
#include "telemetry/chain.hpp"
#include "telemetry/log_sink.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sallyport {

class Journal {
 public:
  // Continues the log as AuditLog::open promises. `options` outlives the journal.
  static Outcome<std::unique_ptr<Journal>> open(const AuditOptions& options);

  // Writes the events as lines, all of them or none.
  bool write(std::span<const Event> events);
  // False too where the file no longer stands in its place.
  bool sync();
  // Signs the last line, where there is a key and something to sign.
  bool checkpoint();
  // Something stands in the log that no checkpoint has signed.
  bool wants_checkpoint() const { return key_.has_value() && head_.sequence > signed_sequence_; }
  bool wants_rotation() const { return sink_->size() >= rotate_bytes_; }
  // Signs, renames the file to its first sequence, and retires old files.
  bool rotate();
  // Records which old files go and where the log then begins, signs and syncs that, and only then removes them: a
  // beginning that no record accounts for was cut by someone else.
  bool retire();
  // Makes writing possible again after a failure, if it is: the file whole, in its place, and synced.
  bool recover();
  // Why the last of these failed, for a person.
  std::string trouble() const;

  const Head& head() const { return head_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t lines() const { return lines_; }

 private:
  explicit Journal(const AuditOptions& options) : options_(options) {}
  Outcome<void> resume(const std::vector<std::string>& files);
  std::vector<Event> ends_of_last_run(const std::vector<std::string>& files, bool torn) const;

  const AuditOptions& options_;
  std::unique_ptr<LogSink> sink_;
  std::optional<SigningKey> key_;
  Head head_;
  std::uint64_t signed_sequence_ = 0;
  std::uint64_t first_sequence_ = 0;  // of the current file; 0: it is empty
  std::uint64_t told_begins_ = 0;     // what the last record of a retirement said
  std::uint64_t rotate_bytes_ = 0;
  std::uint64_t bytes_ = 0, lines_ = 0;
  // The lines of a group, and where each ends: their memory is kept from group to group.
  std::string group_;
  std::vector<std::size_t> ends_;
};

}  // namespace sallyport
