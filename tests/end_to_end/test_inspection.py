"""TLS that is looked into where a rule needs the request, and only there: with real clients."""
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess

import pytest

from laboratory.approvals import Reviewer
from laboratory.browser import ARGUMENTS
from laboratory.clients import Agent, receive_all, tunnel
from laboratory.daemon import PROXY_URL, kind, ours, wait_until
from laboratory.scripted import ScriptedTls, answers, read_head
from laboratory.trusting import agent, bundle, fresh, mark, one  # noqa: F401

POLICY = """\
version: 1
default: deny
rules:
  - { allow: allowed.test, methods: [GET, HEAD], paths: ["/", "/ok/**", "/files/**", "/bytes/**", "/git/**"] }
  - { allow: allowed.test, methods: [POST, PUT], paths: ["/up/**", "/git/**"] }
  - { allow: allowed.test, methods: [GET], ports: [8444, 8445, 8446, 8447] }
  - { allow: www.allowed.test, methods: read-only }
  - allow: other.test
  - allow: four.test
  - ask: four.test
    methods: [POST]
    reason: writes wait for a person
"""


@pytest.fixture(scope="module")
def daemon(start, world):
    os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=8"  # or what is freed looks as if it were held
    try:
        return start(gateway=True, policy=POLICY, inspect={"roots": [str(world.internet.certificates.ca)]},
                     approvals={"unattended": "hold", "timeout": "20s"})
    finally:
        del os.environ["ASAN_OPTIONS"]


@contextlib.contextmanager
def inspected(agent, name="allowed.test", port=443):
    with tunnel(agent, name, port) as raw, agent.tls_over(raw, name) as stream:
        stream.settimeout(10)
        yield stream


def ask(stream, request):
    stream.sendall(request.encode() if isinstance(request, str) else request)
    return receive_all(stream).decode(errors="replace")


# What is allowed, what isn't, and what is written down.

def test_a_request_that_the_rules_allow_goes_through_and_is_recorded(agent, daemon, mark, world):
    got = agent.curl("https://allowed.test/ok/1?q=secret")
    seen = json.loads(got.stdout)
    assert (seen["path"], seen["host"]) == ("/ok/1?q=secret", "allowed.test")
    request, = daemon.wait_for(mark, kind="request", host="allowed.test")
    assert request["http_request"]["url"]["scheme"] == "https" and request["http_request"]["url"]["path"] == "/ok/1"
    assert request["http_response"]["code"] == 200 and ours(request)["verdict"] == "allow"
    opened, = daemon.wait_for(mark, kind="open", host="allowed.test")
    assert opened["tls"]["sni"] == "allowed.test" and opened["tls"]["version"] == "1.3"
    assert b"q=secret" not in b"\n".join(daemon.lines()[mark:])


@pytest.mark.parametrize("words", [["-X", "DELETE", "https://allowed.test/ok/1"], ["https://allowed.test/secret"],
                                   ["-d", "x", "https://allowed.test/ok/1"]])
def test_a_request_that_they_do_not_is_refused_in_words_and_nothing_is_dialled(agent, daemon, mark, world, words):
    got = agent.curl("-i", "--http1.1", "--suppress-connect-headers", *words)
    head, _, body = got.stdout.partition("\n\n")
    assert head.startswith("HTTP/1.1 403") and "application/problem+json" in head, got
    assert "Proxy-Status: sallyport; error=http_request_denied" in head
    assert json.loads(body)["verdict"] == "deny"
    request, = daemon.wait_for(mark, kind="request", verdict="deny")
    assert request["http_request"]["url"]["scheme"] == "https"
    daemon.wait_for(mark, kind="refuse", host="allowed.test")
    assert not [packet for packet in world.internet.capture.take() if "93.184.216.10" in str(packet)]
    assert not world.internet.requests and "allowed.test" not in str(world.internet.asked)


def test_what_no_rule_needs_to_see_stays_an_untouched_tunnel(agent, daemon, mark):
    with inspected(agent, "other.test") as stream:
        assert ("commonName", "Laboratory CA") in [pair for part in stream.getpeercert()["issuer"] for pair in part]
        got = ask(stream, "DELETE / HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n")
    assert got.startswith("HTTP/1.1 200")
    daemon.wait_for(mark, kind="close", host="other.test")
    assert not [event for event in daemon.events(mark) if kind(event) == "request"]


def test_many_requests_of_one_connection_are_each_decided(agent, world):
    with inspected(agent) as stream:
        reader = stream.makefile("rb")
        for path, status in (("/ok/1", 200), ("/no", 403), ("/ok/2", 200)):
            stream.sendall(f"GET {path} HTTP/1.1\r\nHost: allowed.test\r\n\r\n".encode())
            line = reader.readline()
            assert int(line.split()[1]) == status, (path, line)
            length = 0
            while (field := reader.readline()) != b"\r\n":
                if field.lower().startswith(b"content-length:"):
                    length = int(field.split(b":")[1])
            reader.read(length)
    assert [seen["path"] for seen in world.internet.requests] == ["/ok/1", "/ok/2"]


def test_a_post_waits_for_a_person_while_a_get_goes_on(agent, daemon, world):
    reviewer = Reviewer(daemon)
    reviewer.forget()
    held = agent.start("curl", "-sS", "--max-time", "15", "-d", "x=1", "https://four.test/write")
    approval = reviewer.wait(host="four.test")
    assert (approval["method"], approval["protocol"]) == ("POST", "tls")
    assert agent.curl("https://four.test/read").returncode == 0
    assert [seen["path"] for seen in world.internet.requests] == ["/read"]
    reviewer.approve(approval, ttl="1m")
    output, complaints = held.communicate(timeout=15)
    assert held.returncode == 0 and json.loads(output)["path"] == "/write", complaints
    reviewer.forget()


# Who is who.

def test_T_23_a_server_that_does_not_prove_its_name_is_a_502_and_a_record(one, daemon, mark, world):
    certificates = world.internet.certificates
    bad = {8444: (certificates.odd("expired", "DNS:allowed.test", days=-1), "expired"),
           8445: (certificates.odd("wrong", "DNS:www.allowed.test,IP:93.184.216.10"), "hostname mismatch"),
           8446: (certificates.odd("self", "DNS:allowed.test", signed=False), "self-signed")}
    for port, (both, words) in bad.items():
        origin = ScriptedTls(world, both, port=port)
        try:
            origin.script = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            got = one.curl("-i", "--http1.1", "--suppress-connect-headers", f"https://allowed.test:{port}/ok")
            head, _, body = got.stdout.partition("\n\n")
            assert head.startswith("HTTP/1.1 502") and "error=tls_certificate_error" in head, got
            assert words in json.loads(body)["detail"], body
            failed, = daemon.wait_for(mark, kind="fail", port=port)
            assert words in failed["status_detail"]
            assert origin.heard == []
        finally:
            origin.close()


def test_a_client_that_does_not_trust_the_ca_is_recorded_with_advice(world, daemon, mark):
    stranger = Agent(world, "explicit")  # it trusts the laboratory's CA alone, as a client that pins does
    assert stranger.curl("https://allowed.test/ok/1").returncode == 60
    failed, = daemon.wait_for(mark, kind="fail", host="allowed.test")
    assert "does not trust Sallyport's CA" in failed["status_detail"]
    assert "sallyport ca export" in failed["status_detail"]
    assert ours(failed)["closed_by"] == "client" and not world.internet.requests


def test_a_client_that_leaves_without_a_request_may_have_looked_at_the_certificate(one, daemon, mark):
    with inspected(one):
        pass
    failed, = daemon.wait_for(mark, kind="fail", host="allowed.test")
    assert "left without a request" in failed["status_detail"] and ours(failed)["closed_by"] == "client"


def test_T_13_a_host_that_may_not_be_reached_is_refused_inside_the_connection(agent, world):
    with inspected(agent) as stream:
        got = ask(stream, "GET /ok/1 HTTP/1.1\r\nHost: denied.test\r\n\r\n")
    assert got.startswith("HTTP/1.1 403") and "name_mismatch" in got and not world.internet.requests


def test_another_host_must_be_allowed_by_itself_and_is_reached_as_the_bound_one(one, world):
    with inspected(one) as stream:
        got = ask(stream, "GET /ok/1 HTTP/1.1\r\nHost: www.allowed.test\r\nConnection: close\r\n\r\n")
    assert got.startswith("HTTP/1.1 200")
    seen, = world.internet.requests
    assert (seen["host"], seen["address"]) == ("www.allowed.test", "93.184.216.10")
    with inspected(one) as stream:
        got = ask(stream, "POST /up/1 HTTP/1.1\r\nHost: www.allowed.test\r\nContent-Length: 0\r\n\r\n")
    assert got.startswith("HTTP/1.1 403") and len(world.internet.requests) == 1


def test_the_certificate_is_for_the_name_alone_and_by_a_ca_that_says_whose_it_is(one):
    with inspected(one) as stream:
        shown = stream.getpeercert()
    assert shown["subjectAltName"] == (("DNS", "allowed.test"),)
    assert "Sallyport" in str(shown["issuer"])


# No way round.

@pytest.mark.parametrize("path", ["/ok/../secret", "/ok/%2e%2e/secret", "/ok/%2E%2E/secret", "/ok/..;/secret",
                                  "/ok//secret", "/ok/%2fsecret", "/ok/%252e%252e/secret", "/ok/..%5csecret", "/ok/a\\..\\secret",
                                  "/ok/%00", "/./secret", "/ok/;x=/../secret"])
def test_a_path_that_could_be_read_in_two_ways_is_not_the_allowed_one(one, world, path):
    with inspected(one) as stream:
        got = ask(stream, f"GET {path} HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n")
    assert got.split()[1] in ("400", "403"), got
    assert not world.internet.requests


SMUGGLED = {
    "both lengths": "POST /up/1 HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "0\r\n\r\n",
    "two lengths": "POST /up/1 HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "two hosts": "GET /ok/1 HTTP/1.1\r\nHost: allowed.test\r\nHost: denied.test\r\n\r\n",
    "target against host": "GET https://denied.test/ok/1 HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "plain http inside": "GET http://allowed.test/ok/1 HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    "folded": "GET /ok/1 HTTP/1.1\r\nHost: allowed.test\r\nX-A: 1\r\n  2\r\n\r\n",
    "space before the colon": "GET /ok/1 HTTP/1.1\r\nHost: allowed.test\r\nContent-Length : 3\r\n\r\nabc",
    "bare line feed": "GET /ok/1 HTTP/1.1\nHost: allowed.test\n\n",
    "bare return": "GET /ok/1 HTTP/1.1\r\nHost: allowed.test\r\nX-A: 1\rX-B: 2\r\n\r\n",
    "odd coding": "POST /up/1 HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a tunnel in the tunnel": "CONNECT denied.test:443 HTTP/1.1\r\nHost: denied.test:443\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_could_be_understood_in_two_ways_is_refused_and_closed(one, world, name):
    with inspected(one) as stream:
        got = ask(stream, SMUGGLED[name] + "GET /ok/2 HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
    assert got.startswith("HTTP/1.1 400") and len(re.findall(r"HTTP/1\.1 \d", got)) == 1, got
    assert not world.internet.requests


@pytest.mark.parametrize("chunks", ["5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n",
                                    "0x5\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n"])
def test_chunks_that_are_none_never_make_a_request_of_their_own(one, world, chunks):
    with inspected(one) as stream:
        got = ask(stream, "POST /up/1 HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks +
                  "GET /secret HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
    assert got.startswith("HTTP/1.1 400") and len(re.findall(r"HTTP/1\.1 \d", got)) == 1, got
    assert "/secret" not in str(world.internet.requests)


# Streams.

def peak(daemon):
    status = open(f"/proc/{daemon.process.pid}/status", encoding="ascii").read()
    return int(status.split("VmRSS:")[1].split()[0]) << 10


def test_three_hundred_megabytes_each_way_take_no_memory(one, daemon, world):
    size = 300 << 20
    big = world.folder / "big"
    with open(big, "wb") as file:
        file.truncate(size)
    before = peak(daemon)
    up = one.run("curl", "-sS", "--http1.1", "--max-time", "60", "-T", big, "https://allowed.test/up/big", timeout=70)
    assert json.loads(up.stdout)["body"] == size, up
    grown = peak(daemon) - before
    down = one.run("curl", "-sS", "--http1.1", "--max-time", "60", "-o", "/dev/null", "-w", "%{size_download}",
                   f"https://allowed.test/bytes/{size}", timeout=70)
    assert down.stdout == str(size), down
    assert max(grown, peak(daemon) - before) < 64 << 20
    big.unlink()


def test_a_body_that_was_cut_short_is_not_a_whole_one(one, daemon, mark, world):
    origin = ScriptedTls(world, world.internet.certificates.odd("good", "DNS:allowed.test"))

    def cut(stream):
        head = read_head(stream)
        stream.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart of it")
        socket.socket.shutdown(stream, socket.SHUT_RDWR)  # a FIN, and no close_notify before it
        return head
    try:
        origin.script = cut
        got = one.curl("https://allowed.test:8447/ok")
        assert got.returncode != 0 and "part of it" in got.stdout, got
        request, = daemon.wait_for(mark, kind="request", port=8447)
        assert request["status_detail"] == "the answer broke off"
    finally:
        origin.close()


def test_a_websocket_is_upgraded_and_its_bytes_flow_both_ways(agent, daemon, mark):
    with inspected(agent) as stream:
        stream.sendall(b"GET /ok/ws HTTP/1.1\r\nHost: allowed.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert read_head(stream).startswith(b"HTTP/1.1 101 ")
        for each in (b"one", b"two" * 20000):
            stream.sendall(each)
            got = b""
            while len(got) < len(each):
                got += stream.recv(65536)
            assert got == each
    request, = daemon.wait_for(mark, kind="request", host="allowed.test")
    assert request["http_response"]["code"] == 101
    ended, = daemon.wait_for(mark, kind="close", host="allowed.test")
    assert ended["traffic"]["bytes_in"] > 60000 and ended["traffic"]["bytes_out"] > 60000


def test_an_answer_before_the_bodys_end_arrives_and_nothing_of_the_rest_is_a_request(one, world):
    with inspected(one) as stream:
        stream.sendall(b"POST /no HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 1000000\r\n\r\n")
        got = ask(stream, "GET /ok/1 HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
    assert got.startswith("HTTP/1.1 403") and len(re.findall(r"HTTP/1\.1 \d", got)) == 1 and not world.internet.requests


# Programs.

PYTHON = """
import json, sys, urllib.request, urllib.error
print(json.load(urllib.request.urlopen("https://allowed.test/ok/urllib"))["path"])
try:
    urllib.request.urlopen(urllib.request.Request("https://allowed.test/ok/x", method="DELETE"))
except urllib.error.HTTPError as refused:
    print(refused.code, json.load(refused)["title"])
import requests
with requests.Session() as session:
    session.verify = sys.argv[1]
    for number in range(3):
        print(session.get(f"https://allowed.test/ok/{number}").json()["path"])
    print(session.post("https://allowed.test/up/x", data=b"y" * 100000).json()["body"])
"""


def test_python_speaks_by_urllib_and_requests(agent):
    got = agent.run("/usr/bin/python3", "-c", PYTHON, agent.ca, env={"REQUESTS_CA_BUNDLE": str(agent.ca)})
    said = ["/ok/urllib", "403 This destination is not allowed", "/ok/0", "/ok/1", "/ok/2", "100000"]
    assert got.stdout.split("\n")[:6] == said, got


PAGE = """<title>lab</title><body><script>
const part = async (path) => { const answer = await fetch(path); return answer.status + " " + await answer.text(); };
part("/files/data.txt").then(async (text) => { document.body.innerText = text + "; " + (await part("/secret")).slice(0, 3); });
</script>"""


def test_chromium_loads_a_page_and_its_script_hears_a_refusal(agent, world, daemon, mark, tmp_path):
    (world.internet.files / "page.html").write_text(PAGE)
    (world.internet.files / "data.txt").write_text("from the origin")
    with inspected(agent) as stream:
        leaf = ssl.DER_cert_to_PEM_cert(stream.getpeercert(binary_form=True))
    # Trusts the key of this certificate, which is what having the CA among the roots would come to.
    key = subprocess.run("openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64",
                         shell=True, input=leaf, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    way = [f"--proxy-server={PROXY_URL}"] if agent.door == "explicit" else []
    done = agent.run("chromium", *ARGUMENTS, *way, f"--user-data-dir={tmp_path}", f"--ignore-certificate-errors-spki-list={key}",
                     "--virtual-time-budget=4000", "--dump-dom", "https://allowed.test/files/page.html", timeout=60)
    assert "200 from the origin; 403" in done.stdout, done.stdout + done.stderr[-2000:]
    seen = daemon.wait_for(mark, kind="request", host="allowed.test", count=3)
    assert {(event["http_request"]["url"]["path"], event["http_request"]["version"]) for event in seen} >= {
        ("/files/page.html", "2"), ("/files/data.txt", "2"), ("/secret", "2")}


def test_git_clones_and_pushes_over_https(agent, world, daemon, mark):
    work, bare = world.folder / f"work-{agent.door}", world.internet.files / f"inspected-{agent.door}.git"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.test", "-c", "init.defaultBranch=main"]
    for words in (["init", "-q", "--bare", bare], ["-C", bare, "config", "http.receivepack", "true"]):
        assert agent.run(*git, *words).returncode == 0
    got = agent.run(*git, "clone", "-q", f"https://allowed.test/git/{bare.name}", work)
    assert got.returncode == 0, got.stderr
    (work / "file").write_bytes(os.urandom(2 << 20))
    for words in (["add", "file"], ["commit", "-q", "-m", "one"], ["push", "-q", "origin", "HEAD:main"]):
        done = agent.run(*git, "-C", work, *words)
        seen = [event.get("status_detail") for event in daemon.events(mark) if kind(event) == "request"]
        assert done.returncode == 0, (done.stderr, seen)
    versions = {event["http_request"]["version"] for event in daemon.events(mark) if kind(event) == "request"}
    assert versions == {"1.1"}, "proxy/http2_unfit.cpp knows this git's libcurl no more"
    again = agent.run(*git, "clone", "-q", "-b", "main", f"https://allowed.test/git/{bare.name}", f"{work}-again")
    assert again.returncode == 0, again.stderr
    assert (world.folder / f"{work.name}-again" / "file").read_bytes() == (work / "file").read_bytes()


def test_the_first_page_says_where_the_ca_is(one):
    assert "http://sallyport.internal/ca.pem" in one.curl("http://sallyport.internal/").stdout


# The CA.

def test_an_own_ca_signs_what_is_inspected(start, world):
    folder = world.folder
    made = world.agent.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-days", "2", "-subj", "/CN=Corporate CA", "-keyout", folder / "own.key",
                            "-out", folder / "own.pem", "-addext", "keyUsage=critical,keyCertSign",
                            "-addext", "basicConstraints=critical,CA:TRUE"])
    assert made.returncode == 0, made
    (folder / "own.key").chmod(0o600)
    start(gateway=True, policy=POLICY, inspect={"ca": {"cert": str(folder / "own.pem"), "key": str(folder / "own.key")},
                                                "roots": [str(world.internet.certificates.ca)]})
    own = Agent(world, "explicit")
    own.ca = folder / "own.pem"
    with inspected(own) as stream:
        assert "Corporate CA" in str(stream.getpeercert()["issuer"])
