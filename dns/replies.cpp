#include "dns/replies.hpp"

#include <algorithm>
#include <array>

namespace sallyport::dns {

Reply negative_reply(Rcode rcode, std::uint32_t ttl, QueryRecord& record) {
  record.rcode = rcode;
  Reply reply;
  reply.rcode = rcode;
  if (rcode == Rcode::no_error || rcode == Rcode::no_such_name) reply.authority.push_back(soa_record(ttl));
  return reply;
}

Reply denied_reply(Rcode rcode, ExtendedError error, const std::string& reason, DecidedBy by, std::uint32_t ttl,
                   QueryRecord& record) {
  record.verdict = Action::deny;
  record.decided_by = by;
  record.reason = reason;
  Reply reply = negative_reply(rcode, ttl, record);
  reply.error.emplace(error, reason);
  return reply;
}

void note(const Verdict& verdict, QueryRecord& record) {
  record.verdict = verdict.action;
  record.decided_by = verdict.decided_by;
  record.rule = verdict.rule;
  record.reason = verdict.reason;
}

Address address_in(const Record& record) {
  if (record.type == RecordType::a) {
    return Address::v4({record.data[0], record.data[1], record.data[2], record.data[3]});
  }
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(record.data.begin(), bytes.size(), bytes.begin());
  return Address::v6(bytes);
}

void note_answers(const Reply& reply, QueryRecord& record) {
  record.rcode = reply.rcode;
  for (const Record& answer : reply.answers) {
    if (answer.type == RecordType::a || answer.type == RecordType::aaaa) {
      record.answers.push_back(address_in(answer).text());
    } else if (const auto target = name_in(answer)) {
      record.answers.push_back(target->text());
    } else {
      record.answers.push_back(text_of(answer.type));
    }
  }
}

}  // namespace sallyport::dns
