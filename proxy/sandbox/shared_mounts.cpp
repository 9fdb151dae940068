#include "proxy/sandbox/shared_mounts.hpp"

#include "proxy/sandbox/other_ways.hpp"

#include <sys/stat.h>

#include <fcntl.h>
#include <optional>

namespace sallyport {
namespace {

std::optional<std::uint64_t> mount_of(const OwnedFd& place) {
  struct statx found {};
  const bool known = ::statx(place.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &found) == 0;
  if (!known || (found.stx_mask & STATX_MNT_ID) == 0) return std::nullopt;
  return found.stx_mnt_id;
}

}  // namespace

SharedMounts::SharedMounts(const std::vector<std::string>& paths) {
  const OtherWays mounted;
  for (const auto& path : paths) {
    for (const auto& point : mounted.points_below(path)) {
      OwnedFd place(::open(point.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      const auto number = mount_of(place);
      if (!number) continue;
      numbers_.insert(*number);
      held_.push_back(std::move(place));
    }
  }
}

bool SharedMounts::hold(const OwnedFd& place) const {
  const auto number = mount_of(place);
  return number && numbers_.contains(*number);
}

}  // namespace sallyport
