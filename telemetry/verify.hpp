// Is the log whole? What `sallyport audit verify` says.
#pragma once
#include "policy/result.hpp"
#include "telemetry/chain.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport {

struct VerifyOptions {
  std::string key_path;         // data/audit.pub; empty: signatures are not checked, and a note says so
  std::optional<Head> against;  // a head seen later than what should be here: finds a cut tail
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
