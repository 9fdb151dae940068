#include "telemetry/dns_text.hpp"

#include "telemetry/ocsf_parts.hpp"

#include <algorithm>
#include <array>

namespace sallyport {
namespace {

std::string_view word_of_rcode(int rcode) {
  constexpr std::array<std::string_view, 12> words{"NoError", "FormError", "ServError", "NXDomain",
                                                   "NotImp",  "Refused",   "YXDomain",  "YXRRSet",
                                                   "NXRRSet", "NotAuth",   "NotZone",   "DSOTYPENI"};
  const auto index = static_cast<std::size_t>(rcode);
  return rcode >= 0 && index < words.size() ? words[index] : std::string_view("Other");
}

void put_answers(JsonText& json, const std::vector<DnsFacts::Answer>& answers) {
  if (answers.empty()) return;
  json.begin_list("answers");
  for (std::size_t i = 0; i < std::min(answers.size(), list_limit); ++i) {
    const DnsFacts::Answer& answer = answers[i];
    json.begin().some("type", answer.type, 32).text("rdata", answer.data, 512).number("ttl", answer.ttl).end();
  }
  json.end_list();
}

}  // namespace

DnsText::DnsText(const DnsFacts& facts) : rcode(facts.rcode) {
  const Control control = control_of(facts.origin, false);
  before_sequence.reserve(48);
  before_port.reserve(448);
  after_port.reserve(640);
  JsonText first(before_sequence);
  first.number("severity_id", control.action == blocked.action ? low : informational);
  first.number("status_id", facts.rcode == 0 ? success : failure);

  JsonText second(before_port);
  end_metadata(second, profiles_of(facts.origin), facts.origin.correlation);
  put_control(second, control);
  put_policy(second, facts.origin.policy_uid);
  begin_source(second, facts.origin);

  JsonText third(after_port);
  end_source(third, facts.origin);
  put_target(third, facts.origin, std::nullopt);
  third.begin("connection_info").word("protocol_name", facts.over_tcp ? "tcp" : "udp").number("direction_id", 2).end();
  third.begin("query").text("hostname", facts.name, 1024).some("type", facts.type, 32).word("class", "IN").end();
  const std::string_view word = word_of_rcode(facts.rcode);
  third.word("rcode", word).number("rcode_id", word == "Other" ? 99 : facts.rcode);
  put_answers(third, facts.answers);
  third.some("status_detail", facts.status_detail).begin("unmapped").begin("sallyport");
  put_unmapped(third, facts.origin);
}

DnsEvent told_once(const DnsFacts& facts) {
  return {facts.origin.time, facts.origin.source_port, std::make_shared<const DnsText>(facts)};
}

void put_line(JsonText& json, const DnsEvent& event, std::uint64_t sequence, std::string_view prev) {
  const DnsText& text = *event.text;
  json.begin().members(R"("class_uid":4003,"activity_id":2,"type_uid":400302,"category_uid":4)");
  json.number("time", milliseconds(event.time)).members(text.before_sequence);
  if (event.count != 1) {
    json.count("count", event.count).number("start_time", milliseconds(event.time));
    json.number("end_time", milliseconds(event.last_time));
  }
  begin_metadata(json, sequence, prev);
  json.members(text.before_port);
  if (event.source_port != 0) json.number("port", event.source_port);
  json.members(text.after_port);
  put_end(json, prev);
}

}  // namespace sallyport
