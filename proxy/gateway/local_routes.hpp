// The routing that tproxy needs: marked packets are delivered to this host, whatever their address, in both families.
#pragma once
#include "policy/result.hpp"

#include <cstdint>

namespace sallyport {

// Ours alone: the number of the routing table, and the priority of the rule that leads to it.
inline constexpr std::uint32_t local_routes_table = 15001;
inline constexpr std::uint32_t local_routes_priority = 15001;

Outcome<void> add_local_routes(std::uint32_t mark);
// No error where rule and route for this mark stand in both families.
Outcome<void> check_local_routes(std::uint32_t mark);
// Removes the rules and routes whatever their mark. No error where there were none.
Outcome<void> remove_local_routes();

}  // namespace sallyport
