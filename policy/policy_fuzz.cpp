// Any text either loads or is refused with complaints that have a place; what loads can decide.
#include "policy/policy.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = Policy::parse(text, "policy.yaml", "/nonexistent");
  if (!policy) {
    if (policy.error().empty()) std::abort();
    return 0;
  }
  const auto to = parse_authority("www.example.org:443", 443);
  const Query query{"default", *to, Spoken::tls, SeenRequest{"GET", "/a;b/../c"}, true, WallClock::time_point{}};
  const Verdict verdict = (*policy)->decide(query);
  if (verdict.reason.empty()) std::abort();
  (*policy)->guard(query, verdict, Address::v4({10, 0, 0, 1}), {});
  (*policy)->reachable("default", *to->host.name(), query.now);
  (*policy)->explain(query);
  (*policy)->describe("default");
  (*policy)->run_tests(query.now);
  return 0;
}
