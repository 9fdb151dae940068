// An allowlist of a million names: load under 2 s, one decision under 1 µs.
#include "policy/policy.hpp"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace {

using namespace sallyport;

class MillionNames {
 public:
  MillionNames() {
    std::string pattern = (std::filesystem::temp_directory_path() / "policy-benchmark-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for the benchmark");
    folder_ = pattern;
    std::ofstream list(folder_ / "names.txt");
    for (int i = 0; i < 1'000'000; ++i) list << "host" << i << ".zone" << i % 977 << ".example.org\n";
    std::ofstream(folder_ / "policy.yaml")
        << "version: 1\ndefault: deny\nrules:\n  - allow: {list: names.txt}\n  - deny: \"**.pastebin.com\"\n";
  }
  ~MillionNames() { std::filesystem::remove_all(folder_); }
  MillionNames(const MillionNames&) = delete;
  MillionNames& operator=(const MillionNames&) = delete;
  std::string policy() const { return (folder_ / "policy.yaml").string(); }

 private:
  std::filesystem::path folder_;
};

void load_a_million_names(benchmark::State& state) {
  const MillionNames names;
  for (auto _ : state) benchmark::DoNotOptimize(Policy::load(names.policy()));
}
BENCHMARK(load_a_million_names)->Unit(benchmark::kMillisecond);

void decide_among_a_million_names(benchmark::State& state) {
  const MillionNames names;
  const auto policy = Policy::load(names.policy());
  const auto to = parse_authority("host123456.zone354.example.org:443", 443);
  const Query query{"default", *to, Spoken::pending, std::nullopt, false, WallClock::time_point{}};
  for (auto _ : state) benchmark::DoNotOptimize((*policy)->decide(query));
}
BENCHMARK(decide_among_a_million_names);

// A rule for each host, as a policy grows that is written by adding what was missing.
void decide_among_rules(benchmark::State& state) {
  const auto count = state.range(0);
  std::string text = "version: 1\ndefault: deny\nrules:\n  - deny: \"**.pastebin.com\"\n";
  for (auto i = 0; i < count; ++i) text += "  - allow: host" + std::to_string(i) + ".example.org\n";
  const auto policy = Policy::parse(text, "policy.yaml", ".");
  const auto to = parse_authority("host" + std::to_string(count / 2) + ".example.org:443", 443);
  const Query query{"default", *to, Spoken::pending, std::nullopt, false, WallClock::time_point{}};
  if ((*policy)->decide(query).action != Action::allow) state.SkipWithError("the rule was not found");
  for (auto _ : state) benchmark::DoNotOptimize((*policy)->decide(query));
}
BENCHMARK(decide_among_rules)->Arg(10)->Arg(100)->Arg(5000);

}  // namespace
