"""Network namespaces: made, entered by threads, used by programs, and always taken away again."""
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import threading

PREFIX = "sallyport-lab-"
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def enter(path):
    """Moves the calling thread, and no other, into the network namespace."""
    with open(path, "rb") as handle:
        if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")


class Namespace:
    """One machine of the laboratory. Its name holds this process's id, so that two laboratories never meet."""

    def __init__(self, role, resolver):
        self.name = f"{PREFIX}{os.getpid()}-{role}"
        self.path = f"/run/netns/{self.name}"
        self.settings = pathlib.Path("/etc/netns") / self.name
        self.processes = []
        ip("netns", "add", self.name)
        # `ip netns exec` shows this file as /etc/resolv.conf to what it starts.
        self.settings.mkdir(parents=True)
        (self.settings / "resolv.conf").write_text(f"nameserver {resolver}\noptions timeout:2 attempts:1\n")
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        ip("-n", self.name, *words)

    def set(self, key, value):
        self.run(["sysctl", "-q", "-w", f"{key}={value}"], check=True)

    @contextlib.contextmanager
    def inside(self):
        """Sockets made in this block belong to the namespace, wherever they are used afterwards."""
        home = f"/proc/self/task/{threading.get_native_id()}/ns/net"
        with open(home, "rb") as handle:
            enter(self.path)
            try:
                yield
            finally:
                if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns back")

    def command(self, words):
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def run(self, words, timeout=30, **options):
        """Runs a program to its end. Its output is text unless `text=False` is given."""
        options.setdefault("text", True)
        options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
        if options["stdin"] is None:
            del options["stdin"]
        return subprocess.run(self.command(words), capture_output=True, timeout=timeout, **options)

    def start(self, words, **options):
        """Starts a program that is ended with the namespace at the latest."""
        process = subprocess.Popen(self.command(words), start_new_session=True, **options)
        self.processes.append(process)
        return process

    def remove(self):
        for process in self.processes:
            end(process)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)
        shutil.rmtree(self.settings, ignore_errors=True)


def end(process):
    """Kills a process that start() made, with its children: it leads a session of its own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)


def remove_leftovers():
    """Namespaces of laboratories whose process was killed before it could clean up."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    for line in listed.splitlines():
        name = line.split()[0]
        if name.startswith(PREFIX) and not os.path.exists(f"/proc/{name[len(PREFIX):].split('-')[0]}"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
            shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)
