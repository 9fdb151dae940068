#include "approvals/notify/command.hpp"

#include "approvals/json.hpp"
#include "approvals/notify/child.hpp"
#include "net/within.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace sallyport {
namespace {

// Why the program could not be run now; empty: it could be. It may still come, so this is no reason not to start.
std::string why_not(const std::string& program) {
  struct stat there {};
  if (::stat(program.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) return "it is no file";
  if (::faccessat(AT_FDCWD, program.c_str(), X_OK, AT_EACCESS) == 0) return {};
  return std::generic_category().message(errno);
}

}  // namespace

Command::Command(Errands& errands, CommandOptions options)
    : errands_(errands),
      options_(std::move(options)),
      backlog_(errands, {}, [this](std::shared_ptr<const Notice> notice) { return run(std::move(notice)); }) {
  const std::string& program = options_.arguments.front();
  const std::string trouble = why_not(program);
  if (!trouble.empty()) spdlog::warn("approvals.notify: {} cannot be run: {}; nobody is told by it", program, trouble);
}

void Command::tell(const std::shared_ptr<const Notice>& notice) {
  if (!notice->is_among(options_.events)) return;
  const std::size_t dropped = backlog_.add(notice);
  dropped_ += dropped;
  if (dropped != 0 && dropped_ % 100 == 1)
    spdlog::warn("{} is too slow: {} messages were dropped, the oldest first", options_.arguments.front(), dropped_);
}

Task<> Command::run(std::shared_ptr<const Notice> notice) {
  const std::string& name = options_.arguments.front();
  const std::string input = standard_body(*notice) + "\n";
  auto child = Child::start(errands_.context(), options_.arguments, input);
  if (!child) {
    spdlog::warn("{}: {}", name, child.error().text);
    co_return;
  }
  auto work = child->finish();
  const auto end = co_await within(options_.timeout, std::move(work));
  if (!end) {
    spdlog::warn("{} had not ended after {} ms and is killed", name, options_.timeout.count());
    co_return;
  }
  const std::string said = plain_text(end->said);
  if (end->status != 0) {
    spdlog::warn("{} ended with status {}{}{}", name, end->status, said.empty() ? "" : ": ", said);
  } else if (!said.empty()) {
    spdlog::info("{}: {}", name, said);
  }
}

}  // namespace sallyport
