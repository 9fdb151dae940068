"""What a hijacked agent tried, and got: each test says what should hold instead."""
import base64
import contextlib
import hashlib
import json
import socket
import socketserver
import time

import pytest

from laboratory.approvals import Reviewer
from laboratory.clients import client_hello, question, receive_all
from laboratory.daemon import POLICY, kind, ours
from laboratory.origins import DualStackServer

TOKEN, OTHER_TOKEN = "a long secret of the bot's, 0123456789", "another long secret of the bot's, 0123456789"
RATE = 50


def rules(token=TOKEN):
    return POLICY + f"""\
  - {{ allow: limited.test, ports: [80, 2526], limits: {{ upload: 10KiB }} }}
  - {{ allow: [93.184.216.32, allowed.test], ports: [7, 8080] }}
  - {{ allow: 93.184.216.31, ports: [7], limits: {{ upload: 1KiB }} }}
  - {{ allow: "*.many.test", limits: {{ names: 3 }} }}
agents:
  bot:
    token: {{ sha256: "{hashlib.sha256(token.encode()).hexdigest()}" }}
"""


@pytest.fixture(scope="module", autouse=True)
def zone(world):
    names = world.internet.names.zone
    added = {"limited.test": [("A", "93.184.216.10")], "inner.test": [("A", "10.9.9.9")],
             "own-mapped.test": [("AAAA", "::ffff:93.184.216.1")],
             **{f"{letter}.many.test": [("A", "93.184.216.10")] for letter in "abcdef"}}
    names.update(added)
    yield
    for name in added:
        del names[name]


@pytest.fixture
def daemon(start):
    return start(gateway=True, policy=rules(), approvals={"unattended": "hold", "timeout": "5s"},
                 limits={"rate_per_agent": f"{RATE}/s"})


@pytest.fixture(autouse=True)
def forget(world):
    world.internet.forget()


def read_answer(stream):
    """Head and body of one answer; an empty head at the end of the stream."""
    reader = stream.makefile("rb")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline()
        if not line:
            return head, b""
        head += line
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return head, reader.read(lengths[0] if lengths else 0)


def get(host, path="/", extra="", absolute=True):
    return f"GET {'http://' + host if absolute else ''}{path} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n".encode()


def post(host, body):
    return f"POST http://{host}/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def status(stream, request):
    stream.sendall(request)
    head = read_answer(stream)[0]
    return int(head.split()[1]) if head else 0


def connect(stream, to):
    assert status(stream, f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n".encode()) == 200


def status_of_new(agent, request):
    with agent.proxy() as stream:
        return status(stream, request)


def reload(daemon, policy):
    daemon.policy_file.write_text(policy)
    daemon.signal(1)
    time.sleep(2.5)


# --- an answer to one question, used for another

def test_a_grant_for_an_address_is_none_for_the_name_that_is_said_later(daemon, steered, world):
    reviewer = Reviewer(daemon)
    with steered.connect("93.184.216.12", 8080) as stream:
        reviewer.approve(reviewer.wait(host="93.184.216.12"), scope="once")
        time.sleep(0.5)
        stream.settimeout(3)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            stream.sendall(get("unknown.test:8080", absolute=False))
            answer = stream.recv(4096)
    assert b" 200 " not in answer and world.internet.asked == [] and world.internet.requests == []


def granted_path(start, agent, policy):
    """A kept-alive connection whose agent may GET what /safe/** stands for, because somebody said yes to that."""
    daemon = start(policy="version: 1\ndefault: deny\nrules:\n" + policy, approvals={"unattended": "hold", "timeout": "2s"})
    stream, reviewer = agent.proxy(), Reviewer(daemon)
    stream.sendall(get("four.test", "/safe/x"))
    approval = reviewer.wait(host="four.test", path="/safe/**")
    reviewer.approve(approval)
    assert b" 200 " in read_answer(stream)[0]
    return stream


PATHS = ["/safe/..%2fadmin/x", "/safe/%2e%2e/admin/x", "/safe/../admin/x", "/safe/..;/admin/x", "/safe/..\\admin/x"]


@pytest.mark.parametrize("path", PATHS)
def test_a_grant_for_one_path_is_none_for_what_may_be_read_as_another(start, explicit, path):
    policy = "  - allow: four.test\n  - ask: four.test\n    paths: ['/safe/**', '/admin/**']\n"
    with granted_path(start, explicit, policy) as stream:
        assert status(stream, get("four.test", path)) != 200


@pytest.mark.parametrize("path", PATHS)
def test_a_grant_for_a_path_opens_nothing_outside_it(start, explicit, path):
    with granted_path(start, explicit, "  - ask: four.test\n    paths: ['/safe/**']\n") as stream:
        assert status(stream, get("four.test", path)) != 200


# --- Sallyport's own listeners, and private ground

@pytest.mark.parametrize("port", [3128, 9180])
def test_no_name_that_is_mapped_to_an_own_address_reaches_an_own_listener(start, explicit, port):
    start(policy="version: 1\ndefault: deny\nrules:\n  - { allow: own-mapped.test, ports: [3128, 9180] }\n",
          listen={"proxy": "0.0.0.0:3128", "console": "0.0.0.0:9180"})
    assert status_of_new(explicit, get(f"own-mapped.test:{port}")) == 403


def test_a_request_that_may_not_go_to_private_ground_does_not_ride_on_one_that_may(start, explicit, world):
    world.outside.ip("addr", "add", "10.9.9.9/32", "dev", "wan0")
    world.gateway.ip("route", "add", "10.9.9.9/32", "dev", "outside0")
    try:
        start(policy=POLICY + "  - { allow: inner.test, methods: [GET], private: true }\n"
                              "  - { allow: inner.test, methods: [POST] }\n")
        assert status_of_new(explicit, post("inner.test", b"x")) == 403
        with explicit.proxy() as stream:
            assert status(stream, get("inner.test")) == 200
            assert status(stream, post("inner.test", b"x")) == 403
    finally:
        world.gateway.ip("route", "del", "10.9.9.9/32", "dev", "outside0")
        world.outside.ip("addr", "del", "10.9.9.9/32", "dev", "wan0")


@pytest.mark.parametrize("name", ["localhost", "deep.localhost", "host.sallyport.internal", "other.sallyport.internal"])
def test_a_name_of_one_place_is_asked_of_nobody(start, explicit, world, name):
    daemon = start(policy=f"version: 1\ndefault: deny\nrules:\n  - allow: {name}\n")
    since = daemon.mark()
    assert status_of_new(explicit, get(name)) == 403
    assert ours(daemon.wait_for(since, kind="refuse", host=name)[0])["decided_by"] == "guard"
    assert world.internet.asked == [] and world.internet.requests == []


# --- what is counted

def test_an_upload_limit_counts_request_heads(daemon, explicit, world):
    with explicit.proxy() as stream, contextlib.suppress(OSError):
        for _ in range(6):
            if status(stream, get("limited.test", extra=f"X-Data: {'d' * 8000}\r\n")) != 200:
                break
    assert sum(len(seen["headers"].get("X-Data", "")) for seen in world.internet.requests) <= 10 << 10


def test_a_granted_upload_counts_request_heads(daemon, explicit, world):
    reviewer = Reviewer(daemon)
    request = get("unknown.test", extra=f"X-Data: {'d' * 8000}\r\n")
    with explicit.proxy() as stream, contextlib.suppress(OSError):
        stream.sendall(request)
        reviewer.approve(reviewer.wait(host="unknown.test"), upload="10KiB")
        read_answer(stream)
        stream.settimeout(3)
        while len(world.internet.requests) < 5 and status(stream, request) == 200:
            pass
    assert len(world.internet.requests) <= 1


def test_the_log_counts_request_heads(daemon, explicit):
    since = daemon.mark()
    assert status_of_new(explicit, get("allowed.test", extra=f"X-Data: {'d' * 8000}\r\n")) == 200
    assert daemon.wait_for(since, kind="close", host="allowed.test")[0]["cumulative_traffic"]["bytes_out"] >= 8000


UPGRADE = (b"GET http://limited.test/ HTTP/1.1\r\nHost: limited.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(b"k" * 16) + b"\r\n\r\n")


def echoed(stream):
    got = b""
    stream.settimeout(2)
    with contextlib.suppress(OSError):
        while more := stream.recv(65536):
            got += more
    return got.count(b"e" * 100) * 100


def test_an_upload_limit_counts_on_after_a_protocol_switch(daemon, explicit):
    with explicit.proxy() as stream:
        assert status(stream, post("limited.test", b"d" * 9000)) == 200
        stream.sendall(UPGRADE)
        assert b" 101 " in stream.recv(4096)
        with contextlib.suppress(OSError):
            stream.sendall(b"e" * 9000)
        assert 9000 + echoed(stream) <= 10 << 10


def test_an_upload_limit_counts_what_came_right_behind_an_upgrade(daemon, explicit):
    with explicit.proxy() as stream:
        stream.sendall(UPGRADE + b"e" * 50_000)
        assert echoed(stream) <= 10 << 10


def test_an_upload_limit_is_one_limit_where_the_server_speaks_first(daemon, explicit, world):
    heard = []

    class Greets(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"220 ready\r\n")
            while data := self.request.recv(65536):
                heard.append(len(data))

    server = DualStackServer(world.outside, 2526, Greets, world.internet)
    with explicit.proxy() as stream:
        connect(stream, "limited.test:2526")
        assert stream.recv(100)
        with contextlib.suppress(OSError):
            for _ in range(2):
                stream.sendall(b"\1" * 9000)
                time.sleep(0.7)
    server.shutdown()
    server.server_close()
    assert sum(heard) <= 10 << 10


def test_a_host_named_inside_a_connection_keeps_its_rules_limits(daemon, explicit, world):
    with explicit.proxy() as stream, contextlib.suppress(OSError):
        connect(stream, "allowed.test:80")
        stream.sendall(post("limited.test", b"d" * 50_000))
        read_answer(stream)
    assert sum(seen["body"] for seen in world.internet.requests) <= 10 << 10


def test_names_under_a_wildcard_are_counted_where_host_says_them(daemon, explicit, world):
    with explicit.proxy() as stream:
        connect(stream, "a.many.test:80")
        for letter in "abcdef":
            if status(stream, get(f"{letter}.many.test", absolute=False)) != 200:
                break
    assert len({seen["host"] for seen in world.internet.requests if seen["host"].endswith(".many.test")}) <= 3


# --- a name that comes after the dial to a bare address

def test_a_name_that_comes_late_does_not_lend_its_rule_to_the_address(daemon, steered):
    since = daemon.mark()
    with steered.connect("93.184.216.31", 7) as stream:
        time.sleep(0.8)  # silence, so that the address is dialled
        stream.settimeout(3)
        got = b""
        with contextlib.suppress(OSError):
            stream.sendall(client_hello("allowed.test") + b"z" * 5000)
            stream.shutdown(socket.SHUT_WR)
            got = receive_all(stream)
    assert len(got) <= 1 << 10
    assert "allowed.test" not in json.dumps([event["dst_endpoint"] for event in daemon.events(since)])


def test_the_log_names_the_host_that_is_reached_in_place_of_an_address(daemon, steered, world):
    since = daemon.mark()
    with steered.connect("93.184.216.32", 8080) as stream:
        time.sleep(0.8)
        assert status(stream, get("allowed.test:8080", absolute=False)) == 200
    assert world.internet.requests[0]["address"] == "93.184.216.10"
    assert daemon.wait_for(since, kind="request")[0]["dst_endpoint"].get("hostname") == "allowed.test"


# --- the log

def test_the_log_names_another_host_that_a_request_named(daemon, explicit, world):
    since = daemon.mark()
    with explicit.proxy() as stream:
        connect(stream, "allowed.test:80")
        assert status(stream, get("four.test", absolute=False)) == 200
    daemon.wait_for(since, kind="close")
    assert "four.test" in json.dumps(daemon.events(since))


BOT = f"Proxy-Authorization: Basic {base64.b64encode(f'bot:{TOKEN}'.encode()).decode()}\r\n"


def test_each_request_is_logged_for_the_agent_that_made_it(daemon, explicit):
    since = daemon.mark()
    with explicit.proxy() as stream:
        assert status(stream, get("allowed.test", "/one")) == 200
        assert status(stream, get("allowed.test", "/two", BOT)) == 200
    assert [ours(event)["agent"] for event in daemon.wait_for(since, kind="request", count=2)] == ["default", "bot"]


def records_of(daemon, flood):
    """How many records a flood made, and how many its agent's rate has room for."""
    since, began = daemon.mark(), time.monotonic()
    flood()
    seconds = time.monotonic() - began
    time.sleep(1.5)
    return daemon.mark() - since, 2 * RATE * (seconds + 1) + 20


@pytest.mark.parametrize("host", ["denied.test", "sallyport.internal"])
def test_records_of_requests_are_bounded_by_the_agents_rate(daemon, explicit, host):
    def flood():
        with explicit.proxy() as stream:
            for _ in range(1000):
                if not status(stream, get(host, "/nothing")):
                    break
    made, room = records_of(daemon, flood)
    assert made <= room


def test_what_was_let_in_has_its_end_in_the_log_past_the_rate_too(daemon, explicit):
    since = daemon.mark()
    with explicit.proxy() as stream:
        for _ in range(4 * RATE):
            if status(stream, get("limited.test:2526")) != 502:  # allowed, and nobody listens there
                break
    with contextlib.suppress(AssertionError):
        daemon.wait_for(since, kind="fail", count=4 * RATE, seconds=2)
    kinds = [kind(event) for event in daemon.events(since) if event["class_uid"] == 4001]
    assert RATE / 2 < kinds.count("open") < 3 * RATE and kinds.count("open") == kinds.count("fail")


def test_records_of_dns_queries_are_bounded_by_the_agents_rate(daemon, steered):
    made, room = records_of(daemon, lambda: [steered.exchange(question("denied.test")) for _ in range(1000)])
    assert made <= room


# --- a reload, and who somebody is

def test_a_token_that_was_withdrawn_names_nobody_on_a_connection_that_is_open(daemon, explicit):
    with explicit.proxy() as stream:
        assert status(stream, get("allowed.test", extra=BOT)) == 200
        reload(daemon, rules(OTHER_TOKEN))
        assert status_of_new(explicit, get("allowed.test", extra=BOT)) == 407
        assert status(stream, get("allowed.test", extra=BOT)) in (0, 407)


def test_connections_end_where_a_reload_gives_their_address_to_another_agent(start, explicit):
    policy = POLICY + "agents:\n  one: { from: [SOURCE], rules: [{ allow: unknown.test }] }\n"
    daemon = start(policy=policy.replace("SOURCE", "10.77.0.2"))
    request, inside = get("unknown.test"), get("unknown.test", absolute=False)
    with explicit.proxy() as stream, explicit.proxy() as tunnel:
        connect(tunnel, "unknown.test:80")
        assert (status(stream, request), status(tunnel, inside)) == (200, 200)
        reload(daemon, policy.replace("SOURCE", "10.77.0.9"))
        assert status_of_new(explicit, request) == 403
        for each, what in ((stream, request), (tunnel, inside)):
            with contextlib.suppress(ConnectionError):
                assert status(each, what) != 200


def test_a_reload_that_denies_an_address_ends_what_goes_there_by_name(start, explicit):
    daemon = start(policy=POLICY)
    with explicit.proxy() as stream:
        assert status(stream, get("allowed.test")) == 200
        reload(daemon, POLICY + "  - { deny: [93.184.216.10, '2600:1f00:77::10'] }\n")
        assert status_of_new(explicit, get("allowed.test")) == 403
        with contextlib.suppress(ConnectionError):
            assert status(stream, get("allowed.test")) != 200


# --- places that are never given back

def test_a_client_that_reads_no_refusal_loses_its_place(start, explicit, world):
    start(policy=POLICY, timeouts={"idle": "2s", "head": "2s"})
    with world.agent.inside():
        stream = socket.socket()
    with stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.connect(("10.77.0.1", 3128))
        stream.settimeout(2)
        with contextlib.suppress(OSError):
            for _ in range(10_000):
                stream.sendall(get("denied.test") * 100)
        time.sleep(6)
        assert ":3128" not in world.gateway.run(["ss", "-Htn", "state", "established", "sport", "=", ":3128"]).stdout


def test_an_agent_that_sees_the_console_cannot_keep_reviewers_from_it(start, explicit):
    daemon = start(policy=POLICY, listen={"console": "0.0.0.0:9180"})
    reviewer = Reviewer(daemon)
    with contextlib.ExitStack() as stack:
        for _ in range(130):
            with contextlib.suppress(OSError):
                stack.enter_context(explicit.connect("10.77.0.1", 9180, 1))
        assert reviewer.approvals() == []
