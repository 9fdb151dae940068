// Is the log whole? What `sallyport audit verify` says.
//
// What vouches for what:
// - The chain: each line names the hash of the one before, so no line can change, go, come or move without what follows
//   being made anew. Anyone who can write the file can make it anew.
// - A checkpoint is signed with a key that is the daemon's alone: up to there nobody made it anew. One comes within a
//   minute of activity, at each rotation and at each stop. What stands after the last one is not signed yet, so a log
//   younger than its first checkpoint is intact and unsigned: that is a note. But checkpoints that were stripped must
//   not pass for checkpoints that are still to come: where lines go on for more than `longest_unsigned` without one,
//   that is a finding. It is counted in the lines' own times, pauses of more than a minute taken as one (a laptop
//   sleeps, a clock is set), and begins anew at each start, since a crash takes the checkpoint with it. A forger
//   who also writes false times, or who forges the last minutes only, is found by `against` and by nothing else: taking
//   out checkpoints moves every later number, so a head seen before stands there no more.
// - A retirement (`log_retired` with `begins`) accounts for a log that does not begin at sequence 1, for everything
//   before `begins` and nothing after. It is written and signed before the files go, so with a key it counts only under
//   a good signature. A checkpoint alone says that lines were there, not that they were rightly taken away. For a part
//   of a log, such as an export, `from` says where it is known to begin.
#pragma once
#include "policy/result.hpp"
#include "telemetry/chain.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

// More than this of activity without a checkpoint: there were some.
inline constexpr std::chrono::milliseconds longest_unsigned = std::chrono::minutes(5);

// Where a part of a log begins, for who knows.
struct Beginning {
  std::uint64_t sequence = 1;
  std::string prev;  // the hash of the line before; empty: not known

  // "SEQUENCE", or "SEQUENCE:SHA256", the head of what went before.
  static std::optional<Beginning> parse(std::string_view text);
};

struct VerifyOptions {
  std::string key_path;         // data/audit.pub; empty: signatures are not checked, and a note says so
  std::optional<Head> against;  // a head seen later than what should be here: finds a cut tail
  std::optional<Beginning> from = std::nullopt;  // these files are a part of a log, and this is where it begins
};

struct VerifyProblem {
  enum class Kind { changed, missing, added, reordered, cut, signature, unreadable };
  Kind kind;
  std::string file;
  std::uint64_t line = 0;      // from 1; 0: the file as a whole
  std::uint64_t sequence = 0;  // of the line, or the first one missing; 0: unknown
  std::string text;            // a sentence: "audit.jsonl:12 (sequence 12): changed: …"
};

struct VerifyReport {
  std::uint64_t lines = 0, torn = 0, checkpoints = 0;
  std::uint64_t first_sequence = 0;
  Head head;                            // of the last line
  std::uint64_t signed_up_to = 0;       // the last sequence that a checked signature vouches for
  std::vector<VerifyProblem> problems;  // at most 1000, in the order found
  std::uint64_t further_problems = 0;   // beyond those
  std::vector<std::string> notes;       // what is no problem but worth saying
  bool whole() const { return problems.empty(); }
  bool holds_no_record() const { return lines == torn; }  // then nothing vouches for anything, and it is not whole
};

const char* word_of(VerifyProblem::Kind kind);

// Reads the files once, line by line, in the order of their first sequence, whatever order they are given in.
VerifyReport verify(const std::vector<std::string>& files, const VerifyOptions& options);

// The head of a log file: its last line's sequence and hash, as "SEQUENCE:SHA256".
Outcome<std::string> head_of(const std::string& file);
// What `--against` may say: "SEQUENCE:SHA256", or a file: one that holds such a text, or a log file (its head).
Outcome<Head> head_from(const std::string& argument);

// All files of the log whose current file is `path`, oldest first: audit.FIRSTSEQUENCE.jsonl …, audit.jsonl.
std::vector<std::string> log_files(const std::string& path);

}  // namespace sallyport
