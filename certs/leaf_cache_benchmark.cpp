// What a first and a later connection to a host pay: a minting under 0.5 ms, a hit under 1 µs.
#include "certs/certs_test_support.hpp"
#include "certs/leaf_cache.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace sallyport;

void mint(benchmark::State& state) {
  const test::Folder folder;
  const auto ca = test::authority_in(folder);
  const PrivateKey key = new_private_key();
  const Host host = test::host_of("registry.npmjs.org");
  for (auto _ : state) benchmark::DoNotOptimize(mint_leaf(*ca, key, host, test::some_day()));
}

void make_a_key(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(new_private_key());
}

void hit(benchmark::State& state) {
  static const test::Folder folder;
  static LeafCache cache(test::authority_in(folder));
  const Host host = test::host_of("registry.npmjs.org");
  for (auto _ : state) benchmark::DoNotOptimize(cache.get(host, test::some_day()));
}

BENCHMARK(mint);
BENCHMARK(make_a_key);
BENCHMARK(hit)->Threads(1)->Threads(2);

}  // namespace
