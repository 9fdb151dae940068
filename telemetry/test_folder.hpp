// A folder of its own for each test, removed with it.
#pragma once
#include "telemetry/audit_log.hpp"
#include "telemetry/verify.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace sallyport {

class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sallyport-audit-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    options_.path = folder_ + "/log/audit.jsonl";
    options_.key_path = folder_ + "/audit.key";
    options_.sync_within = std::chrono::milliseconds(20);
  }
  ~LogTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<AuditLog> open() {
    auto log = AuditLog::open(options_);
    EXPECT_TRUE(log.has_value()) << (log ? "" : log.error().text);
    return log ? std::move(*log) : nullptr;
  }
  VerifyReport check(std::optional<Head> against = std::nullopt) const {
    return verify(log_files(options_.path), {folder_ + "/audit.pub", std::move(against)});
  }
  static std::string problems(const VerifyReport& report) {
    std::string all;
    for (const auto& problem : report.problems) all += problem.text + "\n";
    return all;
  }
  static std::vector<std::string> lines_of(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  static void write_lines(const std::string& path, const std::vector<std::string>& lines) {
    std::ofstream file(path, std::ios::trunc);
    for (const std::string& line : lines) file << line << '\n';
  }
  std::string text() const {
    std::string all;
    for (const std::string& file : log_files(options_.path)) {
      for (const std::string& line : lines_of(file)) all += line + "\n";
    }
    return all;
  }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  }

  std::string folder_;
  AuditOptions options_;
};

}  // namespace sallyport
