#include "dns/answer_query.hpp"

#include <benchmark/benchmark.h>

using namespace sallyport;
using namespace sallyport::dns;

namespace {

// From a datagram's bytes to the reply's, for a name that is leased already: what most look-ups are.
void synthetic_answer(benchmark::State& state) {
  asio::io_context context;
  LeaseTable leases(LeaseOptions::defaults());
  NameBudget budget;
  GivenAddresses given;
  Resolver resolver(context, {});
  auto policy = Policy::embedded();
  const Services services{[&] { return policy; }, leases, budget, given, resolver, {}};
  const AnswerOptions options;
  const WireName name = *WireName::from_text("registry.npmjs.org");
  const Bytes bytes = build_query({7, true, {name, RecordType::a, RecordClass::internet}, Edns{1232, false}});
  for (auto _ : state) {
    const Asked asked{"agent", *parse_query(bytes)};
    QueryRecord record;
    const auto reply = answer_query(services, options, asked, record);
    benchmark::DoNotOptimize(build_reply(asked.query, *reply, udp_limit(asked.query)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(synthetic_answer);

void new_lease(benchmark::State& state) {
  LeaseOptions options = LeaseOptions::defaults();
  options.names_per_agent = 1U << 20U;
  options.pool4 = Cidr::make(Address::v4({10, 0, 0, 0}), 8).value();
  LeaseTable leases(options);
  unsigned number = 0;
  for (auto _ : state) {
    const auto name = HostName::parse("n" + std::to_string(++number) + ".example").value();
    benchmark::DoNotOptimize(leases.lease("agent", name));
  }
}
BENCHMARK(new_lease)->Iterations(500000);

}  // namespace
