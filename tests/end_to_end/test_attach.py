"""`sallyport attach`: a namespace without interfaces gets its way out through the running daemon, and loses it."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from laboratory.cells import cells
from laboratory.containers import container
from laboratory.daemon import ours, program, wait_until
from laboratory.namespaces import end

POLICY = """\
version: 1
default: ask
rules:
  - { allow: echo.test, ports: [7], protocol: tcp }
  - deny: denied.test
    reason: the laboratory says no
agents:
  cell:
    from: [10.77.0.77]
    rules:
      - allow: [allowed.test, four.test, six.test]
      - { allow: ["93.184.216.40", "2600:1f00:77::41"], ports: [8080] }
  other:
    rules:
      - allow: other.test
"""


@pytest.fixture(scope="module")
def daemon(start):
    return start(policy=POLICY)


@pytest.fixture
def make(world):
    with cells(world) as make:
        yield make


def attach(daemon, *words):
    return daemon.run("attach", "-c", daemon.config_file, *words)


def detach(daemon, name):
    return daemon.run("detach", "-c", daemon.config_file, name)


@pytest.fixture
def cell(daemon, make):
    cell = make()
    if daemon.process.poll() is not None:
        daemon.start()
    done = attach(daemon, "--netns", cell.path, "--agent", "cell")
    assert done.returncode == 0, done.stderr
    yield cell
    if daemon.process.poll() is None:
        detach(daemon, "cell")


def told(daemon, since, word, agent="cell"):
    """The first record after `since` that an agent was attached or detached."""
    def found():
        return [event for event in daemon.events(since) if event["class_uid"] == 6002
                and ours(event).get("agent") == agent and word in json.dumps(event)]
    return wait_until(found, f"a record of {word}")[0]


def test_what_is_inside_reaches_what_its_rules_allow_and_the_record_says_by_which_program(daemon, cell):
    since = daemon.mark()
    for url in ("http://allowed.test/", "https://allowed.test/", "http://93.184.216.40:8080/",
                "http://[2600:1f00:77::41]:8080/"):
        got = cell.curl("--globoff", url)
        assert got.returncode == 0, (url, got.stderr, daemon.said())
    record = daemon.wait_for(since, kind="open", host="allowed.test", port=443)[0]
    assert ours(record)["door"] == "attached" and ours(record)["agent"] == "cell"
    process = record["actor"]["process"]
    assert process["name"] == "curl" and process["cmd_line"].startswith("curl -sS") and process["pid"] > 1
    assert os.path.samefile(process["file"]["path"], "/usr/bin/curl")
    # It has no other agent's rules, and no other agent has its.
    assert not cell.reaches("http://other.test/") and not cell.reaches("http://denied.test/")
    assert ours(daemon.wait_for(since, kind="dns", host="denied.test", verdict="deny")[0])["agent"] == "cell"


def test_dns_of_any_resolver_is_answered_and_other_datagrams_fail_at_once(cell):
    with cell.inside():
        streams = [socket.create_connection((address, 53), timeout=5) for address in ("8.8.8.8", "2001:db8::53")]
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for stream in streams:
        stream.close()
    with datagrams:
        datagrams.settimeout(5)
        with pytest.raises(OSError, match="refused|not permitted|prohibited|unreachable"):
            for _ in range(2):
                datagrams.sendto(b"x", ("93.184.216.10", 443))
                datagrams.connect(("93.184.216.10", 443))
                datagrams.send(b"x")
                datagrams.recv(10)


def test_its_own_servers_on_lo_stay_its_own(cell):
    with cell.inside():
        server = socket.create_server(("127.0.0.1", 8088))
        client = socket.create_connection(("127.0.0.1", 8088), timeout=5)
    with server, client:
        server.settimeout(5)
        server.accept()[0].close()


def test_F_08_two_cells_have_rules_and_addresses_of_their_own(daemon, cell, make):
    other = make()
    assert attach(daemon, "--netns", other.path, "--agent", "other").returncode == 0
    assert other.reaches("http://other.test/") and not other.reaches("http://allowed.test/")
    assert cell.reaches() and not cell.reaches("http://other.test/")
    listed = json.loads(daemon.run("status", "--json", "-c", daemon.config_file).stdout)
    assert listed
    shown = daemon.run("status", "-c", daemon.config_file).stdout
    assert re.search(rf"attached +cell \({cell.path}\), other \({other.path}\)", shown), shown
    assert detach(daemon, "other").returncode == 0
    assert not other.reaches("http://other.test/") and cell.reaches()
    gone = detach(daemon, "other")
    assert gone.returncode == 1 and "no agent is attached" in gone.stderr


def test_an_unknown_destination_is_a_question_that_names_the_program(daemon, cell):
    since = daemon.mark()
    assert not cell.reaches("http://unknown.test/")
    refused = daemon.wait_for(since, kind="refuse", host="unknown.test")[0]
    pending = json.loads(daemon.run("approvals", "list", "--json", "-c", daemon.config_file).stdout)["approvals"]
    asked = next(each for each in pending if each["id"] == ours(refused)["approval"])
    assert asked["door"] == "attached" and asked["process"]["name"] == "curl" and asked["agent"] == "cell"


def test_detach_cuts_what_is_open_and_nothing_leads_out_afterwards(daemon, cell):
    with cell.inside():
        stream = socket.create_connection((cell_address(cell, "echo.test"), 7), timeout=5)
    with stream:
        stream.sendall(b"hello")
        assert stream.recv(5) == b"hello"
        since = daemon.mark()
        assert detach(daemon, "cell").returncode == 0
        stream.settimeout(5)
        try:
            assert stream.recv(1) == b""
        except ConnectionError:
            pass
        assert ours(daemon.wait_for(since, kind="reset", host="echo.test")[0])["closed_by"] == "detached"
    told(daemon, since, "was detached")
    began = time.monotonic()
    with cell.inside(), pytest.raises(OSError):
        socket.create_connection(("93.184.216.40", 80), timeout=5)
    assert time.monotonic() - began < 2, "it fails at once"


def cell_address(cell, name):
    got = cell.run(["getent", "ahostsv4", name], env=cell.environment())
    assert got.returncode == 0, got
    return got.stdout.split()[0]


def test_what_cannot_be_attached_is_refused_with_a_sentence(daemon, cell, make, world):
    other = make()
    for words, why in [
            (("--netns", cell.path, "--agent", "other"), "attached already"),
            (("--netns", other.path, "--agent", "cell"), "attached already"),
            (("--netns", world.agent.path, "--agent", "other"), "eth0"),
            (("--netns", world.gateway.path, "--agent", "other"), "host's own"),
            (("--pid", str(os.getpid()), "--agent", "other"), "host's own|interface"),
            (("--pid", "999999999", "--agent", "other"), "no such process|no process"),
            (("--netns", "/etc/passwd", "--agent", "other"), "no network namespace"),
            (("--netns", "/proc/self/ns/mnt", "--agent", "other"), "no network namespace|Permission denied"),
            (("--netns", "/run/netns/none", "--agent", "other"), "No such file"),
            (("--netns", other.path, "--agent", "no/name"), "name has")]:
        refused = attach(daemon, *words)
        assert refused.returncode == 1 and re.search(why, refused.stderr), (words, refused.stderr)
    assert attach(daemon, "--agent", "other").returncode == 2
    assert cell.reaches() and not other.reaches()


def test_a_process_names_its_namespace_and_its_end_is_the_doors_end(daemon, make):
    cell = make()
    sleeper = cell.background("sleep", "300")
    since = daemon.mark()
    done = attach(daemon, "--pid", str(sleeper.pid), "--agent", "other")
    assert done.returncode == 0, done.stderr
    assert cell.reaches("http://other.test/")
    end(sleeper)
    told(daemon, since, "has ended", "other")
    assert not cell.reaches("http://other.test/")


def test_a_container_without_network_gets_its_way_out_and_loses_it(daemon, world):
    with container(world) as engine:
        assert engine.curl("http://allowed.test/").returncode != 0
        done = attach(daemon, "--pid", engine.pid, "--agent", "cell")
        assert done.returncode == 0, done.stderr
        since = daemon.mark()
        for url in ("http://allowed.test/", "https://allowed.test/"):
            got = engine.curl(url)
            assert got.returncode == 0, (got.stdout, got.stderr, daemon.said())
        record = daemon.wait_for(since, kind="open", host="allowed.test", port=443)[0]
        assert ours(record)["agent"] == "cell" and record["actor"]["process"]["name"] == "curl"
        assert engine.curl("-f", "http://denied.test/").returncode != 0
        since = daemon.mark()
        assert detach(daemon, "cell").returncode == 0
        assert engine.curl("http://allowed.test/").returncode != 0
        told(daemon, since, "detached")


def test_a_namespace_that_an_ordinary_user_made_is_attached_too(daemon, world):
    """As of rootless containers: it belongs to a user namespace below ours."""
    sleeper = world.outside.start(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "-Urn",
                                   "sleep", "300"])
    try:
        wait_until(lambda: os.readlink(f"/proc/{sleeper.pid}/exe").endswith("/sleep"), "the namespace")
        done = attach(daemon, "--pid", str(sleeper.pid), "--agent", "cell")
        assert done.returncode == 0, done.stderr
        since = daemon.mark()
        got = subprocess.run(["nsenter", "-t", str(sleeper.pid), "-U", "-n", "curl", "-sS", "--max-time", "8",
                              "http://93.184.216.40:8080/"], capture_output=True, text=True, timeout=20)
        assert got.returncode == 0, got.stderr
        assert daemon.wait_for(since, kind="open", port=8080)[0]["actor"]["process"]["name"] == "curl"
    finally:
        detach(daemon, "cell")
        end(sleeper)


def test_a_gained_interface_is_noticed_at_once(daemon, cell):
    since = daemon.mark()
    cell.ip("link", "add", "sneaky", "type", "veth", "peer", "name", "sneakier")
    began = time.monotonic()
    assert "sneak" in json.dumps(told(daemon, since, "was detached"))
    assert time.monotonic() - began < 3
    assert not cell.reaches()


def test_a_namespace_that_vanishes_is_noticed(daemon, cell):
    since = daemon.mark()
    subprocess.run(["ip", "netns", "del", cell.name], check=True)
    told(daemon, since, "was detached")
    assert "attached   " not in daemon.run("status", "-c", daemon.config_file).stdout


def test_a_reload_leaves_it_attached(daemon, cell):
    since = daemon.mark()
    daemon.policy_file.write_text(POLICY.replace("six.test]", "six.test, unknown.test]"))
    daemon.wait_for(since, kind="policy")
    assert cell.reaches("http://unknown.test/")
    daemon.policy_file.write_text(POLICY)
    daemon.wait_for(since, kind="policy", count=2)
    assert not cell.reaches("http://unknown.test/") and cell.reaches()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_F_04_between_two_lives_of_the_daemon_nothing_leaks_and_then_it_is_attached_again(daemon, cell, world, how):
    assert cell.reaches()
    with cell.inside():
        stream = socket.create_connection((cell_address(cell, "echo.test"), 7), timeout=5)
    with stream:
        daemon.signal(how)
        daemon.process.wait(timeout=20)
        stream.settimeout(5)
        try:
            assert stream.recv(1) == b""
        except ConnectionError:
            pass
    world.internet.forget()
    assert not cell.reaches() and not cell.reaches("http://93.184.216.40:8080/")
    assert world.internet.capture.take() == [] and world.internet.asked == []
    since = daemon.mark()
    daemon.start()
    told(daemon, since, "attached again")
    assert cell.reaches()


def test_another_namespace_in_the_same_place_is_not_attached_again(daemon, cell):
    daemon.kill()
    ip = ["ip", "netns"]
    subprocess.run([*ip, "del", cell.name], check=True)
    subprocess.run([*ip, "add", cell.name], check=True)
    since = daemon.mark()
    daemon.start()
    assert "another is in its place" in json.dumps(told(daemon, since, "not attached again"))
    assert not cell.reaches()
    remembered = json.loads((daemon.folder / "data" / "attached.json").read_text())
    assert remembered["attached"] == []


@pytest.mark.parametrize("words", [
    ["nft", "flush", "ruleset"],
    ["sh", "-c", "nft flush ruleset; ip route add default dev lo; ip -6 route add default dev lo"],
    ["sh", "-c", "nft flush ruleset; ip route flush table local; ip -6 route flush table local"],
    ["sh", "-c", "nft flush ruleset; ip addr add 93.184.216.40/32 dev lo; ip link set lo down"],
])
def test_a_root_of_its_network_breaks_only_its_own(daemon, cell, make, world, words):
    other = make()
    assert attach(daemon, "--netns", other.path, "--agent", "other").returncode == 0
    world.internet.forget()
    cell.run(words)
    for url in ("http://93.184.216.40:8080/", "http://denied.test/"):
        assert not cell.reaches(url, seconds=2)
    assert world.internet.requests == [] and world.internet.capture.take() == []
    assert other.reaches("http://other.test/")
    assert detach(daemon, "other").returncode == 0


def test_whoever_binds_port_53_first_keeps_himself_out(daemon, make):
    cell = make()
    with cell.inside():
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind(("0.0.0.0", 53))
    with own:
        refused = attach(daemon, "--netns", cell.path, "--agent", "other")
        assert refused.returncode == 1 and "in use" in refused.stderr
        assert not cell.reaches("http://other.test/")


def test_whose_name_the_policy_lacks_has_the_common_rules_and_that_is_said(daemon, make):
    done = attach(daemon, "--netns", make().path, "--agent", "typo")
    assert done.returncode == 0 and "no agent of this name" in done.stdout
    assert detach(daemon, "typo").returncode == 0


def test_whoever_is_inside_cannot_detach_itself_or_attach_others(daemon, cell, make):
    """The admin socket lies in the file system, which a namespace of networks alone does not hide."""
    other = make()
    for words in (("detach", "cell"), ("attach", "--netns", other.path, "--agent", "other")):
        refused = cell.run([program(), words[0], "-c", daemon.config_file, *words[1:]])
        assert refused.returncode == 1, refused
    assert cell.reaches() and not other.reaches("http://other.test/", seconds=2)


def test_only_an_admin_attaches(daemon, make):
    cell = make()
    token = daemon.run("admin", "create-token", "looker", "--role", "approver", "-c", daemon.config_file).stdout.strip()
    answer = daemon.world.gateway.run([
        "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Authorization: Bearer {token}", "-H",
        "Content-Type: application/json", "-d", json.dumps({"agent": "other", "netns": cell.path}),
        "http://127.0.0.1:9180/v1/agents"])
    assert answer.stdout == "403"
    assert not cell.reaches("http://other.test/")


def test_a_daemon_told_not_to_attaches_nothing(start, make):
    daemon = start(policy=POLICY, attach=False)
    refused = attach(daemon, "--netns", make().path, "--agent", "other")
    assert refused.returncode == 1 and "attaches no namespaces" in refused.stderr


def test_without_its_monitor_nothing_stays_attached(start, make):
    daemon = start(policy=POLICY)
    cell = make()
    assert attach(daemon, "--netns", cell.path, "--agent", "cell").returncode == 0 and cell.reaches()
    since = daemon.mark()
    found = subprocess.run(["pgrep", "-P", str(daemon.process.pid), "-x", "sallyport-door"], capture_output=True,
                           text=True, check=True).stdout.split()
    os.kill(int(found[0]), signal.SIGKILL)
    told(daemon, since, "was detached")
    assert not cell.reaches()
    refused = attach(daemon, "--netns", cell.path, "--agent", "cell")
    assert refused.returncode == 1 and "restart the daemon" in refused.stderr
    # Nobody knows it to be gone, so it is looked for again.
    daemon.stop()
    daemon.start()
    assert cell.reaches()
