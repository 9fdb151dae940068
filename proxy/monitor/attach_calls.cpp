#include "proxy/monitor/privileges.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sched.h>
#include <seccomp.h>

namespace sallyport {
namespace {

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

// Of what CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and CAP_NET_ADMIN allow: whatever has a call of its own.
constexpr std::array refused{SCMP_SYS(ptrace),
                             SCMP_SYS(process_vm_readv),
                             SCMP_SYS(process_vm_writev),
                             SCMP_SYS(process_madvise),
                             SCMP_SYS(pidfd_getfd),
                             SCMP_SYS(kcmp),
                             SCMP_SYS(execve),
                             SCMP_SYS(execveat),
                             SCMP_SYS(fork),
                             SCMP_SYS(vfork),
                             SCMP_SYS(mount),
                             SCMP_SYS(umount2),
                             SCMP_SYS(pivot_root),
                             SCMP_SYS(chroot),
                             SCMP_SYS(move_mount),
                             SCMP_SYS(open_tree),
                             SCMP_SYS(fsopen),
                             SCMP_SYS(fsconfig),
                             SCMP_SYS(fsmount),
                             SCMP_SYS(fspick),
                             SCMP_SYS(mount_setattr),
                             SCMP_SYS(unshare),
                             SCMP_SYS(open_by_handle_at),
                             SCMP_SYS(name_to_handle_at),
                             SCMP_SYS(bpf),
                             SCMP_SYS(perf_event_open),
                             SCMP_SYS(io_uring_setup),
                             SCMP_SYS(io_uring_enter),
                             SCMP_SYS(io_uring_register),
                             SCMP_SYS(userfaultfd),
                             SCMP_SYS(fanotify_init),
                             SCMP_SYS(keyctl),
                             SCMP_SYS(add_key),
                             SCMP_SYS(request_key),
                             SCMP_SYS(init_module),
                             SCMP_SYS(finit_module),
                             SCMP_SYS(delete_module),
                             SCMP_SYS(kexec_load),
                             SCMP_SYS(kexec_file_load),
                             SCMP_SYS(reboot),
                             SCMP_SYS(swapon),
                             SCMP_SYS(swapoff),
                             SCMP_SYS(sethostname),
                             SCMP_SYS(setdomainname),
                             SCMP_SYS(quotactl),
                             SCMP_SYS(acct),
                             SCMP_SYS(syslog),
                             SCMP_SYS(setuid),
                             SCMP_SYS(setresuid),
                             SCMP_SYS(setgid),
                             SCMP_SYS(setresgid),
                             SCMP_SYS(connect),
                             SCMP_SYS(kill),
                             SCMP_SYS(tkill),
                             SCMP_SYS(unlink),
                             SCMP_SYS(unlinkat),
                             SCMP_SYS(rename),
                             SCMP_SYS(renameat2),
                             SCMP_SYS(chmod),
                             SCMP_SYS(fchmodat)};

}  // namespace

Outcome<void> filter_attach_calls() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
  if (!filter) return Complaint{"seccomp can't be started"};
  int failed = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  constexpr auto no = SCMP_ACT_ERRNO(EPERM);
  for (const int call : refused) failed |= seccomp_rule_add(filter.get(), no, call, 0);
  const scmp_arg_cmp other_namespace{1, SCMP_CMP_NE, CLONE_NEWNET, 0};
  failed |= seccomp_rule_add(filter.get(), no, SCMP_SYS(setns), 1, other_namespace);
  if (failed != 0) return Complaint{"the attach monitor's filter can't be built"};
  if (const int error = seccomp_load(filter.get()); error != 0)
    return Complaint{std::string("the attach monitor's filter can't be loaded: ") + std::strerror(-error)};
  return {};
}

}  // namespace sallyport
