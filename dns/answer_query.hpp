// The answer to one query, apart from sockets (DESIGN section 4).
#pragma once
#include "dns/leases.hpp"
#include "dns/query_limits.hpp"
#include "dns/query_record.hpp"
#include "dns/resolver.hpp"
#include "dns/wire/message.hpp"
#include "net/task.hpp"
#include "policy/policy.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::dns {

enum class Mode { synthetic, real };

// What answering needs. References outlive every server that holds them; functions are called on the server's thread
// and must be quick.
struct Services {
  std::function<std::shared_ptr<const Policy>()> policy;  // the one in force; null: everything is refused
  LeaseTable& leases;
  NameBudget& budget;
  GivenAddresses& given;
  Resolver& resolver;                    // of this thread
  std::function<void(DnsEvent)> record;  // may be empty
  // A name that was asked for with a verdict `ask` where no synthetic address can stand in: raise the approval. May be
  // empty. Answers the approval's id, or nothing where there is none.
  std::function<std::string(const QueryRecord& query, const HostName& name, const Verdict& verdict)> on_ask{};
  // Has an `ask` been granted? May be empty. Only asked in place of on_ask, for types that go upstream.
  std::function<bool(const QueryRecord& query, const HostName& name, const Verdict& verdict)> granted{};
  // False where the agent is past its rate: it gets REFUSED and no record. May be empty.
  std::function<bool(const std::string& agent)> admit{};
};

struct AnswerOptions {
  Mode mode = Mode::synthetic;
  std::uint32_t ttl = 60;
  std::uint32_t negative_ttl = 10;                        // of refusals: an approval or a reload should be felt soon
  std::chrono::seconds given_for{std::chrono::hours(1)};  // mode real: how long a given address may be connected to
  std::vector<Cidr> nat64;
};

struct Asked {
  std::string agent;
  QueryMessage query;
};

// Answers without contacting anybody, and fills the record. nullopt: it needs the upstream, and may have it; then
// `answer_upstream` is to be called with the same arguments.
std::optional<Reply> answer_query(const Services& services, const AnswerOptions& options, const Asked& asked,
                                  QueryRecord& record);
// `record` outlives the call.
Task<Reply> answer_upstream(const Services& services, const AnswerOptions& options, Asked asked, QueryRecord& record);

}  // namespace sallyport::dns
