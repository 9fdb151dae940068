#include "proxy/sandbox/confinement.hpp"

#include <cap-ng.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <seccomp.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace sallyport {
namespace {

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

constexpr std::array<unsigned, 4> families{AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

int refuse(const Filter& filter, int error, int call) {
  return seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), call, 0);
}

int refuse_where(const Filter& filter, int error, int call, const scmp_arg_cmp& condition) {
  return seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), call, 1, condition);
}

// The kernel looks at 32 bits of the family and the filter at 64; what has more set is beyond the last one, so refused.
int refuse_families(const Filter& filter, int call) {
  const unsigned last = *std::max_element(families.begin(), families.end());
  int failed = refuse_where(filter, EAFNOSUPPORT, call, scmp_arg_cmp{0, SCMP_CMP_GT, last, 0});
  for (unsigned family = 0; family < last; ++family) {
    if (std::find(families.begin(), families.end(), family) != families.end()) continue;
    failed |= refuse_where(filter, EAFNOSUPPORT, call, scmp_arg_cmp{0, SCMP_CMP_EQ, family, 0});
  }
  return failed;
}

// Without a connection, sendto() and sendmsg() may name a place, and no connect() is seen. SOCK_RAW is SOCK_DGRAM
// there.
int refuse_unix_datagrams(const Filter& filter, int call) {
  constexpr unsigned type_without_flags = 0xf;
  int failed = 0;
  for (const unsigned type : {SOCK_DGRAM, SOCK_RAW}) {
    failed |= seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EACCES), call, 2, scmp_arg_cmp{0, SCMP_CMP_EQ, AF_UNIX, 0},
                               scmp_arg_cmp{1, SCMP_CMP_MASKED_EQ, type_without_flags, type});
  }
  return failed;
}

// Of two filters that hand on a call the later one decides, and its listener may let the call go on. The kernel allows
// one listener, as long as that is open: whoever had ended the process that has ours could have its own.
int refuse_listeners(const Filter& filter) {
  constexpr unsigned flags = 1;
  return refuse_where(
      filter, EBUSY, SCMP_SYS(seccomp),
      scmp_arg_cmp{flags, SCMP_CMP_MASKED_EQ, SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_FILTER_FLAG_NEW_LISTENER});
}

// The library of Debian 12 knows no SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV. Without that a caller's signal begins a
// call anew that is being done, and some programs are told that they are connected already.
Outcome<OwnedFd> load(const Filter& filter) {
  const OwnedFd file(::memfd_create("filter", MFD_CLOEXEC));
  if (file.get() < 0 || seccomp_export_bpf(filter.get(), file.get()) != 0) {
    return Complaint{"the system call filter can't be written down"};
  }
  std::vector<sock_filter> program(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)) / sizeof(sock_filter));
  const std::size_t size = program.size() * sizeof(sock_filter);
  if (program.empty() || ::pread(file.get(), program.data(), size, 0) != static_cast<ssize_t>(size)) {
    return Complaint{"the system call filter can't be read"};
  }
  const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  for (const unsigned long flags :
       {SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, SECCOMP_FILTER_FLAG_NEW_LISTENER}) {
    OwnedFd listener(static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole)));
    if (listener.get() >= 0) return listener;
    if (errno != EINVAL) break;  // before Linux 5.19
  }
  const int error = errno;
  return Complaint{"the system call filter can't be loaded: ", std::strerror(error),
                   error == EBUSY ? ". This is a sandbox already that has some calls done by another process, and the "
                                    "kernel lets there be one such; start `run` outside of it"
                                  : ""};
}

Outcome<OwnedFd> filter_calls() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
  if (!filter) return Complaint{"seccomp can't be started"};
  int failed = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  failed |= refuse_families(filter, SCMP_SYS(socket));
  failed |= refuse_families(filter, SCMP_SYS(socketpair));
  failed |= refuse_unix_datagrams(filter, SCMP_SYS(socket));
  failed |= refuse_unix_datagrams(filter, SCMP_SYS(socketpair));
  failed |= seccomp_rule_add(filter.get(), SCMP_ACT_NOTIFY, SCMP_SYS(connect), 0);
  failed |= refuse_listeners(filter);
  for (const int call : {SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register)}) {
    failed |= refuse(filter, ENOSYS, call);
  }
  for (const unsigned long command : {TIOCSTI, TIOCLINUX}) {
    failed |= refuse_where(filter, EPERM, SCMP_SYS(ioctl), scmp_arg_cmp{1, SCMP_CMP_MASKED_EQ, 0xffffffff, command});
  }
  for (const int call :
       {SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(bpf), SCMP_SYS(perf_event_open)}) {
    failed |= refuse(filter, EPERM, call);
  }
  if (failed != 0) return Complaint{"the system call filter can't be built"};
  return load(filter);
}

}  // namespace

Outcome<OwnedFd> confine() {
  capng_clear(CAPNG_SELECT_ALL);
  if (const int error = capng_apply(CAPNG_SELECT_ALL); error != 0) {
    return Complaint{"the capabilities can't be given up (" + std::to_string(error) + ")"};
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return Complaint{"no_new_privs: ", std::strerror(errno)};
  }
  return filter_calls();
}

}  // namespace sallyport
