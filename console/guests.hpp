// Who is connected to the admin server, and who of them leaves for others.
#pragma once
#include "console/session.hpp"

#include <cstddef>
#include <list>
#include <optional>

namespace sallyport {

struct Guest {
  Guest(AdminCore& core, AdminSocket socket, AdminEntry entry, std::size_t door_)
      : door(door_), source(source_of(entry)), session(core, std::move(socket), std::move(entry)) {}

  std::size_t door;               // the listener's number
  std::optional<Address> source;  // for a peer on another host: its address, or its /64
  bool dropped = false;           // it leaves, and holds no place any more
  AdminSession session;

  // It has not yet shown who it is.
  bool is_stranger() const { return !dropped && !session.is_known(); }

  static std::optional<Address> source_of(const AdminEntry& entry);
};

// Makes a place for one more from `source` on `door`, so that those who say nothing keep nobody out: where strangers of
// one source, all from other hosts, or all of the listener are too many, the oldest stranger leaves. Of all from other
// hosts, that is one of the source that has the most. False: there is no place, and no stranger who could leave.
bool make_place(std::list<Guest>& guests, const AdminLimits& limits, std::size_t door,
                const std::optional<Address>& source);

}  // namespace sallyport
