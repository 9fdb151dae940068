#include "proxy/secrets.hpp"

#include "certs/guarded_file.hpp"
#include "net/file_watch.hpp"
#include "proxy/inject/placeholder.hpp"
#include "proxy/secret_command.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <mutex>
#include <thread>

namespace sallyport {
namespace {

using Kind = SecretSource::Kind;
using Read = Outcome<std::shared_ptr<const SecretValue>>;

constexpr std::chrono::seconds try_again{60};

Read from_environment(const SecretSource& source) {
  const char* value = std::getenv(source.place.c_str());
  if (value == nullptr) return Complaint{"the environment variable ", source.place, " is not set"};
  auto made = SecretValue::parse(value);
  if (!made) return Complaint{"the environment variable ", source.place, " ", made.error().text};
  return made;
}

Read from_file(const SecretSource& source) {
  auto text = read_guarded(source.place, {0, Links::followed});
  if (!text) return text.error();
  auto made = SecretValue::parse(std::move(*text));
  if (!made) return Complaint{"the file ", source.place, " ", made.error().text};
  return made;
}

Read from_command(const SecretSource& source, std::chrono::milliseconds limit) {
  auto text = run_secret_command(source.command, limit);
  if (!text) return text.error();
  auto made = SecretValue::parse(std::move(*text));
  if (!made) return Complaint{"what its command prints ", made.error().text};
  return made;
}

}  // namespace

struct Secrets::Impl {
  struct Entry {
    SecretSource source;
    std::shared_ptr<const SecretValue> value;
    std::string fault;
    Clock::time_point due = Clock::time_point::max();  // of a command
  };

  explicit Impl(SecretsOptions given)
      : options(std::move(given)), watch(context, {}), timer(context), work(asio::make_work_guard(context)) {
    asio::co_spawn(context, mind_files(), asio::detached);
    asio::co_spawn(context, mind_commands(), asio::detached);
    thread = std::thread([this] { context.run(); });
  }

  ~Impl() {
    context.stop();
    thread.join();
  }

  void load(std::vector<SecretSource> sources);
  void watch_files();
  void read_files();
  void run_due();
  Task<> mind_files();
  Task<> mind_commands();
  Clock::time_point next_due() const;
  void put(const SecretSource& source, const Read& read);

  const SecretsOptions options;
  mutable std::mutex mutex;
  std::vector<Entry> entries;                                                     // by `mutex`
  std::shared_ptr<const SecretValues> values = std::make_shared<SecretValues>();  // by `mutex`
  asio::io_context context{1};
  FileWatch watch;
  Timer timer;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::thread thread;
};

// What was read, unless another policy has been loaded meanwhile.
void Secrets::Impl::put(const SecretSource& source, const Read& read) {
  std::string said;
  {
    const std::lock_guard lock(mutex);
    const auto entry =
        std::find_if(entries.begin(), entries.end(), [&](const Entry& one) { return one.source == source; });
    if (entry == entries.end()) return;
    const std::string fault = read ? std::string() : read.error().text;
    const std::string name = "the secret \"" + source.name + "\" (" + source.where + ") ";
    if (fault != entry->fault) {
      said = name + (read ? "has a value again" : "has no value, and requests that need it are refused: " + fault);
    }
    entry->fault = fault;
    // The same value, read again, has been guessed at as often as before.
    const bool same = read && entry->value && (*read)->text() == entry->value->text();
    if (!same) entry->value = read ? *read : nullptr;
    if (source.kind == Kind::command) {
      entry->due = !read          ? Clock::now() + try_again
                   : source.every ? Clock::now() + *source.every
                                  : Clock::time_point::max();
    }
    SecretValues::Map map;
    for (const Entry& one : entries) {
      if (one.value) map.emplace(one.source.name, one.value);
    }
    values = std::make_shared<const SecretValues>(std::move(map));
  }
  if (!said.empty() && options.tell) options.tell(said);
}

void Secrets::Impl::load(std::vector<SecretSource> sources) {
  std::vector<SecretSource> fresh;
  {
    const std::lock_guard lock(mutex);
    std::vector<Entry> next;
    for (SecretSource& source : sources) {
      Entry entry{std::move(source), nullptr, {}, Clock::time_point::max()};
      const auto known =
          std::find_if(entries.begin(), entries.end(), [&](const Entry& one) { return one.source == entry.source; });
      if (known != entries.end()) {
        entry.value = known->value;
        entry.fault = known->fault;
      }
      const bool is_run_behind = entry.source.kind == Kind::command && entry.value != nullptr;
      if (is_run_behind) {
        entry.due = Clock::now();
      } else {
        fresh.push_back(entry.source);
      }
      next.push_back(std::move(entry));
    }
    entries = std::move(next);
    SecretValues::Map map;
    for (const Entry& one : entries) {
      if (one.value) map.emplace(one.source.name, one.value);
    }
    values = std::make_shared<const SecretValues>(std::move(map));
  }
  std::vector<std::pair<SecretSource, std::future<Read>>> commands;
  for (const SecretSource& source : fresh) {
    if (source.kind == Kind::environment) put(source, from_environment(source));
    if (source.kind == Kind::file) put(source, from_file(source));
    if (source.kind != Kind::command) continue;
    commands.emplace_back(source, std::async(std::launch::async, from_command, source, options.command_limit));
  }
  for (auto& [source, read] : commands) put(source, read.get());
  // Read once more when they are watched, so that no change in between is missed. Not waited for: the thread may be
  // running a command.
  asio::post(context, [this] {
    watch_files();
    read_files();
    timer.cancel();
  });
}

void Secrets::Impl::watch_files() {
  std::vector<std::filesystem::path> files;
  const std::lock_guard lock(mutex);
  for (const Entry& entry : entries) {
    if (entry.source.kind == Kind::file) files.emplace_back(entry.source.place);
  }
  watch.watch(std::move(files));
}

void Secrets::Impl::read_files() {
  std::vector<SecretSource> files;
  {
    const std::lock_guard lock(mutex);
    for (const Entry& entry : entries) {
      if (entry.source.kind == Kind::file) files.push_back(entry.source);
    }
  }
  for (const SecretSource& source : files) put(source, from_file(source));
}

Task<> Secrets::Impl::mind_files() {
  for (;;) {
    co_await watch.changed();
    read_files();
  }
}

Clock::time_point Secrets::Impl::next_due() const {
  const std::lock_guard lock(mutex);
  auto next = Clock::time_point::max();
  for (const Entry& entry : entries) next = std::min(next, entry.due);
  return next;
}

// One after the other: nobody waits for them.
void Secrets::Impl::run_due() {
  std::vector<SecretSource> due;
  {
    const std::lock_guard lock(mutex);
    for (const Entry& entry : entries) {
      if (entry.due <= Clock::now()) due.push_back(entry.source);
    }
  }
  for (const SecretSource& source : due) put(source, from_command(source, options.command_limit));
}

Task<> Secrets::Impl::mind_commands() {
  for (;;) {
    timer.expires_at(next_due());
    const auto [error] = co_await timer.async_wait(no_throw);
    static_cast<void>(error);
    run_due();
  }
}

Secrets::Secrets(SecretsOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Secrets::~Secrets() = default;

void Secrets::load(std::vector<SecretSource> sources) {
  impl_->load(std::move(sources));
}

std::shared_ptr<const SecretValues> Secrets::current() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->values;
}

std::vector<std::pair<std::string, std::string>> placeholder_variables(const std::vector<SecretSource>& sources) {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const SecretSource& source : sources) {
    if (source.kind != Kind::environment) continue;
    variables.emplace_back(source.place, std::string(placeholder_prefix) + source.name);
  }
  return variables;
}

}  // namespace sallyport
