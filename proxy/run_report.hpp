// What a command did, read from the log it left.
#pragma once
#include "policy/learn.hpp"
#include "telemetry/log_reader.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace sallyport {

class RunReport {
 public:
  // Every record of `log` since then.
  RunReport(const std::string& log, WallClock::time_point since);

  // Some lines for a terminal: reached, held, refused, failed, bytes, where the log is.
  std::string text() const;
  const Learner& learner() const { return learner_; }

 private:
  using Counts = std::map<std::string, std::uint64_t>;
  void add(const LogRecord& record);
  static std::string line(const char* what, const Counts& counts);

  std::string log_, trouble_;
  Counts reached_, held_, refused_, failed_;
  Traffic traffic_;
  Learner learner_;
};

}  // namespace sallyport
