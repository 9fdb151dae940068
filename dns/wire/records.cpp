#include "dns/wire/message.hpp"

namespace sallyport::dns {
namespace {

struct TypeName {
  RecordType type;
  const char* text;
};
constexpr TypeName type_names[] = {
    {RecordType::a, "A"},      {RecordType::ns, "NS"},         {RecordType::cname, "CNAME"},
    {RecordType::soa, "SOA"},  {RecordType::null, "NULL"},     {RecordType::ptr, "PTR"},
    {RecordType::mx, "MX"},    {RecordType::txt, "TXT"},       {RecordType::aaaa, "AAAA"},
    {RecordType::srv, "SRV"},  {RecordType::naptr, "NAPTR"},   {RecordType::dname, "DNAME"},
    {RecordType::opt, "OPT"},  {RecordType::svcb, "SVCB"},     {RecordType::https, "HTTPS"},
    {RecordType::caa, "CAA"},  {RecordType::ixfr, "IXFR"},     {RecordType::axfr, "AXFR"},
    {RecordType::any, "ANY"},  {RecordType{43}, "DS"},         {RecordType{44}, "SSHFP"},
    {RecordType{46}, "RRSIG"}, {RecordType{47}, "NSEC"},       {RecordType{48}, "DNSKEY"},
    {RecordType{52}, "TLSA"},  {RecordType{61}, "OPENPGPKEY"}, {RecordType{256}, "URI"},
};

}  // namespace

std::string text_of(RecordType type) {
  for (const auto& [known, text] : type_names) {
    if (known == type) return text;
  }
  return "TYPE" + std::to_string(static_cast<unsigned>(type));
}

std::string text_of(Rcode rcode) {
  switch (rcode) {
    case Rcode::no_error:
      return "NOERROR";
    case Rcode::format_error:
      return "FORMERR";
    case Rcode::server_failure:
      return "SERVFAIL";
    case Rcode::no_such_name:
      return "NXDOMAIN";
    case Rcode::not_implemented:
      return "NOTIMP";
    case Rcode::refused:
      return "REFUSED";
    case Rcode::bad_version:
      return "BADVERS";
  }
  return "RCODE" + std::to_string(static_cast<unsigned>(rcode));
}

Record address_record(const WireName& name, std::span<const std::uint8_t> address, std::uint32_t ttl) {
  return {name, address.size() == 4 ? RecordType::a : RecordType::aaaa, RecordClass::internet, ttl,
          Bytes(address.begin(), address.end())};
}

Record name_record(const WireName& name, RecordType type, const WireName& target, std::uint32_t ttl) {
  return {name, type, RecordClass::internet, ttl, Bytes(target.bytes().begin(), target.bytes().end())};
}

Record soa_record(std::uint32_t ttl) {
  const WireName server = *WireName::from_text("sallyport.internal");
  Record record = name_record(WireName(), RecordType::soa, server, ttl);
  record.data.insert(record.data.end(), server.bytes().begin(), server.bytes().end());
  for (const std::uint32_t value : {1U, 3600U, 600U, 86400U, ttl}) {  // serial, refresh, retry, expire, minimum
    for (const unsigned shift : {24U, 16U, 8U, 0U}) record.data.push_back(static_cast<std::uint8_t>(value >> shift));
  }
  return record;
}

}  // namespace sallyport::dns
