// SQLite's connection and statements with owners, for store*.cpp only.
#pragma once
#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

// A prepared statement; its parameters are bound in order, its columns read in order.
class Statement {
 public:
  // Throws where SQLite does not take the text: a damaged file, or a mistake of ours.
  Statement(sqlite3* database, const char* sql);

  Statement& bind(std::string_view text);
  Statement& bind(std::int64_t number);
  Statement& bind(std::chrono::system_clock::time_point time);
  Statement& bind(const std::optional<std::uint64_t>& number);
  Statement& bind_nothing();

  // Runs to the end and is ready for the next parameters.
  bool run();
  // The next row; false: there is none. Throws on an error.
  bool next();
  std::string text();
  std::int64_t number();
  std::optional<std::uint64_t> optional_number();
  std::chrono::system_clock::time_point time();

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int parameter_ = 0, column_ = 0;
  bool bound_ = true;
};

// Throws with SQLite's sentence.
void execute(sqlite3* database, const char* sql);
// The first column of the first row.
std::string answer_of(sqlite3* database, const char* sql);

}  // namespace sallyport
