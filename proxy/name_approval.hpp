// A DNS query that the policy asks about: the question it raises, and the answer it finds.
#pragma once
#include "dns/query_record.hpp"
#include "proxy/services.hpp"

namespace sallyport {

// Raises the approval, unless it has been decided. Its id; empty where there is none.
std::string ask(Shared& shared, const dns::QueryRecord& query, const HostName& name, const Verdict& verdict);
bool is_granted(Shared& shared, const dns::QueryRecord& query, const HostName& name, const Verdict& verdict);

}  // namespace sallyport
