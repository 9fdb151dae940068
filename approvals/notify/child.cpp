#include "approvals/notify/child.hpp"

#include "net/descriptor.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>
#include <utility>

namespace sallyport {
namespace {

constexpr std::size_t kept_output = 4096;

Complaint failed(const char* what) {
  return Complaint{what, ": ", std::strerror(errno)};
}

// A file in memory: it holds any length, and nobody has to write while the program reads.
int file_of(const std::string& text) {
  Descriptor file(::memfd_create("notice", MFD_CLOEXEC));
  if (!file) return -1;
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(file.get(), text.data() + done, text.size() - done);
    if (wrote <= 0) return -1;
    done += static_cast<std::size_t>(wrote);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return -1;
  return file.release();
}

std::string home() {
  const passwd* entry = ::getpwuid(::geteuid());
  return std::string("HOME=") + (entry != nullptr && entry->pw_dir != nullptr ? entry->pw_dir : "/");
}

}  // namespace

Outcome<Child> Child::start(asio::io_context& context, const std::vector<std::string>& arguments,
                            const std::string& input) {
  const Descriptor text(file_of(input));
  if (!text) return failed("its input cannot be kept");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("it cannot be listened to");
  Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  Spawn spawn{arguments};
  spawn.input = text.get();
  spawn.output = spawn.errors = theirs.get();
  spawn.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", home()};
  spawn.folder = "/";
  auto process = ChildProcess::start(spawn);
  if (!process) return Complaint{"it cannot be started: ", process.error().message()};
  return Child(context, std::move(*process), ours.release());
}

Child::Child(asio::io_context& context, ChildProcess process, int output)
    : process_(std::move(process)), ended_(context, process_.ended().release()), output_(context, output) {
  output_.non_blocking(true);
}

void Child::keep(const char* bytes, std::size_t size) {
  said_.append(bytes, std::min(size, kept_output - said_.size()));
}

Task<> Child::listen() {
  std::vector<char> bytes(kept_output);
  const auto in = asio::buffer(bytes);
  for (;;) {
    const auto [error, size] = co_await output_.async_read_some(in, no_throw);
    if (error) co_return;
    keep(bytes.data(), size);
  }
}

Task<> Child::ended() {
  const auto [error] = co_await ended_.async_wait(asio::posix::descriptor_base::wait_read, no_throw);
  static_cast<void>(error);
}

Task<Result<Child::End>> Child::finish() {
  using namespace asio::experimental::awaitable_operators;
  const auto first = co_await (ended() || listen());
  if (first.index() == 1) co_await ended();
  // What it said last, now that nobody adds to it; something it left behind may hold the pipe open.
  std::array<char, kept_output> bytes{};
  const ssize_t rest = ::read(output_.native_handle(), bytes.data(), bytes.size());
  if (rest > 0) keep(bytes.data(), static_cast<std::size_t>(rest));
  const int status = process_.end();
  End end{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), std::move(said_)};
  co_return end;
}

}  // namespace sallyport
