"""A container that is started with no network: bubblewrap's, with the machine's programs and nothing else of it."""
import contextlib
import json
import os
import subprocess

READ_ONLY = ("/usr", "/etc/ssl", "/etc/alternatives")
LINKS = ("/bin", "/lib", "/lib64", "/sbin")


class Container:
    """Sleeps; programs are run beside that, by entering its namespaces as an engine's `exec` does."""

    def __init__(self, world):
        words = ["bwrap", "--unshare-all", "--die-with-parent", "--clearenv", "--proc", "/proc", "--dev", "/dev",
                 "--tmpfs", "/tmp"]
        for path in READ_ONLY:
            words += ["--ro-bind", path, path]
        for path in LINKS:
            words += ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind-try", path, path]
        words += ["--ro-bind", world.internet.certificates.ca, "/ca.pem", "--uid", "1000", "--gid", "1000"]
        told, tell = os.pipe()
        with open(told) as information:
            self.process = subprocess.Popen([*map(str, words), "--info-fd", str(tell), "sleep", "300"], pass_fds=[tell],
                                            stdin=subprocess.DEVNULL)
            os.close(tell)
            self.pid = json.loads(information.read())["child-pid"]

    def run(self, *words):
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "--root", "--wd", "--"]
        return subprocess.run([*enter, *map(str, words)], capture_output=True, text=True, timeout=30,
                              env={"PATH": "/usr/bin", "CURL_CA_BUNDLE": "/ca.pem"})

    def curl(self, *words):
        return self.run("curl", "-sS", "--max-time", "8", *words)

    def remove(self):
        self.process.kill()
        self.process.wait(timeout=10)


@contextlib.contextmanager
def container(world):
    made = Container(world)
    try:
        yield made
    finally:
        made.remove()
