// The saved map of synthetic addresses: an append-only file of checksummed lines (LeaseTable's memory over a crash).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::dns {

// "leased" or "freed" at a wall-clock second. A later entry of an index replaces an earlier one.
struct LeaseEntry {
  enum class State : char { leased = 'L', freed = 'F' };
  State state = State::leased;
  std::uint32_t index = 0;  // of the address in its pool
  std::int64_t seconds = 0;
  std::string agent, name, correlation;
};

// One line: CRC-32 of the rest, state, index, seconds, correlation, name, agent (percent-encoded).
std::string encode(const LeaseEntry& entry);
// False where the line isn't whole and unharmed.
bool decode(std::string_view line, LeaseEntry& entry);

// Written through write(2) without fsync: it survives the end of the process, which is what is promised. One object a
// file (locked). Not thread-safe.
class LeaseJournal {
 public:
  struct Loaded {
    std::vector<LeaseEntry> entries;  // in file order
    std::size_t damaged = 0;
  };

  // Opens or creates `file` (0600). Throws std::runtime_error.
  explicit LeaseJournal(std::string file);
  ~LeaseJournal();
  LeaseJournal(const LeaseJournal&) = delete;
  LeaseJournal& operator=(const LeaseJournal&) = delete;

  Loaded load();
  // False where it isn't whole in the file; what was written of it is taken back or ended as a damaged line.
  bool append(const std::string& lines);
  // Replaces the file's content in one step. False: the old one stands.
  bool rewrite(const std::string& lines);
  std::size_t size() const { return size_; }

 private:
  std::string file_;
  int descriptor_ = -1;
  std::size_t size_ = 0;
};

}  // namespace sallyport::dns
