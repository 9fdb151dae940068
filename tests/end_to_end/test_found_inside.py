"""What a hijacked agent tried from inside `sallyport run`, and got: each test says what should hold instead."""
import contextlib
import os
import stat
import subprocess

import pytest

from laboratory.runner import LAY_DOWN_ROOT, NOBODY, Runner, said
from laboratory.unix_server import unix_server

POLICY = """\
version: 1
default: deny
rules:
  - allow: [allowed.test]
"""
ALL = "version: 1\ndefault: allow\n"


@pytest.fixture
def runner(world):
    world.internet.forget()
    return Runner(world, "user", POLICY)


def give(path):
    subprocess.run(["chown", "-hR", f"{NOBODY}:{NOBODY}", path], check=True)


REACH = """
import socket, sys
for path in sys.argv[1:]:
  try:
    s = socket.socket(1); s.connect(path); s.send(b'run this'); print('reached', path)
  except OSError as e: print(type(e).__name__, file=sys.stderr)
"""


def test_a_shared_connection_of_ssh_is_covered(runner):
    """ssh binds its ControlPath under another name, then links it to the one it is known by."""
    path = runner.home / ".ssh/cm-host"
    path.parent.mkdir()

    def as_ssh(server):
        server.bind(f"{path}.Ab12")
        os.link(f"{path}.Ab12", path)
        os.unlink(f"{path}.Ab12")
        give(runner.home)
    with unix_server(as_ssh) as came:
        done = runner.run("/usr/bin/python3", "-c", REACH, path)
        assert "Error" in done.stderr and not done.stdout and not came, said(done)


def test_a_socket_that_was_bound_by_a_relative_name_is_covered(runner):
    serve = "import socket\ns = socket.socket(1); s.bind('own.sock'); s.listen(); print('ready', flush=True); s.accept()"
    with subprocess.Popen([*LAY_DOWN_ROOT, "/usr/bin/python3", "-c", serve], cwd=runner.home, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout.readline() == b"ready\n"
            done = runner.run("/usr/bin/python3", "-c", REACH, runner.home / "own.sock")
            assert "Error" in done.stderr and not done.stdout and server.poll() is None, said(done)
        finally:
            server.kill()


def test_a_link_to_the_settings_can_not_be_turned(runner):
    """~/.config as a link into a folder of dotfiles: who turns it gives the next run a policy of its own."""
    (runner.home / "dotfiles/config/sallyport").mkdir(parents=True)
    (runner.home / ".config").symlink_to("dotfiles/config")
    give(runner.home)
    done = runner.shell(f"rm ~/.config && mkdir -p ~/.config/sallyport && echo '{ALL}' >~/.config/sallyport/policy.yaml && echo turned")
    assert (runner.home / ".config").is_symlink() and not done.stdout, said(done)


def test_a_link_to_the_policy_can_not_be_turned(runner):
    (runner.folder / "kept").mkdir()
    runner.policy.rename(runner.folder / "kept/policy.yaml")
    runner.policy.symlink_to("kept/policy.yaml")
    give(runner.folder)
    done = runner.shell("rm policy.yaml; echo 'default: allow' >policy.yaml; mv kept gone; echo done")
    assert runner.policy.is_symlink() and runner.policy.read_text() == POLICY, said(done)


def test_what_is_learned_can_not_be_put_in_place_by_the_command(runner):
    learned = runner.folder / "learned.yaml"
    done = runner.shell(f"mv {learned} away; echo '{ALL}' >{learned}; curl -sS http://allowed.test/ >/dev/null; echo done",
                        options=["--learn", learned])
    assert done.stdout == "done\n" and "default: allow" not in learned.read_text() and "version: 1" in learned.read_text(), said(done)


def test_a_program_that_sallyport_runs_can_not_be_written_inside(runner):
    script = runner.home / "print-token"
    script.write_text("#!/bin/sh\necho token-of-the-command\n")
    script.chmod(0o755)
    give(runner.home)
    runner.write_policy(POLICY + "  - { allow: other.test, inject: { placeholder: it } }\n"
                        f"secrets:\n  it: {{ command: [{script}], every: 10s }}\n")
    done = runner.shell(f"echo 'touch {runner.folder}/outside' >>{script}; mv {script} {script}2; echo done")
    assert done.stdout == "done\n" and "outside" not in script.read_text(), said(done)


def test_what_is_hidden_has_no_other_way_to_it(runner, world):
    """The same file system, mounted in two places, as image-based systems have it."""
    alias = runner.folder / "alias"
    alias.mkdir()
    secret = runner.home / "secret"
    secret.write_text("a secret of eighteen\n")
    runner.write_policy(POLICY + f"secrets:\n  it: {{ file: {secret} }}\n")
    state = runner.home / ".local/state/sallyport"
    state.mkdir(parents=True)
    (state / "key").write_text("the key\n")
    give(runner.home)
    subprocess.run(["mount", "--bind", runner.home, alias], check=True)
    try:
        done = runner.shell(f"cat {alias}/secret {alias}/.local/state/sallyport/key {secret} {state}/key; echo >>{alias}/../policy.yaml")
        assert not done.stdout, said(done)
    finally:
        subprocess.run(["umount", alias], check=True)


def test_processes_and_terminals_are_not_seen_through_another_root(runner):
    """As chroots have them mounted: /proc/PID/root of a process outside is the whole file system without our mounts."""
    proc, terminals = runner.folder / "root/proc", runner.folder / "root/dev/pts"
    proc.mkdir(parents=True)
    terminals.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        for kind, at in (("proc", proc), ("devpts", terminals)):
            subprocess.run(["mount", "-t", kind, kind, at], check=True)
            stack.callback(subprocess.run, ["umount", at], check=True)
        bystander = subprocess.Popen([*LAY_DOWN_ROOT, "sleep", "60"], env={"WHAT": "a secret of eighteen"})
        stack.callback(bystander.wait)
        stack.callback(bystander.kill)
        done = runner.shell(f"cat {proc}/{bystander.pid}/environ; ls {proc}/{bystander.pid}/root {terminals}; echo done")
        assert done.stdout.endswith("done\n") and "WHAT" not in done.stdout and "etc" not in done.stdout \
            and "ptmx" not in done.stdout, said(done)


def test_no_keyboard_is_made_that_answers_questions(runner):
    """/dev/uinput, which some desktops open to whoever sits there. This one has the numbers of /dev/full."""
    device = "/dev/uinput"
    if os.path.exists(device):
        pytest.skip("this machine has its own")
    os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
    try:
        os.chmod(device, 0o666)
        done = runner.shell(f"test -e {device} || echo none; (echo typed >{device}) 2>/dev/null && echo typed; echo done")
        assert done.stdout == "none\ndone\n", said(done)
        done = runner.shell(f"stat -c %t:%T {device}", options=["--share", device])
        assert done.stdout == "1:7\n", said(done)
    finally:
        os.unlink(device)


def test_keys_and_credentials_of_the_settings_are_hidden(runner, world):
    key, credentials = runner.folder / "ca.key", runner.folder / "parent"
    certificate = runner.folder / "ca.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=own",
                    "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    credentials.write_text("user:password of the parent\n")
    settings = runner.folder / "sallyport.yaml"
    settings.write_text(f"policy: {runner.policy}\ninspect: {{ ca: {{ cert: {certificate}, key: {key} }} }}\n"
                        "upstream_proxy: { url: 'http://parent.test:3128', credentials: { file: parent } }\n"
                        "approvals: { notify: [{ webhook: 'https://hooks.test/', secret: { env: HOOK_SECRET } }] }\n")
    give(runner.folder)
    for path in (key, credentials):
        path.chmod(0o600)
    done = runner.shell(f"cat {key} {credentials}; echo $HOOK_SECRET; echo done", options=["-c", settings],
                        env={"HOOK_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"})
    assert done.stdout == "\ndone\n", said(done)


def test_a_clone_of_the_mounts_shows_nothing_that_is_under_them(runner):
    state = runner.home / ".local/state/sallyport"
    state.mkdir(parents=True)
    (state / "key").write_text("the key\n")
    give(runner.home)
    done = runner.python(
        "import ctypes, os, subprocess\n"
        f"state = {str(state)!r}\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "home = os.path.expanduser('~')\n"
        "def show(at):\n"
        "  try: print(at, os.listdir(at), open(at + '/key').read())\n"
        "  except OSError: pass\n"
        "os.unshare = lambda flags: libc.unshare(flags)\n"
        "assert libc.unshare(0x10020000) == 0\n"
        "open('/proc/self/setgroups', 'w').write('deny'); open('/proc/self/uid_map', 'w').write(f'0 {NOBODY} 1')\n".replace("{NOBODY}", str(NOBODY)) +
        "for at in ('/', home, home + '/.local', home + '/.local/state'):\n"
        "  fd = libc.syscall(428, -100, at.encode(), 1)\n"
        "  if fd >= 0:\n"
        "    below = os.path.relpath(state, at)\n"
        "    show(f'/proc/self/fd/{fd}/{below}')\n"
        "  libc.mount(at.encode(), b'/mnt', None, 4096, None)\n"
        "  show('/mnt/' + os.path.relpath(state, at)); libc.umount2(b'/mnt', 2)\n"
        "libc.umount2(state.encode(), 2); show(state)\n"
        "print('done')\n")
    assert done.stdout == "done\n", said(done)
