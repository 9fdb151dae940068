#include "proxy/sandbox/process_name.hpp"

#include <sys/prctl.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace sallyport {
namespace {

// Numbers of fields, counted from the one behind the program's name, which may have spaces.
constexpr std::size_t arguments_begin = 45, arguments_end = 46;

}  // namespace

void show_process_as(const std::string& name) {
  ::prctl(PR_SET_NAME, name.c_str(), 0, 0, 0);
  std::string line;
  std::ifstream file("/proc/self/stat");
  if (!std::getline(file, line)) return;
  std::istringstream words(line.substr(line.rfind(')') + 1));
  std::istream_iterator<std::string> field(words);
  const std::vector<std::string> fields(field, {});
  if (fields.size() <= arguments_end) return;
  // The kernel shows these bytes of this process's own memory.
  const auto from = std::stoull(fields[arguments_begin]), to = std::stoull(fields[arguments_end]);
  if (from == 0 || to <= from + name.size()) return;
  auto* arguments = reinterpret_cast<char*>(from);  // NOLINT(performance-no-int-to-ptr)
  std::memset(arguments, 0, to - from);
  name.copy(arguments, name.size());
}

}  // namespace sallyport
