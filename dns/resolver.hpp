// Names to addresses through c-ares: for dialling and for what DNS passes on. The one file that knows c-ares.
#pragma once
#include "dns/wire/message.hpp"
#include "net/task.hpp"
#include "policy/address.hpp"
#include "policy/host_name.hpp"

#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::dns {

enum class ResolveFault {
  not_found = 1,   // NXDOMAIN
  no_data,         // the name exists, without such a record
  timeout,         // nobody answered in time
  refused,         // the upstream refused to answer
  server_failure,  // SERVFAIL
  garbage,         // the answer can't be read, or its CNAMEs don't lead anywhere
  unreachable,     // every upstream refused, failed, or could not be spoken to
  overloaded,      // too many look-ups under way
  stopped,         // the resolver has gone
};
// Its messages are plain sentences.
const boost::system::error_category& resolve_category();
boost::system::error_code make_error_code(ResolveFault fault);

struct Answer {
  std::vector<Address> addresses;  // the IPv4 ones, then the IPv6 ones, each as the upstream ordered them
  std::vector<HostName> aliases;   // the CNAME targets in order; `deny` and the guard apply to them
  std::chrono::seconds ttl{};
};

struct RecordAnswer {
  std::vector<Record> records;    // the CNAME records in order, then those of the asked type; nothing else
  std::vector<HostName> aliases;  // as above
  std::chrono::seconds ttl{};
};

struct ResolverOptions {
  // "system" (resolv.conf), or "9.9.9.9", "9.9.9.9:53", "2620:fe::fe", "[2620:fe::fe]:53".
  std::vector<std::string> upstream{"system"};
  std::chrono::milliseconds timeout{2000};  // of one try at one server
  int tries = 3;
  std::chrono::milliseconds limit{8000};         // of a whole look-up
  std::chrono::milliseconds second_family{250};  // how long an answer in one family waits for the other
  std::size_t cache_entries = 10000;
  std::chrono::seconds longest_ttl{3600}, longest_negative_ttl{300};
  std::size_t in_flight = 2000;
};

// One for each io_context, used by its thread alone. Destroy it before the io_context, and stop what waits on it first:
// look-ups that are still waiting then end with `stopped`. Equal look-ups are one; answers are kept for their TTL.
class Resolver {
 public:
  // Throws std::runtime_error where an upstream can't be understood.
  Resolver(asio::io_context& context, ResolverOptions options);
  ~Resolver();

  // A and AAAA. A value has at least one address. Errors are of resolve_category().
  Task<Result<Answer>> resolve(HostName name);
  // Any other type, as records that can be passed on. A value has at least one record of the type.
  Task<Result<RecordAnswer>> query(HostName name, RecordType type);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::dns

template <>
struct boost::system::is_error_code_enum<sallyport::dns::ResolveFault> : std::true_type {};
