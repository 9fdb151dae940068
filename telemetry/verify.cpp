#include "telemetry/verify.hpp"

#include "telemetry/log_line.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace sallyport {
namespace {

using Kind = VerifyProblem::Kind;

constexpr std::size_t most_problems = 1000;
constexpr std::size_t most_missing = 100'000;

struct Place {
  std::string file;
  std::uint64_t line = 0;
  std::uint64_t sequence = 0;
};

// A line that the next may name as its previous. There are several only where one number stands on several lines.
struct Tip {
  Place place;
  std::string sha256;
  bool torn = false;
};

// Where a log begins that does not begin at 1.
struct Begin {
  Place place;
  std::string prev;
};

// Lines since the last checkpoint or start.
struct Unsigned {
  Place from;
  std::chrono::milliseconds last{}, activity{};
  bool said = false;
};

class Verifier {
 public:
  Verifier(const VerifyOptions& options, std::optional<VerifyingKey> key, VerifyReport& report)
      : options_(options), key_(std::move(key)), report_(report) {}

  void read(const std::string& file);
  void finish();
  bool saw_against() const { return against_seen_; }

 private:
  void take(Place place, std::string_view text);
  void first(const Place& place, const LogLine& line);
  void follow(const Place& place, const LogLine& line);
  void out_of_turn(const Place& place);
  void link(const Place& place, const LogLine& line, bool gap);
  void check(const Place& place, const LogLine& line);
  void say(Kind kind, const Place& place, const std::string& what);
  void miss(std::uint64_t from, std::uint64_t to, const Place& before);
  void count_unsigned(const Place& place, const LogLine& line);
  void judge_beginning();
  void note_signatures();

  const VerifyOptions& options_;
  const std::optional<VerifyingKey> key_;
  VerifyReport& report_;
  std::string file_ = "no file";  // the one read last
  std::vector<Tip> tips_;
  bool untold_ = false;
  std::map<std::uint64_t, Place> missing_;  // the line that should not have come next
  bool against_seen_ = false;
  Begin begin_;
  Unsigned unsigned_;
  std::uint64_t retirement_ = 0, retired_ = 0;  // the last `begins` read; the last that counts
};

void Verifier::say(Kind kind, const Place& place, const std::string& what) {
  if (report_.problems.size() >= most_problems) {
    ++report_.further_problems;
    return;
  }
  std::string text = place.file;
  if (place.line != 0) text.append(":").append(std::to_string(place.line));
  if (place.sequence != 0) text.append(" (sequence ").append(std::to_string(place.sequence)).append(")");
  text.append(": ").append(word_of(kind)).append(": ").append(what);
  report_.problems.push_back({kind, place.file, place.line, place.sequence, std::move(text)});
}

void Verifier::read(const std::string& file) {
  file_ = file;
  LineReader reader(file);
  while (reader.next()) take({file, reader.number(), 0}, reader.line());
  if (reader.failed()) say(Kind::unreadable, {file, 0, 0}, "it can't be read");
  if (!reader.finished() && reader.number() != 0) {
    report_.notes.push_back(file + ":" + std::to_string(reader.number()) +
                            " has no newline: still being written, torn, or cut");
  }
}

void Verifier::take(Place place, std::string_view text) {
  ++report_.lines;
  const auto line = parse_log_line(text);
  Tip tip{place, sha256_hex(text), !line};
  if (line) {
    tip.place.sequence = line->sequence;
    tips_.empty() ? first(tip.place, *line) : follow(tip.place, *line);
    check(tip.place, *line);
  } else {
    // No record: a torn line has the next number, and the record after it must tell of it.
    ++report_.torn;
    if (untold_)
      say(Kind::changed, tips_.back().place, "no record of this log, and no record tells of a torn line here");
    untold_ = true;
    tip.place.sequence = tips_.empty() ? 1 : tips_.back().place.sequence + 1;
    if (tips_.empty()) report_.first_sequence = 1;
  }
  if (options_.against && tip.place.sequence == options_.against->sequence) {
    against_seen_ = against_seen_ || tip.sha256 == options_.against->sha256;
  }
  const bool same = !tips_.empty() && tips_.back().place.sequence == tip.place.sequence;
  const bool late = !tips_.empty() && tip.place.sequence < tips_.back().place.sequence;
  if (late) return;
  if (!same) tips_.clear();
  if (tips_.size() < 8) tips_.push_back(std::move(tip));
}

void Verifier::first(const Place& place, const LogLine& line) {
  report_.first_sequence = line.sequence;
  if (line.sequence == 1 && line.prev != no_previous) say(Kind::changed, place, "the first line names a previous one");
  if (line.sequence != 1) begin_ = {place, line.prev};
}

// Whether it may begin where it does is known at the end: the record that accounts for it comes later.
void Verifier::judge_beginning() {
  const Place& place = begin_.place;
  if (place.sequence == 0) return;
  const std::string begins = "it begins at sequence " + std::to_string(place.sequence);
  if (options_.from && place.sequence == options_.from->sequence) {
    if (!options_.from->prev.empty() && options_.from->prev != begin_.prev) {
      say(Kind::changed, place, "it does not follow the line that --from names");
    }
    return;
  }
  if (place.sequence <= retired_) {
    report_.notes.push_back(begins + ": what was before was retired, as a record says");
    return;
  }
  say(Kind::missing, {place.file, place.line, std::max<std::uint64_t>(retired_, 1)},
      begins + ": what was before is not here, and no " + (key_ ? "signed " : "") +
          "record says that it was retired; give the older files too, or --from " + std::to_string(place.sequence) +
          " for a part of a log");
}

void Verifier::follow(const Place& place, const LogLine& line) {
  const std::uint64_t last = tips_.back().place.sequence;
  if (line.sequence < last) return out_of_turn(place);
  if (line.sequence == last) return;  // settled by the line after it
  const bool gap = line.sequence > last + 1;
  // Where a record has the same number, link() says which of the two was added.
  if (untold_ && !line.tells_of_torn && tips_.size() == 1) {
    say(Kind::changed, tips_.back().place, "no record of this log, and the next one tells of no torn line");
  }
  untold_ = false;
  link(place, line, gap);
  if (gap) miss(last + 1, line.sequence - 1, place);
}

// A number that should have come before: moved here if it was missed, else too many.
void Verifier::out_of_turn(const Place& place) {
  const bool moved = missing_.erase(place.sequence) != 0;
  say(moved ? Kind::reordered : Kind::added, place,
      moved ? "it stands after lines that were written later" : "a line with this sequence stands before");
}

// Which of the tips does this line name? After a gap none can, and that is said once, as missing.
void Verifier::link(const Place& place, const LogLine& line, bool gap) {
  const auto named = std::find_if(tips_.begin(), tips_.end(), [&](const Tip& tip) { return tip.sha256 == line.prev; });
  if (named == tips_.end()) {
    if (gap) return;
    say(Kind::changed, tips_.front().place,
        "its hash is not the one that the next line, " + place.file + ":" + std::to_string(place.line) + ", names");
    return;
  }
  if (gap) say(Kind::changed, place, "its sequence does not follow the line that it names as previous");
  for (const Tip& tip : tips_) {
    if (&tip != &*named) say(Kind::added, tip.place, "another line has this sequence, and the chain goes on from that");
  }
}

void Verifier::miss(std::uint64_t from, std::uint64_t to, const Place& before) {
  for (std::uint64_t sequence = from; sequence <= to && missing_.size() < most_missing; ++sequence) {
    missing_.emplace(sequence, before);
  }
  if (to - from < most_missing) return;
  say(Kind::missing, {before.file, before.line, from},
      "everything up to sequence " + std::to_string(to) + " before here");
}

void Verifier::check(const Place& place, const LogLine& line) {
  retirement_ = std::max(retirement_, line.begins);
  if (!key_) retired_ = retirement_;
  if (key_) count_unsigned(place, line);
  if (!line.checkpoint) return;
  ++report_.checkpoints;
  const Head& head = line.checkpoint->head;
  if (head.sequence + 1 != line.sequence || head.sha256 != line.prev) {
    say(Kind::signature, place, "the checkpoint speaks of another line than the one before it");
    return;
  }
  if (!key_) return;
  if (key_->verifies(*line.checkpoint)) {
    report_.signed_up_to = std::max(report_.signed_up_to, head.sequence);
    retired_ = retirement_;
    unsigned_ = {};
    return;
  }
  say(Kind::signature, place,
      line.checkpoint->key == key_->id() ? "the signature is wrong" : "signed by another key, " + line.checkpoint->key);
}

void Verifier::count_unsigned(const Place& place, const LogLine& line) {
  constexpr std::chrono::milliseconds pause = std::chrono::minutes(1);
  if (line.starts || unsigned_.from.sequence == 0) unsigned_ = {place, line.time, {}, false};
  const auto passed = std::clamp(line.time - unsigned_.last, std::chrono::milliseconds(0), pause);
  unsigned_.activity += passed;
  unsigned_.last = std::max(unsigned_.last, line.time);
  if (unsigned_.said || unsigned_.activity <= longest_unsigned) return;
  unsigned_.said = true;
  say(Kind::signature, unsigned_.from,
      "no checkpoint signs it, nor what follows up to sequence " + std::to_string(place.sequence) +
          ", though one is due every minute of activity");
}

void Verifier::note_signatures() {
  if (!key_) {
    if (options_.key_path.empty()) report_.notes.push_back("signatures were not checked: give --key data/audit.pub");
    return;
  }
  if (report_.lines == 0 || report_.checkpoints == 0) {
    report_.notes.push_back(
        "not yet signed: the first checkpoint comes within a minute of activity; until then only a "
        "head seen before (--against) shows that it was not made anew");
  } else if (report_.head.sequence > report_.signed_up_to + 1) {
    report_.notes.push_back("signed up to sequence " + std::to_string(report_.signed_up_to) +
                            "; what follows is not signed yet");
  }
}

void Verifier::finish() {
  for (auto at = missing_.begin(); at != missing_.end();) {
    const Place before = at->second;
    const std::uint64_t from = at->first;
    std::uint64_t to = from;
    for (++at; at != missing_.end() && at->first == to + 1; ++at) ++to;
    std::string what = "up to sequence ";
    what += std::to_string(to);
    what += " not here; the next one stands in this place";
    say(Kind::missing, {before.file, before.line, from}, what);
  }
  if (tips_.size() > 1) say(Kind::added, tips_.back().place, "another line has this sequence");
  if (!tips_.empty()) report_.head = {tips_.back().place.sequence, tips_.back().sha256};
  if (untold_) report_.notes.push_back("the last line is no whole record: a crash tore it, or it was cut");
  if (report_.holds_no_record() && report_.problems.empty()) {
    say(Kind::cut, {file_, 0, 0}, "it holds no record, so there is nothing to verify");
  }
  judge_beginning();
  note_signatures();
}

void check_against(const Head& against, bool seen, VerifyReport& report, const std::string& file) {
  const auto problem = [&](Kind kind, std::uint64_t sequence, const std::string& what) {
    report.problems.push_back({kind, file, 0, sequence, file + ": " + word_of(kind) + ": " + what});
  };
  if (seen) return;
  if (against.sequence > report.head.sequence) {
    problem(Kind::cut, report.head.sequence + 1,
            "it ends at sequence " + std::to_string(report.head.sequence) + ", but " +
                std::to_string(against.sequence) + " was there");
  } else if (against.sequence < report.first_sequence) {
    report.notes.push_back("the head to compare with, sequence " + std::to_string(against.sequence) +
                           ", is not in these files");
  } else {
    problem(Kind::changed, against.sequence,
            "sequence " + std::to_string(against.sequence) + " is not the line that was there");
  }
}

}  // namespace

const char* word_of(VerifyProblem::Kind kind) {
  switch (kind) {
    case Kind::changed:
      return "changed";
    case Kind::missing:
      return "missing";
    case Kind::added:
      return "added";
    case Kind::reordered:
      return "reordered";
    case Kind::cut:
      return "cut";
    case Kind::signature:
      return "signature";
    case Kind::unreadable:
      return "unreadable";
  }
  return "unknown";
}

std::optional<Beginning> Beginning::parse(std::string_view text) {
  if (const auto head = Head::parse(text)) return Beginning{head->sequence + 1, head->sha256};
  Beginning beginning;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), beginning.sequence);
  if (error != std::errc() || end != text.data() + text.size() || beginning.sequence == 0) return std::nullopt;
  return beginning;
}

VerifyReport verify(const std::vector<std::string>& files, const VerifyOptions& options) {
  VerifyReport report;
  std::optional<VerifyingKey> key;
  if (!options.key_path.empty()) {
    auto read = VerifyingKey::read(options.key_path);
    if (!read) {
      report.problems.push_back({Kind::unreadable, options.key_path, 0, 0, read.error().text});
      return report;
    }
    key = std::move(*read);
  }
  const std::vector<std::string> ordered = in_order(files);
  Verifier verifier(options, std::move(key), report);
  for (const std::string& file : ordered) verifier.read(file);
  verifier.finish();
  const std::string last = ordered.empty() ? std::string("no file") : ordered.back();
  if (options.against) check_against(*options.against, verifier.saw_against(), report, last);
  return report;
}

Outcome<std::string> head_of(const std::string& file) {
  const auto tail = read_tail({file});
  if (!tail) return tail.error();
  if (tail->head.sequence == 0) return Complaint{file + " holds no record"};
  return tail->head.text();
}

Outcome<Head> head_from(const std::string& argument) {
  if (const auto head = Head::parse(argument)) return *head;
  LineReader reader(argument);
  if (reader.next()) {
    if (const auto head = Head::parse(reader.line())) return *head;
  }
  if (reader.failed()) return Complaint{argument + " is neither SEQUENCE:SHA256 nor a file that can be read"};
  const auto head = head_of(argument);
  if (!head) return head.error();
  return Head::parse(*head).value_or(Head{});
}

}  // namespace sallyport
