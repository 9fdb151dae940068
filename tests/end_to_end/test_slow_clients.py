"""Slow and large: clients that drip, never end, or send too much. They are ended, and stop nobody else."""
import contextlib
import time

import pytest

from laboratory.clients import Agent, client_hello, hold, receive_all, release, tunnel
from laboratory.daemon import POLICY, TWO


@pytest.fixture
def two(world, other_address):
    return Agent(world, "explicit", source=other_address)


@pytest.fixture(scope="module")
def hasty(start, other_address):
    return start(gateway=True, policy=POLICY + TWO, timeouts={"head": "1s", "idle": "2s", "sniff": "1s"},
                 limits={"head": "8KiB", "rate_per_agent": "2000/s"})


def drip(stream, head, pause=0.25):
    """A byte now and then, until the other side has had enough; what it said."""
    stream.settimeout(pause)
    said = b""
    for byte in head:
        try:
            stream.sendall(bytes([byte]))
            said += (part := stream.recv(4096))
            if not part:
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return said


def test_H_24_a_head_by_the_byte_has_an_end(hasty, explicit):
    began = time.monotonic()
    with explicit.proxy() as stream:
        said = drip(stream, b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n" + b"X: y\r\n" * 50)
    assert said.startswith(b"HTTP/1.1 408 ") and time.monotonic() - began < 5


def test_T_03_a_hello_by_the_byte_has_an_end(hasty, agent, world):
    world.internet.forget()
    since = hasty.mark()
    with tunnel(agent, "allowed.test", 443) as stream:
        drip(stream, client_hello("allowed.test"))
    hasty.wait_for(since, host="allowed.test", verdict="deny")
    assert world.internet.requests == []


def test_H_24_a_socks_greeting_by_the_byte_has_an_end(hasty, explicit):
    with explicit.proxy() as stream:
        drip(stream, b"\5\xff" + bytes(range(255)))
        stream.settimeout(5)
        assert receive_all(stream) == b""


@pytest.mark.parametrize("head", [
    b"GET http://allowed.test/" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
    b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n" + b"X" * 70_000 + b": y\r\n\r\n",
], ids=["line", "fields", "name"])
def test_H_10_and_H_24_a_large_head_is_431(hasty, explicit, world, head):
    world.internet.forget()
    with explicit.proxy() as stream:
        with contextlib.suppress(ConnectionError):
            stream.sendall(head)
        answer = receive_all(stream)
    assert answer == b"" or answer[9:12] in (b"431", b"414", b"400")
    assert world.internet.capture.take() == []


def test_C_13_a_quiet_tunnel_is_ended(hasty, agent):
    since = hasty.mark()
    with tunnel(agent, "echo.test", 7) as stream:
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
        receive_all(stream)
    hasty.wait_for(since, host="echo.test", closed_by="idle")


def test_C_13_a_busy_tunnel_is_not(hasty, agent):
    with tunnel(agent, "echo.test", 7) as stream:
        for _ in range(8):
            stream.sendall(b"x")
            assert stream.recv(1) == b"x"
            time.sleep(0.5)


def test_H_24_many_slow_ones_stop_nobody(hasty, explicit, two, steered):
    slow = hold(explicit, 200) + hold(steered, 100)
    for stream in slow[:200]:
        with contextlib.suppress(OSError):
            stream.sendall(b"GET http://allowed.test/ HTTP/1.1\r\nX-Slow: ")
    assert '"path"' in two.curl("http://allowed.test/").stdout
    assert '"path"' in explicit.curl("http://allowed.test/").stdout
    release(slow)


def resident(sallyport):
    with open(f"/proc/{sallyport.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def test_F_06_unfinished_heads_cost_about_their_size(start, explicit):
    sallyport = start(limits={"rate_per_agent": "2000/s"})
    explicit.curl("http://allowed.test/")
    before, size = resident(sallyport), 60_000
    streams = hold(explicit, 200)
    for stream in streams:
        stream.sendall(b"GET http://allowed.test/ HTTP/1.1\r\nX: " + b"y" * size)
    explicit.curl("http://allowed.test/")
    assert resident(sallyport) - before < 10 * size * len(streams)
    release(streams)
