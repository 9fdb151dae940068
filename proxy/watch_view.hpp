// What `watch` shows and what its keys mean: no terminal, no socket, no clock of its own.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

class WatchView {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Order { oldest_first, newest_first };
  explicit WatchView(Order order) : order_(order) {}

  // What is pending, from the API. A key that would decide is not taken for a moment after another question came to be
  // under the cursor, for whoever pressed it had not seen it.
  void reset(const boost::json::array& pending, Clock::time_point now);
  void put(const boost::json::object& approval, Clock::time_point now);
  void drop(const std::string& id, Clock::time_point now);
  void set_waiting(const std::string& id, std::uint64_t waiting);

  // A line above the keys. It stays until the next key.
  void say(std::string words) { message_ = std::move(words); }

  struct Decide {
    std::string id;
    boost::json::object body;
  };
  struct Quit {};
  struct Done {
    std::optional<Decide> decide;
    bool quit = false;
  };
  // What was typed, as the terminal sends it. At most one decision: what follows it in the same bytes is thrown away,
  // so that nothing pasted decides twice.
  Done type(std::string_view bytes, Clock::time_point now);

  // Exactly so many lines, each with at most so many places, ready to be written.
  std::vector<std::string> lines(std::size_t rows, std::size_t places, bool colour);

 private:
  struct Row {
    std::string id;
    boost::json::object approval;
  };

  std::string under_cursor() const;
  // To be called with what was under the cursor, and where that was, before the list changed.
  void follow(const std::string& id, std::size_t place, Clock::time_point now);
  void sort();
  void move(int by);
  Done command(char key, Clock::time_point now);
  Done decide(char key, Clock::time_point now);
  void edit(char byte);
  void list_lines(std::vector<std::string>& into, std::size_t rows, std::size_t places, bool colour);
  std::string row_line(const Row& row, bool selected, std::size_t places, bool colour) const;
  std::vector<std::string> details(std::size_t places) const;

  const Order order_;
  std::vector<Row> rows_;
  std::size_t cursor_ = 0;
  std::size_t top_ = 0;  // the first row that is shown
  std::optional<Clock::time_point> moved_;
  std::string message_, note_;
  bool editing_ = false;
  bool orphaned_ = false;  // the question the note is for has gone
  bool help_ = false;
};

}  // namespace sallyport
