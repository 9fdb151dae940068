"""Ways round `sallyport run`, each tried from inside. What counts is what arrives outside: nothing."""
import contextlib
import fcntl
import os
import pathlib
import signal
import stat
import subprocess

import pytest

from laboratory.daemon import program, wait_until
from laboratory.runner import NOBODY, Runner, children, finish, inside, said
from laboratory.unix_server import unix_server

POLICY = """\
version: 1
default: deny
rules:
  - allow: [allowed.test]
"""
# By every way a socket has, to a host that no rule allows. `loud` says which worked.
TRY_OUT = """
import socket, sys
def out(say=print):
  for family, to in ((2, ('93.184.216.20', 80)), (10, ('2600:1f00:77::20', 80)), (2, ('93.184.216.53', 53))):
    for kind in (1, 2):
      try:
        s = socket.socket(family, kind); s.settimeout(2); s.connect(to); s.send(b'GET / HTTP/1.0\\r\\n\\r\\n')
        answer = s.recv(999)
        if answer and b'problem+json' not in answer and kind == 1: say('OUT', to, answer[:60])
      except OSError: pass
"""


@pytest.fixture(params=["user", "root"])
def runner(request, world):
    made = Runner(world, request.param, POLICY)
    world.internet.forget()
    yield made
    assert nothing_outside(world)


def nothing_outside(world):
    packets = [str(packet) for packet in world.internet.capture.take() if packet.target != "93.184.216.10"]
    asked = [name for name in world.internet.asked if "allowed.test" not in str(name)]
    assert not packets and not asked, (packets, asked)
    return True


@contextlib.contextmanager
def service_at(path):
    """As docker's or D-Bus's, open to anybody."""
    is_file = isinstance(path, str) and not path.startswith("\0")

    def bind(server):
        server.bind(path)
        if is_file:
            os.chmod(path, 0o777)
    with unix_server(bind) as came:
        yield came
    if is_file:
        pathlib.Path(path).unlink(missing_ok=True)


def test_unix_sockets_are_covered(runner):
    """docker.sock under /run, D-Bus's abstract one, one in /tmp, our own admin socket in a data folder."""
    state = runner.home / ".local/state/sallyport" if runner.who == "user" else pathlib.Path("/var/lib/sallyport-run/sallyport")
    state.mkdir(parents=True, exist_ok=True)
    if runner.who == "user":
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", runner.home], check=True)
    own = f"/run/sallyport-test-{os.getpid()}.sock"
    paths = [own, "\0dbus-test", f"/tmp/sallyport-test-{os.getpid()}.sock", str(state / "admin.sock"),
             str(runner.home / "agent.sock")]
    with contextlib.ExitStack() as stack:
        came = [stack.enter_context(service_at(path)) for path in paths]
        script = ("import socket, sys\n"
                  "for path in sys.argv[1:]:\n"
                  "  for at in (path, '/proc/1/root' + path, '/proc/self/root' + path):\n"
                  "    for kind in (1, 2, 5):\n"
                  "      try:\n"
                  "        s = socket.socket(1, kind); s.connect(at.replace('@', chr(0))); s.send(b'run this'); print('reached', path)\n"
                  "      except (OSError, ValueError) as e: pass\n")
        done = runner.run("/usr/bin/python3", "-c", script, *[path.replace("\0", "@") for path in paths])
        assert done.returncode == 0 and not done.stdout and not any(came), (said(done), came)
        done = runner.run("/usr/bin/python3", "-c", script, own, options=["--share", own])
        assert "reached" in done.stdout and any(came[0]) and "may be a way round" in done.stderr, said(done)


def test_policy_and_log_can_not_be_changed(runner):
    before = runner.policy.read_text()
    settings = runner.home / ".config/sallyport"
    done = runner.shell(
        f"cd {runner.folder}; (echo 'default: allow' >policy.yaml) 2>/dev/null && echo wrote; rm -f policy.yaml 2>/dev/null;"
        "mv policy.yaml other 2>/dev/null; ln -f policy.yaml link 2>/dev/null && (echo x >>link) 2>/dev/null && echo linked;"
        f"mv {runner.folder} {runner.folder}-away 2>/dev/null && echo moved;"
        f"mkdir -p {settings} 2>/dev/null; (echo 'version: 1' >{settings}/policy.yaml) 2>/dev/null && echo made;"
        f"mv {runner.home}/.config {runner.home}/.away 2>/dev/null && echo moved settings;"
        f"(echo x >>{runner.audit}) 2>/dev/null && echo appended; rm -f {runner.audit} 2>/dev/null && echo removed;"
        "unshare -rm sh -c 'umount -l policy.yaml || mount -o remount,rw,bind policy.yaml || mount -o remount,rw,bind .' "
        "2>/dev/null && echo remounted; ls ~/.local/state/sallyport /var/lib/sallyport-run/sallyport /var/lib/sallyport "
        "2>/dev/null; echo done")
    lines = [line for line in done.stdout.splitlines() if not line.endswith(":") and line]
    # For nobody the home's own settings folder is no place where `run` looks.
    assert lines in (["done"], ["made", "moved settings", "done"] if runner.who == "root" else ["done"]), said(done)
    assert runner.policy.read_text() == before
    verify = subprocess.run([program(), "audit", "verify", runner.audit], capture_output=True, text=True, check=False)
    assert verify.returncode == 0, said(verify)


def test_kernel_settings_are_read_only(runner, world):
    done = runner.shell(
        "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/net/ipv4/ip_forward "
        "/proc/sys/net/ipv4/ping_group_range /proc/sysrq-trigger /sys/kernel/uevent_helper /sys/power/state /sys/kernel/mm/ksm/run; "
        "do (echo 1 >$f) 2>/dev/null && echo wrote $f; unshare -rm sh -c \"mount -o remount,rw,bind $(dirname $f); echo 1 >$f\" "
        "2>/dev/null && echo wrote $f; done; unshare -rmn sh -c 'mount -t sysfs s /sys && echo 1 >/sys/kernel/mm/ksm/run' "
        "2>/dev/null && echo sysfs; echo done")
    assert done.stdout == "done\n", said(done)


CALLS = """\
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
def name(what):
  try: return 'done' if what() is None or True else ''
  except OSError as e: return errno.errorcode[e.errno]
for family, kind, protocol in ((17, 3, 0x300), (17, 2, 0), (40, 1, 0), (16, 3, 12), (38, 5, 0), (31, 3, 1), (2, 3, 255), (10, 3, 6),
                               (45, 3, 0), (29, 3, 1)):
  print(family, kind, name(lambda: socket.socket(family, kind, protocol).close()))
def call(*words):
  ctypes.set_errno(0); result = libc.syscall(*words); return 'done' if result >= 0 else errno.errorcode[ctypes.get_errno()]
print('io_uring', call(425, 8, 0), call(426, 0, 0, 0, 0, 0, 0), call(427, 0, 0, 0, 0))
print('bpf', call(321, 0, 0, 0)); print('keyctl', call(250, 0, -3, 0)); print('mount', call(165, b'none', b'/mnt', b'tmpfs', 0, 0))
print('setns', call(308, 3, 0)); print('ptrace', call(101, 16, 1, 0, 0)); print('module', call(175, 0, 0, b''))
for number in (0x5412, 0x100005412, 0x541C):
  ctypes.set_errno(0); libc.ioctl(0, ctypes.c_ulong(number), b'x'); print('ioctl', errno.errorcode.get(ctypes.get_errno()))
for at in ('0.0.0.0', '127.0.0.1', '::', '::1'):
  for kind in (1, 2):
    s = socket.socket(10 if ':' in at else 2, kind)
    try: s.setsockopt(1, 15, 1); s.setsockopt(1, 2, 1); s.bind((at, 53)); print('bound 53 on', at)
    except OSError: pass
"""


def test_calls_that_go_round_are_refused(runner):
    done = runner.python(CALLS)
    lines = done.stdout.splitlines()
    assert lines and "Traceback" not in done.stderr, said(done)
    assert not [line for line in lines if line.endswith("done") and not line.startswith("16 ")], said(done)
    assert not [line for line in lines if line.startswith("bound")], said(done)
    assert [line for line in lines if line.startswith(("17 ", "40 ", "38 ", "31 ", "45 ", "29 "))] == \
        [line for line in lines if line.endswith("EAFNOSUPPORT")], said(done)
    assert "io_uring ENOSYS ENOSYS ENOSYS" in lines and lines.count("ioctl EPERM") == 3, said(done)


def test_nothing_is_typed_into_the_terminal(runner, world):
    """TIOCSTI, from a command whose standard input is a terminal of ours."""
    import pty
    ours, theirs = pty.openpty()
    script = ("import fcntl, os\n"
              "for where in ('/dev/tty', '/proc/self/fd/0', '/proc/self/fd/2'):\n"
              "  try:\n"
              "    f = os.open(where, os.O_RDWR)\n"
              "    for b in b'TYPED': fcntl.ioctl(f, 0x5412, bytes((b,)))\n"
              "    print('typed')\n"
              "  except OSError as e: print('refused')\n")
    process = world.gateway.start(runner.command(["/usr/bin/python3", "-c", script]), env=runner.environment(),
                                  cwd=runner.folder, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    status, out, err = finish(process)
    assert status == 0 and "typed" not in out and "refused" in out, (out, err)
    os.set_blocking(ours, False)
    with contextlib.suppress(BlockingIOError, OSError):
        assert b"TYPED" not in os.read(ours, 99)
    os.close(ours)


DEVICES = """\
import os, stat
for folder, folders, files in os.walk('/dev'):
  for name in sorted(folders + files):
    path = os.path.join(folder, name)
    found = os.lstat(path)
    kind = 'link' if stat.S_ISLNK(found.st_mode) else 'folder' if stat.S_ISDIR(found.st_mode) else \\
      f'{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}'
    print(path, kind)
for path in ('/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'):
  with open(path, 'rb') as device: device.read(1)
with open('/dev/null', 'w') as nothing: print('usable', file=nothing)
with open('/dev/shm/memory', 'w') as memory: memory.write('kept')
os.openpty(); os.stat('/dev/stdout'); print('usable')
for change in (lambda: open('/dev/new', 'w'), lambda: os.unlink('/dev/null'), lambda: os.rename('/dev/shm', '/dev/other'),
               lambda: os.mknod('/dev/shm/vsock', 0o666 | stat.S_IFCHR, os.makedev(10, 241))):
  try: change(); print('changed')
  except OSError: pass
"""
DEVICES_INSIDE = {"full 1:7", "null 1:3", "random 1:8", "tty 5:0", "urandom 1:9", "zero 1:5", "fd link", "ptmx link",
                  "stdin link", "stdout link", "stderr link", "pts folder", "shm folder", "pts/ptmx 5:2"}


@contextlib.contextmanager
def device_for_anybody(path, number):
    """As some hosts have /dev/vhost-vsock; here it is one that does nothing, by another name."""
    os.mknod(path, 0o666 | stat.S_IFCHR, number)
    os.chmod(path, 0o666)
    try:
        yield
    finally:
        os.unlink(path)


def test_devices_are_the_few_that_lead_nowhere(runner):
    """Some lead past any network: vhost-vsock to virtual machines, uinput to the person's keyboard."""
    path = f"/dev/sallyport-test-{os.getpid()}"
    with device_for_anybody(path, os.makedev(1, 3)):
        done = runner.python(DEVICES)
        lines = [line.removeprefix("/dev/") for line in done.stdout.splitlines()]
        assert set(lines) == DEVICES_INSIDE | {"usable"} and len(lines) == len(set(lines)), said(done)
        # Shared, it is there and works.
        done = runner.shell(f"ls /dev | wc -l; echo x >{path} && echo opened", options=["--share", path])
        assert done.stdout == "14\nopened\n" and "may be a way round" in done.stderr, said(done)


def test_all_devices_may_be_shared_but_no_terminals(runner):
    done = runner.shell("ls /dev/pts; ls /dev/shm; echo x >/dev/null && ls -d /dev/null /dev/urandom", options=["--share", "/dev"])
    assert done.stdout == "ptmx\n/dev/null\n/dev/urandom\n", said(done)


def test_standard_descriptors_are_no_way_past_the_mounts(runner, world):
    """From a folder that was opened outside, `..` leads below every mount inside."""
    def run(**standard):
        process = world.gateway.start(runner.command(["echo", "done"]), env=runner.environment(), cwd=runner.folder,
                                      **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                                         "text": True, **standard})
        return finish(process)
    for path, flags, why in ((runner.folder, os.O_RDONLY, "a directory"), ("/", os.O_PATH, "a directory"),
                             (runner.policy, os.O_PATH, "a place"), ("/proc/self/ns/net", os.O_PATH, "a place")):
        opened = os.open(path, flags)
        for standard in ("stdin", "stdout"):
            status, out, err = run(**{standard: opened})
            assert status != 0 and not out and f"standard input, output or error is {why}" in err, (path, status, out, err)
        os.close(opened)
    out, into = os.pipe()
    for opened in (os.open("/etc/hosts", os.O_RDONLY), os.open("/dev/null", os.O_RDWR), os.open("/dev/zero", os.O_RDONLY), out):
        status, said_inside, err = run(stdin=opened)
        assert (status, said_inside) == (0, "done\n"), err
        os.close(opened)
    os.close(into)


def test_no_other_descriptor_is_inherited(runner, world):
    opened = [os.open("/", os.O_PATH), os.open("/etc/hosts", os.O_RDONLY)]
    high = fcntl.fcntl(opened[0], fcntl.F_DUPFD, 200)
    script = "import os; print(sorted(os.listdir('/proc/self/fd')))"  # the last is what lists them
    try:
        for standard, left in (("", "0123"), ("<&-", "012"), (">&2", "0123")):
            words = ["sh", "-c", f'exec "$@" {standard}', "sh", *runner.command(["/usr/bin/python3", "-c", script])]
            process = world.gateway.start(words, env=runner.environment(), cwd=runner.folder, stdin=subprocess.DEVNULL,
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=[*opened, high])
            status, out, err = finish(process)
            assert status == 0 and str(list(left)) in out + err, (standard, status, out, err)
    finally:
        for descriptor in (*opened, high):
            os.close(descriptor)


def test_namespaces_of_its_own_lead_nowhere(runner, world):
    done = runner.python(TRY_OUT + "import subprocess\n"
                         "for how in ('-rn', '-rnm', '-rnmp --fork', '-r'):\n"
                         "  r = subprocess.run(['unshare', *how.split(), 'sh', '-c', 'ip link set lo up; nft flush ruleset; "
                         "ip addr add 93.184.216.77/24 dev lo; ip link add d0 type dummy; ip link set d0 up; "
                         "ip route add default dev d0; exec python3 -c \"$0\"', sys.argv[1]], capture_output=True, text=True)\n"
                         "  print(r.stdout, end='')\n"
                         "out()\nprint('done')".replace("sys.argv[1]", repr(TRY_OUT + "out()")))
    assert done.stdout == "done\n", said(done)


def test_other_processes_are_out_of_reach(runner, world):
    """No process of this host is seen, traced or ended; the sandbox's first process can't be read."""
    bystander = subprocess.Popen(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sleep", "60"])
    try:
        done = runner.shell(f"trap '' TERM; kill -9 {bystander.pid} {os.getpid()} 2>/dev/null && echo killed;"
                            "kill -9 1 2>/dev/null; ls /proc/1/root/ /proc/1/fd/ 2>/dev/null && echo seen;"
                            "for p in /proc/[0-9]*; do grep -q sallyport $p/comm && cat $p/environ 2>/dev/null | head -c 9; done;"
                            "kill -TERM -1 2>/dev/null; nsenter -t 1 -n true 2>/dev/null && echo entered; echo done")
        assert done.stdout == "done\n" and bystander.poll() is None, said(done)
    finally:
        bystander.kill()
        bystander.wait()


def as_root_inside(pid, *words):
    """With every capability over the sandbox's network: more than a command in it ever has."""
    return subprocess.run(["nsenter", "-t", str(pid), "-n", *words], capture_output=True,
                          text=True, timeout=20, check=False)


def rules(world):
    return world.gateway.run(["nft", "list", "ruleset"]).stdout, world.gateway.run(["ip", "route", "show", "table", "all"]).stdout


@pytest.mark.parametrize("breaks", [["nft", "flush", "ruleset"], ["ip", "route", "flush", "table", "local"],
                                    ["ip", "route", "add", "93.184.216.0/24", "dev", "lo"], ["ip", "link", "set", "lo", "down"],
                                    ["ip", "addr", "add", "93.184.216.20/32", "dev", "lo"]], ids=" ".join)
def test_who_has_net_admin_inside_breaks_only_its_own_network(runner, world, breaks):
    before = rules(world)
    script = TRY_OUT + "print('ready', flush=True); sys.stdin.readline(); out(); print('done')"
    process = runner.start("/usr/bin/python3", "-c", script, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    done = as_root_inside(inside(process, "python3"), *breaks)
    assert done.returncode == 0, said(done)
    status, out, err = finish_with(process, "go\n")
    assert (status, out) == (0, "done\n"), (out, err)
    assert rules(world) == before and nothing_outside(world)
    others_still_work(runner, world)


def others_still_work(runner, world):
    assert runner.run("curl", "-sS", "http://allowed.test/").returncode == 0
    world.internet.forget()


def finish_with(process, typed):
    out, err = process.communicate(typed, timeout=60)
    return process.returncode, out, err


def test_who_takes_port_53_inside_answers_only_itself(runner, world):
    """With our sockets gone from it, too: they are the only ones that lead out."""
    script = TRY_OUT + "print('ready', flush=True); sys.stdin.readline(); out(); print('done')"
    process = runner.start("/usr/bin/python3", "-c", script, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    fake = ("import socket, sys, threading\n"
            "s = socket.socket(2, 2); s.setsockopt(1, 15, 1); s.setsockopt(1, 2, 1)\n"
            "try: s.bind(('127.0.0.1', 53)); print('bound')\n"
            "except OSError: print('taken')\n"
            "t = socket.create_server(('0.0.0.0', 80)); t6 = socket.create_server(('::', 80), family=10)\n")
    assert as_root_inside(inside(process, "python3"), "/usr/bin/python3", "-c", fake).returncode == 0
    assert finish_with(process, "go\n")[:2] == (0, "done\n") and nothing_outside(world)
    others_still_work(runner, world)


def test_nothing_gets_out_once_sallyport_is_killed(runner, world):
    script = TRY_OUT + ("import os, signal, time\n"
                        "if os.fork(): time.sleep(60)\n"
                        "os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True)\n"
                        "while True: out(); time.sleep(0.05)")
    process = runner.start("/usr/bin/python3", "-c", script)
    assert process.stdout.readline() == "ready\n"
    left = children(process.pid)
    assert len(left) >= 3
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in left), "the sandbox to end")


def test_a_daemonized_child_ends_with_the_command(runner, world):
    done = runner.python("import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(60)")
    assert done.returncode == 0
    assert not subprocess.run(["pgrep", "-u", str(NOBODY), "-f", "time.sleep.60"], capture_output=True, check=False).stdout


def test_the_synthetic_addresses_of_others_and_the_door_itself_lead_nowhere(runner, world):
    done = runner.python(
        "import socket\n"
        "for line in open('/proc/net/tcp').readlines()[1:]:\n"
        "  at, state = line.split()[1], line.split()[3]\n"
        "  if state != '0A': continue\n"
        "  port = int(at.split(':')[1], 16)\n"
        "  s = socket.socket(); s.settimeout(3)\n"
        "  try: s.connect(('127.0.0.1', port)); s.send(b'GET / HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n'); print(s.recv(99)[:12])\n"
        "  except OSError: print('refused')\n"
        "for to in ('198.18.0.1', '198.19.255.254'):\n"
        "  try: s = socket.create_connection((to, 80), 3); s.send(b'GET / HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n'); print(s.recv(99)[9:12])\n"
        "  except OSError: print('refused')\n")
    assert "200" not in done.stdout, said(done)
    assert not world.internet.requests
