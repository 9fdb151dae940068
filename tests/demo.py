#!/usr/bin/env python3
"""The story, told by the program itself: `./dev demo`. One machine, no internet; everything is gone at the end."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import select
import shlex
import sys
import termios
import textwrap
import time
import tty

from laboratory.approvals import CONSOLE
from laboratory.clients import Agent
from laboratory.daemon import PROXY_URL, Sallyport, program, summary, wait_until
from laboratory.forward import Forward
from laboratory.world import World

POLICY = """\
version: 1
default: ask
rules:
  - allow: allowed.test
  - deny: denied.test
    reason: paste sites leak code
"""
# Somebody sits there and may decide; how long they have, before it is approved for them.
PERSON = sys.stdin.isatty() and sys.stdout.isatty()
PATIENCE = 120 if PERSON else 2
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def say(text=""):
    print(text, flush=True)


def title(text):
    say("\n" + paint("1", text))


def show(who, words, got):
    """The command as a person would type it at `who`, and what it printed."""
    line = " ".join(shlex.quote(str(word)) for word in words)
    say(paint("36", f"{who}$ ") + line)
    for text in (got.stdout + got.stderr).strip().splitlines():
        say(f"    {text[:200]}")
    if got.returncode:
        say(paint("2", f"    (exit status {got.returncode})"))


class Story:
    def __init__(self, world):
        self.world = world
        self.sallyport = Sallyport(world, policy=POLICY, gateway=True, approvals={"unattended": "hold", "timeout": "10m"})
        self.passed = True

    def records(self, since, **wanted):
        self.sallyport.wait_for(since, **wanted)
        for event in self.sallyport.events(since):
            if event["class_uid"] in (4001, 4002, 4003):
                say("    " + paint("33", "log  ") + summary(event))

    def attempt(self, agent, words, wanted, allowed):
        since = self.sallyport.mark()
        got = agent.run(*words)
        show("agent", words, got)
        # Refused is a problem document at the proxy, and no connection or an alert where none is known.
        went_through = got.returncode == 0 and '"address"' in got.stdout
        self.passed &= went_through == allowed
        self.records(since, **wanted)

    def tell(self):
        daemon = self.sallyport
        title("1. A policy: one destination allowed, one denied, nobody has decided on the rest")
        say(textwrap.indent(POLICY.rstrip(), "    "))
        title("2. Sallyport at the gateway, both doors open")
        say(paint("36", "gateway$ ") + f"cat {daemon.config_file}")
        for key, value in json.loads(daemon.config_file.read_text()).items():
            say(f"    {key}: {json.dumps(value)}")
        say(paint("36", "gateway$ ") + f"sallyport serve -c {daemon.config_file}")
        daemon.start()
        say(textwrap.indent(daemon.said().rstrip(), "    "))
        show("gateway", ["sallyport", "gateway", "print", "--interface", "agents0"],
             shortened(daemon.run("gateway", "print", "--interface", "agents0")))

        title("3. The explicit door: a client that is told of the proxy")
        curl = ["curl", "-sS", "--max-time", "10"]
        explicit, steered = Agent(self.world, "explicit"), Agent(self.world, "gateway")
        say(paint("36", "agent$ ") + f"export http_proxy={PROXY_URL} https_proxy={PROXY_URL}")
        self.attempt(explicit, [*curl, "https://allowed.test/"], {"kind": "close", "host": "allowed.test"}, True)
        self.attempt(explicit, [*curl, "http://denied.test/"], {"kind": "refuse", "host": "denied.test"}, False)

        title("4. The gateway door: a client that knows of nothing")
        self.attempt(steered, [*curl, "https://allowed.test/"], {"kind": "close", "host": "allowed.test"}, True)
        self.attempt(steered, [*curl, "https://denied.test/"], {"kind": "dns", "host": "denied.test"}, False)

        title("5. Nobody has decided: the connection waits, open and silent, for a person")
        self.hold(steered, ["curl", "-sS", "--max-time", "600", "https://unknown.test/"])

        title("6. A change of mind: edit the policy, it takes effect at once, and beats every answer")
        since = daemon.mark()
        daemon.policy_file.write_text(POLICY + "  - deny: unknown.test\n")
        say(paint("36", "gateway$ ") + f"echo '  - deny: unknown.test' >> {daemon.policy_file}")
        daemon.wait_for(since, kind="policy")
        self.attempt(steered, [*curl, "https://unknown.test/"], {"kind": "dns", "verdict": "deny"}, False)

        title("7. The end, and the log: is it whole? And would anyone notice if not?")
        say(paint("36", "gateway$ ") + f"kill -TERM {daemon.process.pid}    # it ends, and signs the end of its log")
        self.passed &= daemon.stop() == 0
        key = ["--key", daemon.folder / "data" / "audit.pub"]
        self.verify([*key, daemon.audit_file], 0)
        copy = daemon.folder / "doctored.jsonl"
        say(paint("36", "gateway$ ") + f"sed 3d {daemon.audit_file} > {copy}")
        lines = daemon.audit_file.read_bytes().split(b"\n")
        copy.write_bytes(b"\n".join(lines[:2] + lines[3:]))
        self.verify([*key, copy], 1)

    def hold(self, agent, words):
        self.world.internet.forget()
        since = self.sallyport.mark()
        say(paint("36", "agent$ ") + shlex.join(words) + " &")
        with concurrent.futures.ThreadPoolExecutor() as background:
            waiting = background.submit(agent.run, *words, timeout=700)
            asked = wait_until(lambda: self.admin("/v1/approvals?state=pending")["approvals"], "the question")[0]
            self.show_admin("/v1/approvals?state=pending")
            say("    " + ", ".join(f"{key}: {asked[key]}" for key in ("id", "agent", "host", "port", "state", "reason")))
            self.saw_nothing()
            approved = self.decide(asked)
            got = waiting.result()
        say("    and the waiting curl " + ("goes on:" if approved else "is refused:"))
        show("agent", words, got)
        self.passed &= (got.returncode == 0 and '"address"' in got.stdout) == approved
        self.records(since, kind="close" if approved else "refuse", host="unknown.test")

    def decide(self, asked):
        """Whoever runs this decides, by a key here or in the console; where nobody does, it is approved for them."""
        path = f"/v1/approvals/{asked['id']}"
        with contextlib.ExitStack() as opened:
            self.offer(opened)
            word = self.wait_for_a_key(path)
        if word:
            answer = {"decision": word, "ttl": "1h", "note": "for the demo"}
            got = self.admin(path, answer)
            self.show_admin(path, answer)
            if "approval" in got:  # else somebody else was quicker
                say(f"    state: {got['approval']['state']}, connections that had waited: {got['released']}")
        return self.admin(path)["state"] == "approved"

    def offer(self, opened):
        if not PERSON:
            say(f"    nobody is at a terminal: it is approved for you in {PATIENCE} s")
            return
        say(paint("1", "    It is yours to decide: press a to approve, d to deny."))
        token = re.search(r"#token=\S+", self.sallyport.said())
        try:
            opened.callback(Forward(self.world.gateway, CONSOLE[1]).close)
        except OSError:
            return
        say(f"    Or in the console: http://{CONSOLE[0]}:{CONSOLE[1]}/{token.group()}")
        say(f"    In {PATIENCE} s it is approved for you.")

    def wait_for_a_key(self, path):
        """"approve" or "deny"; None where somebody has decided elsewhere."""
        with contextlib.ExitStack() as restored:
            if PERSON:
                one_key_at_a_time(restored)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                if not PERSON:
                    time.sleep(PATIENCE)
                elif select.select([sys.stdin], [], [], 0.3)[0]:
                    key = os.read(sys.stdin.fileno(), 1).lower()
                    if key in (b"a", b"d", b"\n"):
                        return "deny" if key == b"d" else "approve"
                if self.admin(path)["state"] != "pending":
                    return None
        return "approve"

    def saw_nothing(self):
        packets, questions = len(self.world.internet.capture.take()), len(self.world.internet.asked)
        say(f"    the internet has seen {packets} packets and {questions} questions of that")
        self.passed &= packets == questions == 0

    def admin_words(self, path, body=None):
        sent = ["-d", json.dumps(body), "-H", "Content-Type: application/json"] if body else []
        return ["curl", "-sS", "--unix-socket", str(self.sallyport.folder / "data" / "admin.sock"), *sent,
                "http://sallyport" + path]

    def admin(self, path, body=None):
        got = self.world.gateway.run(self.admin_words(path, body), check=True)
        return json.loads(got.stdout)

    def show_admin(self, path, body=None):
        say(paint("36", "gateway$ ") + shlex.join(self.admin_words(path, body)))

    def verify(self, words, status):
        got = self.sallyport.run("audit", "verify", *words)
        show("gateway", ["sallyport", "audit", "verify", *words], got)
        self.passed &= got.returncode == status


def one_key_at_a_time(restored):
    before = termios.tcgetattr(sys.stdin)
    restored.callback(termios.tcsetattr, sys.stdin, termios.TCSADRAIN, before)
    tty.setcbreak(sys.stdin)


def shortened(got, lines=6):
    text = got.stdout.splitlines()
    more = [f"… and {len(text) - lines} lines more"] if len(text) > lines else []
    got.stdout = "\n".join(text[:lines] + more)
    return got


def main():
    if os.geteuid() != 0:
        say("The demo makes network namespaces, which needs root: sudo ./dev demo")
        return 2
    say(f"program: {pathlib.Path(program()).name}, at {program()}")
    world = World()
    try:
        story = Story(world)
        try:
            story.tell()
        finally:
            story.sallyport.close()
    finally:
        world.close()
    say("\n" + (paint("32", "Everything went as told.") if story.passed else paint("31", "Something did not go as told.")))
    return 0 if story.passed else 1


if __name__ == "__main__":
    sys.exit(main())
