"""`sallyport run` at the gateway, by root or by an ordinary user."""
import json
import os
import signal
import subprocess
import time

from .clients import PROXY_VARIABLES
from .daemon import matches, program, summary, wait_until

NOBODY = 65534
LAY_DOWN_ROOT = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


class Runner:
    """`who` starts it: "root" or "user". Either way the command is nobody's."""

    def __init__(self, world, who, policy):
        self.world, self.who = world, who
        self.folder = world.folder / f"run-{who}-{time.monotonic_ns()}"
        self.home, self.log = self.folder / "home", self.folder / "log"
        for path in (self.folder, self.home, self.log):
            path.mkdir()
            os.chown(path, NOBODY, NOBODY)
        self.policy = self.folder / "policy.yaml"
        self.write_policy(policy)
        self.audit = self.log / "audit.jsonl"

    def write_policy(self, policy):
        self.policy.write_text(policy)
        os.chown(self.policy, NOBODY, NOBODY)

    def command(self, words, options=()):
        lay_down = LAY_DOWN_ROOT if self.who == "user" else []
        return [*lay_down, program(), "run", "-p", str(self.policy), "--audit", str(self.audit), *map(str, options), "--",
                *map(str, words)]

    def environment(self, more=None):
        clean = {key: value for key, value in os.environ.items() if key not in PROXY_VARIABLES}
        ca = str(self.world.internet.certificates.ca)
        clean.update(HOME=str(self.home), LANG="C.UTF-8", CURL_CA_BUNDLE=ca, GIT_SSL_CAINFO=ca, SSL_CERT_FILE=ca,
                     NODE_EXTRA_CA_CERTS=ca, GIT_TERMINAL_PROMPT="0")
        return {**clean, **(more or {})}

    def run(self, *words, options=(), env=None, cwd=None, **more):
        return self.world.gateway.run(self.command(words, options), env=self.environment(env), cwd=cwd or self.folder,
                                      **more)

    def shell(self, script, **more):
        return self.run("sh", "-c", script, **more)

    def python(self, script, **more):
        return self.run("/usr/bin/python3", "-c", script, **more)

    def start(self, *words, options=(), env=None, cwd=None, **more):
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        return self.world.gateway.start(self.command(words, options), env=self.environment(env), cwd=cwd or self.folder,
                                        **settings)

    def events(self):
        return [json.loads(line) for line in self.audit.read_bytes().splitlines()] if self.audit.exists() else []

    def find(self, **wanted):
        return [event for event in self.events() if matches(event, wanted)]

    def told(self):
        return "\n".join(summary(event) for event in self.events())


def children(pid):
    """All that descend from a process, the nearest first."""
    found, at = [pid], 0
    while at < len(found):
        try:
            with open(f"/proc/{found[at]}/task/{found[at]}/children", encoding="ascii") as listed:
                found += map(int, listed.read().split())
        except FileNotFoundError:
            pass
        at += 1
    return found[1:]


def inside(process, name):
    """The process of this name that runs in the sandbox, once it is there."""
    def look():
        for pid in children(process.pid):
            try:
                with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                    if comm.read().strip() == name:
                        return pid
            except FileNotFoundError:
                continue
        return None
    return wait_until(look, f"{name} in the sandbox")


def finish(process, seconds=20):
    """What it said, and how it ended."""
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def interrupt(process, number=signal.SIGINT):
    """To the program itself: `ip netns exec` and setpriv have become it."""
    os.kill(process.pid, number)


def said(done):
    return f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
