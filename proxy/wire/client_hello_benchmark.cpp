// Optimising the vectors of the sample, GCC 12 sees an insertion into an empty one read from nowhere.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wstringop-overread"
#endif
#include "proxy/wire/client_hello.hpp"
#include "proxy/wire/wire_test_hello.hpp"

#include <benchmark/benchmark.h>

namespace sallyport::wire {
namespace {

void parse_browser_hello(benchmark::State& state) {
  const auto records = static_cast<std::size_t>(state.range(0));
  const auto message = testing::browser_hello().message();
  const auto stream = testing::in_records(message, message.size() / records + 1);
  for (auto _ : state) benchmark::DoNotOptimize(parse_client_hello(stream));
}
BENCHMARK(parse_browser_hello)->Arg(1)->Arg(4);

void wait_for_the_rest(benchmark::State& state) {
  auto stream = testing::browser_hello().stream();
  stream.pop_back();
  for (auto _ : state) benchmark::DoNotOptimize(parse_client_hello(stream));
}
BENCHMARK(wait_for_the_rest);

}  // namespace
}  // namespace sallyport::wire
