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
void put_product(JsonText& json, std::string_view key);
void put_policy(JsonText& json, std::string_view uid);
// Endpoints, policy, rule and program.
void put_origin(JsonText& json, const Origin& origin, const std::optional<Address>& peer);
// The part of an origin that OCSF has no place for; inside unmapped.sallyport.
void put_unmapped(JsonText& json, const Origin& origin);
// Ends unmapped.sallyport with `prev`, and the line.
void put_end(JsonText& json, std::string_view prev);

std::string line_of(const LifecycleEvent& event, std::uint64_t sequence, std::string_view prev);
std::string line_of(const PolicyEvent& event, std::uint64_t sequence, std::string_view prev);
std::string line_of(const ApiEvent& event, std::uint64_t sequence, std::string_view prev);

}  // namespace sallyport
