#include "proxy/monitor/attach_message.hpp"

#include "net/passed_descriptors.hpp"

#include <algorithm>
#include <utility>

namespace sallyport {

FlatEnd FlatEnd::of(const Address& address, std::uint16_t port) {
  FlatEnd end;
  const auto bytes = address.bytes();
  std::copy(bytes.begin(), bytes.end(), end.address.begin());
  end.port = port;
  end.is_v4 = address.is_v4();
  return end;
}

Address FlatEnd::value() const {
  if (!is_v4) return Address::v6(address);
  return Address::v4({address[0], address[1], address[2], address[3]});
}

FlatProcess FlatProcess::of(const ProcessInfo& process) {
  FlatProcess flat;
  flat.pid = process.pid;
  flat.device = process.device;
  flat.inode = process.inode;
  flat.name.set(process.name);
  flat.cmd_line.set(process.cmd_line);
  flat.path.set(process.path);
  flat.parents = static_cast<std::uint32_t>(std::min(process.parents.size(), flat.parent_pids.size()));
  for (std::size_t i = 0; i < flat.parents; ++i) {
    flat.parent_pids[i] = process.parents[i].pid;
    flat.parent_names[i].set(process.parents[i].name);
  }
  return flat;
}

ProcessInfo FlatProcess::value() const {
  ProcessInfo process{pid, name.text(), cmd_line.text(), path.text(), device, inode};
  for (std::size_t i = 0; i < std::min<std::size_t>(parents, parent_pids.size()); ++i)
    process.parents.push_back({parent_pids[i], parent_names[i].text()});
  return process;
}

bool send_message(int socket, const void* bytes, std::size_t size, const std::vector<int>& descriptors) {
  return send_with_descriptors(socket, {static_cast<const char*>(bytes), size}, descriptors);
}

bool receive_message(int socket, void* bytes, std::size_t size, DescriptorList& descriptors) {
  auto got = receive_with_descriptors(socket, {static_cast<char*>(bytes), size});
  if (!got) return false;
  for (Descriptor& one : got->descriptors) descriptors.push_back(std::make_unique<Descriptor>(std::move(one)));
  return got->size == size && !got->is_cut;
}

}  // namespace sallyport
