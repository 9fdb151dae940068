#include "proxy/process/network_members.hpp"

#include "proxy/process/process.hpp"

namespace sallyport {

void NetworkMembers::look() {
  const auto began = Clock::now();
  members_.clear();
  for (const pid_t pid : all_processes()) {
    if (const auto network = Process(pid).network()) members_[Key{network->device, network->inode}].push_back(pid);
  }
  looked_ = Clock::now();
  cost_ = looked_ - began;
}

std::vector<pid_t> NetworkMembers::of(const FileIdentity& network) const {
  const auto found = members_.find(Key{network.device, network.inode});
  return found == members_.end() ? std::vector<pid_t>() : found->second;
}

}  // namespace sallyport
