"""Plain HTTP as a stream: bodies both ways, interim answers, trailers, upgrades, and an origin that lies."""
import base64
import hashlib
import select
import socket

import pytest

from laboratory.clients import receive_all
from laboratory.daemon import POLICY, kind, ours, wait_until
from laboratory.scripted import Scripted, answers, read_head

RULES = POLICY + "  - { allow: allowed.test, ports: [8081] }\n"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = base64.b64encode(hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
GOOD_101 = f"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def daemon(start):
    return start(gateway=True, policy=RULES)


@pytest.fixture(scope="module")
def scripted(world):
    made = Scripted(world)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def forget(scripted, world):
    scripted.forget()
    world.internet.forget()


class Way:
    """A connection by one door, on which requests for http://allowed.test:8081 are written."""

    def __init__(self, agent):
        self.agent = agent
        if agent.door == "explicit":
            self.stream, self.prefix = agent.proxy(), "http://allowed.test:8081"
        else:
            self.stream, self.prefix = agent.connect(agent.ask("allowed.test").addresses[0], 8081), ""
        self.reader = self.stream.makefile("rb")

    def send(self, method, path, *fields, body=b""):
        head = [f"{method} {self.prefix}{path} HTTP/1.1", "Host: allowed.test:8081", *fields, "", ""]
        self.stream.sendall("\r\n".join(head).encode() + body)

    def head(self):
        return read_head(self.stream).decode()

    def rest(self):
        return receive_all(self.stream)


@pytest.fixture
def way(agent):
    made = Way(agent)
    yield made
    made.stream.close()


def test_H_17_a_body_waits_for_the_origins_100(way, scripted):
    def script(stream):
        head = read_head(stream)
        assert b"Expect: 100-continue" in head
        stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = stream.recv(5, socket.MSG_WAITALL)
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return body
    scripted.script = script
    way.send("POST", "/", "Content-Length: 5", "Expect: 100-continue")
    assert way.head().startswith("HTTP/1.1 100 ")
    way.stream.sendall(b"hello")
    assert way.head().startswith("HTTP/1.1 200 ") and way.stream.recv(2) == b"ok"
    wait_until(lambda: scripted.heard == [b"hello"], "the body at the origin")


def test_H_18_a_refused_expectation_ends_the_connection_and_its_body_is_no_request(way, scripted, world):
    scripted.script = answers(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
    way.send("POST", "/", "Content-Length: 80", "Expect: 100-continue")
    assert way.head().startswith("HTTP/1.1 417 ")
    try:
        way.stream.sendall(b"GET http://allowed.test/smuggled HTTP/1.1\r\nHost: allowed.test\r\n\r\n" + b"x" * 60)
    except ConnectionError:
        pass
    assert b"HTTP/1.1" not in way.rest()
    assert world.internet.requests == [] and scripted.connections == 1


def test_H_17_a_refused_host_is_told_before_its_body_comes(explicit, world):
    with explicit.proxy() as stream:
        stream.sendall(b"POST http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\nContent-Length: 100000000\r\n"
                       b"Expect: 100-continue\r\n\r\n")
        assert receive_all(stream).startswith(b"HTTP/1.1 403 ")
    assert world.internet.capture.take() == []


def test_H_18_an_early_answer_ends_the_connection(way, scripted):
    scripted.script = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")
    way.send("POST", "/", "Content-Length: 1000000", body=b"y" * 1000)
    head = way.head()
    assert " 200 " in head and "Connection: close" in head
    assert way.rest() == b"early"


def test_H_23_chunks_and_their_trailers_pass_both_ways(way, scripted):
    def script(stream):
        head, body = read_head(stream), b""
        while not body.endswith(b"\r\n\r\n"):
            body += stream.recv(4096)
        stream.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                       b"5;ext=1\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n")
        return head, body
    scripted.script = script
    way.send("POST", "/", "Transfer-Encoding: chunked", "TE: trailers",
             body=b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Mine: 1\r\n\r\n")
    assert "transfer-encoding: chunked" in way.head().lower()
    body = b""
    while not body.endswith(b"\r\n\r\n"):
        body += way.stream.recv(4096)
    assert b"hello" in body and b"X-Sum: 7" in body and b"ext=1" not in body
    sent = wait_until(lambda: scripted.heard, "what the origin got")[0][1]
    assert b"abc" in sent and b"de" in sent and b"X-Mine: 1" in sent


@pytest.mark.parametrize("trailer", [b"Host: denied.test", b"Content-Length: 9", b"Authorization: x", b"Transfer-Encoding: x"])
def test_H_23_a_trailer_of_framing_or_routing_is_a_bad_request(way, scripted, trailer):
    scripted.script = answers(b"")
    way.send("POST", "/", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n\r\n")
    assert way.rest().startswith(b"HTTP/1.1 400 ")
    assert all(trailer not in rest for _, rest in scripted.heard)


@pytest.mark.parametrize("chunk", [b"0x1\r\na\r\n", b"+1\r\na\r\n", b"-0\r\n\r\n", b" 1\r\na\r\n", b"1zz\r\na\r\n", b"1" * 17 + b"\r\na\r\n",
                                   b"1\na\r\n", b"1;a\rb\r\na\r\n", b"\r\n\r\n", b"2\r\na\r\n0\r\n\r\n"])
def test_H_09_a_bad_chunk_ends_the_request(way, scripted, chunk):
    def script(stream):
        head, body = read_head(stream), b""
        while data := stream.recv(4096):
            body += data
        return head, body
    scripted.script = script
    way.send("POST", "/", "Transfer-Encoding: chunked", body=chunk + b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n")
    assert b" 200 " not in way.rest()
    for _, body in scripted.heard:
        assert b"smuggled" not in body and b"0\r\n\r\n" not in body, "no end was made up"


LENGTHS = ["", "+5", "-1", "0x10", "010", "1_0", "5z", "18446744073709551616", "5, 6", "5 5"]


@pytest.mark.parametrize("length", LENGTHS)
def test_H_03_a_length_that_is_none(way, scripted, length):
    way.send("POST", "/", f"Content-Length: {length}", body=b"hello")
    got = way.rest()
    if length == "010":  # digits are digits: RFC 9110, 8.6
        assert got[9:12] in (b"400", b"502")
        return
    assert got.startswith(b"HTTP/1.1 400 ")
    assert scripted.connections == 0


LIES = {
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    "an interim flood": b"HTTP/1.1 103 Hint\r\nLink: x\r\n\r\n" * 100,
    "nothing": b"",
    "tls": b"\x15\x03\x03\x00\x02\x02\x28",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
}


@pytest.mark.parametrize("lie", LIES)
def test_H_22_an_origin_that_lies_is_a_bad_gateway(way, scripted, daemon, lie):
    def script(stream):
        read_head(stream)
        stream.sendall(LIES[lie])
    scripted.script = script
    since = daemon.mark()
    way.send("GET", "/")
    got = way.rest()
    final = [line for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1 ") and not line.startswith(b"HTTP/1.1 103")]
    assert len(final) == 1 and final[0][9:12] == b"502", got[:300]
    daemon.wait_for(since, kind="fail", host="allowed.test")


def test_H_22_a_second_answer_is_nobodys(way, scripted):
    def script(stream):
        read_head(stream)
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
        return read_head(stream)
    scripted.script = script
    way.send("GET", "/1")
    assert " 200 " in way.head() and way.stream.recv(2) == b"ok"
    way.send("GET", "/2")
    assert " 200 " in way.head() and way.stream.recv(2) == b"ok"
    assert scripted.connections == 2, "the poisoned connection was not used again"


def test_H_22_a_broken_off_body_is_no_whole_one(way, scripted):
    def script(stream):
        read_head(stream)
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    scripted.script = script
    way.send("GET", "/")
    assert " 200 " in way.head()
    with pytest.raises(ConnectionResetError):
        while way.stream.recv(4096):
            pass


# Upgrades.

def upgrade(way, *more, protocol="websocket"):
    way.send("GET", "/ws", "Connection: Upgrade", f"Upgrade: {protocol}", "Sec-WebSocket-Version: 13",
             f"Sec-WebSocket-Key: {KEY}", *more)


def test_C_09_a_websocket_with_the_right_answer_is_a_stream(way, scripted, daemon):
    def script(stream):
        read_head(stream)
        stream.sendall(GOOD_101.encode() + b"early")
        got = stream.recv(5)
        stream.sendall(b"back")
        return got
    scripted.script = script
    since = daemon.mark()
    upgrade(way)
    assert " 101 " in way.head() and way.stream.recv(5) == b"early"
    way.stream.sendall(b"hello")
    assert way.stream.recv(4) == b"back"
    way.stream.close()
    way.reader.close()
    wait_until(lambda: scripted.heard == [b"hello"], "the frame at the origin")
    daemon.wait_for(since, kind="close", host="allowed.test")


WRONG = {
    "another key's": GOOD_101.replace(ACCEPT, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    "none": "".join(line for line in GOOD_101.splitlines(True) if "Accept" not in line),
    "two": GOOD_101.replace("\r\n\r\n", "\r\nSec-WebSocket-Accept: x\r\n\r\n"),
    "another protocol": GOOD_101.replace("Upgrade: websocket", "Upgrade: smuggle"),
    "no protocol": GOOD_101.replace("Upgrade: websocket\r\n", ""),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_C_09_and_C_08_a_wrong_101_makes_no_tunnel(way, scripted, daemon, wrong):
    scripted.script = answers(WRONG[wrong].encode() + b"leak")
    since = daemon.mark()
    upgrade(way)
    got = way.rest()
    assert got.startswith(b"HTTP/1.1 502 ") and b"leak" not in got
    daemon.wait_for(since, kind="fail", host="allowed.test")


def test_C_08_and_H_22_an_unasked_101_makes_no_tunnel(way, scripted):
    scripted.script = answers(GOOD_101.encode() + b"leak")
    way.send("GET", "/")
    got = way.rest()
    assert got.startswith(b"HTTP/1.1 502 ") and b"leak" not in got


@pytest.mark.parametrize("status", ["200 OK", "426 Upgrade Required", "400 Bad"])
def test_C_09_and_C_10_without_a_101_what_follows_is_a_request_like_any(way, scripted, world, status):
    def script(stream):
        first = read_head(stream)
        stream.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno".encode())
        return first, read_head(stream)
    scripted.script = script
    upgrade(way)
    assert f" {status[:3]} " in way.head() and way.stream.recv(2) == b"no"
    prefix = "http://denied.test" if way.prefix else ""
    way.stream.sendall(f"GET {prefix}/after HTTP/1.1\r\nHost: denied.test\r\n\r\n".encode())
    assert b"403" in way.stream.recv(4096)[:20]
    assert ("denied.test", "A") not in world.internet.asked
    way.stream.close()
    way.reader.close()
    assert not any(b"after" in second for _, second in scripted.heard)


def test_C_10_after_a_101_the_stream_is_bound_to_its_host(way, scripted, world):
    scripted.script = answers(GOOD_101.encode())
    upgrade(way)
    assert " 101 " in way.head()
    way.stream.sendall(b"GET http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\n\r\n")
    way.stream.shutdown(socket.SHUT_WR)
    way.rest()
    heard = wait_until(lambda: scripted.heard, "the stream's bytes at the origin")[0]
    assert heard[1].startswith(b"GET http://denied.test/"), "to the approved host they go as they are, and nowhere else"
    assert ("denied.test", "A") not in world.internet.asked


@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.0", "HTTP/2.0"])
def test_C_07_and_C_11_an_upgrade_to_what_hides_requests_is_stripped(way, scripted, protocol):
    def script(stream):
        head = read_head(stream)
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return head
    scripted.script = script
    way.send("GET", "/", f"Upgrade: {protocol}", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__")
    assert " 200 " in way.head()
    head = wait_until(lambda: scripted.heard, "the head at the origin")[0].lower()
    assert b"upgrade" not in head and b"http2-settings" not in head


# Large bodies.

@pytest.mark.parametrize("size", [20_000_000])
def test_large_bodies_arrive_whole(agent, size):
    data = hashlib.sha256(b"seed").digest() * (size // 32)
    got = agent.curl("-X", "POST", "--data-binary", "@-", "http://allowed.test/", input=data, text=False, timeout=60)
    assert hashlib.sha256(data).hexdigest().encode() in got.stdout
    assert len(agent.curl(f"https://allowed.test/bytes/{size}", text=False, timeout=60).stdout) == size


def resident(daemon):
    with open(f"/proc/{daemon.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def test_F_06_a_reader_that_does_not_read_costs_no_memory(agent, daemon, world):
    if agent.door == "explicit":
        stream = agent.proxy()
        stream.sendall(b"CONNECT echo.test:7 HTTP/1.1\r\nHost: echo.test:7\r\n\r\n")
        assert b" 200 " in stream.recv(4096)
    else:
        stream = agent.connect(agent.ask("echo.test").addresses[0], 7)
    before, sent, block = resident(daemon), 0, b"z" * 65536
    with stream:
        stream.setblocking(False)
        # Until nothing more is taken: every socket on the way is full.
        while select.select([], [stream], [], 1)[1] and sent < 256 << 20:
            try:
                sent += stream.send(block)
            except BlockingIOError:
                continue
        assert sent < 128 << 20, "somebody buffers without an end"
        assert resident(daemon) - before < 16 << 20
        stream.setblocking(True)
        stream.settimeout(20)
        received = 0
        while received < sent:
            received += len(stream.recv(1 << 20))
    assert received == sent


def test_a_plain_answer_is_not_read_ahead_of_its_reader(agent, daemon, scripted):
    before = resident(daemon)

    def script(stream):
        read_head(stream)
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n")
        stream.setblocking(False)
        sent = 0
        while select.select([], [stream], [], 1)[1] and sent < 256 << 20:
            try:
                sent += stream.send(b"z" * 65536)
            except BlockingIOError:
                continue
        return sent
    scripted.script = script
    way = Way(agent)
    with way.stream:
        way.send("GET", "/")
        assert " 200 " in way.head()
        sent = wait_until(lambda: scripted.heard, "an origin whose bytes nobody takes", seconds=30)[0]
        assert sent < 128 << 20 and resident(daemon) - before < 16 << 20
    way.reader.close()


def test_an_answer_that_is_whole_is_passed_on_whole(way, scripted):
    def script(stream):
        read_head(stream)
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    scripted.script = script
    way.send("GET", "/")
    assert way.stream.recv(65536).endswith(b"\r\n\r\nok")


def test_L_08_requests_of_one_connection_share_its_correlation(way, scripted, daemon):
    def script(stream):
        while read_head(stream):
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    scripted.script = script
    since = daemon.mark()
    for path in ("/1", "/2"):
        way.send("GET", path)
        assert " 200 " in way.head() and way.stream.recv(2) == b"ok"
    way.stream.close()
    way.reader.close()
    end = daemon.wait_for(since, kind="close", host="allowed.test")[0]
    requests = daemon.wait_for(since, kind="request", count=2)
    assert {event["metadata"]["correlation_uid"] for event in requests} == {end["metadata"]["correlation_uid"]}
    assert kind(end) == "close" and ours(end)["verdict"] == "allow"
