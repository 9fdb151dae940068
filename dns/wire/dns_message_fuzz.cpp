#include "dns/wire/message.hpp"

#include <cstdlib>

using namespace sallyport::dns;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  if (const auto query = parse_query(bytes)) {
    const Reply reply{Rcode::no_error,
                      {address_record(query->question.name, Bytes{192, 0, 2, 1}, 60)},
                      {soa_record(60)},
                      std::pair(ExtendedError::blocked, std::string(300, 'x'))};
    const Bytes answer = build_reply(*query, reply, udp_limit(*query));
    if (answer.size() > udp_limit(*query) || !parse_message(answer)) std::abort();
    if (!parse_query(build_query(*query))) std::abort();
    (void)address_of_arpa(query->question.name);
  } else if (const Bytes answer = build_problem(query.error()); answer.size() > size + 11) {
    std::abort();
  }
  if (const auto message = parse_message(bytes)) {
    const QueryMessage asked{message->id, true, {}, Edns{1232, false}};
    const Bytes again = build_reply(asked, {message->rcode, message->answers, message->authority, {}}, tcp_limit);
    if (again.size() > tcp_limit || !parse_message(again)) std::abort();
  }
  return 0;
}
