// What the log says of a DNS question and its answer, encoded once for all the times it is told of.
#pragma once
#include "telemetry/event.hpp"

#include <string>

namespace sallyport {

// The members of a record that its facts decide, in the order of the line. Between them stand what differs each time:
// the count, the metadata's uid and sequence, the client's port.
struct DnsText {
  explicit DnsText(const DnsFacts& facts);

  std::string before_sequence, before_port, after_port;
  int rcode;
};

// Tells of these facts once.
DnsEvent told_once(const DnsFacts& facts);

}  // namespace sallyport
