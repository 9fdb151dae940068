// What it costs to look through an answer's head for a secret.
#include "proxy/inject/reflection.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace sallyport;

const Reflection& reflection() {
  static const Reflection one({{"s", *SecretValue::parse("ghp_16C7e42F292c6912E7710c838347Ae178B4a")}});
  return one;
}

void mask(benchmark::State& state, const wire::Fields& head) {
  for (auto _ : state) {
    wire::Fields fields = head;
    reflection().mask(fields);
    benchmark::DoNotOptimize(fields);
  }
}

void mask_a_usual_head(benchmark::State& state) {
  mask(state, {{"Date", "Sat, 21 Nov 2026 22:49:18 GMT"},
               {"Content-Type", "application/json; charset=utf-8"},
               {"Cache-Control", "public, max-age=31536000, immutable"},
               {"Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload"},
               {"Content-Security-Policy", "default-src 'none'; script-src 'self' https://www.example.com"},
               {"Access-Control-Expose-Headers", "ETag, Link, Location, Retry-After, X-GitHub-OTP"},
               {"ETag", "W/\"0815cafe4711deadbeef0123456789ab\""},
               {"Set-Cookie", "session_id=Fe26.2**0cdd607945dd1dffb7da0b0bf5f1a7daa6218cbae14cac51dcbd; path=/"},
               {"Location", "/?a=%20b%2Fc&x=1"}});
}
BENCHMARK(mask_a_usual_head);

// The most that a head may hold, made to take long.
void mask_escapes_inside_escapes(benchmark::State& state) {
  std::string text;
  while (text.size() < 64 * 1024) text += "%2525252525252525252541";
  mask(state, {{"X", text}});
}
BENCHMARK(mask_escapes_inside_escapes);

}  // namespace
