#include "approvals/store.hpp"

#include "approvals/database.hpp"
#include "approvals/storage_json.hpp"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr std::string_view in_memory = ":memory:";
// "SpAp": says whose file it is.
constexpr const char* application = "1399865712";
constexpr const char* version = "1";

constexpr const char* schema = R"(
BEGIN;
CREATE TABLE approvals(id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, state INTEGER NOT NULL, agent TEXT NOT NULL,
  host TEXT NOT NULL, port INTEGER NOT NULL, rule_key TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
  domain TEXT NOT NULL, first TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
  tries INTEGER NOT NULL, decision TEXT, by TEXT, decided INTEGER, grant_id TEXT) STRICT;
CREATE TABLE grants(id TEXT PRIMARY KEY, sequence INTEGER NOT NULL,
  approval TEXT NOT NULL REFERENCES approvals(id) ON DELETE CASCADE, agent TEXT NOT NULL, host TEXT NOT NULL,
  port INTEGER NOT NULL, rule_key TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, decision TEXT NOT NULL,
  by TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL, uses_left INTEGER, upload_left INTEGER,
  used INTEGER NOT NULL, ending INTEGER NOT NULL, ended INTEGER, ended_by TEXT) STRICT;
CREATE INDEX grants_of ON grants(approval);
CREATE TABLE probe(id INTEGER PRIMARY KEY, number INTEGER NOT NULL) STRICT;
INSERT INTO probe VALUES(1, 0);
PRAGMA application_id = 1399865712;
PRAGMA user_version = 1;
COMMIT;
)";

constexpr const char* put_approval = R"(
INSERT INTO approvals VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
ON CONFLICT(id) DO UPDATE SET state=excluded.state, first=excluded.first, last_seen=excluded.last_seen,
  tries=excluded.tries, decision=excluded.decision, by=excluded.by, decided=excluded.decided,
  grant_id=excluded.grant_id)";

constexpr const char* put_grant = R"(
INSERT INTO grants VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
ON CONFLICT(id) DO UPDATE SET uses_left=excluded.uses_left, upload_left=excluded.upload_left, used=excluded.used,
  ending=excluded.ending, ended=excluded.ended, ended_by=excluded.ended_by)";

Database open(const std::string& path) {
  sqlite3* raw = nullptr;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  if (path == in_memory) flags |= SQLITE_OPEN_CREATE;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database database(raw);
  if (result != SQLITE_OK) throw std::runtime_error(raw != nullptr ? sqlite3_errmsg(raw) : "no memory");
  sqlite3_busy_timeout(raw, 2000);
  return database;
}

void sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

// Made under another name and then renamed: a file of that name is whole, and an empty one is damage.
void create(const std::string& path) {
  const std::string unfinished = path + ".new";
  ::unlink(unfinished.c_str());
  const int descriptor = ::open(unfinished.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0) throw std::runtime_error("it cannot be created: make its folder, writable for this user");
  ::close(descriptor);
  {
    const Database database = open(unfinished);
    execute(database.get(), "PRAGMA synchronous=FULL");
    execute(database.get(), schema);
  }
  if (::rename(unfinished.c_str(), path.c_str()) != 0) throw std::runtime_error("it cannot be created");
  sync_folder_of(path);
}

void prepare_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) throw std::runtime_error("it cannot be read: check who may use its folder");
    create(path);
    if (::stat(path.c_str(), &status) != 0) throw std::runtime_error("it was removed at once");
  }
  if (!S_ISREG(status.st_mode)) throw std::runtime_error("it is no file");
  if (status.st_size == 0) throw std::runtime_error("it is empty");
  if ((status.st_mode & 0077U) != 0 && ::chmod(path.c_str(), 0600) != 0) {
    throw std::runtime_error("others may read it, and that cannot be changed: give it to this user, mode 0600");
  }
}

// Whose file it is comes before anything is written to it.
void check(sqlite3* database) {
  execute(database, "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA locking_mode=EXCLUSIVE");
  if (answer_of(database, "PRAGMA application_id") != application) {
    throw std::runtime_error("it is not a store of approvals");
  }
  if (answer_of(database, "PRAGMA user_version") != version) {
    throw std::runtime_error("another version of Sallyport wrote it: use that version");
  }
  const std::string health = answer_of(database, "PRAGMA quick_check(1)");
  if (health != "ok") throw std::runtime_error("it is damaged (" + health + ")");
}

void configure(sqlite3* database, bool file) {
  const std::string journal = answer_of(database, "PRAGMA journal_mode=WAL");
  if (file && journal != "wal") throw std::runtime_error("its folder does not take a write-ahead log");
  execute(database, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
  // Takes the lock for good: two daemons over one store would forget each other's answers.
  execute(database, "BEGIN IMMEDIATE; UPDATE probe SET number=number+1; COMMIT");
}

Question read_question(Statement& row) {
  std::string agent = row.text();
  const std::string host = row.text();
  const std::int64_t port = row.number();
  if (port < 1 || port > 65535) throw std::runtime_error("it holds a port that is none");
  const auto address = Address::parse(host);
  const Host to = address ? Host(*address) : Host(HostName::parse(host).value());
  Question question{std::move(agent), {to, static_cast<std::uint16_t>(port)}, {}, {}, {}};
  question.rule_key = row.text();
  question.method = row.text();
  question.path = row.text();
  return question;
}

template <class Enum>
Enum read_enum(Statement& row, Enum last) {
  const std::int64_t number = row.number();
  if (number < 0 || number > static_cast<std::int64_t>(last)) throw std::runtime_error("it holds an unknown state");
  return static_cast<Enum>(number);
}

ApprovalRow read_approval(Statement& row) {
  std::string id = row.text();
  const auto sequence = static_cast<std::uint64_t>(row.number());
  const auto state = read_enum(row, Approval::State::expired);
  Approval approval{.id = std::move(id),
                    .question = read_question(row),
                    .first = {},
                    .domain = {},
                    .state = state,
                    .first_seen = {},
                    .last_seen = {},
                    .tries = 0,
                    .waiting = 0,
                    .decision = {},
                    .by = {},
                    .decided = {},
                    .grant = {}};
  approval.domain = row.text();
  approval.first = circumstances_from(row.text());
  approval.first_seen = row.time();
  approval.last_seen = row.time();
  approval.tries = static_cast<std::uint64_t>(row.number());
  if (const std::string decision = row.text(); !decision.empty()) approval.decision = decision_from(decision);
  if (const std::string by = row.text(); !by.empty()) approval.by = actor_from(by);
  approval.decided = row.time();
  approval.grant = row.text();
  return {std::move(approval), sequence};
}

GrantRow read_grant(Statement& row) {
  std::string id = row.text();
  const auto sequence = static_cast<std::uint64_t>(row.number());
  std::string approval = row.text();
  Grant grant{.id = std::move(id),
              .approval = std::move(approval),
              .question = read_question(row),
              .decision = {},
              .by = {},
              .created = {},
              .expires = {},
              .uses_left = {},
              .upload_left = {},
              .used = 0,
              .end = Grant::End::none,
              .ended = {},
              .ended_by = {}};
  grant.decision = decision_from(row.text());
  grant.by = actor_from(row.text());
  grant.created = row.time();
  grant.expires = row.time();
  grant.uses_left = row.optional_number();
  grant.upload_left = row.optional_number();
  grant.used = static_cast<std::uint64_t>(row.number());
  grant.end = read_enum(row, Grant::End::used_up);
  grant.ended = row.time();
  if (const std::string by = row.text(); !by.empty()) grant.ended_by = actor_from(by);
  return {std::move(grant), sequence};
}

void bind(Statement& to, const Question& question) {
  to.bind(question.agent).bind(question.to.host.text()).bind(std::int64_t(question.to.port));
  to.bind(question.rule_key).bind(question.method).bind(question.path);
}

[[noreturn]] void give_up(const std::string& path, const std::exception& why) {
  throw std::runtime_error("the store of approvals " + path + " cannot be used: " + why.what() +
                           ". Restore it from a backup; or move it away with its -wal file, and Sallyport begins "
                           "without grants and open questions");
}

}  // namespace

struct Store::Impl {
  explicit Impl(const std::string& file)
      : path(file), database((file == in_memory ? void() : prepare_file(file), open(file))) {
    if (file == in_memory) execute(database.get(), schema);
    check(database.get());
    configure(database.get(), file != in_memory);
    begin.emplace(database.get(), "BEGIN IMMEDIATE");
    commit.emplace(database.get(), "COMMIT");
    approval.emplace(database.get(), put_approval);
    grant.emplace(database.get(), put_grant);
    end.emplace(database.get(), "UPDATE grants SET ending=?, ended=?, ended_by=? WHERE id=?");
    erase.emplace(database.get(), "DELETE FROM approvals WHERE id=?");
    touch.emplace(database.get(), "UPDATE probe SET number=number+1");
  }

  bool put(const ApprovalRow& row) {
    const Approval& one = row.approval;
    approval->bind(one.id).bind(std::int64_t(row.sequence)).bind(std::int64_t(one.state));
    bind(*approval, one.question);
    approval->bind(one.domain).bind(stored(one.first)).bind(one.first_seen).bind(one.last_seen);
    approval->bind(std::int64_t(one.tries));
    if (one.decision) {
      approval->bind(stored(*one.decision)).bind(stored(one.by));
    } else {
      approval->bind_nothing().bind_nothing();
    }
    return approval->bind(one.decided).bind(one.grant).run();
  }

  bool put(const GrantRow& row) {
    const Grant& one = row.grant;
    grant->bind(one.id).bind(std::int64_t(row.sequence)).bind(one.approval);
    bind(*grant, one.question);
    grant->bind(stored(one.decision)).bind(stored(one.by)).bind(one.created).bind(one.expires);
    grant->bind(one.uses_left).bind(one.upload_left).bind(std::int64_t(one.used)).bind(std::int64_t(one.end));
    return grant->bind(one.ended).bind(stored(one.ended_by)).run();
  }

  bool put_end(const Grant& one) {
    return end->bind(std::int64_t(one.end)).bind(one.ended).bind(stored(one.ended_by)).bind(one.id).run();
  }

  // Approvals before the grants that refer to them.
  bool put_all(const Changes& changes) {
    for (const ApprovalRow& row : changes.approvals) {
      if (!put(row)) return false;
    }
    for (const GrantRow& row : changes.grants) {
      if (!put(row)) return false;
    }
    for (const Grant& one : changes.ends) {
      if (!put_end(one)) return false;
    }
    for (const std::string& id : changes.erased) {
      if (!erase->bind(id).run()) return false;
    }
    return true;
  }

  // Some errors end the transaction by themselves.
  void roll_back() {
    if (sqlite3_get_autocommit(database.get()) == 0) {
      sqlite3_exec(database.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
  }

  std::string path;
  Database database;
  std::optional<Statement> begin, commit, approval, grant, end, erase, touch;
};

Store::Store(const std::string& path) {
  try {
    impl_ = std::make_unique<Impl>(path);
  } catch (const std::exception& why) {  // SQLite's sentences name no file
    give_up(path, why);
  }
}

Store::~Store() = default;

Store::Contents Store::load() {
  try {
    Contents contents;
    Statement approvals(impl_->database.get(), "SELECT * FROM approvals ORDER BY sequence");
    while (approvals.next()) contents.approvals.push_back(read_approval(approvals));
    Statement grants(impl_->database.get(), "SELECT * FROM grants ORDER BY sequence");
    while (grants.next()) contents.grants.push_back(read_grant(grants));
    return contents;
  } catch (const std::exception& why) {  // as above
    give_up(impl_->path, why);
  }
}

bool Store::write(const std::vector<const Changes*>& changes) {
  bool good = impl_->begin->run();
  for (const Changes* one : changes) good = good && impl_->put_all(*one);
  good = good && impl_->commit->run();
  if (!good) impl_->roll_back();
  return good;
}

bool Store::probe() {
  const bool good = impl_->begin->run() && impl_->touch->run() && impl_->commit->run();
  if (!good) impl_->roll_back();
  return good;
}

}  // namespace sallyport
