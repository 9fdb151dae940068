#include "proxy/watch_view.hpp"

#include "proxy/admin_client.hpp"
#include "proxy/approvals_command_words.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr auto settling = std::chrono::milliseconds(400);
constexpr std::size_t longest_note = 1000;

struct Meaning {
  char key;
  const char* decision;
  const char* field;  // nullptr: the defaults, this agent and this host
  const char* value;
};
constexpr Meaning meanings[] = {{'a', "approve", nullptr, nullptr},
                                {'o', "approve", "scope", "once"},
                                {'s', "approve", "match", "subdomains"},
                                {'e', "approve", "scope", "everyone"},
                                {'d', "deny", nullptr, nullptr}};

const Meaning* meaning_of(char key) {
  const auto* found =
      std::find_if(std::begin(meanings), std::end(meanings), [key](const Meaning& m) { return m.key == key; });
  return found == std::end(meanings) ? nullptr : found;
}

void drop_last_character(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0U) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

}  // namespace

std::string WatchView::under_cursor() const {
  return cursor_ < rows_.size() ? rows_[cursor_].id : std::string();
}

void WatchView::sort() {
  std::stable_sort(rows_.begin(), rows_.end(), [this](const Row& one, const Row& other) {
    const std::string first = text_in(one.approval, "first_seen");
    const std::string second = text_in(other.approval, "first_seen");
    return order_ == Order::oldest_first ? first < second : second < first;
  });
}

void WatchView::follow(const std::string& id, std::size_t place, Clock::time_point now) {
  const auto found = std::find_if(rows_.begin(), rows_.end(), [&id](const Row& row) { return row.id == id; });
  if (found != rows_.end()) {
    cursor_ = static_cast<std::size_t>(found - rows_.begin());
  } else {
    cursor_ = rows_.empty() ? 0 : std::min(place, rows_.size() - 1);
    // Whoever is writing goes on writing: their next letters must not become decisions.
    orphaned_ = editing_;
    if (!editing_) note_.clear();
  }
  if (under_cursor() != id || cursor_ != place) moved_ = now;
}

void WatchView::reset(const boost::json::array& pending, Clock::time_point now) {
  const std::string id = under_cursor();
  const std::size_t place = cursor_;
  rows_.clear();
  for (const auto& each : pending) rows_.push_back(Row{text_in(each.as_object(), "id"), each.as_object()});
  sort();
  follow(id, place, now);
}

void WatchView::put(const boost::json::object& approval, Clock::time_point now) {
  const std::string known = text_in(approval, "id");
  const auto found = std::find_if(rows_.begin(), rows_.end(), [&known](const Row& row) { return row.id == known; });
  if (found != rows_.end()) {
    found->approval = approval;
    return;
  }
  const std::string id = under_cursor();
  const std::size_t place = cursor_;
  rows_.push_back(Row{known, approval});
  sort();
  follow(id, place, now);
}

void WatchView::drop(const std::string& gone, Clock::time_point now) {
  const std::string id = under_cursor();
  const std::size_t place = cursor_;
  std::erase_if(rows_, [&gone](const Row& row) { return row.id == gone; });
  follow(id, place, now);
}

void WatchView::set_waiting(const std::string& id, std::uint64_t waiting) {
  for (Row& row : rows_) {
    if (row.id == id) row.approval["waiting"] = waiting;
  }
}

void WatchView::move(int by) {
  if (by < 0 && cursor_ > 0) --cursor_;
  if (by > 0 && cursor_ + 1 < rows_.size()) ++cursor_;
  note_.clear();
}

WatchView::Done WatchView::type(std::string_view bytes, Clock::time_point now) {
  while (!bytes.empty()) {
    if (bytes.size() >= 3 && bytes[0] == '\033' && (bytes[1] == '[' || bytes[1] == 'O')) {
      // An arrow, or another key of several bytes that means nothing here.
      const auto end = std::find_if(bytes.begin() + 2, bytes.end(), [](char c) { return c >= '@' && c <= '~'; });
      if (end == bytes.end()) return {};
      if (!editing_ && *end == 'A') move(-1);
      if (!editing_ && *end == 'B') move(1);
      bytes.remove_prefix(static_cast<std::size_t>(end - bytes.begin()) + 1);
      continue;
    }
    const char byte = bytes.front();
    bytes.remove_prefix(1);
    if (editing_) {
      edit(byte);
      continue;
    }
    auto done = command(byte, now);
    if (done.quit || done.decide) return done;
  }
  return {};
}

void WatchView::edit(char byte) {
  const auto code = static_cast<unsigned char>(byte);
  if (byte == '\r' || byte == '\n') {
    editing_ = false;
    if (orphaned_) note_.clear();
    message_ = orphaned_       ? "the question this note was for is gone"
               : note_.empty() ? ""
                               : "now the decision: the note goes with it";
  } else if (byte == '\033') {
    editing_ = false;
    note_.clear();
  } else if (code == 0x7f || code == 0x08) {
    drop_last_character(note_);
  } else if (code >= 0x20 && note_.size() < longest_note) {
    note_ += byte;
  }
}

WatchView::Done WatchView::command(char key, Clock::time_point now) {
  message_.clear();
  const bool had_help = help_;
  help_ = false;
  if (key == 'q') return {.decide = std::nullopt, .quit = true};
  if (key == '?') help_ = !had_help;
  if (key == 'j') move(1);
  if (key == 'k') move(-1);
  if (had_help) return {};
  if (key == 'n' && !rows_.empty()) {
    editing_ = true;
    orphaned_ = false;
  }
  return decide(key, now);
}

WatchView::Done WatchView::decide(char key, Clock::time_point now) {
  const Meaning* meaning = meaning_of(key);
  if (!meaning || rows_.empty()) return {};
  if (moved_ && now - *moved_ < settling) {
    message_ = "the list has just changed under the cursor: look, and press again";
    return {};
  }
  boost::json::object body{{"decision", meaning->decision}};
  if (meaning->field) body[meaning->field] = meaning->value;
  if (!note_.empty()) body["note"] = note_;
  note_.clear();
  return {.decide = Decide{under_cursor(), std::move(body)}, .quit = false};
}

}  // namespace sallyport
