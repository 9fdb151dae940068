#include "dns/resolver.hpp"

#include "dns/cares_channel.hpp"
#include "dns/read_answer.hpp"
#include "dns/record_cache.hpp"

#include <algorithm>
#include <optional>

namespace sallyport::dns {
namespace {

// One question on its way. Shared by c-ares' callback and everybody who waits; each brings a timer of its own, so
// that each has its own limit and cancellation.
struct Lookup {
  std::optional<Result<RecordAnswer>> answer;
  std::vector<Timer*> waiting;

  void finish(Result<RecordAnswer> found) {
    answer = std::move(found);
    for (Timer* timer : waiting) timer->cancel();
  }
};
using SharedLookup = std::shared_ptr<Lookup>;

// Registers a timer with look-ups for as long as it lives.
class Waiting {
 public:
  Waiting(std::vector<SharedLookup> lookups, Timer& timer) : lookups_(std::move(lookups)), timer_(&timer) {
    for (const auto& lookup : lookups_) lookup->waiting.push_back(timer_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    for (const auto& lookup : lookups_) std::erase(lookup->waiting, timer_);
  }

 private:
  std::vector<SharedLookup> lookups_;
  Timer* timer_;
};

bool has_value(const Lookup& lookup) {
  return lookup.answer && lookup.answer->has_value();
}

Result<RecordAnswer> answer_or_timeout(const Lookup& lookup) {
  if (lookup.answer) return *lookup.answer;
  return make_error_code(ResolveFault::timeout);
}

void add_addresses(Answer& answer, const RecordAnswer& records) {
  for (const Record& record : records.records) {
    if (record.type == RecordType::a) {
      answer.addresses.push_back(Address::v4({record.data[0], record.data[1], record.data[2], record.data[3]}));
    } else if (record.type == RecordType::aaaa) {
      std::array<std::uint8_t, 16> bytes{};
      std::copy_n(record.data.begin(), bytes.size(), bytes.begin());
      answer.addresses.push_back(Address::v6(bytes));
    }
  }
  for (const HostName& alias : records.aliases) {
    if (std::find(answer.aliases.begin(), answer.aliases.end(), alias) == answer.aliases.end()) {
      answer.aliases.push_back(alias);
    }
  }
}

// One family is enough. Without any, the plainest reason: no name, else no address, else what went wrong.
Result<Answer> join(const Result<RecordAnswer>& four, const Result<RecordAnswer>& six) {
  if (four || six) {
    Answer answer;
    answer.ttl = std::min(four ? four->ttl : six->ttl, six ? six->ttl : four->ttl);
    if (four) add_addresses(answer, *four);
    if (six) add_addresses(answer, *six);
    return answer;
  }
  const auto no_data = make_error_code(ResolveFault::no_data);
  const auto not_found = make_error_code(ResolveFault::not_found);
  if (four.error() == not_found || six.error() == not_found) return not_found;
  return four.error() == no_data ? six.error() : four.error();
}

}  // namespace

class Resolver::Impl {
 public:
  Impl(asio::io_context& context, ResolverOptions options)
      : context_(context),
        options_(std::move(options)),
        state_(std::make_shared<State>(State{RecordCache(options_.cache_entries), {}, options_})),
        channel_(context, options_) {}

  SharedLookup look_up(const HostName& name, RecordType type) {
    const LookupKey key(name.text(), type);
    auto lookup = std::make_shared<Lookup>();
    if (auto known = state_->cache.find(key, Clock::now())) {
      lookup->answer = std::move(known);
      return lookup;
    }
    if (const auto same = state_->in_flight.find(key); same != state_->in_flight.end()) return same->second;
    if (state_->in_flight.size() >= options_.in_flight) {
      lookup->answer = make_error_code(ResolveFault::overloaded);
      return lookup;
    }
    state_->in_flight[key] = lookup;
    channel_.query(name, type,
                   [state = state_, lookup, name, type](std::span<const std::uint8_t> bytes, ResolveFault fault) {
                     state->finish(*lookup, name, type, bytes, fault);
                   });
    return lookup;
  }

  asio::io_context& context() { return context_; }
  const ResolverOptions& options() const { return options_; }

 private:
  // What c-ares' callbacks need; they also come while the channel is being destroyed.
  struct State {
    RecordCache cache;
    std::map<LookupKey, SharedLookup> in_flight;
    ResolverOptions options;

    void finish(Lookup& lookup, const HostName& name, RecordType type, std::span<const std::uint8_t> bytes,
                ResolveFault fault) {
      const LookupKey key(name.text(), type);
      in_flight.erase(key);
      if (bytes.empty()) {
        lookup.finish(make_error_code(fault));
        return;
      }
      const auto message = parse_message(bytes);
      if (!message) {
        lookup.finish(make_error_code(ResolveFault::garbage));
        return;
      }
      ReadAnswer read = read_answer(*message, name, type, options);
      cache.keep(key, read.answer, read.keep_for, Clock::now());
      lookup.finish(std::move(read.answer));
    }
  };

  asio::io_context& context_;
  ResolverOptions options_;
  std::shared_ptr<State> state_;
  CaresChannel channel_;
};

Resolver::Resolver(asio::io_context& context, ResolverOptions options)
    : impl_(std::make_unique<Impl>(context, std::move(options))) {}
Resolver::~Resolver() = default;

// After the first suspension the resolver may be gone: only locals are used.
Task<Result<RecordAnswer>> Resolver::query(HostName name, RecordType type) {
  const SharedLookup lookup = impl_->look_up(name, type);
  if (lookup->answer) co_return *lookup->answer;
  Timer timer(impl_->context(), impl_->options().limit);
  const auto deadline = timer.expiry();
  const std::vector<SharedLookup> lookups(1, lookup);
  const Waiting waiting(lookups, timer);
  while (!lookup->answer && Clock::now() < deadline) {
    co_await timer.async_wait(no_throw);
  }
  co_return answer_or_timeout(*lookup);
}

Task<Result<Answer>> Resolver::resolve(HostName name) {
  const SharedLookup six = impl_->look_up(name, RecordType::aaaa);
  const SharedLookup four = impl_->look_up(name, RecordType::a);
  Timer timer(impl_->context(), impl_->options().limit);
  const auto second_family = impl_->options().second_family;
  auto deadline = timer.expiry();
  const std::vector<SharedLookup> lookups{four, six};
  const Waiting waiting(lookups, timer);
  bool hurried = false;
  while ((!four->answer || !six->answer) && Clock::now() < deadline) {
    if (!hurried && (has_value(*four) || has_value(*six))) {
      hurried = true;
      deadline = std::min(deadline, Clock::now() + second_family);
      timer.expires_at(deadline);
      continue;
    }
    co_await timer.async_wait(no_throw);
  }
  const Result<RecordAnswer> found4 = answer_or_timeout(*four);
  const Result<RecordAnswer> found6 = answer_or_timeout(*six);
  co_return join(found4, found6);
}

}  // namespace sallyport::dns
