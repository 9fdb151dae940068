// What the OCSF lines of all classes share; used by ocsf*.cpp only.
#pragma once
#include "telemetry/event.hpp"
#include "telemetry/json_text.hpp"

#include <optional>
#include <string_view>

namespace sallyport {

struct ClassPart {
  int class_uid;
  int activity;
  WallClock::time_point time;
  int severity;
  int status;
};

enum class Profiles { control, proxied, proxied_on_host };

// The profiles whose attributes a record of traffic fills: `host` only where the program is known.
inline Profiles profiles_of(const Origin& origin) {
  return origin.process ? Profiles::proxied_on_host : Profiles::proxied;
}

// As OCSF counts: since the epoch.
std::int64_t milliseconds(WallClock::time_point time);

// Opens the object; put_end closes it.
void put_class(JsonText& json, const ClassPart& part);
void put_metadata(JsonText& json, Profiles profiles, std::string_view correlation, std::uint64_t sequence,
                  std::string_view prev);
// The same in two: what differs from record to record, and the rest.
void begin_metadata(JsonText& json, std::uint64_t sequence, std::string_view prev);
void end_metadata(JsonText& json, Profiles profiles, std::string_view correlation);
void put_product(JsonText& json, std::string_view key);
void put_policy(JsonText& json, std::string_view uid);
// Endpoints, policy, rule and program.
void put_origin(JsonText& json, const Origin& origin, const std::optional<Address>& peer);
// Of these, the source up to its port, what stands behind the port, and destination and rule.
void begin_source(JsonText& json, const Origin& origin);
void end_source(JsonText& json, const Origin& origin);
void put_target(JsonText& json, const Origin& origin, const std::optional<Address>& peer);
// The part of an origin that OCSF has no place for; inside unmapped.sallyport.
void put_unmapped(JsonText& json, const Origin& origin);
// Ends unmapped.sallyport with `prev`, and the line.
void put_end(JsonText& json, std::string_view prev);

// What the record says of how it ended, by OCSF's numbers.
enum Severity { informational = 1, low = 2, medium = 3 };
enum Status { success = 1, failure = 2, other_status = 99 };
struct Control {
  int action;
  int disposition;
};
inline constexpr Control allowed{1, 1}, approved{1, 8}, failed{1, 27}, blocked{2, 2}, reset{2, 21}, revoked{2, 24},
    delayed{3, 14};
// How many elements of a list an agent supplied are written.
inline constexpr std::size_t list_limit = 32;

Control control_of(const Origin& origin, bool held);
void put_control(JsonText& json, const Control& control);

// Each appends its line to what `json` writes.
void put_line(JsonText& json, const LifecycleEvent& event, std::uint64_t sequence, std::string_view prev);
void put_line(JsonText& json, const PolicyEvent& event, std::uint64_t sequence, std::string_view prev);
void put_line(JsonText& json, const ApiEvent& event, std::uint64_t sequence, std::string_view prev);
void put_line(JsonText& json, const DnsEvent& event, std::uint64_t sequence, std::string_view prev);

}  // namespace sallyport
