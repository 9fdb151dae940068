#include "dns/query_record.hpp"

#include <utility>

namespace sallyport::dns {

DnsFacts facts_of(QueryRecord record, const std::string& policy_uid) {
  DnsFacts facts;
  facts.origin.time = record.time;
  facts.origin.correlation = std::move(record.correlation);
  facts.origin.agent = std::move(record.agent);
  facts.origin.door = Door::dns;
  facts.origin.source = record.source;
  facts.origin.source_port = record.source_port;
  facts.origin.host = record.name;
  facts.origin.policy_uid = policy_uid;
  facts.origin.approval = std::move(record.approval);
  Verdict verdict;
  verdict.action = record.verdict;
  verdict.decided_by = record.decided_by;
  verdict.rule = std::move(record.rule);
  verdict.reason = record.reason;
  facts.origin.verdict = std::move(verdict);
  facts.name = std::move(record.name);
  facts.type = text_of(record.type);
  facts.rcode = static_cast<int>(record.rcode);
  facts.over_tcp = record.transport == Transport::tcp;
  for (auto& answer : record.answers) facts.answers.push_back({facts.type, std::move(answer), 0});
  if (facts.rcode != 0) facts.status_detail = std::move(record.reason);
  return facts;
}

}  // namespace sallyport::dns
