"""The program under test: configured, started at the gateway, asked about its log, and ended."""
import collections
import contextlib
import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from .world import GATEWAY

PROXY = (GATEWAY, 3128)
PROXY_URL = f"http://{GATEWAY}:3128"

POLICY = """\
version: 1
default: ask
rules:
  - allow: [allowed.test, "*.allowed.test", four.test, six.test, alias.test]
  - deny: denied.test
    reason: the laboratory says no
  - { allow: echo.test, ports: [7, 80], protocol: tcp }
  - { allow: mail.test, ports: [25, 2525] }
  - { allow: ssh.test, ports: [22], protocol: ssh }
  - allow: [private.test, loopback.test, metadata.test, azure.test, gateway.test, mapped.test, nat64.test,
            sixtofour.test, mixed.test, shady.test, dead.test]
  - { allow: 93.184.216.40, ports: [80] }
"""

# Two agents by their addresses, to be put behind a policy.
TWO = """\
agents:
  one: { from: [10.77.0.2, "fd77::2"] }
  two: { from: [10.77.0.9] }
"""


def program():
    path = os.environ.get("SALLYPORT")
    if not path:
        raise RuntimeError("the environment variable SALLYPORT must hold the path of the program under test")
    return str(pathlib.Path(path).resolve())


def wait_until(found, what, seconds=10):
    """The first true value of found(); an AssertionError that says `what` was waited for, if there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


class Sallyport:
    def __init__(self, world, policy=POLICY, gateway=False, gateway_check="own", gateway_agents=(), audit=None, **changes):
        self.world, self.process = world, None
        self.folder = world.folder / f"sallyport-{time.monotonic_ns()}"
        self.folder.mkdir(mode=0o755)
        self.policy_file, self.config_file = self.folder / "policy.yaml", self.folder / "sallyport.yaml"
        audit = {"path": str(self.folder / "log" / "audit.jsonl"), **(audit or {})}
        self.audit_file, self.output = pathlib.Path(audit["path"]), self.folder / "output.txt"
        self.policy_file.write_text(policy)
        config = {
            "policy": str(self.policy_file),
            "data": str(self.folder / "data"),
            "listen": {"proxy": f"{GATEWAY}:3128", "dns": "[::]:15053", "console": "127.0.0.1:9180"},
            # What is asked is refused at once, unless a test has somebody who answers.
            "approvals": {"unattended": "refuse"},
            "dns": {"upstream": ["93.184.216.53"]},
            "user": "nobody",
            "telemetry": {"audit": audit},
            "timeouts": {"sniff": "3s", "connect": "3s", "drain": "3s"},
            "threads": 2,
        }
        if gateway:
            config["listen"]["transparent"] = "[::]:15001"
            config["gateway"] = {"interfaces": ["agents0"], "check": gateway_check, "agents": list(gateway_agents)}
        for key, value in changes.items():
            if isinstance(value, dict):
                config.setdefault(key, {}).update(value)
            else:
                config[key] = value
        self.counted_lines, self.live = 0, collections.Counter()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notify.bind(str(self.folder / "notify"))
        (self.folder / "notify").chmod(0o777)  # as systemd's is: it is told by nobody in particular
        # JSON is YAML.
        self.config_file.write_text(json.dumps(config, indent=2))

    def start(self, before=()):
        """`before`: words ahead of the program's own, such as those of prlimit."""
        with open(self.output, "ab") as output:
            self.process = self.world.gateway.start([*before, program(), "serve", "-c", self.config_file], stdout=output,
                                                    stderr=subprocess.STDOUT,
                                                    env={**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")})
        wait_until(self.ready, "READY=1, as systemd would hear it", seconds=20)
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"sallyport ended with status {self.process.returncode}:\n{self.said()}")
        try:
            return b"READY=1" in self.notify.recv(4096)
        except BlockingIOError:
            return False

    def said(self):
        return self.output.read_text(errors="replace")

    def run(self, *words, **options):
        """Another command of the program, at the gateway."""
        return self.world.gateway.run([program(), *words], **options)

    def signal(self, number):
        # `ip netns exec` becomes the program, so this is the daemon itself.
        self.process.send_signal(number)

    def stop(self):
        """Asks it to end, as systemd would; its exit status."""
        if self.process and self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.wait(timeout=20) if self.process else None

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)

    def close(self):
        if self.process and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        self.notify.close()
        self.run("gateway", "remove")

    # The log.

    def log_files(self):
        older = sorted(self.audit_file.parent.glob("audit.*.jsonl"), key=lambda file: int(file.name.split(".")[1]))
        return [*older, *([self.audit_file] if self.audit_file.exists() else [])]

    def lines(self):
        return [line for file in self.log_files() for line in file.read_bytes().split(b"\n")[:-1]]

    def events(self, since=0):
        return [json.loads(line) for line in self.lines()[since:]]

    def events_that_parse(self):
        """All but a line that a crash tore."""
        good = []
        for line in self.lines():
            with contextlib.suppress(ValueError):
                good.append(json.loads(line))
        return good

    def mark(self):
        return len(self.lines())

    def settled(self):
        """Whether every connection that opened has its end in the log."""
        lines = self.lines()
        for line in lines[self.counted_lines:]:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                change = {"open": 1, "close": -1, "reset": -1, "fail": -1}.get(kind(event), 0)
                self.live[event["metadata"].get("correlation_uid")] += change
        self.counted_lines = len(lines)
        return all(number <= 0 for number in self.live.values())

    def wait_for(self, since, count=1, seconds=5, **wanted):
        """The first `count` records after `since` that look like `wanted`; see matches()."""
        def found():
            good = [event for event in self.events(since) if matches(event, wanted)]
            return good if len(good) >= count else None
        try:
            return wait_until(found, f"{count} records like {wanted}", seconds)
        except AssertionError as error:
            seen = "\n".join(summary(event) for event in self.events(since))
            raise AssertionError(f"{error}; the log has\n{seen}\nand the program said\n{self.said()[-2000:]}") from None


ACTIVITIES = {1: "open", 2: "close", 3: "reset", 4: "fail", 5: "refuse", 6: "traffic"}
CLASSES = {4001: "connection", 4002: "request", 4003: "dns", 6002: "lifecycle", 6003: "policy"}


def ours(event):
    return event.get("unmapped", {}).get("sallyport", {})


def kind(event):
    """"open", "refuse" … of a connection, else the class: "request", "dns", "lifecycle", "policy"."""
    if event["class_uid"] == 4001:
        return ACTIVITIES.get(event["activity_id"], "other")
    return CLASSES.get(event["class_uid"], str(event["class_uid"]))


def host(event):
    return event.get("dst_endpoint", {}).get("hostname") or event.get("dst_endpoint", {}).get("ip") or \
        event.get("query", {}).get("hostname")


def facts(event):
    return {"kind": kind(event), "host": host(event), "port": event.get("dst_endpoint", {}).get("port"), **ours(event)}


def matches(event, wanted):
    known = facts(event)
    return all(known.get(key) == value for key, value in wanted.items())


def summary(event):
    known = facts(event)
    words = ("kind", "door", "agent", "host", "port", "verdict", "decided_by", "rule", "reason", "name_from", "closed_by")
    return "  ".join(f"{word}={known[word]}" for word in words if known.get(word) is not None)


def chain_is_whole(lines):
    """What DESIGN section 9 promises that ten lines of anyone's script can check."""
    previous = "0" * 64
    for number, line in enumerate(lines, 1):
        event = json.loads(line)
        if ours(event)["prev"] != previous or event["metadata"]["sequence"] != number:
            return False
        previous = hashlib.sha256(line).hexdigest()
    return True
