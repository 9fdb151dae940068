#include "proxy/sandbox/descriptor_passing.hpp"

#include "net/passed_descriptors.hpp"

#include <algorithm>

namespace sallyport {
namespace {

constexpr std::size_t most_text = 4096;

}  // namespace

bool send_descriptors(int channel, char word, const std::vector<int>& all) {
  return all.size() <= most_passed_descriptors && send_with_descriptors(channel, {&word, 1}, all);
}

std::optional<std::string> receive_descriptors(int channel, std::vector<OwnedFd>& descriptors) {
  std::string text(most_text, '\0');
  auto got = receive_with_descriptors(channel, text);
  if (!got || got->size == 0) return std::nullopt;
  text.resize(std::min(got->size, most_text));
  for (Descriptor& one : got->descriptors) descriptors.emplace_back(one.release());
  return text;
}

}  // namespace sallyport
