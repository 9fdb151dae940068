// What heads of requests and responses have in common: lines, version, fields, framing, connection options.
#pragma once
#include "proxy/wire/http_head.hpp"

#include <boost/system/result.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::wire {

// Where the head ends, after its empty line. Until that is there, only line ends and the first line are looked at, so
// that reading a head that comes byte by byte stays cheap; the rest is judged when it is whole.
boost::system::result<std::size_t, HeadFault> find_head_end(std::span<const std::uint8_t> bytes,
                                                            const HeadLimits& limits,
                                                            std::optional<HeadFault> (*check_first)(std::string_view));

// The lines of a whole head, without their CRLF.
class HeadLines {
 public:
  explicit HeadLines(std::span<const std::uint8_t> head)
      : rest_(reinterpret_cast<const char*>(head.data()), head.size()) {}
  std::string_view next();  // empty: the head's end

 private:
  std::string_view rest_;
};

// The minor version of "HTTP/1.0" or "HTTP/1.1".
boost::system::result<int, HeadFault> read_version(std::string_view text);

boost::system::result<Fields, HeadFault> read_fields(HeadLines& lines, const HeadLimits& limits);

// none, length or chunked. Transfer-Encoding beside Content-Length, either of them twice, or in any other spelling than
// the plain one is a fault.
boost::system::result<Framing, HeadFault> read_framing(const Fields& fields, int minor);

// Whether an option of Connection (lower case) names a field that speaks to the other end, or frames the message: it
// must not be taken away. From a client that is an attack; some servers do it in good faith, and are not obeyed.
bool is_end_to_end(std::string_view option);

// Connection and Upgrade.
std::optional<HeadFault> read_connection(const Fields& fields, int minor, std::vector<std::string>& connection,
                                         std::vector<std::string>& upgrade, bool& keep_alive);

}  // namespace sallyport::wire
