#include "dns/read_answer.hpp"

#include <algorithm>

namespace sallyport::dns {
namespace {

using std::chrono::seconds;

constexpr std::size_t longest_chain = 16;
constexpr std::size_t most_records = 256;

ReadAnswer failed(ResolveFault fault, seconds keep_for = {}) {
  return {make_error_code(fault), keep_for};
}

const Record* alias_of(const Message& message, const WireName& name) {
  for (const Record& record : message.answers) {
    if (record.type == RecordType::cname && record.klass == RecordClass::internet && record.name == name) {
      return &record;
    }
  }
  return nullptr;
}

ReadAnswer negative(const Message& message, ResolveFault fault, const ResolverOptions& options) {
  const auto ttl = negative_ttl(message);
  return failed(fault, ttl ? std::min(seconds(*ttl), options.longest_negative_ttl) : seconds(0));
}

}  // namespace

ReadAnswer read_answer(const Message& message, const HostName& name, RecordType type, const ResolverOptions& options) {
  if (message.rcode == Rcode::no_such_name) return negative(message, ResolveFault::not_found, options);
  if (message.rcode == Rcode::refused) return failed(ResolveFault::refused);
  if (message.rcode != Rcode::no_error) return failed(ResolveFault::server_failure);

  auto owner = WireName::from_text(name.text());
  if (!owner) return failed(ResolveFault::garbage);
  RecordAnswer answer;
  auto ttl = static_cast<std::uint32_t>(options.longest_ttl.count());
  while (type != RecordType::cname) {
    const Record* alias = alias_of(message, *owner);
    if (alias == nullptr) break;
    const auto target = name_in(*alias);
    // A label with a dot or a control character inside would read as another name once it is text.
    if (!target || !target->is_plain() || answer.aliases.size() >= longest_chain) return failed(ResolveFault::garbage);
    auto host = HostName::parse(target->text());
    if (!host) return failed(ResolveFault::garbage);
    ttl = std::min(ttl, alias->ttl);
    answer.records.push_back(*alias);
    answer.aliases.push_back(std::move(*host));
    owner = target;
  }
  const std::size_t links = answer.records.size();
  for (const Record& record : message.answers) {
    if (record.type != type || record.klass != RecordClass::internet || !(record.name == *owner)) continue;
    if (answer.records.size() >= links + most_records) break;
    ttl = std::min(ttl, record.ttl);
    answer.records.push_back(record);
  }
  if (answer.records.size() == links) return negative(message, ResolveFault::no_data, options);
  answer.ttl = seconds(ttl);
  return {std::move(answer), seconds(ttl)};
}

}  // namespace sallyport::dns
