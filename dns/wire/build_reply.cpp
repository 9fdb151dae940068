#include "dns/wire/message.hpp"

#include <algorithm>

namespace sallyport::dns {
namespace {

constexpr std::size_t header_size = 12;
constexpr std::size_t count_of_answers = 6, count_of_authority = 8, count_of_additional = 10;
constexpr std::size_t smallest_udp = 512, largest_udp = 1232;
constexpr std::size_t longest_error_text = 200;
constexpr std::uint16_t truncated_bit = 0x0200;

void put16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8U & 0xFFU));
  out.push_back(static_cast<std::uint8_t>(value & 0xFFU));
}
void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16U);
  put16(out, value & 0xFFFFU);
}
void set16(Bytes& out, std::size_t at, std::size_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8U & 0xFFU);
  out[at + 1] = static_cast<std::uint8_t>(value & 0xFFU);
}
void put_name(Bytes& out, const WireName& name) {
  out.insert(out.end(), name.bytes().begin(), name.bytes().end());
}

void put_header(Bytes& out, std::uint16_t id, std::uint16_t flags, bool question) {
  put16(out, id);
  put16(out, flags);
  put16(out, question ? 1 : 0);
  put16(out, 0);
  put16(out, 0);
  put16(out, 0);
}

void put_question(Bytes& out, const Question& question) {
  put_name(out, question.name);
  put16(out, static_cast<std::uint16_t>(question.type));
  put16(out, static_cast<std::uint16_t>(question.klass));
}

// A name that is the question's is a pointer to it: all the compression that short answers need.
void put_record(Bytes& out, const Record& record, const std::string& asked) {
  if (!record.name.is_root() && record.name.folded() == asked) {
    put16(out, 0xC000U | header_size);
  } else {
    put_name(out, record.name);
  }
  put16(out, static_cast<std::uint16_t>(record.type));
  put16(out, static_cast<std::uint16_t>(record.klass));
  put32(out, record.ttl);
  put16(out, record.data.size());
  out.insert(out.end(), record.data.begin(), record.data.end());
}

std::string_view cut(std::string_view text) {
  if (text.size() <= longest_error_text) return text;
  text = text.substr(0, longest_error_text);
  // Never half a character: RFC 8914 wants UTF-8.
  while (!text.empty() && (static_cast<std::uint8_t>(text.back()) & 0xC0U) == 0x80U) text.remove_suffix(1);
  if (!text.empty() && (static_cast<std::uint8_t>(text.back()) & 0x80U) != 0) text.remove_suffix(1);
  return text;
}

Bytes opt_record(Rcode rcode, bool dnssec_ok, const std::optional<std::pair<ExtendedError, std::string>>& error) {
  Bytes out;
  out.push_back(0);
  put16(out, static_cast<std::uint16_t>(RecordType::opt));
  put16(out, largest_udp);
  put32(out, static_cast<std::uint32_t>(rcode) >> 4U << 24U | (dnssec_ok ? 0x8000U : 0U));
  if (!error) {
    put16(out, 0);
    return out;
  }
  const std::string_view text = cut(error->second);
  put16(out, 4 + 2 + text.size());
  put16(out, 15);
  put16(out, 2 + text.size());
  put16(out, static_cast<std::uint16_t>(error->first));
  out.insert(out.end(), text.begin(), text.end());
  return out;
}

// Appends records while they fit; true: all did.
bool put_section(Bytes& out, const std::vector<Record>& records, std::size_t count_at, const std::string& asked,
                 std::size_t limit) {
  std::size_t count = 0;
  for (const Record& record : records) {
    const std::size_t before = out.size();
    if (record.data.size() > 0xFFFFU) return false;
    put_record(out, record, asked);
    if (out.size() > limit) {
      out.resize(before);
      set16(out, count_at, count);
      return false;
    }
    ++count;
  }
  set16(out, count_at, count);
  return true;
}

constexpr std::uint16_t response_flags = 0x8080;  // QR, RA

}  // namespace

std::size_t udp_limit(const QueryMessage& query) {
  if (!query.edns) return smallest_udp;
  return std::clamp<std::size_t>(query.edns->udp_size, smallest_udp, largest_udp);
}

Bytes build_reply(const QueryMessage& query, const Reply& reply, std::size_t limit) {
  auto flags = static_cast<std::uint16_t>(response_flags | (static_cast<std::uint16_t>(reply.rcode) & 0x0FU));
  if (query.recursion_desired) flags |= 0x0100U;
  Bytes out;
  out.reserve(smallest_udp);
  put_header(out, query.id, flags, true);
  put_question(out, query.question);
  Bytes opt;
  if (query.edns) opt = opt_record(reply.rcode, query.edns->dnssec_ok, reply.error);
  const std::size_t room = limit - std::min(limit, opt.size());
  const std::string asked = query.question.name.folded();
  const bool whole = put_section(out, reply.answers, count_of_answers, asked, room) &&
                     put_section(out, reply.authority, count_of_authority, asked, room);
  if (!whole) set16(out, 2, flags | truncated_bit);
  if (!opt.empty()) {
    out.insert(out.end(), opt.begin(), opt.end());
    set16(out, count_of_additional, 1);
  }
  return out;
}

Bytes build_problem(const QueryProblem& problem) {
  Bytes out;
  if (problem.drop) return out;
  auto flags = static_cast<std::uint16_t>(response_flags | static_cast<unsigned>(problem.opcode) << 11U |
                                          (static_cast<std::uint16_t>(problem.rcode) & 0x0FU));
  if (problem.recursion_desired) flags |= 0x0100U;
  put_header(out, problem.id, flags, problem.question.has_value());
  if (problem.question) put_question(out, *problem.question);
  if (problem.edns) {
    const Bytes opt = opt_record(problem.rcode, false, std::nullopt);
    out.insert(out.end(), opt.begin(), opt.end());
    set16(out, count_of_additional, 1);
  }
  return out;
}

Bytes build_query(const QueryMessage& query) {
  Bytes out;
  put_header(out, query.id, query.recursion_desired ? 0x0100 : 0, true);
  put_question(out, query.question);
  if (query.edns) {
    Bytes opt = opt_record(Rcode::no_error, query.edns->dnssec_ok, std::nullopt);
    set16(opt, 3, query.edns->udp_size);
    out.insert(out.end(), opt.begin(), opt.end());
    set16(out, count_of_additional, 1);
  }
  return out;
}

}  // namespace sallyport::dns
