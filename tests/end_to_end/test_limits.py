"""Bounded and fair: what one agent may use, what a rule lets through, and who else still gets their share."""
import contextlib
import json
import os
import socket
import time

import pytest

from laboratory.clients import Agent, client_hello, hold, receive_all, release, socks5, tunnel
from laboratory.daemon import POLICY, TWO, ours, wait_until

RULES = POLICY + """\
  - { allow: limited.test, limits: { upload: 100KiB, download: 200KiB } }
  - { allow: limited.test, ports: [7], protocol: tcp, limits: { upload: 100KiB, download: 50KiB } }
  - { allow: few.test, ports: [7], protocol: tcp, limits: { connections: 2 } }
  - { allow: few.test, limits: { connections: 2 } }
  - { allow: "*.many.test", limits: { names: 3 } }
""" + TWO


@pytest.fixture(scope="module", autouse=True)
def zone(world):
    names = world.internet.names.zone
    added = {"limited.test": [("A", "93.184.216.10")], "few.test": [("A", "93.184.216.10")],
             **{f"{letter}.many.test": [("A", "93.184.216.10")] for letter in "abcdef"}}
    names.update(added)
    yield
    for name in added:
        del names[name]


@pytest.fixture
def two(world, other_address):
    return Agent(world, "explicit", source=other_address)


@pytest.fixture
def two_steered(world, other_address):
    return Agent(world, "gateway", source=other_address)


@pytest.fixture(scope="module")
def ruled(start, other_address):
    return start(gateway=True, policy=RULES)


def send_until_cut(stream, total):
    with contextlib.suppress(ConnectionError):
        for _ in range(total // 10_000):
            stream.sendall(b"z" * 10_000)
        stream.shutdown(socket.SHUT_WR)


def test_a_tunnel_uploads_no_more_than_its_rule_says(ruled, agent):
    since = ruled.mark()
    with tunnel(agent, "limited.test", 7) as stream:
        send_until_cut(stream, 40_000)
        # The echo comes back until its own limit of 50 KiB: first what is below both passes whole.
        assert len(receive_all(stream)) >= 40_000
    ruled.wait_for(since, kind="close", host="limited.test")
    since = ruled.mark()
    with tunnel(agent, "limited.test", 7) as stream:
        send_until_cut(stream, 1_000_000)
        receive_all(stream)
    end = ruled.wait_for(since, host="limited.test", closed_by="limit")[0]
    assert end["traffic"]["bytes_out"] <= 100 << 10 and end["traffic"]["bytes_in"] <= 50 << 10


def test_a_request_uploads_no_more_than_its_rule_says(ruled, agent, world):
    world.internet.forget()
    since = ruled.mark()
    for extra in ([], ["-H", "Transfer-Encoding: chunked"]):
        got = agent.curl("-X", "POST", "--data-binary", "@-", "-H", "Expect:", *extra, "http://limited.test/", input="y" * 400_000)
        assert '"body": 400000' not in got.stdout
    ends = ruled.wait_for(since, host="limited.test", closed_by="limit", count=2)
    assert all(end["traffic"]["bytes_out"] <= 100 << 10 for end in ends)
    assert agent.curl("-X", "POST", "--data-binary", "@-", "http://limited.test/", input="y" * 50_000).returncode == 0


def test_trailers_are_bytes_that_were_sent(ruled, explicit, world):
    """A head, a body and trailers that are each below the limit, and together above it."""
    world.internet.forget()
    since = ruled.mark()
    trailers = b"".join(b"X-%d: %s\r\n" % (i, b"t" * 2000) for i in range(2))
    with explicit.proxy() as stream:
        stream.sendall(b"POST http://limited.test/ HTTP/1.1\r\nHost: limited.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"%x\r\n" % 100_000 + b"y" * 100_000 + b"\r\n0\r\n" + trailers + b"\r\n")
        assert b'"body": 100000' not in receive_all(stream)
    end = ruled.wait_for(since, host="limited.test", closed_by="limit")[0]
    assert end["traffic"]["bytes_out"] <= 100 << 10


def test_a_download_breaks_off_at_its_limit(ruled, agent):
    for scheme in ("http", "https"):
        since = ruled.mark()
        got = agent.curl(f"{scheme}://limited.test/bytes/1000000", "-k", text=False)
        assert got.returncode != 0 and len(got.stdout) <= 200 << 10
        end = ruled.wait_for(since, host="limited.test", closed_by="limit")[0]
        assert end["traffic"]["bytes_in"] <= 200 << 10
    assert agent.curl("http://limited.test/bytes/100000").returncode == 0


def test_a_rules_connections_are_counted_and_given_back(ruled, agent):
    since = ruled.mark()
    first, second = tunnel(agent, "few.test", 7), tunnel(agent, "few.test", 7)
    for stream in (first, second):
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
    with contextlib.suppress(ConnectionError), tunnel(agent, "few.test", 7) as third:
        third.sendall(b"x")
        assert third.recv(1) == b""
    ruled.wait_for(since, kind="refuse", host="few.test", decided_by="limit")
    first.close()
    ruled.wait_for(since, kind="close", host="few.test")
    with tunnel(agent, "few.test", 7) as third:
        third.sendall(b"x")
        assert third.recv(1) == b"x"
    second.close()
    ruled.wait_for(since, kind="close", host="few.test", count=3)


def test_D_02_and_T_24_names_under_a_wildcard_have_a_budget(start, other_address, explicit, two, steered, world):
    start(gateway=True, policy=RULES)
    for letter in "abcabc":
        assert explicit.curl(f"http://{letter}.many.test/").returncode == 0
    world.internet.forget()
    for letter in "def":
        assert json.loads(explicit.curl(f"http://{letter}.many.test/").stdout)["status"] == 403
        answer = steered.ask(f"{letter}.many.test")
        assert (answer.rcode, answer.addresses) == (5, [])
    with explicit.proxy() as stream:
        assert socks5(stream, b"secret-data.many.test", 443) == 2
    assert world.internet.asked == [] and world.internet.capture.take() == []
    assert explicit.curl("http://a.many.test/").returncode == 0, "those that were counted go on"
    assert two.curl("http://d.many.test/").returncode == 0, "another agent has a budget of its own"


@pytest.fixture
def few_each(start, other_address):
    return start(gateway=True, policy=POLICY + TWO, limits={"per_agent": 5})


def test_F_05_an_agent_has_its_own_number_of_connections(few_each, explicit, two, steered, two_steered):
    since = few_each.mark()
    streams = hold(explicit, 5)
    got = explicit.curl("http://allowed.test/")
    assert '"path"' not in got.stdout
    few_each.wait_for(since, kind="refuse", agent="one", decided_by="limit")
    assert '"path"' not in steered.curl("http://allowed.test/").stdout, "by whatever door"
    assert '"path"' in two.curl("http://allowed.test/").stdout
    lease = two_steered.ask("allowed.test").addresses[0]  # curl itself would ask from the other address
    assert two_steered.curl("--resolve", f"allowed.test:443:{lease}", "https://allowed.test/").returncode == 0
    release(streams)
    wait_until(lambda: '"path"' in explicit.curl("http://allowed.test/").stdout, "places to be given back")


def test_F_05_a_rate_is_kept_and_its_refusals_are_one_record(start, other_address, explicit, two):
    sallyport = start(policy=POLICY + TWO, limits={"rate_per_agent": "20/s"})
    since = sallyport.mark()
    cut = 0
    for _ in range(200):
        with contextlib.suppress(ConnectionError), explicit.proxy() as stream:
            stream.sendall(b"GET http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\nConnection: close\r\n\r\n")
            if receive_all(stream):
                continue
        cut += 1
    assert cut > 0
    assert '"path"' in two.curl("http://allowed.test/").stdout, "another agent does not notice"
    wait_until(lambda: sum(event.get("count", 1) for event in sallyport.events(since)
                           if ours(event).get("decided_by") == "limit") >= cut, "all that was cut, in the log")
    refusals = [event for event in sallyport.events(since) if ours(event).get("decided_by") == "limit"]
    assert len(refusals) < 30 and all(ours(event)["agent"] == "one" for event in refusals)


def test_F_05_the_whole_is_shared_fairly(start, other_address, explicit, two):
    sallyport = start(policy=POLICY + TWO, limits={"connections": 20, "rate_per_agent": "1000/s"})
    with two.proxy() as place:
        place.sendall(b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
        assert b" 200 " in place.recv(4096)
        streams = hold(explicit, 60)
        try:
            for _ in range(3):
                assert '"path"' in two.curl("http://allowed.test/").stdout, "one agent has taken all there is"
        finally:
            release(streams)
    assert sallyport.process.poll() is None


def test_F_05_few_descriptors(start, other_address, explicit, two):
    sallyport = start(before=["prlimit", "--nofile=400:400"], policy=POLICY + TWO, threads=1, limits={"rate_per_agent": "1000/s"})
    assert "at most 36 connections" in sallyport.said()
    streams = hold(explicit, 300)
    try:
        assert '"path"' not in explicit.curl("http://allowed.test/").stdout
        assert '"path"' in two.curl("http://allowed.test/").stdout
        assert len(list_descriptors(sallyport)) < 400
    finally:
        release(streams)
    wait_until(lambda: '"path"' in explicit.curl("http://allowed.test/").stdout, "the proxy to recover")


def list_descriptors(sallyport):

    return os.listdir(f"/proc/{sallyport.process.pid}/fd")


def test_F_05_no_descriptor_is_lost(start, explicit, steered, world):
    sallyport = start(gateway=True)

    def use():
        explicit.curl("http://allowed.test/", "https://allowed.test/", "http://denied.test/", "http://dead.test/", "--connect-timeout", "1")
        steered.curl("https://allowed.test/", "http://unknown.test/")
        for agent in (explicit, steered):
            with contextlib.suppress(OSError), tunnel(agent, "allowed.test", 443) as stream:
                stream.sendall(client_hello("allowed.test")[:50])
        with explicit.proxy() as stream:
            stream.sendall(b"\5\1\0")
    use()
    before = wait_until(lambda: quiet(sallyport), "the first round to end")
    for _ in range(4):
        use()
    wait_until(lambda: len(list_descriptors(sallyport)) <= before + 4, "every descriptor to come back", seconds=15)


def quiet(sallyport):
    count = len(list_descriptors(sallyport))
    time.sleep(1.5)  # no event tells that nothing happens
    return count if count == len(list_descriptors(sallyport)) else 0


def test_D_16_leases_per_agent_are_bounded(start, other_address, steered, two_steered):
    start(gateway=True, policy=POLICY + TWO, limits={"names_per_agent": 20})
    given = [steered.ask(f"n{number}.unknown.test") for number in range(30)]
    assert [answer.rcode for answer in given] == [0] * 20 + [2] * 10
    assert steered.ask("n3.unknown.test").addresses == given[3].addresses, "what was leased stays"
    assert two_steered.ask("n99.unknown.test").rcode == 0


def test_D_16_an_exhausted_pool_gives_nothing_twice(start, other_address, steered, two_steered):
    start(gateway=True, policy=POLICY + TWO, dns={"pool4": "198.18.0.0/24"}, limits={"names_per_agent": 10000})
    answers = [steered.ask(f"n{number}.unknown.test") for number in range(300)]
    addresses = [answer.addresses[0] for answer in answers if answer.rcode == 0]
    assert len(set(addresses)) == len(addresses) < 256
    assert all(answer.rcode == 2 for answer in answers[len(addresses):])
    assert two_steered.ask("other.unknown.test").rcode == 2
