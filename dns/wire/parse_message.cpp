#include "dns/wire/cursor.hpp"
#include "dns/wire/message.hpp"

#include <algorithm>

namespace sallyport::dns {
namespace {

void append(Bytes& out, const WireName& name) {
  out.insert(out.end(), name.bytes().begin(), name.bytes().end());
}
void append(Bytes& out, std::span<const std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

struct Layout {
  std::size_t before = 0;  // bytes before the names
  std::size_t names = 0;
  std::size_t after = 0;  // bytes behind them
};

// The types whose names may be compressed (RFC 3597, 4), and SRV, where some servers do so all the same.
std::optional<Layout> layout_of(RecordType type) {
  switch (type) {
    case RecordType::ns:
    case RecordType::cname:
    case RecordType::ptr:
    case RecordType::dname:
      return Layout{0, 1, 0};
    case RecordType::mx:
      return Layout{2, 1, 0};
    case RecordType::srv:
      return Layout{6, 1, 0};
    case RecordType::soa:
      return Layout{0, 2, 20};
    default:
      return std::nullopt;
  }
}

// The record's data with its names written out. Names must end inside the data.
std::optional<Bytes> read_data(Cursor& cursor, RecordType type, std::size_t size) {
  if (cursor.left() < size) return std::nullopt;
  const std::size_t end = cursor.offset() + size;
  const auto upto = cursor.message().first(end);
  Bytes data;
  if (const auto layout = layout_of(type)) {
    Cursor inner(upto, cursor.offset());
    const auto before = inner.take(layout->before);
    if (!before) return std::nullopt;
    append(data, *before);
    for (std::size_t i = 0; i < layout->names; ++i) {
      const auto name = WireName::read(upto, inner.offset());
      if (!name) return std::nullopt;
      append(data, *name);
    }
    const auto after = inner.take(layout->after);
    if (!after || inner.left() != 0) return std::nullopt;
    append(data, *after);
  } else {
    append(data, upto.subspan(cursor.offset()));
  }
  cursor.offset() = end;
  return data;
}

// Addresses have one size; a TXT record is whole character-strings, at least one.
bool data_is_right(RecordType type, const Bytes& data) {
  if (type == RecordType::a) return data.size() == 4;
  if (type == RecordType::aaaa) return data.size() == 16;
  if (type != RecordType::txt) return true;
  std::size_t at = 0;
  while (at < data.size()) at += 1U + data[at];
  return !data.empty() && at == data.size();
}

constexpr std::uint32_t opt_do_bit = 0x8000;

void read_opt(Message& message, const Record& record, std::uint32_t raw_ttl) {
  message.edns = Edns{static_cast<std::uint16_t>(record.klass), (raw_ttl & opt_do_bit) != 0};
  message.rcode =
      static_cast<Rcode>(static_cast<std::uint16_t>(message.rcode) | static_cast<std::uint16_t>(raw_ttl >> 24U << 4U));
  constexpr std::uint16_t extended_error = 15;
  Cursor cursor(record.data);
  while (cursor.left() > 0) {
    const auto code = cursor.u16();
    const auto size = cursor.u16();
    if (!code || !size) return;
    const auto value = cursor.take(*size);
    if (!value) return;
    if (*code != extended_error || value->size() < 2) continue;
    const auto info = static_cast<std::uint16_t>((*value)[0] << 8U | (*value)[1]);
    message.errors.emplace_back(static_cast<ExtendedError>(info), std::string(value->begin() + 2, value->end()));
  }
}

std::optional<MessageFault> read_records(Cursor& cursor, Message& message, std::vector<Record>& records,
                                         std::uint16_t count) {
  for (std::uint16_t i = 0; i < count; ++i) {
    auto name = WireName::read(cursor.message(), cursor.offset());
    if (!name) return MessageFault::bad_name;
    const auto type = cursor.u16();
    const auto klass = cursor.u16();
    const auto ttl = cursor.u32();
    const auto size = cursor.u16();
    if (!type || !klass || !ttl || !size) return MessageFault::bad_record;
    Record record{std::move(*name),
                  static_cast<RecordType>(*type),
                  static_cast<RecordClass>(*klass),
                  (*ttl & 0x80000000U) != 0 ? 0 : *ttl,
                  {}};
    auto data = read_data(cursor, record.type, *size);
    if (!data || !data_is_right(record.type, *data)) return MessageFault::bad_record;
    record.data = std::move(*data);
    if (record.type == RecordType::opt) {
      if (&records != &message.additional || message.edns) return MessageFault::bad_record;
      read_opt(message, record, *ttl);
      continue;
    }
    records.push_back(std::move(record));
  }
  return std::nullopt;
}

}  // namespace

boost::system::result<Message, MessageFault> parse_message(std::span<const std::uint8_t> bytes) {
  Message message;
  Cursor cursor(bytes);
  const auto id = cursor.u16();
  const auto flags = cursor.u16();
  const auto questions = cursor.u16();
  const auto answers = cursor.u16();
  const auto authority = cursor.u16();
  const auto additional = cursor.u16();
  if (!additional) return MessageFault::too_short;
  message.id = *id;
  message.response = (*flags & 0x8000U) != 0;
  message.truncated = (*flags & 0x0200U) != 0;
  message.rcode = static_cast<Rcode>(*flags & 0x0FU);
  for (std::uint16_t i = 0; i < *questions; ++i) {
    auto name = WireName::read(bytes, cursor.offset());
    if (!name) return MessageFault::bad_name;
    const auto type = cursor.u16();
    const auto klass = cursor.u16();
    if (!type || !klass) return MessageFault::too_short;
    message.questions.push_back({std::move(*name), static_cast<RecordType>(*type), static_cast<RecordClass>(*klass)});
  }
  if (const auto fault = read_records(cursor, message, message.answers, *answers)) return *fault;
  if (const auto fault = read_records(cursor, message, message.authority, *authority)) return *fault;
  if (const auto fault = read_records(cursor, message, message.additional, *additional)) return *fault;
  if (cursor.left() != 0) return MessageFault::trailing_bytes;
  return message;
}

std::optional<WireName> name_in(const Record& record) {
  const auto layout = layout_of(record.type);
  if (!layout || layout->before != 0 || layout->names != 1) return std::nullopt;
  std::size_t offset = 0;
  return WireName::read(record.data, offset);
}

std::optional<std::uint32_t> negative_ttl(const Message& message) {
  for (const Record& record : message.authority) {
    if (record.type != RecordType::soa || record.data.size() < 4) continue;
    Cursor cursor(record.data, record.data.size() - 4);
    const std::uint32_t minimum = *cursor.u32();
    return std::min(record.ttl, (minimum & 0x80000000U) != 0 ? 0 : minimum);
  }
  return std::nullopt;
}

}  // namespace sallyport::dns
