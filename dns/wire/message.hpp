// DNS messages (RFC 1035, EDNS RFC 6891, extended errors RFC 8914): bytes in, values out, and back.
#pragma once
#include "dns/wire/wire_name.hpp"

#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sallyport::dns {

using Bytes = std::vector<std::uint8_t>;

enum class Rcode : std::uint16_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  no_such_name = 3,
  not_implemented = 4,
  refused = 5,
  bad_version = 16,
};

// Open enumerations: any 16 bit value may come from a client.
enum class RecordType : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  null = 10,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,
  naptr = 35,
  dname = 39,
  opt = 41,
  svcb = 64,
  https = 65,
  caa = 257,
  ixfr = 251,
  axfr = 252,
  any = 255,
};
enum class RecordClass : std::uint16_t { internet = 1, chaos = 3, any = 255 };

// RFC 8914 info codes that are used here.
enum class ExtendedError : std::uint16_t { other = 0, blocked = 15, prohibited = 18, no_reachable_authority = 22 };

// "TXT", "TYPE65400"; "NXDOMAIN", "RCODE9".
std::string text_of(RecordType type);
std::string text_of(Rcode rcode);

struct Question {
  WireName name;
  RecordType type = RecordType::a;
  RecordClass klass = RecordClass::internet;
};

struct Edns {
  std::uint16_t udp_size = 512;
  bool dnssec_ok = false;
};

// A well-formed query. Options of its OPT record are checked for form and then forgotten.
struct QueryMessage {
  std::uint16_t id = 0;
  bool recursion_desired = true;
  Question question;
  std::optional<Edns> edns;
};

// Why a message isn't a query, and the answer it gets. `drop`: no answer at all (too short for a header, or itself a
// response: answering those makes loops).
struct QueryProblem {
  bool drop = false;
  Rcode rcode = Rcode::format_error;
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;
  bool recursion_desired = false;
  std::optional<Question> question;  // where it could be read
  bool edns = false;
};

// Strict: QR=0, opcode QUERY, TC=0, exactly one question of plain labels without compression, no answer or authority
// records, at most one OPT and no other additional record, options in order, no byte after the message.
boost::system::result<QueryMessage, QueryProblem> parse_query(std::span<const std::uint8_t> message);

// One resource record; names inside the data of NS, CNAME, PTR, DNAME, SOA, MX and SRV are uncompressed.
struct Record {
  WireName name;
  RecordType type = RecordType::a;
  RecordClass klass = RecordClass::internet;
  std::uint32_t ttl = 0;  // RFC 2181, 8: a value with the top bit set is read as 0
  Bytes data;
};

struct Message {
  std::uint16_t id = 0;
  bool response = false;
  bool truncated = false;
  Rcode rcode = Rcode::no_error;  // with the upper bits of an OPT record
  std::vector<Question> questions;
  std::vector<Record> answers, authority, additional;  // additional without OPT
  std::optional<Edns> edns;
  std::vector<std::pair<ExtendedError, std::string>> errors;  // the extended errors of the OPT record
};

enum class MessageFault { too_short, bad_name, bad_record, trailing_bytes };

// Any message, as answers from an upstream are. O(size); pointers only lead backwards; what the counts promise must be
// there.
boost::system::result<Message, MessageFault> parse_message(std::span<const std::uint8_t> message);

// The name inside the data of a CNAME, PTR, NS or DNAME record.
std::optional<WireName> name_in(const Record& record);
// How long a negative answer may be kept (RFC 2308): of the first SOA record in `authority`. nullopt: not at all.
std::optional<std::uint32_t> negative_ttl(const Message& message);

// What is answered to a query.
struct Reply {
  Rcode rcode = Rcode::no_error;
  std::vector<Record> answers;
  std::vector<Record> authority;
  std::optional<std::pair<ExtendedError, std::string>> error;  // sent where the query has EDNS; the text is cut at 200
};

// The size a client may be sent over UDP: what its EDNS says within 512 to 1232 bytes.
std::size_t udp_limit(const QueryMessage& query);
inline constexpr std::size_t tcp_limit = 65535;

// The encoded reply, never longer than `limit` (at least 512): records that don't fit are left out and TC is set.
Bytes build_reply(const QueryMessage& query, const Reply& reply, std::size_t limit);
// The reply to what isn't a query. Empty where it is dropped. Never longer than the question and an OPT record.
Bytes build_problem(const QueryProblem& problem);
// A query as a client or c-ares sends it; for tests and fuzzing.
Bytes build_query(const QueryMessage& query);

Record address_record(const WireName& name, std::span<const std::uint8_t> address, std::uint32_t ttl);
Record name_record(const WireName& name, RecordType type, const WireName& target, std::uint32_t ttl);
// The SOA of a negative answer (RFC 2308): of the root, as made here, to be kept for `ttl` seconds.
Record soa_record(std::uint32_t ttl);

// The address a name under in-addr.arpa or ip6.arpa stands for: 4 or 16 bytes. nullopt: not a whole address.
std::optional<Bytes> address_of_arpa(const WireName& name);
// in-addr.arpa or ip6.arpa, or below.
bool is_arpa(const WireName& name);

}  // namespace sallyport::dns
