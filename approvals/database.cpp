#include "approvals/database.hpp"

#include <stdexcept>

namespace sallyport {

Statement::Statement(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(database));
  }
  statement_.reset(statement);
}

Statement& Statement::bind(std::string_view text) {
  // A null pointer would bind NULL, and an empty view may have one.
  const char* data = text.empty() ? "" : text.data();
  const int result =
      sqlite3_bind_text64(statement_.get(), ++parameter_, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  bound_ = bound_ && result == SQLITE_OK;
  return *this;
}

Statement& Statement::bind(std::int64_t number) {
  bound_ = sqlite3_bind_int64(statement_.get(), ++parameter_, number) == SQLITE_OK && bound_;
  return *this;
}

Statement& Statement::bind(std::chrono::system_clock::time_point time) {
  return bind(std::int64_t(std::chrono::nanoseconds(time.time_since_epoch()).count()));
}

Statement& Statement::bind(const std::optional<std::uint64_t>& number) {
  return number ? bind(static_cast<std::int64_t>(*number)) : bind_nothing();
}

Statement& Statement::bind_nothing() {
  bound_ = sqlite3_bind_null(statement_.get(), ++parameter_) == SQLITE_OK && bound_;
  return *this;
}

bool Statement::run() {
  int step = bound_ ? sqlite3_step(statement_.get()) : SQLITE_ERROR;
  while (step == SQLITE_ROW) step = sqlite3_step(statement_.get());
  sqlite3_reset(statement_.get());
  parameter_ = 0;
  bound_ = true;
  return step == SQLITE_DONE;
}

bool Statement::next() {
  column_ = 0;
  const int step = sqlite3_step(statement_.get());
  if (step == SQLITE_ROW) return true;
  if (step == SQLITE_DONE) return false;
  throw std::runtime_error(sqlite3_errmsg(sqlite3_db_handle(statement_.get())));
}

std::string Statement::text() {
  const int column = column_++;
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return data == nullptr ? std::string() : std::string(data, size);
}

std::int64_t Statement::number() {
  return sqlite3_column_int64(statement_.get(), column_++);
}

std::optional<std::uint64_t> Statement::optional_number() {
  if (sqlite3_column_type(statement_.get(), column_) == SQLITE_NULL) {
    ++column_;
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(number());
}

std::chrono::system_clock::time_point Statement::time() {
  return std::chrono::system_clock::time_point(std::chrono::nanoseconds(number()));
}

void execute(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(database));
  }
}

std::string answer_of(sqlite3* database, const char* sql) {
  Statement statement(database, sql);
  return statement.next() ? statement.text() : std::string();
}

}  // namespace sallyport
