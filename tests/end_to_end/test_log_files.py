"""The log as files: rotated, on a full disk, torn by a crash. What was not written must not have been allowed."""
import json
import re

import pytest

from laboratory.clients import receive_all
from laboratory.daemon import chain_is_whole, kind, ours, wait_until
from laboratory.small_disk import fill, small_disk  # noqa: F401


def verify(sallyport):
    got = sallyport.run("audit", "verify", *sallyport.log_files())
    assert got.returncode == 0, got.stdout + got.stderr
    return got.stdout


def refused_many(explicit, count):
    explicit.curl("-o", "/dev/null", *[f"http://unknown.test/{number}" for number in range(count)])


def test_L_06_the_chain_goes_on_across_rotated_files(start, explicit):
    sallyport = start(audit={"rotate": "64KiB"})
    while len(sallyport.log_files()) < 4:
        refused_many(explicit, 40)
    assert sallyport.stop() == 0
    assert chain_is_whole(sallyport.lines())
    verify(sallyport)
    for file in sallyport.log_files()[:-1]:
        lines = file.read_bytes().splitlines()
        assert int(re.search(r"audit\.(\d+)\.jsonl", file.name)[1]) == json.loads(lines[0])["metadata"]["sequence"]
        assert "checkpoint" in ours(json.loads(lines[-1])), "a rotated file ends with a signed checkpoint"
        assert file.stat().st_size < 96 << 10


def test_the_oldest_files_go_when_all_are_too_large(start, explicit):
    sallyport = start(audit={"rotate": "64KiB", "max_total": "200KiB"})
    first = None
    while not first or first in [file.name for file in sallyport.log_files()]:
        refused_many(explicit, 40)
        first = first or next((file.name for file in sallyport.log_files() if file != sallyport.audit_file), None)
    assert sallyport.stop() == 0
    assert sum(file.stat().st_size for file in sallyport.log_files()) < 300 << 10
    verify(sallyport)  # what was retired by our own rule is told of in the log


def test_rotation_by_somebody_else_loses_nothing(start, explicit):
    sallyport = start()
    explicit.curl("http://allowed.test/")
    sallyport.wait_for(0, kind="close")
    moved = sallyport.audit_file.with_name("audit.0.jsonl")
    sallyport.audit_file.rename(moved)
    explicit.curl("http://allowed.test/")
    wait_until(sallyport.audit_file.exists, "a new file in the old one's place")
    sallyport.wait_for(0, kind="close", count=2)
    assert chain_is_whole(sallyport.lines())


def says(explicit, word):
    return lambda: word in explicit.curl("http://allowed.test/").stdout


FULL = "the audit log cannot be written"


def test_L_05_a_full_disk_lets_nothing_new_out(start, explicit, small_disk, world):
    sallyport = start(audit={"path": str(small_disk / "audit.jsonl")})
    try:
        with explicit.proxy() as tunnel:
            tunnel.sendall(b"CONNECT echo.test:7 HTTP/1.1\r\nHost: echo.test:7\r\n\r\n")
            assert b" 200 " in tunnel.recv(4096)
            fill(small_disk)
            # A page of the file may have room left: what is written ends there.
            wait_until(says(explicit, FULL), "a refusal for want of a log", seconds=30)
            world.internet.forget()
            for url in ("http://allowed.test/", "http://four.test/", "http://www.allowed.test/"):
                assert json.loads(explicit.curl(url).stdout)["status"] == 403
            assert explicit.curl("https://allowed.test/").returncode != 0
            assert '"status":403' in explicit.curl("http://denied.test/").stdout
            assert world.internet.requests == []
            assert [packet for packet in world.internet.capture.take() if packet.protocol == "tcp"] == []
            tunnel.sendall(b"still here")
            assert tunnel.recv(10) == b"still here", "what was allowed and written goes on"
            since = sallyport.mark()
            (small_disk / "filler").unlink()
            wait_until(says(explicit, '"path": "/"'), "the way out, once there is room again", seconds=30)
            sallyport.wait_for(since, kind="close", host="allowed.test", seconds=10)
        gap = [event for event in sallyport.events() if kind(event) == "lifecycle" and "gap" in json.dumps(event)]
        assert gap, "what could not be written is counted and told of"
        said = sallyport.said()
        failed = said.count("audit.jsonl: No space left on device; nothing new is let out")
        assert 0 < failed == said.count("the audit log is written again") < 10, said
        verify(sallyport)
        assert sallyport.stop() == 0
        verify(sallyport)
    finally:
        sallyport.close()


def test_L_05_on_failure_continue_goes_on_and_tells_of_the_gap(start, explicit, small_disk):
    sallyport = start(audit={"path": str(small_disk / "audit.jsonl"), "on_failure": "continue"})
    try:
        fill(small_disk)
        for _ in range(30):
            assert '"path": "/"' in explicit.curl("http://allowed.test/").stdout
        (small_disk / "filler").unlink()
        explicit.curl("http://allowed.test/")
        wait_until(lambda: any(kind(event) == "lifecycle" and "gap" in json.dumps(event) for event in sallyport.events()),
                   "the record of the gap")
        verify(sallyport)
    finally:
        sallyport.close()


def test_L_05_a_log_that_cannot_be_opened_stops_the_start(start, world, small_disk):
    sallyport = start()
    sallyport.stop()
    sallyport.audit_file.unlink()
    sallyport.audit_file.mkdir()
    got = sallyport.run("serve", "-c", sallyport.config_file, timeout=20)
    assert got.returncode != 0 and "audit log" in got.stderr


def open_tunnels(explicit, count):
    tunnels = [explicit.proxy() for _ in range(count)]
    for tunnel in tunnels:
        tunnel.sendall(b"CONNECT echo.test:7 HTTP/1.1\r\nHost: echo.test:7\r\n\r\n")
        assert b" 200 " in tunnel.recv(4096)
        tunnel.sendall(b"x")
        assert tunnel.recv(1) == b"x"
    return tunnels


@pytest.mark.parametrize("torn", [b"", b'{"class_uid":4001,"activity_id":2,"unmapped":{"sally', b"\xff\0\xff" * 100],
                         ids=["whole", "half a line", "noise"])
def test_F_04_and_L_06_and_L_07_killed_in_the_middle_of_traffic(start, explicit, torn):
    sallyport = start()
    tunnels = open_tunnels(explicit, 5)
    explicit.curl("http://allowed.test/")
    sallyport.wait_for(0, kind="open", host="echo.test", count=5)
    sallyport.kill()
    for tunnel in tunnels:
        receive_all(tunnel)
        tunnel.close()
    with open(sallyport.audit_file, "ab") as log:
        log.write(torn)
    before = sallyport.mark()
    sallyport.start()
    ended = sallyport.wait_for(before + bool(torn), kind="fail", host="echo.test", closed_by="crash", count=5)
    opened = {event["metadata"]["correlation_uid"] for event in sallyport.events_that_parse() if kind(event) == "open"
              and event["dst_endpoint"]["hostname"] == "echo.test"}
    assert {event["metadata"]["correlation_uid"] for event in ended} == opened and len(opened) == 5
    explicit.curl("http://allowed.test/")
    verify(sallyport)
    if torn:
        assert any("torn" in json.dumps(event) for event in sallyport.events_that_parse()), "the tear is told of"
    # A second start finds nothing left to end.
    assert sallyport.stop() == 0
    mark = sallyport.mark()
    sallyport.start()
    explicit.curl("http://allowed.test/")
    assert not [event for event in sallyport.events(mark) if ours(event).get("closed_by") == "crash"]
    verify(sallyport)


def test_two_daemons_do_not_write_one_log(start):
    sallyport = start()
    got = sallyport.run("serve", "-c", sallyport.config_file, timeout=20)
    assert got.returncode != 0
    verify(sallyport)
