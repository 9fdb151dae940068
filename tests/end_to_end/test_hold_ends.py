"""How a hold ends without an answer: time, limits, a reload, nobody there, a crash."""
import concurrent.futures
import contextlib
import json
import socket
import time

import pytest

from laboratory.approvals import Reviewer
from laboratory.clients import receive_all
from laboratory.daemon import PROXY, kind, ours, wait_until

POLICY = """\
version: 1
default: ask
rules:
  - allow: [allowed.test, "*.allowed.test"]
  - { ask: echo.test, ports: [7], protocol: tcp }
agents:
  first: { from: [10.77.0.2, "fd77::2"] }
  second: { from: [10.77.0.3] }
"""


def begin(start, policy=POLICY, limits=None, **approvals):
    sallyport = start(gateway=True, policy=policy, limits=limits or {},
                      approvals={"unattended": "hold", "timeout": "20s", **approvals})
    return sallyport, Reviewer(sallyport)


def connect_request(host="unknown.test", port=443):
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()


def problem_of(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode(), json.loads(body)


# Nobody answers in time.

@pytest.fixture(scope="module")
def second_address(world):
    """A second agent lives behind the same interface."""
    world.address(world.agent, "eth0", "10.77.0.3/24")
    yield "10.77.0.3"
    world.agent.ip("addr", "del", "10.77.0.3/24", "dev", "eth0")


def test_A_01_and_A_14_time_ends_each_hold_with_a_refusal(world, start, explicit, steered):
    sallyport, reviewer = begin(start, timeout="1s")
    world.internet.forget()
    since = sallyport.mark()
    # HTTP and CONNECT
    with explicit.proxy() as stream:
        stream.sendall(connect_request())
        head, said = problem_of(receive_all(stream))
    assert head.startswith("HTTP/1.1 403 ") and "application/problem+json" in head and "Retry-After: " in head
    assert "Proxy-Status: sallyport; error=http_request_denied" in head
    approval = reviewer.find({"host": "unknown.test"})[0]
    assert said["approval"] == {"id": approval["id"], "state": "pending"} and approval["waiting"] == 0
    refused = sallyport.wait_for(since, kind="refuse", host="unknown.test")[0]
    assert ours(refused)["approval"] == approval["id"] and ours(refused)["held_ms"] >= 900
    # SOCKS
    with explicit.proxy() as stream:
        stream.sendall(b"\5\1\0")
        assert stream.recv(2) == b"\5\0"
        stream.sendall(b"\5\1\0\3\x0cunknown.test\x01\xbb")
        assert stream.recv(10)[1] == 2
    with explicit.proxy() as stream:
        stream.sendall(b"\4\1\x01\xbb\0\0\0\1\0unknown.test\0")
        assert stream.recv(8)[1] == 91
    # TLS: an alert, access_denied
    got = steered.curl("https://unknown.test/")
    assert got.returncode != 0 and "access denied" in got.stderr
    # HTTP that was steered
    got = steered.curl("-i", "http://unknown.test/")
    assert '"state":"pending"' in got.stdout and "Retry-After: " in got.stdout
    assert world.internet.asked == [] and world.internet.capture.take() == []
    assert len(reviewer.find({"host": "unknown.test", "port": 443})) == 1


def test_A_05_a_retry_within_time_finds_the_answer_without_waiting(start, explicit):
    _, reviewer = begin(start, timeout="1s")
    assert '"state":"pending"' in explicit.curl("http://unknown.test/").stdout
    reviewer.approve(reviewer.find({"host": "unknown.test"})[0])
    before = time.monotonic()
    assert '"path": "/"' in explicit.curl("http://unknown.test/").stdout
    assert time.monotonic() - before < 1
    assert reviewer.approvals() == []


# Nobody is there.

def test_A_01_unattended_refuses_at_once_and_records_the_question(start, explicit):
    _, reviewer = begin(start, unattended="refuse")
    before = time.monotonic()
    said = json.loads(explicit.curl("http://unknown.test/").stdout)
    assert time.monotonic() - before < 5
    assert said["status"] == 403 and said["approval"]["state"] == "pending"
    assert reviewer.find({"id": said["approval"]["id"]})
    with reviewer.watching():
        client = explicit.start("curl", "-sS", "--max-time", "20", "http://other.test/")
        reviewer.approve(reviewer.wait(host="other.test"))
        assert '"path": "/"' in client.communicate(timeout=15)[0]
    # The console is closed: nobody is there again.
    wait_until(lambda: not reviewer.get("/v1/status")["attended"], "the watcher's absence to be seen")
    assert '"status":403' in explicit.curl("http://third.test/").stdout


# Limits.

def test_A_04_a_flood_of_names_has_a_cap_and_buries_nobody_else(world, start, explicit, second_address):
    _, reviewer = begin(start, pending_per_agent=5, limits={"held_per_agent": 50})
    with contextlib.ExitStack() as all_of_them:
        streams = [all_of_them.enter_context(explicit.proxy()) for _ in range(9)]
        for number, stream in enumerate(streams):
            stream.sendall(connect_request(f"name{number}.flood.test"))
            if number < 5:
                reviewer.wait(host=f"name{number}.flood.test")
        for stream in streams[5:]:
            head, said = problem_of(receive_all(stream))
            assert head.startswith("HTTP/1.1 403 ") and "open questions" in said["detail"]
        assert len(reviewer.approvals()) == 5
        # Another agent's question is there, among the first page, and the flood is one group.
        with world.agent.inside():
            other = all_of_them.enter_context(connect_from(second_address))
        other.sendall(connect_request("wanted.test"))
        assert reviewer.wait(host="wanted.test")["agent"] == "second"
        status, said = reviewer.call("POST", "/v1/approvals/groups",
                                     {"agent": "first", "domain": "flood.test", "decision": "deny"})
        assert status == 200 and len(said["decided"]) == 5
        for stream in streams[:5]:
            assert b" 403 " in receive_all(stream)
        assert [each["host"] for each in reviewer.approvals()] == ["wanted.test"]


def connect_from(address):
    return socket.create_connection(PROXY, timeout=10, source_address=(address, 0))


def test_held_connections_of_an_agent_have_a_cap(start, explicit):
    _, reviewer = begin(start, limits={"held_per_agent": 3})
    with contextlib.ExitStack() as all_of_them:
        streams = [all_of_them.enter_context(explicit.proxy()) for _ in range(3)]
        for stream in streams:
            stream.sendall(connect_request())
        reviewer.wait(host="unknown.test", waiting=3)
        with explicit.proxy() as one_more:
            one_more.sendall(connect_request())
            head, said = problem_of(receive_all(one_more))
            assert head.startswith("HTTP/1.1 403 ") and "waiting for an answer" in said["detail"]
        # One that leaves makes room for another.
        streams[0].close()
        reviewer_sees = lambda: reviewer.find({"host": "unknown.test", "waiting": 2})  # noqa: E731
        wait_until(reviewer_sees, "the place to be free")
        last = all_of_them.enter_context(explicit.proxy())
        last.sendall(connect_request())
        reviewer.wait(host="unknown.test", waiting=3)


# A reload.

@pytest.mark.parametrize("rule, wanted", [("allow", b" 200 "), ("deny", b" 403 ")])
def test_A_11_a_reload_answers_what_waits(start, explicit, rule, wanted):
    sallyport, reviewer = begin(start)
    with explicit.proxy() as stream:
        stream.sendall(connect_request())
        reviewer.wait(host="unknown.test")
        since = sallyport.mark()
        sallyport.policy_file.write_text(POLICY.replace("rules:\n  - allow", f"rules:\n  - {rule}: unknown.test\n  - allow", 1))
        sallyport.wait_for(since, kind="policy")
        assert wanted in stream.recv(4096)
    sallyport.policy_file.write_text(POLICY)


def test_keep_leaves_open_what_lived_on_a_revoked_grant(start, explicit):
    _, reviewer = begin(start, on_revoke="keep")
    with explicit.proxy() as stream:
        stream.sendall(connect_request("echo.test", 7))
        decided = reviewer.approve(reviewer.wait(host="echo.test"))
        assert b" 200 " in stream.recv(4096)
        reviewer.revoke(decided["grant"]["id"])
        time.sleep(1.5)  # more than a sweep of the open connections
        stream.sendall(b"still here")
        assert stream.recv(10) == b"still here"
        with explicit.proxy() as another:
            another.sendall(connect_request("echo.test", 7))
            reviewer.wait(host="echo.test")


# A crash.

def test_A_12_kill_9_while_holding_loses_and_invents_nothing(world, start, explicit):
    sallyport, reviewer = begin(start)
    with contextlib.ExitStack() as all_of_them:
        streams = {}
        for host in ("one.test", "two.test", "three.test", "four.test"):
            streams[host] = all_of_them.enter_context(explicit.proxy())
            streams[host].sendall(connect_request(host))
        ids = {host: reviewer.wait(host=host)["id"] for host in streams}
        reviewer.deny(reviewer.wait(host="one.test"), note="no")
        grant = reviewer.approve(reviewer.wait(host="four.test"))["grant"]["id"]
        gone = reviewer.approve(reviewer.wait(host="three.test"))["grant"]["id"]
        reviewer.revoke(gone)
        sallyport.kill()
        for stream in streams.values():
            receive_all(stream)
    world.internet.forget()
    before = sallyport.mark()
    sallyport.start()
    after = Reviewer(sallyport)
    assert [(each["host"], each["id"]) for each in after.approvals()] == [("two.test", ids["two.test"])]
    assert {each["host"]: each["state"] for each in after.approvals("all")} == {
        "one.test": "denied", "two.test": "pending", "three.test": "approved", "four.test": "approved"}
    assert grant in [each["id"] for each in after.grants()] and gone not in [each["id"] for each in after.grants()]
    # Decided ones stay decided; deciding again is a conflict; the one that waits can still be answered.
    status, _ = after.call("POST", f"/v1/approvals/{ids['one.test']}", {"decision": "approve"})
    assert status == 409
    with explicit.proxy() as stream:
        stream.sendall(connect_request("one.test"))
        assert b" 403 " in receive_all(stream)
    with explicit.proxy() as stream:
        stream.sendall(connect_request("four.test"))
        assert b" 200 " in stream.recv(4096)
    with explicit.proxy() as stream:
        stream.sendall(connect_request("two.test"))
        assert after.wait(host="two.test")["id"] == ids["two.test"]
    # Every hold that was begun has its end: those that were answered by their answer, the others by the crash.
    sallyport.wait_for(0, kind="fail", host="four.test", closed_by="crash")
    cut, = sallyport.wait_for(0, kind="fail", host="two.test", closed_by="crash")
    assert ours(cut)["approval"] == ids["two.test"]
    events = sallyport.events()
    begun = {event["metadata"]["correlation_uid"] for event in events[:before] if kind(event) == "other"}
    ends = {event["metadata"]["correlation_uid"] for event in events if kind(event) in ("open", "refuse", "fail")}
    assert len(begun) == 4 and begun <= ends


def test_A_10_of_answers_at_the_same_time_one_wins_and_the_others_are_told(start, explicit):
    _, reviewer = begin(start)
    with explicit.proxy() as stream:
        stream.sendall(connect_request())
        approval = reviewer.wait(host="unknown.test")
        path = f"/v1/approvals/{approval['id']}"
        words = ["approve", "deny"] * 4
        with concurrent.futures.ThreadPoolExecutor(len(words)) as reviewers:
            answers = list(reviewers.map(lambda word: reviewer.call("POST", path, {"decision": word})[0], words))
        assert sorted(answers) == [200] + [409] * 7
        won = words[answers.index(200)]
        state = reviewer.find({"id": approval["id"]}, "all")[0]["state"]
        assert state == ("approved" if won == "approve" else "denied")
        assert (b" 200 " if won == "approve" else b" 403 ") in stream.recv(4096)
