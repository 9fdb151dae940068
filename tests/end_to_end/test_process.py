"""Which program opened a connection: in the record, in the question, and in rules with `exe`."""
import json
import os
import shutil
import subprocess

import pytest

from laboratory.cells import cells
from laboratory.daemon import host, ours, wait_until
from laboratory.runner import Runner

CURL = os.path.realpath("/usr/bin/curl")
WGET = ["wget", "-q", "-T", "8", "-t", "1", "-O", "/dev/null"]

POLICY = f"""\
version: 1
default: deny
rules:
  - allow: [allowed.test, six.test]
  - {{ allow: four.test, exe: [{CURL}] }}
  - {{ deny: "**.allowed.test", exe: [{os.path.realpath("/usr/bin/wget")}] }}
"""


@pytest.fixture(scope="module")
def daemon(start):
    return start(policy=POLICY)


@pytest.fixture(scope="module")
def cell(daemon, world):
    with cells(world) as make:
        cell = make()
        done = daemon.run("attach", "-c", daemon.config_file, "--netns", cell.path, "--agent", "cell")
        assert done.returncode == 0, done.stderr
        yield cell


def process_of(record):
    return record.get("actor", {}).get("process", {})


def test_a_rule_for_one_program_allows_that_and_no_other(daemon, cell):
    since = daemon.mark()
    got = cell.curl("http://four.test/")
    assert got.returncode == 0, (got.stderr, daemon.said())
    assert process_of(daemon.wait_for(since, kind="open", host="four.test")[0])["name"] == "curl"
    other = cell.run([*WGET, "http://four.test/"], env=cell.environment())
    assert other.returncode != 0
    refused = daemon.wait_for(since, kind="refuse", host="four.test")[0]
    assert process_of(refused)["name"] == "wget"


def test_a_denial_for_one_program_leaves_the_others(daemon, cell):
    assert cell.reaches("http://allowed.test/")
    other = cell.run([*WGET, "http://allowed.test/"], env=cell.environment())
    assert other.returncode != 0


def test_another_program_by_the_same_name_is_another_program(daemon, cell, world):
    """The path inside is /usr/bin/curl, by a bind mount; device and inode are a copy's."""
    copy = world.folder / "curl-copy"
    shutil.copy(CURL, copy)
    copy.chmod(0o755)
    since = daemon.mark()
    got = cell.run(["unshare", "-m", "sh", "-c",
                    f"mount --bind {copy} {CURL} && exec {CURL} -sS --max-time 8 http://four.test/"],
                   env=cell.environment())
    assert got.returncode != 0 or "403" in got.stdout or "refused" in got.stdout.lower()
    refused = daemon.wait_for(since, kind="refuse", host="four.test")[0]
    assert process_of(refused)["file"]["path"] == CURL


def test_the_parents_are_named_but_nobody_outside(daemon, cell):
    since = daemon.mark()
    cell.run(["bash", "-c", "curl -sS -o /dev/null http://allowed.test/; true"], env=cell.environment())
    found = process_of(daemon.wait_for(since, kind="open", host="allowed.test")[0])
    assert found["name"] == "curl"
    assert [parent["name"] for parent in found["ancestry"]] == ["bash"]


def test_a_socket_of_several_programs_is_no_single_programs(daemon, cell):
    """bash dials and hands the connection to what it starts: curl's rule holds for neither."""
    since = daemon.mark()
    script = ("exec 3<>/dev/tcp/four.test/80; sleep 30 >/dev/null 2>&1 & "
              "printf 'GET / HTTP/1.1\\r\\nHost: four.test\\r\\n\\r\\n' >&3; head -1 <&3; kill $!")
    got = cell.run(["bash", "-c", script], env=cell.environment())
    assert "200" not in got.stdout
    assert process_of(daemon.wait_for(since, kind="refuse", host="four.test")[0]).get("name") in ("bash", None)


def test_one_that_ended_at_once_is_absent_rather_than_somebody_else(daemon, cell):
    since = daemon.mark()
    script = ("import os, socket; s = socket.create_connection(('{0}', 80)); "
              "s.sendall(b'GET / HTTP/1.1\\r\\nHost: {0}\\r\\nConnection: close\\r\\n\\r\\n'); os._exit(0)")
    for name in ["six.test"] * 4 + ["allowed.test"]:
        cell.run(["/usr/bin/python3", "-c", script.format(name)], env=cell.environment())
    for record in daemon.wait_for(since, count=4, kind="open", host="six.test"):
        found = process_of(record)
        assert not found or found["name"] == "python3"
        assert ours(record)["agent"] == "cell"
    # Of whom nothing is known, a denial for one program holds.
    last = wait_until(lambda: [event for event in daemon.events(since) if event["class_uid"] == 4001
                               and host(event) == "allowed.test"], "the last one's record")[0]
    assert process_of(last) or ours(last)["verdict"] == "deny"


def test_hostile_words_of_a_program_stay_one_line(daemon, cell):
    since = daemon.mark()
    script = r"exec -a $'curl\n{\"x\":1}\e[31m' curl -sS -o /dev/null http://allowed.test/"
    subprocess.run(cell.command(["bash", "-c", script]), env=cell.environment(), check=True, timeout=20)
    daemon.wait_for(since, kind="open", host="allowed.test")
    line = next(line for line in daemon.lines()[since:] if b'"cmd_line":"curl' in line)
    assert b"\x1b" not in line
    assert json.loads(line)["actor"]["process"]["cmd_line"].startswith("curl\n{\"x\":1}"), line


@pytest.mark.parametrize("who", ["user", "root"])
def test_run_knows_the_programs_of_its_sandbox(world, who):
    runner = Runner(world, who, POLICY)
    done = runner.run("sh", "-c", "curl -sS --max-time 8 http://four.test/; wget -q -T 8 -t 1 -O - http://four.test/; true")
    assert done.stdout.count('"method": "GET"') == 1, (done, runner.events())
    opened = runner.find(kind="open", host="four.test")[0]
    assert process_of(opened)["name"] == "curl" and process_of(opened)["file"]["path"] == CURL
    assert "sh" in [parent["name"] for parent in process_of(opened)["ancestry"]]
    assert process_of(runner.find(kind="refuse", host="four.test")[0])["name"] == "wget"
