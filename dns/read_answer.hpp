// What an upstream's message says about a question: the records that really answer it.
#pragma once
#include "dns/resolver.hpp"

namespace sallyport::dns {

struct ReadAnswer {
  Result<RecordAnswer> answer;
  std::chrono::seconds keep_for{};  // 0: don't keep
};

// Follows the CNAMEs from `name` (at most 16, no loop) and takes the records of `type` at their end; all else in the
// message is dropped. A target that is no host name is garbage.
ReadAnswer read_answer(const Message& message, const HostName& name, RecordType type, const ResolverOptions& options);

}  // namespace sallyport::dns
