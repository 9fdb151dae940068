#include "proxy/terminal/policy_file.hpp"

#include "policy/policy.hpp"
#include "policy/policy_edit.hpp"
#include "telemetry/safe_text.hpp"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest = 4U << 20U;

Complaint trouble(const std::string& what) {
  return Complaint{what, ": ", std::strerror(errno)};
}

bool write_all(int file, std::string_view text, off_t at) {
  while (!text.empty()) {
    const ssize_t size = ::pwrite(file, text.data(), text.size(), at);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(size));
    at += size;
  }
  return true;
}

// What a query of this question will speak when it comes the next time.
Spoken spoken_as(const std::string& protocol) {
  if (protocol == "tls") return Spoken::tls;
  if (protocol == "http") return Spoken::http;
  if (protocol == "ssh") return Spoken::ssh;
  return Spoken::other;
}

std::string comment(const Approval& approval, std::string_view user, WallClock::time_point now) {
  std::string text =
      time_text(now).substr(0, 10) + ", " + std::string(user) + " was asked for " + shown(approval.question.agent, 64);
  if (!approval.first.process) return text;
  const ProcessInfo& process = *approval.first.process;
  return text + ", by " + shown(process.path.empty() ? process.name : process.path, 128);
}

}  // namespace

PolicyFile::PolicyFile(const std::string& path, PolicyFolder folder) : folder_(folder) {
  std::error_code error;
  const fs::path found = fs::weakly_canonical(path, error);
  path_ = error ? path : found.string();
  file_ = OwnedFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (file_.get() >= 0) return;
  missing_ = errno == ENOENT && folder_ == PolicyFolder::closed;
  if (!missing_) trouble_ = std::strerror(errno);
}

std::string PolicyFile::name() const {
  return fs::path(path_).filename().string();
}

Outcome<void> PolicyFile::allow(const Approval& approval, std::string_view user, WallClock::time_point now) {
  if (!trouble_.empty()) return Complaint{trouble_};
  const auto before = read();
  if (!before) return before.error();
  const Question& question = approval.question;
  const bool ssh = approval.first.protocol == "ssh";
  const NewRule rule{question.agent, question.to, ssh, question.method, question.path};
  const auto after = add_rule(*before, rule, comment(approval, user, now));
  if (!after) return after.error();
  const auto policy = Policy::parse(*after, name(), fs::path(path_).parent_path().string());
  if (!policy) return Complaint{"with the rule it is not valid: ", policy.error().front().text};
  Query query{.agent = question.agent, .to = question.to, .request = {}, .now = now};
  query.spoken = spoken_as(approval.first.protocol);
  if (!question.method.empty()) query.request = SeenRequest{question.method, approval.first.request_path};
  const Verdict verdict = (*policy)->decide(query);
  if (verdict.action != Action::allow) {
    const std::string by = verdict.rule.empty() ? "its boundary" : "the rule at " + verdict.rule;
    return Complaint{by, verdict.action == Action::ask ? " asks all the same" : " denies it all the same"};
  }
  return write(*after);
}

Outcome<std::string> PolicyFile::read() const {
  if (missing_) return std::string();
  struct stat named {
  }, opened{};
  const bool same = ::lstat(path_.c_str(), &named) == 0 && ::fstat(file_.get(), &opened) == 0 &&
                    named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
  if (!same) return Complaint{"another file has taken its place since the start"};
  if (!S_ISREG(opened.st_mode) || static_cast<std::size_t>(opened.st_size) > largest) {
    return Complaint{"it is no plain file of a sensible size"};
  }
  std::string text(static_cast<std::size_t>(opened.st_size), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t size = ::pread(file_.get(), text.data() + filled, text.size() - filled, static_cast<off_t>(filled));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return trouble("it can't be read");
    filled += static_cast<std::size_t>(size);
  }
  return text;
}

Outcome<void> PolicyFile::write(const std::string& text) {
  return folder_ == PolicyFolder::closed ? replace(text) : overwrite(text);
}

Outcome<void> PolicyFile::replace(const std::string& text) {
  std::string beside = path_ + ".XXXXXX";
  OwnedFd file(::mkostemp(beside.data(), O_CLOEXEC));
  // Nor can anybody else of this user put a file there then.
  if (file.get() < 0 && !missing_) return overwrite(text);
  if (file.get() < 0) return trouble("its folder can't be written");
  struct stat before {};
  const bool known = !missing_ && ::fstat(file_.get(), &before) == 0;
  const bool kept =
      !known || (::fchmod(file.get(), before.st_mode & 07777U) == 0 &&
                 (before.st_gid == ::getegid() || ::fchown(file.get(), static_cast<uid_t>(-1), before.st_gid) == 0));
  const bool written = kept && write_all(file.get(), text, 0) && ::fsync(file.get()) == 0;
  // What somebody has made there meanwhile is not ours to replace.
  const bool named = written && (missing_ ? ::link(beside.c_str(), path_.c_str()) : 0) == 0 &&
                     (missing_ ? 0 : ::rename(beside.c_str(), path_.c_str())) == 0;
  const Complaint why = trouble("it can't be written");
  if (!named || missing_) ::unlink(beside.c_str());
  if (!named) return why;
  file_ = std::move(file);
  missing_ = false;
  return {};
}

// Should the disk fill up in between, the old text is put back: it is no longer, and its place is there.
Outcome<void> PolicyFile::overwrite(const std::string& text) {
  const auto before = read();
  if (!before) return before.error();
  // The longer part first: where there is no room for it, nothing has changed yet.
  errno = ::posix_fallocate(file_.get(), 0, static_cast<off_t>(text.size()));
  if (errno != 0) return trouble("it can't be written");
  if (write_all(file_.get(), text, 0) && ::fsync(file_.get()) == 0) return {};
  const Complaint why = trouble("it can't be written");
  const bool back =
      write_all(file_.get(), *before, 0) && ::ftruncate(file_.get(), static_cast<off_t>(before->size())) == 0;
  return back ? why : Complaint{why.text, "; and IT IS DAMAGED"};
}

}  // namespace sallyport
