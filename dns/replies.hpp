// The few shapes of reply, each noted in the record as it is made.
#pragma once
#include "dns/answer_query.hpp"

namespace sallyport::dns {

// The rcode, with an SOA that limits how long a negative answer is kept, and no extended error.
Reply negative_reply(Rcode rcode, std::uint32_t ttl, QueryRecord& record);
// The same, refused for `reason`: the record's verdict becomes deny.
Reply denied_reply(Rcode rcode, ExtendedError error, const std::string& reason, DecidedBy by, std::uint32_t ttl,
                   QueryRecord& record);
void note(const Verdict& verdict, QueryRecord& record);
// Adds to the record what `reply` answers.
void note_answers(const Reply& reply, QueryRecord& record);
Address address_in(const Record& record);

}  // namespace sallyport::dns
