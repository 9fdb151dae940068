"""What is over goes on nowhere: grants, allowances, agents and room in the log that ended while a connection was kept."""
import contextlib
import signal
import threading
import time

import pytest

from laboratory.approvals import Reviewer
from laboratory.clients import Agent, tunnel
from laboratory.daemon import ours, wait_until
from laboratory.raw_http2 import DATA, RawHttp2
from laboratory.scripted import Scripted, ScriptedTls, answers, read_head
from laboratory.small_disk import fill, small_disk  # noqa: F401

TOKEN = "a-token-of-the-bot-012345678"
BEGIN = "version: 1\ndefault: deny\nsecrets: { key: { env: SALLYPORT_TEST_KEY } }\nrules:\n"
INJECT = "inject: { header: Authorization, value: 'Bearer ${secret:key}' }"
ASKED = BEGIN + f"""\
  - {{ ask: allowed.test, ports: [8447] }}
  - {{ ask: allowed.test, ports: [8447], methods: [DELETE] }}
  - {{ allow: allowed.test, ports: [8447], {INJECT} }}
"""
LIMIT = 10 << 10


def once(stream):
    head = read_head(stream)
    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
    return head


@pytest.fixture
def begin(start, world, monkeypatch):
    """A daemon with a policy, and an agent that trusts its CA."""
    def made(policy, **settings):
        monkeypatch.setenv("SALLYPORT_TEST_KEY", TOKEN)
        settings.setdefault("approvals", {"unattended": "hold", "timeout": "9s"})
        daemon = start(policy=policy, inspect={"roots": [str(world.internet.certificates.ca)]}, **settings)
        agent = Agent(world, "explicit")
        agent.ca = daemon.folder / "trusted.pem"
        agent.ca.write_text(agent.curl("http://sallyport.internal/ca.pem").stdout)
        return daemon, agent
    return made


@pytest.fixture
def origin(world):
    """Makes one that answers a request a connection: by TLS, unless it is to be plain."""
    with contextlib.ExitStack() as ended:
        def made(kind_of=ScriptedTls, script=once):
            both = () if kind_of is Scripted else (world.internet.certificates.odd("over", "DNS:allowed.test"),)
            each = kind_of(world, *both)
            ended.callback(each.close)
            each.script = script
            return each
        yield made


def connected(agent, reviewer, port=8447, **decision):
    stream = agent.proxy()
    stream.settimeout(9)
    stream.sendall(f"CONNECT allowed.test:{port} HTTP/1.1\r\nHost: allowed.test:{port}\r\n\r\n".encode())
    if reviewer:
        reviewer.approve(reviewer.wait(host="allowed.test"), **decision)
    assert b" 200 " in stream.recv(4096)
    return stream


def get(stream, path, port=8447):
    """What the answer begins with; nothing where there is none."""
    with contextlib.suppress(OSError):
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: allowed.test:{port}\r\n\r\n".encode())
        return stream.recv(4096)[9:12]
    return b""


def request(client, stream, method, path, *more, flags=1):
    client.send(client.headers(stream, [(b":method", method), (b":scheme", b"https"), (b":path", path),
                                        (b":authority", b"allowed.test:8447"), *more], flags=flags))


def revoke_all(reviewer):
    for grant in reviewer.grants():
        reviewer.revoke(grant["id"])
    assert not reviewer.grants()


def heard(origin, path):
    return any(path in head for head in origin.heard)


def test_A_11_a_revoked_grant_lets_no_further_request_out_on_a_kept_connection(begin, origin):
    daemon, agent = begin(ASKED)
    there, reviewer = origin(), Reviewer(daemon)
    with connected(agent, reviewer) as raw, agent.tls_over(raw, "allowed.test") as stream:
        stream.settimeout(3)
        assert get(stream, "/one") == b"200"
        wait_until(lambda: heard(there, b"/one"), "the end of what was open upstream")
        revoke_all(reviewer)
        assert get(stream, "/two") != b"200"
    assert not heard(there, b"/two")


def test_A_11_a_revoked_grant_ends_http2_too_while_another_request_waits(begin, origin):
    daemon, agent = begin(ASKED)
    there, reviewer = origin(), Reviewer(daemon)
    with connected(agent, reviewer) as raw, RawHttp2(agent, raw, "allowed.test") as client:
        request(client, 1, b"GET", b"/one")
        assert client.status(1) == "200"
        request(client, 3, b"DELETE", b"/")
        reviewer.wait(host="allowed.test", method="DELETE")
        revoke_all(reviewer)
        with contextlib.suppress(OSError):
            request(client, 5, b"GET", b"/two")
            assert client.status(5) != "200"
    assert not heard(there, b"/two")


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_A_11_a_grant_that_ends_lets_no_further_request_out_of_a_plain_tunnel(begin, origin, how):
    daemon, agent = begin(BEGIN + "  - { ask: allowed.test, ports: [8081] }\n",
                          approvals={"unattended": "hold", "timeout": "3s"})
    there, reviewer = origin(Scripted), Reviewer(daemon)
    with connected(agent, reviewer, 8081, ttl="2s" if how == "expired" else "1h") as stream:
        assert get(stream, "/one", 8081) == b"200"
        wait_until(lambda: heard(there, b"/one"), "the end of what was open upstream")
        if how == "revoked":
            revoke_all(reviewer)
        wait_until(lambda: not reviewer.grants(), "the grant's end")
        assert get(stream, "/two", 8081) != b"200"
    assert not heard(there, b"/two")


class Counting(ScriptedTls):
    total = 0

    def play(self, stream, script, heard):
        with contextlib.suppress(OSError), self.context.wrap_socket(stream, server_side=True) as secured:
            while data := secured.recv(65536):
                self.total += len(data)


LIMITED = BEGIN + "  - { allow: allowed.test, ports: [8447], methods: [POST], limits: { upload: 10KiB } }\n"


@pytest.mark.parametrize("policy", [LIMITED, ASKED], ids=["rule", "grant"])
def test_F_06_what_may_be_sent_is_not_sent_once_for_each_request_at_a_time(begin, origin, policy):
    daemon, agent = begin(policy)
    there = origin(Counting)
    reviewer = Reviewer(daemon) if policy == ASKED else None
    decision = {"upload": "10KiB"} if reviewer else {}
    streams = range(1, 61, 2)
    with connected(agent, reviewer, **decision) as raw, RawHttp2(agent, raw, "allowed.test") as client:
        for stream in streams:
            request(client, stream, b"POST", b"/", (b"content-length", b"9000"), flags=0)
        client.read(lambda frame: there.connections >= 30, seconds=1)
        for _ in range(8):
            with contextlib.suppress(OSError):
                for stream in streams:
                    client.send(client.frame(DATA, 0, stream, b"x" * 1000))
            client.read(lambda frame: False, seconds=0.2)
    assert there.total <= LIMIT, there.connections


class Slow(ScriptedTls):
    """Its handshake waits until something has happened."""
    happened = None

    def play(self, stream, script, heard):
        self.happened.wait(8)
        super().play(stream, script, heard)


@pytest.mark.parametrize("how", ["inspected", "first", "ask"])
def test_what_is_denied_while_it_is_dialled_is_sent_nothing(begin, origin, how):
    rule = "  - { allow: allowed.test, ports: [8447], %s" + INJECT + " }\n"
    policy = BEGIN + rule % ("methods: [GET], " if how == "inspected" else "")
    if how == "ask":
        policy += "  - { ask: allowed.test, ports: [8447], methods: [GET] }\n"
    daemon, agent = begin(policy, timeouts={"connect": "9s"})
    there, reviewer = origin(Slow, answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")), Reviewer(daemon)
    there.happened = threading.Event()
    client = agent.start("curl", "-sS", "--http1.1", "--cacert", agent.ca, "--max-time", "12", "-o", "/dev/null", "-w",
                         "%{http_code}", "https://allowed.test:8447/late")
    if how == "ask":
        reviewer.approve(reviewer.wait(host="allowed.test"))
    wait_until(lambda: there.connections, "the dial")
    if how == "ask":
        revoke_all(reviewer)
    else:
        since = daemon.mark()
        daemon.policy_file.write_text(policy + "  - deny: allowed.test\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for(since, kind="policy")
    there.happened.set()
    assert client.communicate(timeout=20)[0] != "200"
    assert not any(b"/late" in head for head, _ in there.heard), there.heard


def test_a_tunnel_that_is_denied_while_its_name_is_looked_up_begins_not(begin, origin, world, monkeypatch):
    rule = BEGIN + "  - { allow: allowed.test, ports: [8081], protocol: tcp }\n"
    daemon, agent = begin(rule)
    there, asked, denied = origin(Scripted, lambda stream: stream.recv(100)), threading.Event(), threading.Event()
    names = world.internet.names
    answer = names.answer

    def late(query):
        asked.set()
        denied.wait(8)
        return answer(query)
    monkeypatch.setattr(names, "answer", late)
    with agent.proxy() as stream:
        stream.settimeout(9)
        stream.sendall(b"CONNECT allowed.test:8081 HTTP/1.1\r\nHost: allowed.test:8081\r\n\r\n")
        assert asked.wait(8)
        since = daemon.mark()
        daemon.policy_file.write_text(rule + "  - deny: allowed.test\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for(since, kind="policy")
        denied.set()
        said = stream.recv(4096)
    assert said.startswith(b"HTTP/1.1 403") and b"the policy changed while" in said, said
    assert not any(there.heard)


def of_bot(address):
    return BEGIN.replace("rules:\n", "") + f"""\
agents:
  bot:
    from: [{address}]
    rules:
      - {{ allow: allowed.test, ports: [8447], methods: [GET] }}
      - {{ allow: allowed.test, ports: [8081] }}
"""


@pytest.mark.parametrize("port", [8447, 8081])
def test_who_has_become_another_agent_goes_on_as_none_of_it(begin, origin, port):
    daemon, agent = begin(of_bot("10.77.0.2"))
    there = origin(ScriptedTls if port == 8447 else Scripted)
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(connected(agent, None, port))
        stream = stack.enter_context(agent.tls_over(raw, "allowed.test")) if port == 8447 else raw
        assert get(stream, "/one", port) == b"200"
        wait_until(lambda: heard(there, b"/one"), "the end of what was open upstream")
        since = daemon.mark()
        daemon.policy_file.write_text(of_bot("10.77.0.9"))
        daemon.signal(signal.SIGHUP)
        daemon.wait_for(since, kind="policy")
        assert get(stream, "/two", port) != b"200"
    assert not heard(there, b"/two")


def test_L_05_a_full_disk_lets_no_request_out_of_a_connection_from_before(begin, origin, small_disk):
    rules = BEGIN + "  - { allow: allowed.test, ports: [8447], methods: [GET] }\n  - { allow: four.test }\n"
    daemon, agent = begin(rules, audit={"path": str(small_disk / "audit.jsonl")})
    there = origin()
    try:
        with tunnel(agent, "allowed.test", 8447) as raw, RawHttp2(agent, raw, "allowed.test") as client:
            request(client, 1, b"GET", b"/before")
            assert client.status(1) == "200"
            fill(small_disk)
            wait_until(lambda: "the audit log cannot be written" in agent.curl("http://four.test/").stdout,
                       "a refusal for want of a log", seconds=30)
            before = there.connections
            for number in range(3, 9, 2):
                request(client, number, b"GET", b"/after")
                assert client.status(number) != "200"
            assert there.connections == before
    finally:
        (small_disk / "filler").unlink(missing_ok=True)
    assert all(ours(event).get("verdict") for event in daemon.events_that_parse() if event["class_uid"] == 4002)
