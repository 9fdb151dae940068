// What all readers of the log are told alike: which log, and which records of it.
#pragma once
#include "policy/result.hpp"
#include "telemetry/log_filter.hpp"

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace sallyport {

struct AuditSource {
  std::vector<std::string> files;
  std::string config, key;
};

struct FoundLog {
  std::vector<std::string> files;  // in the order of the chain
  std::string key;                 // the public key that signs it; empty: not known
};

struct FilterWords {
  std::string agent, host, verdict, door, since, until;
};

// FILE… and -c. `source` outlives the parsing.
void add_source(CLI::App& command, AuditSource& source);
// --since and --until.
void add_times(CLI::App& command, FilterWords& words);
// The rest of them.
void add_filters(CLI::App& command, FilterWords& words);

// The files, whether they were named, stand in a folder, or in a daemon's configuration; else where it keeps them by
// default. A key that is none is a complaint.
Outcome<FoundLog> find_log(const AuditSource& source);
Outcome<LogFilter> filter_of(const FilterWords& words);

}  // namespace sallyport
