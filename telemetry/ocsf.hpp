// Records as OCSF 1.8.0: one event, one line of JSON.
#pragma once
#include "telemetry/chain.hpp"
#include "telemetry/event.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport {

// One line without its newline; valid JSON and UTF-8 whatever an agent supplied, at most 64 KiB. `prev` is the SHA-256
// (hex) of the line before.
std::string encode(const Event& event, std::uint64_t sequence, std::string_view prev);
// The same, appended.
void encode(const Event& event, std::uint64_t sequence, std::string_view prev, std::string& to);

// The same for a checkpoint, which only the log itself writes.
std::string encode(const Checkpoint& checkpoint, WallClock::time_point time, std::uint64_t sequence,
                   std::string_view prev);

}  // namespace sallyport
