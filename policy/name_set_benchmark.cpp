#include "policy/name_set.hpp"

#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

namespace sallyport {
namespace {

constexpr std::size_t million = 1'000'000;

std::string name_at(std::mt19937_64& random) {
  constexpr const char* tops[] = {"com", "net", "co.uk", "example", "io"};
  const std::uint64_t bits = random();
  std::string name = "h";
  name.append(std::to_string(bits % 100'000'000)).append("-x.site").append(std::to_string(bits >> 48));
  return name.append(".").append(tops[bits % 5]);
}

// Three in ten lines are wildcards, as in blocklists.
std::string list_of(std::size_t names) {
  std::mt19937_64 random(1);
  std::string bytes;
  for (std::size_t i = 0; i < names; ++i) bytes.append(i % 10 < 3 ? "*." : "").append(name_at(random)).append("\n");
  return bytes;
}

const NameSet& big_set() {
  static const NameSet set = read_name_list(list_of(million), "list", NameListUse::deny).value();
  return set;
}

void load(benchmark::State& state, NameListUse use) {
  const std::string bytes = list_of(million);
  for (auto _ : state) {
    const NameSet set = read_name_list(bytes, "list", use).value();
    state.counters["MB"] = static_cast<double>(set.memory_bytes()) / 1e6;
  }
}
BENCHMARK_CAPTURE(load, million_to_deny, NameListUse::deny)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(load, million_to_allow, NameListUse::allow)->Unit(benchmark::kMillisecond);

void find(benchmark::State& state, std::uint64_t seed, const char* prefix) {
  const NameSet& set = big_set();
  std::mt19937_64 random(seed);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 100'000; ++i) names.push_back(prefix + name_at(random));
  std::size_t at = 0, hits = 0;
  for (auto _ : state) {
    hits += set.find(names[at]).has_value() ? 1U : 0U;
    at = at + 1 == names.size() ? 0 : at + 1;
  }
  state.counters["hits"] = benchmark::Counter(static_cast<double>(hits), benchmark::Counter::kAvgIterations);
}
BENCHMARK_CAPTURE(find, present, 1, "");
BENCHMARK_CAPTURE(find, below_present, 1, "a.b.");
BENCHMARK_CAPTURE(find, absent, 2, "");

}  // namespace
}  // namespace sallyport
