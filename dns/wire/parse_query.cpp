#include "dns/wire/cursor.hpp"
#include "dns/wire/message.hpp"

namespace sallyport::dns {
namespace {

constexpr std::uint16_t response_bit = 0x8000;
constexpr std::uint16_t truncated_bit = 0x0200;
constexpr std::uint16_t recursion_desired_bit = 0x0100;

// A question name stands first in the message: there is nothing a pointer could rightly lead to.
std::optional<WireName> read_uncompressed(Cursor& cursor) {
  const std::size_t start = cursor.offset();
  auto name = WireName::read(cursor.message(), cursor.offset());
  if (name && cursor.offset() - start != name->bytes().size()) return std::nullopt;
  return name;
}

std::optional<Question> read_question(Cursor& cursor) {
  auto name = read_uncompressed(cursor);
  if (!name) return std::nullopt;
  const auto type = cursor.u16();
  const auto klass = cursor.u16();
  if (!type || !klass) return std::nullopt;
  return Question{std::move(*name), static_cast<RecordType>(*type), static_cast<RecordClass>(*klass)};
}

// The options of an OPT record: well-formed, else nothing is worth keeping of them.
bool options_in_order(std::span<const std::uint8_t> options) {
  Cursor cursor(options);
  while (cursor.left() > 0) {
    const auto code = cursor.u16();
    const auto size = cursor.u16();
    if (!code || !size || !cursor.take(*size)) return false;
  }
  return true;
}

struct OptRecord {
  Edns edns;
  std::uint8_t version = 0;
};

std::optional<OptRecord> read_opt(Cursor& cursor) {
  const auto root = cursor.take(1);
  if (!root || (*root)[0] != 0) return std::nullopt;
  const auto type = cursor.u16();
  const auto udp_size = cursor.u16();
  const auto flags = cursor.u32();  // extended rcode, version, DO, zeros
  const auto size = cursor.u16();
  if (!type || static_cast<RecordType>(*type) != RecordType::opt || !udp_size || !flags || !size) return std::nullopt;
  const auto options = cursor.take(*size);
  if (!options || !options_in_order(*options)) return std::nullopt;
  return OptRecord{{*udp_size, (*flags & 0x8000U) != 0}, static_cast<std::uint8_t>(*flags >> 16U & 0xFFU)};
}

}  // namespace

boost::system::result<QueryMessage, QueryProblem> parse_query(std::span<const std::uint8_t> message) {
  QueryProblem problem;
  Cursor cursor(message);
  const auto id = cursor.u16();
  const auto flags = cursor.u16();
  const auto questions = cursor.u16();
  const auto answers = cursor.u16();
  const auto authority = cursor.u16();
  const auto additional = cursor.u16();
  if (!additional || (*flags & response_bit) != 0) {
    problem.drop = true;
    return problem;
  }
  problem.id = *id;
  problem.opcode = static_cast<std::uint8_t>(*flags >> 11U & 0x0FU);
  problem.recursion_desired = (*flags & recursion_desired_bit) != 0;
  if (problem.opcode != 0) {
    problem.rcode = Rcode::not_implemented;
    return problem;
  }
  if ((*flags & truncated_bit) != 0 || *questions != 1 || *answers != 0 || *authority != 0 || *additional > 1) {
    return problem;
  }
  auto question = read_question(cursor);
  if (!question) return problem;
  problem.question = *question;
  if (!question->name.is_plain()) return problem;

  QueryMessage query{*id, problem.recursion_desired, std::move(*question), std::nullopt};
  if (*additional == 1) {
    const auto opt = read_opt(cursor);
    if (!opt) return problem;
    problem.edns = true;
    if (cursor.left() == 0 && opt->version != 0) {
      problem.rcode = Rcode::bad_version;
      return problem;
    }
    query.edns = opt->edns;
  }
  if (cursor.left() != 0) return problem;
  return query;
}

}  // namespace sallyport::dns
