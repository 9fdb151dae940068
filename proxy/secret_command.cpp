#include "proxy/secret_command.hpp"

#include "net/child_process.hpp"
#include "proxy/inject/secret_values.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr std::size_t most_printed = 64 * 1024;

using Clock = std::chrono::steady_clock;

enum class Reading { ended, too_late, too_much, failed };

bool wait_for(int descriptor, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd one{descriptor, POLLIN, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::min<long long>(left, 1'000'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Reading read_all(int pipe, Clock::time_point until, std::string& text) {
  text.reserve(most_printed);
  std::array<char, 4096> bytes{};
  for (;;) {
    if (!wait_for(pipe, until)) return Reading::too_late;
    const ssize_t size = ::read(pipe, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Reading::failed;
    if (size == 0) break;
    if (text.size() + static_cast<std::size_t>(size) > most_printed) return Reading::too_much;
    text.append(bytes.data(), static_cast<std::size_t>(size));
  }
  ::explicit_bzero(bytes.data(), bytes.size());
  return Reading::ended;
}

Outcome<std::string> first_line(std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  wipe(text);
  return line;
}

// Ours of its output is closed then, so that its end can be read.
boost::system::result<ChildProcess> start(const std::vector<std::string>& arguments, Descriptor output) {
  Spawn spawn{arguments};
  spawn.output = output.get();
  return ChildProcess::start(spawn);
}

}  // namespace

Outcome<std::string> run_secret_command(const std::vector<std::string>& arguments, std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Complaint{"its command cannot be listened to"};
  const Descriptor ours(ends[0]);
  auto process = start(arguments, Descriptor(ends[1]));
  if (!process) return Complaint{"its command cannot be started: ", process.error().message()};
  std::string text;
  const Reading reading = read_all(ours.get(), until, text);
  const bool in_time = reading == Reading::ended && wait_for(process->ended().get(), until);
  const int status = process->end();
  const bool good = in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (good) return first_line(text);
  wipe(text);
  if (reading == Reading::too_much) return Complaint{"its command printed more than 64 KiB"};
  if (!in_time) return Complaint{"its command took too long"};
  if (WIFEXITED(status)) return Complaint{"its command failed with status ", std::to_string(WEXITSTATUS(status))};
  return Complaint{"its command was killed"};
}

}  // namespace sallyport
