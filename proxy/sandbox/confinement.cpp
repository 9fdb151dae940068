#include "proxy/sandbox/confinement.hpp"

#include <cap-ng.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <seccomp.h>
#include <string>

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

Outcome<void> filter_calls() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
  if (!filter) return Complaint{"seccomp can't be started"};
  int failed = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  failed |= refuse_families(filter, SCMP_SYS(socket));
  failed |= refuse_families(filter, SCMP_SYS(socketpair));
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
  if (const int error = seccomp_load(filter.get()); error != 0) {
    return Complaint{"the system call filter can't be loaded: ", std::strerror(-error)};
  }
  return {};
}

}  // namespace

Outcome<void> confine() {
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
