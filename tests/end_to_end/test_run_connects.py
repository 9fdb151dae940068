"""connect() under `sallyport run`: to nobody outside, however late it began to listen; to the command's own as ever."""
import contextlib
import errno
import os
import socket
import subprocess

import pytest

from laboratory.daemon import wait_until
from laboratory.runner import NOBODY, Runner, inside, said
from laboratory.unix_server import unix_server

POLICY = """\
version: 1
default: deny
rules:
  - allow: [allowed.test]
"""
BEGIN = """
import ctypes, errno, os, signal, socket, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def outside():
  print('ready', flush=True)
  return sys.stdin.readline().split()
def result(what):
  try: what()
  except OSError as e: return errno.errorcode[e.errno]
  return 'done'
def connect(path, kind=1):
  with socket.socket(socket.AF_UNIX, kind) as s:
    s.settimeout(9)
    s.connect(path); s.send(b'run this'); return s
def tried(path, kind=1): return result(lambda: connect(path, kind))
"""


@pytest.fixture(params=["user", "root"])
def runner(request, world):
    world.internet.forget()
    return Runner(world, request.param, POLICY)


@contextlib.contextmanager
def service_at(path, kind=socket.SOCK_STREAM):
    """Of the same user, as a later tmux server or a shared connection of ssh is."""
    def bind(server):
        server.bind(str(path))
        os.chown(path, NOBODY, NOBODY)
    try:
        with unix_server(bind, kind) as came:
            yield came
    finally:
        path.unlink(missing_ok=True)


class Command:
    """One that waits until there is something outside to be told of."""

    def __init__(self, runner, script, **more):
        self.process = runner.start("/usr/bin/python3", "-c", BEGIN + script, stdin=subprocess.PIPE, **more)
        assert self.process.stdout.readline() == "ready\n", self.process.communicate(timeout=10)

    def told(self, *words, seconds=60):
        out, err = self.process.communicate(" ".join(map(str, words)) + "\n", timeout=seconds)
        assert self.process.returncode == 0, (out, err)
        return out.splitlines()


REACH_LATER = """
for path in outside():
  folder, name = os.path.split(path)
  os.chdir(folder)
  at = os.open(folder, os.O_PATH)
  os.symlink(path, f'/dev/shm/{name}-link'); os.symlink(folder, f'/dev/shm/{name}-folder')
  ways = [path, name, f'../{os.path.basename(folder)}/{name}', f'/dev/shm/{name}-link', f'/dev/shm/{name}-folder/{name}',
          f'/proc/self/fd/{at}/{name}', f'/dev/fd/{at}/{name}', f'/proc/self/cwd/{name}', f'/proc/self/root{path}',
          f'/proc/thread-self/cwd/{name}', f'/proc/{os.getpid()}/root{path}', f'/proc/{os.getppid()}/root{path}',
          f'/proc/self/fd/{os.open(path, os.O_PATH)}']
  os.link(path, f'{folder}/{name}-other'); os.rename(f'{folder}/{name}-other', f'{folder}/{name}-moved'); ways.append(f'{folder}/{name}-moved')
  for way in ways:
    for kind in (1, 5):
      print(way, kind, tried(way, kind))
  os.unlink(f'{folder}/{name}-moved')
  for how in ('-Ur', '-Urm', '-Urn', '-Urmn', '-Urmp --fork'):
    more = f'mount --bind {folder} /mnt && python3 -c "$1" /mnt/{name}; chroot / python3 -c "$1" {path};' if 'm' in how else ''
    again = 'import sys, socket\\ns = socket.socket(1)\\ntry: s.connect(sys.argv[1]); s.send(b"run"); print("reached")\\nexcept OSError as e: print(e.errno)'
    done = subprocess.run(['unshare', *how.split(), 'sh', '-c', more + f'python3 -c "$1" {path}', 'sh', again], capture_output=True, text=True)
    print(how, *done.stdout.split())
"""


def test_who_begins_to_listen_later_is_out_of_reach(runner):
    (runner.home / ".ssh").mkdir()
    os.chown(runner.home / ".ssh", NOBODY, NOBODY)
    later = runner.folder.parent / f"later-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        command = Command(runner, REACH_LATER)
        places = [runner.home / ".ssh/cm-host", runner.folder / "later.sock", later]
        stack.callback(os.chmod, runner.folder.parent, os.stat(runner.folder.parent).st_mode)
        runner.folder.parent.chmod(0o1777)
        came = [stack.enter_context(service_at(path)) for path in places]
        lines = command.told(*places)
        assert len(lines) == 3 * (14 * 2 + 5), lines
        for line in lines:
            if line.startswith("-"):
                assert set(line.split()[1 if "--fork" not in line else 2:]) <= {str(errno.EACCES)} and len(line.split()) > 1, lines
            else:
                assert line.endswith(" EACCES"), lines
        assert not any(came), came


def test_what_can_not_be_connected_to_is_told_as_ever(runner):
    done = runner.python(BEGIN + """
s = socket.socket(1); s.bind('dead.sock'); s.close()
open('file', 'w').close(); os.mkfifo('pipe'); os.mkdir('closed', 0); os.symlink('loop', 'loop')
u = socket.socket(1); u.bind('unheard.sock')
own = socket.socket(1); own.bind('own.sock'); own.listen()
os.chmod('own.sock', 0)
for path in ('missing', 'missing/x', 'dead.sock', 'file', 'pipe', '.', 'file/x', 'closed/x', 'loop', 'unheard.sock', 'own.sock', ''):
  print(path, tried(path))
os.chmod('own.sock', 0o600)
print('own.sock', tried('own.sock', 5), tried('own.sock'))
print(tried(bytes(1) + b'abstract'))
os.chmod('own.sock', 0o600); whole = os.path.abspath('own.sock'); os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')
print(tried('own.sock'), tried(whole)); os.chdir('..'); os.mkdir('left'); os.chdir('left'); os.chmod('.', 0); print(tried('own.sock'), tried(whole))
""")
    assert done.stdout.splitlines() == [
        "missing ENOENT", "missing/x ENOENT", "dead.sock ECONNREFUSED", "file ECONNREFUSED", "pipe ECONNREFUSED", ". ECONNREFUSED",
        "file/x ENOTDIR", "closed/x EACCES", "loop ELOOP", "unheard.sock ECONNREFUSED", "own.sock EACCES", " EINVAL",
        "own.sock EPROTOTYPE done", "ECONNREFUSED", "ENOENT done", "EACCES done"], said(done)


OWN = """
home = os.getcwd() + '/home'
def served(at, way=None, kind=1, before=None):
  s = socket.socket(socket.AF_UNIX, kind); s.bind(at); s.listen()
  if before: before()
  c = socket.socket(socket.AF_UNIX, kind); c.settimeout(9); c.connect(way or at); p = s.accept()[0]
  c.send(b'hello'); print(p.recv(9).decode(), p.getpeername() == c.getsockname(), c.getpeername() in (at, at.encode()))
  s.close(); c.close(); p.close()
os.chdir(home)
served('/dev/shm/own.sock'); served('/tmp/own-%d.sock' % os.getpid()); os.unlink('/tmp/own-%d.sock' % os.getpid()); served(home + '/a.sock'); served('b.sock', './b.sock', 5)
served('c.sock', home + '/c.link', before=lambda: os.symlink('c.sock', 'c.link'))
served('d.sock', 'd.moved', before=lambda: (os.link('d.sock', 'd.linked'), os.rename('d.linked', 'd.moved')))
deep = home + '/' + 'x' * 90; os.mkdir(deep); at = os.open(deep, os.O_PATH)
served(f'/proc/self/fd/{at}/e.sock'); served(f'/dev/fd/{at}/f.sock'); served('\\0abstract')
home += '/plain'; os.mkdir('plain'); os.chdir('plain')
s = socket.socket(1); s.bind('g.sock'); s.listen()
for how, way in (('-Ur', home), ('-Urm', '/mnt'), ('-Urmn', '/mnt'), ('-Urmp --fork', '/mnt')):
  again = 'import socket, sys\\nfor way in sys.argv[1:]: s = socket.socket(1); s.connect(way); s.send(b"from " + way.encode())'
  ways = [way + '/g.sock', home + '/g.sock', '/proc/self/root/' + way + '/g.sock']
  done = subprocess.run(['unshare', *how.split(), 'sh', '-c', f'[ {way} = {home} ] || mount --bind {home} {way}; python3 -c "$0" "$@"', again, *ways],
                        stderr=subprocess.PIPE, text=True)
  for way in ways if not done.returncode else []: assert s.accept()[0].recv(99).decode().startswith('from ')
  print(how, done.returncode, done.stderr)
libc.prctl(4, 0)  # as agents that keep keys are
served('unseen.sock')
"""


def test_the_commands_own_servers_are_reached(runner):
    done = runner.python(BEGIN + OWN)
    assert done.returncode == 0, said(done)
    lines = done.stdout.split("\n")
    assert lines[:9] == ["hello True True"] * 9, said(done)
    assert [line.split()[-1] for line in lines[9:] if line] == ["0"] * 4 + ["True"], said(done)


def test_node_serves_itself_at_a_path(runner):
    script = ("const net = require('net'); const s = net.createServer(c => c.end('hello')).listen('own.sock', () => "
              "net.connect('own.sock').on('data', d => { console.log(String(d)); s.close(); }));")
    done = runner.run("node", "-e", script)
    assert done.stdout == "hello\n", said(done)


def test_a_server_on_an_overlay_is_the_commands_own(runner):
    """As all files of a container are, whose numbers there are not those of the file systems below."""
    places = [runner.folder / name for name in ("lower", "upper", "work", "whole")]
    for place in places:
        place.mkdir()
        os.chown(place, NOBODY, NOBODY)
    lower, upper, work, whole = places
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", whole], check=True)
    try:
        command = Command(runner, "s = socket.socket(1); s.bind('own.sock'); s.listen()\nfor path in outside():\n"
                          "  print(tried('own.sock'), tried(path), tried('../upper/own.sock'))", cwd=whole)
        with service_at(whole / "later.sock") as came:
            assert command.told(whole / "later.sock") == ["done EACCES ECONNREFUSED"] and not came
    finally:
        subprocess.run(["umount", "-l", whole], check=True)


def test_what_is_shared_is_reached_and_nothing_is_moved_there(runner):
    shared = runner.home / "shared"
    shared.mkdir()
    single = runner.home / "single.sock"
    os.chown(shared, NOBODY, NOBODY)
    os.chown(runner.home, NOBODY, NOBODY)
    with service_at(shared / "before.sock") as before, service_at(single) as one:
        command = Command(runner, """
paths = outside(); later = paths.pop()
for path in paths: print(tried(path))
folder, single = os.path.dirname(paths[0]), paths[2]
print(result(lambda: os.rename(later, folder + '/moved')), result(lambda: os.link(later, folder + '/linked')),
      result(lambda: os.rename(later, single)), result(lambda: os.unlink(single)), result(lambda: os.rename(folder, folder + '2')))
os.symlink(later, folder + '/link'); print(tried(folder + '/link'), tried(later))
done = subprocess.run(['unshare', '-Urm', 'sh', '-c', 'umount $0; python3 -c "$3" $1 $0/x; umount $2; python3 -c "$3" $1 $2; '
                       'mount --bind ${1%/*} $0; mount --bind $1 $2; true', folder, later, single,
                       'import os, sys; os.rename(sys.argv[1], sys.argv[2])'], capture_output=True)
print(tried(folder + '/x'), tried(later))
""", options=["--share", shared, "--share", single])
        with service_at(shared / "after.sock") as after, service_at(runner.home / "later.sock") as later:
            lines = command.told(shared / "before.sock", shared / "after.sock", single, runner.home / "later.sock")
            assert lines == ["done"] * 3 + ["EXDEV EXDEV EBUSY EBUSY EBUSY", "EACCES EACCES", "ENOENT EACCES"], lines
            wait_until(lambda: before and after and one, "what was sent to those that are shared")
            assert not later


RACE = """
own = socket.socket(1); own.bind('own.sock'); own.listen(4096)
path, = outside()
names = [b'\\1\\0' + each.encode() + b'\\0' for each in (os.path.abspath('own.sock'), path)]
size = max(map(len, names)); buffer = ctypes.create_string_buffer(size)
end = time.monotonic() + 2
number = os.dup(0)
def swap_address():
  while time.monotonic() < end:
    for name in names: buffer[:len(name)] = name
def swap_descriptor():
  while time.monotonic() < end:
    for family in (1, 2):
      with socket.socket(family) as s: os.dup2(s.fileno(), number)
def swap_link():
  while time.monotonic() < end:
    for name in ('own.sock', path): os.symlink(name, 'next'); os.rename('next', 'either')
def drain():
  while time.monotonic() < end:
    try: own.settimeout(0.1); own.accept()[0].close()
    except OSError: pass
threads = [threading.Thread(target=each) for each in (swap_address, swap_descriptor, swap_link, drain)]
for each in threads: each.start()
tries = 0
while time.monotonic() < end:
  libc.connect(number, buffer, size); libc.send(number, b'run', 3, 0x4000)
  with socket.socket(1) as s: libc.connect(s.fileno(), buffer, size); libc.send(s.fileno(), b'run', 3, 0x4000)
  result(lambda: connect('either')); tries += 3
for each in threads: each.join()
print(tries > 100)
"""


def test_nothing_is_won_by_changing_what_is_being_looked_at(runner):
    command = Command(runner, RACE)
    with service_at(runner.home / "later.sock") as came:
        assert command.told(runner.home / "later.sock") == ["True"] and not came, came


def test_datagrams_name_no_place(runner):
    done = runner.python(BEGIN + """
print([result(lambda: socket.socket(1, kind | flags)) for kind in (2, 3) for flags in (0, 0x800, 0x80000)],
      [result(lambda: socket.socketpair(1, kind)) for kind in (2, 3)], result(lambda: socket.socketpair(1, 5)), result(lambda: socket.socketpair(1, 1)))
print(libc.syscall(41, ctypes.c_ulong(1), ctypes.c_ulong(0x100000002), 0), ctypes.get_errno())
""")
    assert done.stdout.splitlines() == [f"{['EACCES'] * 6} {['EACCES'] * 2} done done", f"-1 {errno.EACCES}"], said(done)


def test_who_ends_the_process_that_connects_has_no_connections(runner):
    """And can neither look into it nor take its descriptors; nor take its place, and let its own calls go on."""
    command = Command(runner, """
paths = outside()
for pid in [int(p) for p in os.listdir('/proc') if p.isdigit()]:
  if open(f'/proc/{pid}/comm').read() != 'sallyport-conn\\n': continue
  print(open(f'/proc/{pid}/cmdline').read().strip(chr(0)))
  print(result(lambda: os.listdir(f'/proc/{pid}/fd')), result(lambda: open(f'/proc/{pid}/mem')), result(lambda: os.listdir(f'/proc/{pid}/root/')))
  ctypes.set_errno(0); libc.ptrace(16, pid, 0, 0); print(errno.errorcode[ctypes.get_errno()])
  held = os.pidfd_open(pid)
  for number in range(9): ctypes.set_errno(0); libc.syscall(438, held, number, 0); print(errno.errorcode[ctypes.get_errno()], end=' ')
  os.kill(pid, signal.SIGTERM); os.kill(pid, signal.SIGALRM); print(tried(paths[0])); os.kill(pid, signal.SIGKILL)
  while os.path.exists(f'/proc/{pid}'): time.sleep(0.01)
class Program(ctypes.Structure): _fields_ = [('size', ctypes.c_ushort), ('code', ctypes.c_char_p)]
def line(code, yes, no, value): return code.to_bytes(2, 'little') + bytes((yes, no)) + value.to_bytes(4, 'little')
code = line(0x20, 0, 0, 0) + line(0x15, 0, 1, 42) + line(6, 0, 0, 0x7fc00000) + line(6, 0, 0, 0x7fff0000)
for flags in (8, 8 | 32, 8 | 16 | 1, 1 << 40 | 8):
  ctypes.set_errno(0)
  listener = libc.syscall(317, 1, ctypes.c_ulong(flags), ctypes.byref(Program(4, code)))
  print(listener, errno.errorcode[ctypes.get_errno()], end=' ')
print(libc.syscall(317, 1, 0, ctypes.byref(Program(4, code))))
own = socket.socket(1); own.bind('own.sock'); own.listen()
print(tried(paths[0]), tried('own.sock'), result(lambda: socket.create_connection(('127.0.0.1', 53))))
""")
    with service_at(runner.home / "later.sock") as came:
        lines = command.told(runner.home / "later.sock")
        assert lines == ["sallyport-conn", "EACCES EACCES EACCES", "EPERM", "EPERM " * 9 + "EACCES",
                         "-1 EBUSY " * 4 + "0", "ENOSYS ENOSYS ENOSYS"], lines
        assert not came


def test_wrong_arguments_are_told_as_the_kernel_tells_them(runner):
    done = runner.python(BEGIN + """
def raw(number, at, size): ctypes.set_errno(0); libc.connect(number, at, size); return errno.errorcode.get(ctypes.get_errno(), 'done')
u, t, d = socket.socket(1), socket.socket(), socket.socket(2, 2)
nowhere, some = ctypes.c_void_p(8), ctypes.create_string_buffer(b'\\1\\0/missing', 200)
print(raw(99, some, 9), raw(-1, nowhere, 9), raw(0, some, 9), raw(u.fileno(), nowhere, 9), raw(u.fileno(), None, 9))
print(raw(u.fileno(), some, -1), raw(u.fileno(), some, 129), raw(u.fileno(), some, 111), raw(u.fileno(), some, 0), raw(u.fileno(), some, 2), raw(t.fileno(), some, 1))
print(raw(u.fileno(), some, 110), raw(u.fileno(), some, 10), raw(os.open('.', os.O_PATH), some, 9))
v4 = b'\\2\\0' + (9).to_bytes(2, 'big') + bytes((127, 0, 0, 1)) + bytes(8)
print(raw(t.fileno(), v4, 16), raw(u.fileno(), v4, 16), raw(d.fileno(), v4, 16), raw(d.fileno(), bytes(16), 16), raw(t.fileno(), bytes(16), 16))
libc.mmap.restype = ctypes.c_void_p; libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
page = libc.mmap(None, 8192, 3, 0x22, -1, 0); libc.munmap(ctypes.c_void_p(page + 4096), 4096)
ctypes.memmove(page + 4090, b'\\1\\0/tmp', 6)
print(raw(u.fileno(), ctypes.c_void_p(page + 4090), 6), raw(u.fileno(), ctypes.c_void_p(page + 4090), 7))
""")
    assert done.stdout.splitlines() == [
        "EBADF EBADF ENOTSOCK EFAULT EFAULT", "EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL", "ENOENT ENOENT EBADF",
        "ECONNREFUSED EINVAL done done done", "ECONNREFUSED EFAULT"], said(done)


def test_connections_are_made_as_ever(runner):
    """Without blocking, many at once, and past many others that wait."""
    done = runner.python(BEGIN + """
import select, resource
s = socket.create_server(('127.0.0.1', 0), backlog=512); at = s.getsockname()
c = socket.socket(); c.setblocking(False); print(c.connect_ex(at) in (0, errno.EINPROGRESS), select.select([], [c], [], 5)[1] == [c], c.getsockopt(1, 4))
got = []
def one(): got.append(result(lambda: socket.create_connection(at, 20).close()))
many = [threading.Thread(target=one) for _ in range(100)]
for each in many: each.start()
for each in many: each.join()
print(len(got), set(got))
full = socket.socket(1); full.bind('full.sock'); full.listen(0); first = socket.socket(1); first.connect('full.sock')
def wait(): result(lambda: socket.socket(1).connect('full.sock'))
stuck = [threading.Thread(target=wait, daemon=True) for _ in range(40)]
for each in stuck: each.start()
before = time.monotonic(); print(result(lambda: socket.create_connection(at, 5)), time.monotonic() - before < 1)
n = socket.socket(1); n.setblocking(False); print(result(lambda: n.connect('full.sock')))
t = socket.socket(1); t.setsockopt(1, 21, (0).to_bytes(8, 'little') + (200000).to_bytes(8, 'little'))
before = time.monotonic(); print(result(lambda: t.connect('full.sock')), 0.15 < time.monotonic() - before < 2)
for _ in range(41): full.accept()
for each in stuck: each.join(20)
print(any(each.is_alive() for each in stuck))
""")
    assert done.stdout.splitlines() == ["True True 0", "100 {'done'}", "done True", "EAGAIN", "EAGAIN True", "False"], said(done)


def test_a_signal_ends_a_connect_that_waits(runner):
    done = runner.python(BEGIN + """
full = socket.socket(1); full.bind('full.sock'); full.listen(0); first = socket.socket(1); first.connect('full.sock')
class Rang(Exception): pass
def ring(*_): raise Rang
signal.signal(signal.SIGALRM, ring); signal.setitimer(signal.ITIMER_REAL, 0.2)
before = time.monotonic()
try: socket.socket(1).connect('full.sock')
except Rang: print('rang', time.monotonic() - before < 2)
child = os.fork()
if not child: signal.signal(signal.SIGTERM, signal.SIG_DFL); print('waits', flush=True); socket.socket(1).connect('full.sock')
time.sleep(0.2); os.kill(child, signal.SIGTERM); print(os.waitpid(child, 0)[1])
""")
    assert done.stdout.splitlines() == ["rang True", "waits", "15"], said(done)


def test_a_connection_is_told_to_be_of_the_program_that_made_it(runner):
    for _ in range(5):
        assert runner.run("curl", "-sS", "http://allowed.test/").returncode == 0
    programs = [event.get("actor", {}).get("process", {}).get("name") for event in runner.find(kind="open", host="allowed.test")]
    assert programs == ["curl"] * 5, runner.told()


def test_a_socket_from_outside_is_of_no_use(runner, world):
    """An open connection as standard input, disconnected and connected elsewhere; one that isn't connected; datagrams."""
    host = ("import socket, subprocess, sys\n"
            "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); p = s.accept()[0]\n"
            "kind = sys.argv[1]\n"
            "given = {'connected': c, 'alone': socket.socket(), 'datagrams': socket.socket(2, 2), 'unix': socket.socketpair(1, 2)[0]}[kind]\n"
            "sys.exit(subprocess.run(sys.argv[2:], stdin=given).returncode)")
    script = BEGIN + """
s = socket.socket(fileno=0); libc.connect.restype = ctypes.c_int
ctypes.set_errno(0); libc.connect(0, bytes(16), 16); print(errno.errorcode[ctypes.get_errno()])
print(result(lambda: s.connect(('93.184.216.20', 80))), result(lambda: s.sendto(b'GET / HTTP/1.0', 0x20000000, ('93.184.216.20', 80))))
"""
    for kind in ("connected", "alone", "datagrams", "unix"):
        done = world.gateway.run(["/usr/bin/python3", "-c", host, kind, *runner.command(["/usr/bin/python3", "-c", script])],
                                 env=runner.environment(), cwd=runner.folder)
        if kind == "connected":
            assert done.stdout == "EACCES\nEACCES EISCONN\n", said(done)
        else:
            assert done.returncode == 125 and "give a file or a pipe" in done.stderr, said(done)
    assert not [packet for packet in world.internet.capture.take() if packet.target == "93.184.216.20"]

