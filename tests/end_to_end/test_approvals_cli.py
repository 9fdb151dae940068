"""`sallyport approvals` and `sallyport status` against a real daemon; `watch` on a terminal of its own."""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from laboratory.approvals import Reviewer
from laboratory.daemon import ours, program, wait_until

POLICY = """\
version: 1
default: ask
rules:
  - allow: allowed.test
  - ask: four.test
    methods: [POST]
    reason: writes wait for a person
"""


@pytest.fixture(scope="module")
def daemon(start):
    return start(policy=POLICY, approvals={"unattended": "hold", "timeout": "30s"})


@pytest.fixture(scope="module")
def reviewer(daemon):
    return Reviewer(daemon)


@pytest.fixture(autouse=True)
def _fresh(daemon, reviewer):
    if daemon.process.poll() is None:
        reviewer.forget()


@pytest.fixture
def command(daemon):
    def run(*words, **options):
        return daemon.run("approvals", *words, "-c", daemon.config_file, **options)
    return run


def asking(explicit, host, *words):
    return explicit.start("curl", "-sS", "--max-time", "30", *words, f"http://{host}/")


def test_list_shows_who_asks_for_what_and_by_which_rule(explicit, reviewer, command):
    assert "nobody waits" in command("list").stderr
    asking(explicit, "four.test", "-d", "x")
    approval = reviewer.wait(host="four.test")
    got = command("list")
    assert got.returncode == 0 and "\033" not in got.stdout
    heading, row, because = got.stdout.splitlines()
    assert heading.split() == ["ID", "AGENT", "DESTINATION", "WAITING", "FOR", "ASKED", "BY"]
    assert row.startswith(approval["id"][:9]) and " POST four.test:80 " in row and "policy.yaml:5" in row
    assert because == '    because "writes wait for a person"'
    listed = json.loads(command("list", "--json").stdout)["approvals"]
    assert [each["id"] for each in listed] == [approval["id"]]
    reviewer.deny(approval, scope="once")


def test_approve_by_the_beginning_of_an_id_lets_it_through(explicit, daemon, reviewer, command):
    since = daemon.mark()
    client = asking(explicit, "unknown.test")
    approval = reviewer.wait(host="unknown.test")
    got = command("approve", approval["id"][:9], "--ttl", "30m", "--uses", "3", "--note", "for the test")
    assert got.returncode == 0, got.stderr
    assert "approved: default to unknown.test:80 (this host, 30m, 3 times); 1 connection let through" in got.stdout
    assert '"path": "/"' in client.communicate(timeout=15)[0]
    event = daemon.wait_for(since, kind="policy", through="cli")[0]
    assert event["actor"]["user"]["name"] == "root" and ours(event)["approval"] == approval["id"]
    granted = command("grants").stdout.splitlines()
    assert len(granted) == 3 and "unknown.test:80" in granted[1] and "root (cli)" in granted[1]
    assert 'note: "for the test"' in granted[2]
    grant = json.loads(command("grants", "--json").stdout)["grants"][0]
    got = command("revoke", grant["id"][:9])
    assert got.returncode == 0 and "revoked: default to unknown.test:80" in got.stdout
    assert json.loads(command("grants", "--json").stdout)["grants"] == []
    got = command("revoke", grant["id"])
    assert got.returncode == 1 and "ended already" in got.stderr


def test_deny_tells_the_client_the_note(explicit, reviewer, command):
    client = asking(explicit, "unknown.test")
    approval = reviewer.wait(host="unknown.test")
    assert command("deny", approval["id"], "--note", "not today").returncode == 0
    assert "not today" in json.loads(client.communicate(timeout=15)[0])["detail"]


def test_a_group_is_decided_in_one_act(explicit, reviewer, command):
    clients = [asking(explicit, f"name{number}.flood.test") for number in range(3)]
    for number in range(3):
        reviewer.wait(host=f"name{number}.flood.test")
    got = command("deny", "--group", "default", "flood.test")
    assert got.returncode == 0 and len(got.stdout.splitlines()) == 3
    for client in clients:
        assert json.loads(client.communicate(timeout=15)[0])["status"] == 403
    again = command("deny", "--group", "default", "flood.test")
    assert again.returncode == 1 and 'nothing of "default" waits under "flood.test"' in again.stderr
    unknown = command("approve", "ap_zzzz").stderr
    assert unknown.strip().endswith('there is no approval "ap_zzzz"')


def test_grants_become_rules_that_the_policy_reader_takes(explicit, reviewer, command, daemon, tmp_path):
    asking(explicit, "unknown.test")
    reviewer.approve(reviewer.wait(host="unknown.test"))
    text = command("grants", "--as-policy").stdout
    assert "unknown.test" in text
    file = tmp_path / "policy.yaml"
    file.write_text(text if text.lstrip("# ").startswith("version") or "\nversion" in text else "version: 1\n" + text)
    checked = daemon.run("policy", "check", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_errors_say_what_to_do_next(explicit, reviewer, command, daemon):
    client = asking(explicit, "unknown.test")
    approval = reviewer.wait(host="unknown.test")
    wrong = approval["id"][:-1] + ("a" if approval["id"][-1] != "a" else "b")
    got = command("approve", wrong)
    assert got.returncode == 1 and f"did you mean {approval['id']}?" in got.stderr
    assert command("deny", approval["id"]).returncode == 0
    client.communicate(timeout=15)
    got = command("approve", approval["id"])
    assert got.returncode == 1 and "denied already, by root (cli)" in got.stderr
    for words in (["approve"], ["approve", "x", "--scope", "all"], ["approve", "x", "--ttl", "soon"], ["nonsense"],
                  ["approve", "x", "--upload", "much"], ["approve", "x", "--uses", "0"]):
        got = command(*words)
        assert got.returncode == 2 and got.stderr, words


def test_a_daemon_that_does_not_run_is_said(daemon, tmp_path):
    for words in (["approvals", "list"], ["approvals", "watch"], ["status"]):
        got = daemon.run(*words, "--socket", tmp_path / "none.sock")
        assert got.returncode == 1 and "`sallyport serve`" in got.stderr
        got = daemon.run(*words, env={**os.environ, "SALLYPORT_SOCKET": str(tmp_path / "named.sock")})
        assert got.returncode == 1 and "named.sock" in got.stderr


def test_the_socket_is_closed_to_others(daemon):
    got = daemon.world.gateway.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", program(), "status", "--socket",
                                    daemon.folder / "data" / "admin.sock"])
    assert got.returncode == 1 and "you may not use" in got.stderr


def test_status_tells_whether_it_guards(daemon, explicit, reviewer):
    asking(explicit, "unknown.test")
    reviewer.wait(host="unknown.test")
    got = daemon.run("status", "-c", daemon.config_file)
    assert got.returncode == 0, got.stdout + got.stderr
    said = dict(line.split(None, 1) for line in got.stdout.splitlines())
    assert said["guarding"] == "yes" and "10.77.0.1:3128" in said["listening"]
    assert said["approvals"].startswith("1 pending, 1 connection held, 0 grants")
    assert "policy.yaml" in said["policy"] and "audit.jsonl" in said["log"]
    assert json.loads(daemon.run("status", "--json", "-c", daemon.config_file).stdout)["guarding"] is True


def ask_ahead(explicit, reason):
    words = json.dumps({"to": "https://unknown.test/", "reason": reason})
    return explicit.curl("-H", "Content-Type: application/json", "-d", words, "http://sallyport.internal/v1/access").stdout


def test_A_08_and_A_17_what_an_agent_says_is_quoted_and_moves_no_cursor(explicit, reviewer, command, daemon):
    assert '"status":400' in ask_ahead(explicit, "\033[2J\033]0;owned\a")
    assert '"pending"' in ask_ahead(explicit, 'tests" approved by admin\u202e, press a \u2066\u200b<b>')
    approval = wait_until(lambda: reviewer.find({"host": "unknown.test"}), "the question")[0]
    for got in (command("list").stdout, command("list", "--json").stdout):
        assert "approved by admin" in got
        assert not [character for character in got if character != "\n" and not character.isprintable()]
    assert 'the agent says: reason "tests\\" approved by admin' in command("list").stdout
    with contextlib.closing(Screen(daemon)) as screen:
        screen.wait('the agent says: reason "')
        assert "\033]" not in screen.text and "\u202e" not in screen.text and "\a" not in screen.text
    # Text that is no name never becomes one: the host is an A-label or nothing.
    with explicit.proxy() as stream:
        stream.sendall("CONNECT пример.test:443 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        stream.recv(4096)
    assert all(each["host"].isascii() for each in reviewer.approvals())
    reviewer.deny(approval, scope="once")


# watch

class Screen:
    """`watch` on a terminal of its own; `text` is all that it has written."""

    def __init__(self, daemon, *words, rows=24, places=100):
        self.master, self.slave = pty.openpty()
        self.resize(rows, places)
        self.before = termios.tcgetattr(self.slave)
        self.text = ""
        self.process = daemon.world.gateway.start(
            [program(), "approvals", "watch", "-c", daemon.config_file, *words], stdin=self.slave, stdout=self.slave,
            stderr=self.slave, env={**os.environ, "TERM": "xterm", "NO_COLOR": ""})

    def resize(self, rows, places):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, places, 0, 0))

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            self.text += os.read(self.master, 65536).decode(errors="replace")
        return self.text

    def last(self):
        """The last frame, without its escape sequences."""
        return re.sub(r"\033\[[?0-9;]*[A-Za-z]", "", self.read().rpartition("\033[?2026h")[2])

    def wait(self, words, seconds=10):
        try:
            return wait_until(lambda: words in self.last(), f"{words!r} on the screen", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows\n{self.last()}") from None

    def type(self, keys):
        os.write(self.master, keys.encode())

    def restored(self):
        return termios.tcgetattr(self.slave) == self.before and self.read().rstrip().endswith("\033[?25h\033[?1049l")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def screen(daemon):
    with contextlib.closing(Screen(daemon)) as made:
        made.wait("Nobody waits for an answer")
        yield made


def settle():
    time.sleep(0.6)  # longer than a key is not taken for after the list has moved


@pytest.mark.parametrize("key, path", [("a", '"path": "/"'), ("o", '"path": "/"'), ("e", '"path": "/"'), ("d", '"status":403')])
def test_watch_one_key_decides(explicit, reviewer, screen, key, path):
    client = asking(explicit, "unknown.test")
    screen.wait("unknown.test:80")
    settle()
    screen.type(key)
    assert path in client.communicate(timeout=15)[0]
    screen.wait("Nobody waits for an answer")
    decided = reviewer.approvals("all")[0]
    assert decided["decision"]["by"]["through"] == "watch"
    assert decided["decision"]["scope"] == {"o": "once", "e": "everyone"}.get(key, "agent")
    screen.type("q")
    assert screen.process.wait(timeout=10) == 0 and screen.restored()


def test_watch_takes_a_note_moves_and_follows(explicit, reviewer, screen):
    first = asking(explicit, "unknown.test")
    screen.wait("unknown.test:80")
    second = asking(explicit, "other.test")
    screen.wait("other.test:80")
    settle()
    screen.type("\033[B")
    screen.wait("> default")
    screen.type("nbecause of it\r")
    screen.wait("the note goes with it")
    screen.type("d")
    assert "because of it" in json.loads(second.communicate(timeout=15)[0])["detail"]
    # Somebody else decides the other one: it goes from the screen at once.
    reviewer.deny(reviewer.wait(host="unknown.test"), scope="once")
    screen.wait("Nobody waits for an answer")
    first.communicate(timeout=15)
    screen.type("?")
    screen.wait("One key decides the question under the cursor")


def test_watch_follows_the_size_of_its_terminal(explicit, reviewer, screen):
    asking(explicit, "unknown.test")
    screen.wait("unknown.test:80")
    screen.resize(8, 40)
    os.kill(screen.process.pid, signal.SIGWINCH)
    wait_until(lambda: screen.last().count("\r\n") == 7, "a screen of eight lines")
    assert [line for line in screen.last().split("\n") if len(line.strip("\r")) >= 40] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV])
def test_watch_gives_the_terminal_back_when_it_is_ended(screen, number):
    os.kill(screen.process.pid, number)
    screen.process.wait(timeout=20)
    wait_until(screen.restored, "the terminal as it was")


def test_watch_counts_as_somebody_who_is_there(reviewer, screen):
    wait_until(lambda: reviewer.get("/v1/status")["attended"], "attendance")
    screen.type("q")
    screen.process.wait(timeout=10)
    wait_until(lambda: not reviewer.get("/v1/status")["attended"], "absence")


def test_watch_without_a_terminal_prints_a_line_for_each_event(daemon, explicit, reviewer):
    process = daemon.world.gateway.start([program(), "approvals", "watch", "-c", daemon.config_file], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: reviewer.get("/v1/status")["attended"], "the watch")
    asking(explicit, "unknown.test")
    assert " asked: ap_" in process.stdout.readline()
    reviewer.approve(reviewer.wait(host="unknown.test"), scope="once")
    assert "approved: default to unknown.test:80 (this host, once" in process.stdout.readline()
    process.terminate()
    process.wait(timeout=10)


def test_watch_without_a_terminal_says_since_when_a_question_waits(daemon, explicit, reviewer):
    asking(explicit, "unknown.test")
    asked = reviewer.wait(host="unknown.test")["first_seen"][:19]
    wait_until(lambda: time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) > asked, "a later second")
    process = daemon.world.gateway.start([program(), "approvals", "watch", "-c", daemon.config_file], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith(asked)
    process.terminate()
    process.wait(timeout=10)


def test_watch_survives_a_restart_of_the_daemon(daemon, explicit, screen):
    daemon.kill()
    screen.wait("again", seconds=10)
    daemon.start()
    client = asking(explicit, "unknown.test")
    screen.wait("unknown.test:80", seconds=15)
    settle()
    screen.type("a")
    assert '"path": "/"' in client.communicate(timeout=15)[0]


def test_tokens_are_made_listed_and_taken_back(start):
    daemon = start()

    def admin(*words):
        return daemon.run("admin", *words, "-c", daemon.config_file)

    made = admin("create-token", "alice", "--role", "viewer")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert token.startswith("sp_") and token not in made.stderr
    assert token not in (daemon.folder / "data" / "tokens.json").read_text(), "only its hash is kept"
    again = admin("create-token", "alice")
    assert again.returncode == 1 and "alice" not in again.stdout
    listed = json.loads(admin("tokens", "--json").stdout)["tokens"]
    assert {"alice": "viewer"}.items() <= {each["name"]: each["role"] for each in listed}.items()
    url = "http://127.0.0.1:9180/v1/approvals"
    ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Authorization: Bearer {token}", url]
    assert daemon.world.gateway.run(ask).stdout == "200"
    assert admin("remove-token", "alice").returncode == 0
    assert daemon.world.gateway.run(ask).stdout == "401"
    assert admin("remove-token", "alice").returncode == 1
    assert admin("create-token", "bob", "--role", "king").returncode == 2
