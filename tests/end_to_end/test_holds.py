"""Connections that wait, open, until somebody decides: at each door, with real clients."""
import contextlib
import json
import socket
import subprocess
import time

import pytest

from laboratory.approvals import Reviewer
from laboratory.clients import receive_all, socks5
from laboratory.daemon import PROXY, ours, wait_until
from laboratory.origins import BANNER
from laboratory.ssh_server import SshServer

POLICY = """\
version: 1
default: ask
rules:
  - allow: [allowed.test, "*.allowed.test", four.test]
  - deny: denied.test
    reason: the laboratory says no
  - ask: four.test
    methods: [POST, DELETE]
    reason: writes wait for a person
  - { ask: echo.test, ports: [7], protocol: tcp }
  - { ask: private.test, ports: [80, 443] }
"""


@pytest.fixture(scope="module")
def daemon(start):
    return start(gateway=True, policy=POLICY, approvals={"unattended": "hold", "timeout": "20s"})


@pytest.fixture(scope="module")
def reviewer(daemon):
    return Reviewer(daemon)


@pytest.fixture(autouse=True)
def _fresh(world, daemon, reviewer):
    reviewer.forget()
    world.internet.forget()


def finish(process, seconds=15):
    """Exit status, output and complaints of a client."""
    output, complaints = process.communicate(timeout=seconds)
    return process.returncode, output, complaints


def nothing_left(world):
    """Not a SYN, not a query."""
    return (world.internet.capture.take(), world.internet.asked) == ([], [])


@pytest.fixture(scope="module")
def repository(world):
    work, bare = world.folder / "held", world.internet.files / "held.git"
    git = ["git", "-c", "user.name=Lab", "-c", "user.email=lab@allowed.test", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q", work], check=True)
    (work / "hello.txt").write_text("hello\n")
    subprocess.run([*git, "-C", work, "add", "."], check=True)
    subprocess.run([*git, "-C", work, "commit", "-q", "-m", "first"], check=True)
    subprocess.run([*git, "clone", "-q", "--bare", work, bare], check=True)
    return "https://unknown.test/git/held.git"


@pytest.fixture(scope="module")
def ssh_server(world):
    return SshServer(world)


def held_client(agent, name, repository, ssh_server, folder):
    """A real client's command line that goes to a host nobody has decided on; the host, and its success."""
    curl = ["curl", "-sS", "--max-time", "30"]
    socks = f"{PROXY[0]}:{PROXY[1]}"
    if name == "curl https":
        return [*curl, "https://unknown.test/held"], "unknown.test", '"path": "/held"'
    if name == "curl http":
        return [*curl, "http://unknown.test/held"], "unknown.test", '"path": "/held"'
    if name in ("socks5h", "socks4a"):
        return [*curl, "--proxy", f"{name}://{socks}", "https://unknown.test/held"], "unknown.test", '"path": "/held"'
    if name == "git clone":
        return ["git", "clone", "-q", repository, folder / "clone"], "unknown.test", ""
    if name == "python":
        code = "import urllib.request as u; print(u.urlopen('https://unknown.test/held', timeout=30).read().decode())"
        return ["/usr/bin/python3", "-c", code], "unknown.test", '"path": "/held"'
    if name == "node":
        host, port = PROXY
        direct = "fetch('https://unknown.test/held').then(r => r.text()).then(t => console.log(t))"
        tunnel = f"""
          const http = require('http'), https = require('https');
          http.request({{host: '{host}', port: {port}, method: 'CONNECT', path: 'unknown.test:443'}}).on('connect',
            (r, socket) => https.get({{host: 'unknown.test', servername: 'unknown.test', path: '/held', agent: false,
              createConnection: o => require('tls').connect({{...o, socket}})}}, a => a.pipe(process.stdout))).end();"""
        return ["node", "-e", tunnel if agent.door == "explicit" else direct], "unknown.test", '"path": "/held"'
    assert name == "ssh"
    way = ["-o", f"ProxyCommand=nc -X 5 -x {socks} %h %p"] if agent.door == "explicit" else []
    return ["ssh", *ssh_server.options(), "-o", "ConnectTimeout=30", *way, "root@ssh.test", "echo reached"], "ssh.test", \
        "reached"


@pytest.mark.parametrize("name", ["curl https", "curl http", "git clone", "python", "node", "ssh"])
def test_a_real_client_waits_until_it_is_approved(world, agent, reviewer, repository, ssh_server, tmp_path, name):
    words, host, success = held_client(agent, name, repository, ssh_server, tmp_path)
    held_then_released(world, agent, reviewer, words, host, success)


@pytest.mark.parametrize("name", ["socks5h", "socks4a"])
def test_a_socks_client_waits_for_its_reply(world, explicit, reviewer, name):
    words, host, success = held_client(explicit, name, None, None, None)
    held_then_released(world, explicit, reviewer, words, host, success)


def held_then_released(world, agent, reviewer, words, host, success):
    since = reviewer.sallyport.mark()
    client = agent.start(*words)
    approval = reviewer.wait(host=host)
    time.sleep(0.3)  # what would have left, had anything been going to, would have by now
    assert nothing_left(world) and client.poll() is None
    assert approval["state"] == "pending" and approval["tries"] == 1
    decided = reviewer.approve(approval, ttl="60s")
    status, output, complaints = finish(client)
    assert (status, success in output) == (0, True), complaints
    opened = reviewer.sallyport.wait_for(since, kind="open", host=host, approval=approval["id"])[0]
    assert opened["disposition_id"] == 8 and ours(opened)["held_ms"] >= 300
    begun = [event for event in reviewer.sallyport.events(since)
             if ours(event).get("approval") == approval["id"] and event.get("disposition_id") == 14]
    assert len(begun) == 1
    assert decided["released"] == 1


def test_approval_to_release_is_quick(explicit, reviewer):
    client = explicit.start("curl", "-sS", "--max-time", "30", "http://unknown.test/")
    approval = reviewer.wait(host="unknown.test")
    before = time.monotonic()
    reviewer.approve(approval, scope="once")
    assert finish(client)[0] == 0
    assert time.monotonic() - before < 1  # 0.1 s is the promise; the sanitizers and curl's own end take the rest


def steered_stream(steered, host, port):
    return steered.connect(steered.ask(host).addresses[0], port)


def test_a_server_that_speaks_first_is_held_until_its_name_is_approved(world, steered, reviewer):
    with steered_stream(steered, "mail.test", 25) as stream:
        approval = reviewer.wait(host="mail.test", port=25)
        assert nothing_left(world)
        reviewer.approve(approval, scope="once")
        assert stream.recv(100) == BANNER


def test_any_other_tcp_waits_for_its_first_byte(world, steered, reviewer):
    with steered_stream(steered, "echo.test", 7) as stream:
        stream.sendall(b"early words")
        approval = reviewer.wait(host="echo.test", port=7)
        stream.settimeout(0.3)
        with pytest.raises(TimeoutError):
            stream.recv(1)
        assert nothing_left(world)
        stream.settimeout(10)
        reviewer.approve(approval, scope="once")
        assert stream.recv(11, socket.MSG_WAITALL) == b"early words"


# Plain HTTP: each request of a kept-alive connection by itself.

def request(method, target, host, body=b""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{length}\r\n".encode() + body


def read_answer(stream):
    """Status and body of one answer; the connection may go on."""
    with contextlib.closing(stream.makefile("rb")) as reader:
        status = int(reader.readline().split()[1])
        fields = {}
        while line := reader.readline().strip():
            name, _, value = line.decode().partition(": ")
            fields[name.lower()] = value
        return status, fields, reader.read(int(fields.get("content-length", 0)))


def test_each_request_of_a_kept_alive_connection_is_asked_by_itself(world, explicit, reviewer):
    with explicit.proxy() as stream:
        stream.sendall(request("GET", "http://four.test/free", "four.test"))
        assert read_answer(stream)[0] == 200
        stream.sendall(request("POST", "http://four.test/one", "four.test", b"first"))
        post = reviewer.wait(host="four.test", method="POST")
        assert [each["path"] for each in world.internet.requests] == ["/free"]
        reviewer.approve(post)
        assert json.loads(read_answer(stream)[2])["body"] == 5
        # The grant is for POST: another goes through, a DELETE waits.
        stream.sendall(request("POST", "http://four.test/two", "four.test", b"again"))
        assert read_answer(stream)[0] == 200
        stream.sendall(request("DELETE", "http://four.test/three", "four.test"))
        delete = reviewer.wait(host="four.test", method="DELETE")
        assert [each["path"] for each in world.internet.requests] == ["/free", "/one", "/two"]
        reviewer.deny(delete, note="keep it")
        status, fields, body = read_answer(stream)
        assert (status, fields["content-type"]) == (403, "application/problem+json")
        assert b"keep it" in body
        stream.sendall(request("GET", "http://four.test/last", "four.test"))
        assert read_answer(stream)[0] == 200


def test_approving_one_post_releases_no_delete_that_waits(explicit, reviewer):
    with explicit.proxy() as one, explicit.proxy() as other:
        one.sendall(request("POST", "http://four.test/", "four.test", b"x"))
        other.sendall(request("DELETE", "http://four.test/", "four.test"))
        post = reviewer.wait(host="four.test", method="POST")
        reviewer.wait(host="four.test", method="DELETE")
        assert reviewer.approve(post)["released"] == 1
        assert read_answer(one)[0] == 200
        assert reviewer.wait(host="four.test", method="DELETE")["waiting"] == 1


# One question.

def connect_request(host="unknown.test", port=443):
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()


def test_A_03_many_connections_with_one_question_are_one_approval(world, explicit, reviewer):
    many = 200
    with contextlib.ExitStack() as open_ones:
        streams = [open_ones.enter_context(explicit.proxy()) for _ in range(many)]
        for stream in streams:
            stream.sendall(connect_request())
        approval = reviewer.wait(host="unknown.test", waiting=many, seconds=20)
        assert len(reviewer.approvals()) == 1 and nothing_left(world)
        assert reviewer.approve(approval)["released"] == many
        assert all(b" 200 " in stream.recv(4096) for stream in streams)


def test_A_02_a_second_unknown_destination_waits_beside_the_first(explicit, reviewer):
    with explicit.proxy() as one, explicit.proxy() as other:
        one.sendall(connect_request("unknown.test"))
        first = reviewer.wait(host="unknown.test")
        other.sendall(connect_request("other.test"))
        second = reviewer.wait(host="other.test")
        reviewer.approve(second, scope="once")
        assert b" 200 " in other.recv(4096)
        assert reviewer.wait(host="unknown.test")["id"] == first["id"]
        reviewer.deny(first, scope="once")
        assert b" 403 " in one.recv(4096)


# The client leaves.

@pytest.mark.parametrize("early", [b"", b"\x16\x03\x01" + b"x" * 500], ids=["silent", "pipelined"])
def test_A_05_a_client_that_leaves_ends_its_hold_and_finds_the_answer_later(world, explicit, reviewer, early):
    since = reviewer.sallyport.mark()
    with explicit.proxy() as stream:
        stream.sendall(connect_request() + early)
        approval = reviewer.wait(host="unknown.test")
    left = time.monotonic()
    wait_until(lambda: reviewer.find({"id": approval["id"], "waiting": 0}), "its place to be free")
    assert time.monotonic() - left < 2
    reviewer.sallyport.wait_for(since, host="unknown.test", closed_by="client")
    assert reviewer.approve(approval)["released"] == 0
    assert nothing_left(world)  # no tunnel that nobody waits for
    with explicit.proxy() as stream:
        stream.sendall(connect_request())
        assert b" 200 " in stream.recv(4096)
    assert reviewer.approvals() == []


def test_a_transparent_client_that_leaves_ends_its_hold(steered, reviewer):
    with steered_stream(steered, "echo.test", 7) as stream:
        stream.sendall(b"words that stay unread")
        approval = reviewer.wait(host="echo.test")
    wait_until(lambda: reviewer.find({"id": approval["id"], "waiting": 0}), "its place to be free")


def test_A_15_what_a_held_client_sends_stays_in_its_socket(explicit, reviewer):
    with explicit.proxy() as stream:
        stream.sendall(connect_request())
        reviewer.wait(host="unknown.test")
        stream.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            for _ in range(10_000):
                sent += stream.send(b"x" * 65536)
                time.sleep(0)
        assert sent < 64 << 20  # the kernel's two buffers, and no more


# The answer is no, or none.

def test_a_denial_is_told_with_its_note_and_stays(explicit, reviewer):
    client = explicit.start("curl", "-sS", "--max-time", "30", "http://unknown.test/")
    approval = reviewer.wait(host="unknown.test")
    reviewer.deny(approval, note="not this week")
    _, output, _ = finish(client)
    said = json.loads(output)
    assert said["status"] == 403 and "not this week" in said["detail"]
    assert said["approval"] == {"id": approval["id"], "state": "denied"}
    again = json.loads(explicit.curl("http://unknown.test/").stdout)
    assert "not this week" in again["detail"] and reviewer.approvals() == []


def test_socks_and_tls_clients_are_told_of_a_denial(explicit, steered, reviewer):
    with explicit.proxy() as stream:
        approval = deny_later(reviewer, stream, b"\5\1\0")
        stream.sendall(b"\5\1\0\3\x0cunknown.test\x01\xbb")
        reviewer.deny(approval(), scope="once")
        assert stream.recv(10)[1] == 2
    client = steered.start("curl", "-sS", "--max-time", "30", "https://unknown.test/")
    reviewer.deny(reviewer.wait(host="unknown.test"), scope="once")
    status, _, complaints = finish(client)
    assert status != 0 and "access denied" in complaints


def deny_later(reviewer, stream, greeting):
    stream.sendall(greeting)
    assert stream.recv(2) == b"\5\0"
    return lambda: reviewer.wait(host="unknown.test")


def test_A_06_subdomains_are_never_wider_than_a_registrable_domain(explicit, reviewer):
    with explicit.proxy() as stream:
        stream.sendall(connect_request("co.uk"))
        approval = reviewer.wait(host="co.uk")
        status, said = reviewer.call("POST", f"/v1/approvals/{approval['id']}",
                                     {"decision": "approve", "match": "subdomains"})
        assert status == 422 and "registrable domain" in said["detail"]
        assert reviewer.wait(host="co.uk")["state"] == "pending"


def test_A_06_the_exact_host_is_the_default(explicit, reviewer):
    with explicit.proxy() as stream:
        stream.sendall(connect_request("unknown.test"))
        reviewer.approve(reviewer.wait(host="unknown.test"))
        assert b" 200 " in stream.recv(4096)
    with explicit.proxy() as stream:
        stream.sendall(connect_request("www.unknown.test"))
        reviewer.wait(host="www.unknown.test")


def test_A_07_an_approved_name_with_a_private_address_stays_closed(world, explicit, reviewer):
    client = explicit.start("curl", "-sS", "--max-time", "30", "http://private.test/")
    reviewer.approve(reviewer.wait(host="private.test"))
    _, output, _ = finish(client)
    assert json.loads(output)["status"] == 403
    assert [packet for packet in world.internet.capture.take() if packet.protocol == "tcp"] == []


def test_a_grant_never_beats_a_deny(explicit, reviewer):
    client = explicit.start("curl", "-sS", "--max-time", "30", "http://unknown.test/")
    reviewer.approve(reviewer.wait(host="unknown.test"))
    assert finish(client)[0] == 0
    changed(reviewer.sallyport, POLICY + "  - { deny: unknown.test, id: later }\n")
    try:
        assert json.loads(explicit.curl("http://unknown.test/").stdout)["status"] == 403
    finally:
        changed(reviewer.sallyport, POLICY)
    assert '"path": "/"' in explicit.curl("http://unknown.test/").stdout


def changed(sallyport, text):
    since = sallyport.mark()
    sallyport.policy_file.write_text(text)
    sallyport.wait_for(since, kind="policy")


# Bounds.

def test_once_is_for_those_who_wait(explicit, reviewer):
    client = explicit.start("curl", "-sS", "--max-time", "30", "http://unknown.test/")
    reviewer.approve(reviewer.wait(host="unknown.test"), scope="once")
    assert finish(client)[0] == 0
    with explicit.proxy() as stream:
        stream.sendall(connect_request("unknown.test", 80))
        reviewer.wait(host="unknown.test")


def test_uses_are_counted(world, explicit, reviewer):
    with explicit.proxy() as stream:
        stream.sendall(request("GET", "http://unknown.test/1", "unknown.test"))
        reviewer.approve(reviewer.wait(host="unknown.test"), uses=2)
        assert read_answer(stream)[0] == 200
        stream.sendall(request("GET", "http://unknown.test/2", "unknown.test"))
        assert read_answer(stream)[0] == 200
        stream.sendall(request("GET", "http://unknown.test/3", "unknown.test"))
        reviewer.wait(host="unknown.test")
    assert [each["path"] for each in world.internet.requests] == ["/1", "/2"]


def test_an_upload_bound_ends_what_sends_more(world, explicit, reviewer):
    with explicit.proxy() as stream:
        stream.sendall(connect_request("echo.test", 7))
        reviewer.approve(reviewer.wait(host="echo.test"), upload="64KiB")
        assert b" 200 " in stream.recv(4096)
        with contextlib.suppress(OSError):
            for _ in range(64):
                stream.sendall(b"x" * 8192)
        received = len(receive_all(stream))
        assert received <= 64 << 10


# Ends of grants.

def open_tunnel(explicit, reviewer, **bounds):
    stream = explicit.proxy()
    stream.sendall(connect_request("echo.test", 7))
    decided = reviewer.approve(reviewer.wait(host="echo.test"), **bounds)
    assert b" 200 " in stream.recv(4096)
    stream.sendall(b"hello")
    assert stream.recv(5) == b"hello"
    return stream, decided["grant"]["id"]


def test_revoking_ends_the_connections_that_lived_on_the_grant(explicit, reviewer):
    since = reviewer.sallyport.mark()
    stream, grant = open_tunnel(explicit, reviewer)
    with stream:
        reviewer.revoke(grant)
        assert receive_all(stream) == b""
    reviewer.sallyport.wait_for(since, host="echo.test", closed_by="revoked")
    with explicit.proxy() as again:
        again.sendall(connect_request("echo.test", 7))
        reviewer.wait(host="echo.test")


def test_expiry_ends_the_connections_that_lived_on_the_grant(explicit, reviewer):
    since = reviewer.sallyport.mark()
    stream, _ = open_tunnel(explicit, reviewer, ttl="2s")
    with stream:
        assert receive_all(stream) == b""
    reviewer.sallyport.wait_for(since, host="echo.test", closed_by="revoked")
    wait_until(lambda: operations(reviewer.sallyport, since, "grants.expire"), "the record of the grant's end")


def operations(sallyport, since, name):
    return [event for event in sallyport.events(since)
            if event["class_uid"] == 6003 and event["api"]["operation"] == name]


# Records.

def test_A_18_the_log_says_who_allowed_it_through_what_and_for_how_long(explicit, reviewer):
    since = reviewer.sallyport.mark()
    client = explicit.start("curl", "-sS", "--max-time", "30", "https://unknown.test/")
    approval = reviewer.wait(host="unknown.test")
    decided = reviewer.approve(approval, ttl="1h", note="for the demo")
    assert finish(client)[0] == 0
    event = wait_until(lambda: operations(reviewer.sallyport, since, "approvals.approve"), "its record")[0]
    known = json.dumps(event)
    for word in (approval["id"], decided["grant"]["id"], "for the demo", "3600 s"):
        assert word in known
    assert event["actor"]["user"]["name"] and ours(event)["through"] == "api"
    opened = reviewer.sallyport.wait_for(since, kind="open", host="unknown.test")[0]
    assert ours(opened)["approval"] == approval["id"]
    assert event["metadata"]["correlation_uid"] == opened["metadata"]["correlation_uid"]
    reviewer.revoke(decided["grant"]["id"])
    assert wait_until(lambda: operations(reviewer.sallyport, since, "grants.revoke"), "the record of the end")


# DNS.

@pytest.mark.parametrize("kind", ["TXT", "MX", "SRV"])
def test_dns_types_that_would_go_upstream_raise_the_approval(world, steered, reviewer, kind):
    answer = steered.ask("unknown.test", kind)
    assert (answer.rcode, answer.ede[0]) == (5, 18)
    assert nothing_left(world)
    approval = reviewer.find({"host": "unknown.test"})[0]
    reviewer.approve(approval)
    assert steered.ask("unknown.test", kind).rcode == 0
    assert ("unknown.test", kind) in world.internet.asked
