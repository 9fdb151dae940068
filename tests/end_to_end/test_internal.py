"""What agents ask Sallyport itself, at http://sallyport.internal/: by every door, with real clients."""
import contextlib
import hashlib
import json
import re
import socket

import pytest

from laboratory.approvals import Reviewer
from laboratory.clients import Agent, client_hello, receive_all, socks5
from laboratory.daemon import PROXY, ours, wait_until

SITE = "http://sallyport.internal"
TOKEN = "the laboratory's bot"
CREDENTIALS = f"bot:{TOKEN}"
POLICY = f"""\
version: 1
default: ask
rules:
  - allow: allowed.test
  - deny: denied.test
    reason: the laboratory says no
  - ask: four.test
    methods: [POST, DELETE]
agents:
  bot:
    token: {{ sha256: {hashlib.sha256(TOKEN.encode()).hexdigest()} }}
    rules:
      - allow: six.test
        reason: only the bot may
"""
SOCKS = f"{PROXY[0]}:{PROXY[1]}"
WAYS = {
    "absolute": ("explicit", []),
    "connect": ("explicit", ["--proxytunnel"]),
    "socks5": ("explicit", ["--proxy", f"socks5h://{SOCKS}"]),
    "socks4": ("explicit", ["--proxy", f"socks4a://{SOCKS}"]),
    "steered": ("gateway", []),
}
RECORDED_AS = {"absolute": "proxy", "connect": "proxy", "socks5": "socks", "socks4": "socks", "steered": "transparent"}


@pytest.fixture(scope="module")
def daemon(start):
    limits = {"unattended": "hold", "timeout": "20s", "pending_per_agent": 5}
    return start(gateway=True, policy=POLICY, approvals=limits)


@pytest.fixture(scope="module")
def reviewer(daemon):
    return Reviewer(daemon)


@pytest.fixture(autouse=True)
def _fresh(world, daemon, reviewer):
    if daemon.process.poll() is None:  # else the test has a daemon of its own
        reviewer.forget()
    world.internet.forget()


class Site:
    """sallyport.internal as one agent sees it, by one way in."""

    def __init__(self, world, way="absolute", as_bot=False):
        door, self.words = WAYS[way]
        self.agent = Agent(world, door)
        if as_bot:
            self.words = [*self.words, "--proxy-user", CREDENTIALS]

    def command(self, method, path, body=None, fields=()):
        words = ["curl", "-sS", "--max-time", "40", *self.words, "-w", "\n%{http_code}"]
        words += ["--head"] if method == "HEAD" else ["-X", method]
        if body is not None:
            words += ["-d", body if isinstance(body, str) else json.dumps(body)]
            fields = fields or ["Content-Type: application/json"]
        for field in fields:
            words += ["-H", field]
        return [*words, SITE + path]

    def call(self, method, path, body=None, fields=()):
        """The status, and what was said: JSON where it is some."""
        done = self.agent.run(*self.command(method, path, body, fields), timeout=60)
        assert done.returncode == 0, done.stderr
        return understood(done.stdout)

    def begin(self, method, path):
        """The same without waiting for the answer."""
        return self.agent.start(*self.command(method, path))

    def ask(self, to, **more):
        return self.call("POST", "/v1/access", {"to": to, **more})


def understood(output):
    said, _, status = output.rpartition("\n")
    with contextlib.suppress(ValueError):
        said = json.loads(said)
    return int(status), said


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def site(world, way):
    return Site(world, way)


@pytest.fixture
def plain(world):
    return Site(world)


def nothing_left(world):
    return (world.internet.capture.take(), world.internet.asked) == ([], [])


def test_every_door_tells_an_agent_who_it_is(site, way, daemon, world):
    since = daemon.mark()
    status, said = site.call("GET", "/")
    assert status == 200 and 'the agent "default"' in said and "/v1/access" in said
    status, said = site.call("GET", "/v1/policy")
    assert status == 200 and said["agent"] == "default" and said["grants"] == []
    assert "allow allowed.test" in said["rules"] and not any("six.test" in rule for rule in said["rules"])
    status, said = site.call("HEAD", "/")
    assert status == 200 and "Content-Type: text/plain" in said and "You are" not in said
    status, said = site.call("GET", "/nothing")
    assert status == 404 and "GET /v1/policy" in said["next"]
    status, said = site.call("GET", "/ca.pem")
    assert status == 200 and "BEGIN CERTIFICATE" in str(said)
    record = daemon.wait_for(since, kind="request", host="sallyport.internal")[0]
    said = ours(record)
    assert (said["agent"], said["door"], said["verdict"]) == ("default", RECORDED_AS[way], "allow")
    assert nothing_left(world)


def test_another_port_or_protocol_is_refused_and_never_dialled(explicit, steered, reviewer, world):
    status = explicit.curl("https://sallyport.internal/", "-o", "/dev/null", "-w", "%{http_connect}")
    assert status.stdout == "403"
    with explicit.proxy() as stream:
        assert socks5(stream, b"sallyport.internal", 443) == 2
    address = steered.ask("sallyport.internal").addresses[0]
    for port in (443, 80):
        with steered.connect(address, port) as stream:
            stream.sendall(client_hello("sallyport.internal"))
            assert receive_all(stream)[:7] == b"\x15\x03\x03\0\2\2\x31"  # fatal, access_denied
    assert reviewer.approvals() == []
    assert nothing_left(world)


def test_P_06_an_h2_preface_is_400(steered):
    with steered.connect(steered.ask("sallyport.internal").addresses[0], 80) as stream:
        stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert receive_all(stream).startswith(b"HTTP/1.1 400 ")


def test_what_the_policy_decides_is_said_at_once(site, reviewer, world):
    assert site.ask("https://allowed.test/")[1]["state"] == "allowed"
    status, said = site.ask("https://denied.test/", reason="let me")
    assert (status, said["state"], said["reason"]) == (200, "denied", "the laboratory says no")
    assert site.ask("http://169.254.169.254/")[1]["state"] == "denied"
    assert site.ask("10.0.0.1:443")[1]["state"] == "denied"
    assert site.ask("http://0x7f.1/")[0] == 400
    assert reviewer.approvals() == []
    assert nothing_left(world)


def test_A_05_asking_ahead_opens_the_connection_that_follows(site, world, reviewer):
    status, asked = site.ask("https://unknown.test/held", reason="to read the manual")
    assert (status, asked["state"]) == (202, "pending")
    approval = reviewer.wait(waiting=0, host="unknown.test")
    assert approval["id"] == asked["id"] and "to read the manual" in json.dumps(approval)
    waiting = site.begin("GET", f"/v1/access/{asked['id']}?wait=30s")
    reviewer.approve(approval)
    status, said = understood(waiting.communicate(timeout=20)[0])
    assert (status, said["state"]) == (200, "allowed")
    assert site.ask("https://unknown.test/")[1]["state"] == "allowed"
    for door in ("explicit", "gateway"):
        assert '"path": "/held"' in Agent(world, door).curl("https://unknown.test/held").stdout
    assert site.call("GET", "/v1/policy")[1]["grants"][0]["host"] == "unknown.test"
    assert reviewer.approvals() == []


def test_a_no_is_told_with_its_note(plain, reviewer):
    asked = plain.ask("https://unknown.test/")[1]
    waiting = plain.begin("GET", f"/v1/access/{asked['id']}?wait=30s")
    reviewer.deny(reviewer.wait(waiting=0, host="unknown.test"), note="use the mirror")
    _, said = understood(waiting.communicate(timeout=20)[0])
    assert said["state"] == "denied" and "use the mirror" in said["reason"]
    assert plain.ask("https://unknown.test/")[1]["state"] == "denied"


def test_A_03_a_held_connection_and_asking_ahead_are_one_question(plain, agent, reviewer):
    held = agent.start("curl", "-sS", "--max-time", "30", "http://unknown.test/held")
    approval = reviewer.wait(host="unknown.test")
    assert plain.ask("http://unknown.test/other", reason="for the tests")[1]["id"] == approval["id"]
    assert reviewer.find({"id": approval["id"]})[0]["access_reason"] == "for the tests"
    reviewer.approve(approval)
    assert '"path": "/held"' in held.communicate(timeout=20)[0]


def test_a_methods_question_is_the_requests_own(plain, explicit, reviewer):
    asked = plain.ask("http://four.test/x", method="POST")[1]
    approval = reviewer.wait(waiting=0, host="four.test")
    assert approval["id"] == asked["id"] and "POST" in json.dumps(approval)
    reviewer.approve(approval)
    assert explicit.curl("-d", "x=1", "http://four.test/x", "-o", "/dev/null", "-w", "%{http_code}").stdout == "200"
    assert plain.ask("http://four.test/x", method="DELETE")[0] == 202


def test_A_04_questions_are_capped(plain, reviewer):
    answers = [plain.ask(f"https://n{each}.unknown.test/") for each in range(6)]
    assert [status for status, _ in answers] == [202] * 5 + [429]
    assert "too many open questions" in answers[-1][1]["detail"]
    assert len(reviewer.approvals()) == 5


def test_A_09_an_agent_sees_and_touches_only_its_own(world, plain, reviewer):
    bot = Site(world, as_bot=True)
    assert any("six.test" in rule for rule in bot.call("GET", "/v1/policy")[1]["rules"])
    asked = bot.ask("https://unknown.test/")[1]
    others = plain.call("GET", f"/v1/access/{asked['id']}?wait=30s")
    never = plain.call("GET", "/v1/access/ap_00000000000000000000000000?wait=30s")
    assert others == never and others[0] == 404
    assert bot.call("GET", f"/v1/access/{asked['id']}")[1]["state"] == "pending"
    for method, path in (("POST", f"/v1/access/{asked['id']}"), ("POST", f"/v1/approvals/{asked['id']}"),
                         ("DELETE", "/v1/grants/gr_0"), ("GET", "/v1/approvals"), ("GET", "/v1/openapi.json")):
        status, _ = bot.call(method, path, {"decision": "approve"} if method == "POST" else None)
        assert status in (404, 405)
    reviewer.approve(reviewer.wait(waiting=0, host="unknown.test"))
    assert [grant["host"] for grant in bot.call("GET", "/v1/policy")[1]["grants"]] == ["unknown.test"]
    assert plain.call("GET", "/v1/policy")[1]["grants"] == []


def test_a_grant_for_everyone_is_shown_to_everyone_without_names(world, plain, reviewer):
    Site(world, as_bot=True).ask("https://unknown.test/")
    reviewer.approve(reviewer.wait(waiting=0, host="unknown.test"), scope="everyone")
    said = plain.call("GET", "/v1/policy")[1]
    assert said["grants"][0]["scope"] == "everyone" and "bot" not in json.dumps(said)


def test_A_09_a_page_of_another_site_asks_nothing(plain, reviewer, steered):
    body = {"to": "https://unknown.test/"}
    foreign = ["Content-Type: application/json", "Origin: http://evil.test"]
    assert plain.call("POST", "/v1/access", body, foreign)[0] == 403
    assert plain.call("POST", "/v1/access", body, ["Content-Type: text/plain"])[0] == 415
    assert plain.call("OPTIONS", "/v1/access", None, ["Origin: http://evil.test"])[0] in (403, 405)
    assert plain.call("DELETE", "/v1/context", None, ["Origin: null"])[0] == 403
    with steered.connect(steered.ask("sallyport.internal").addresses[0], 80) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n")
        assert receive_all(stream).startswith(b"HTTP/1.1 421 ")
    assert reviewer.approvals() == []


def test_H_11_a_host_field_does_not_make_another_address_sallyports(explicit, steered, reviewer, world):
    request = b"GET /v1/policy HTTP/1.1\r\nHost: sallyport.internal\r\n\r\n"
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT allowed.test:80 HTTP/1.1\r\nHost: allowed.test:80\r\n\r\n")
        assert b" 200 " in stream.recv(4096)
        stream.sendall(request * 2)
        assert b"rules" not in receive_all(stream)
    with steered.connect("93.184.216.77", 80) as stream:
        stream.sendall(request * 2)
        stream.shutdown(socket.SHUT_WR)
        answer = receive_all(stream)
    assert b"HTTP/1.1 403 " in answer and b'"rules"' not in answer
    assert reviewer.approvals() == []
    assert "sallyport.internal" not in [name for name, _ in world.internet.asked]
    assert world.internet.requests == []


def steered_stream(steered):
    return steered.connect(steered.ask("sallyport.internal").addresses[0], 80)


def test_H_11_a_connection_takes_many_requests(steered):
    put = json.dumps({"session": "s1"}).encode()
    with steered_stream(steered) as stream:
        stream.sendall(b"PUT /v1/context HTTP/1.1\r\nHost: sallyport.internal\r\nContent-Type: application/json\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(put), put) +
                       b"HEAD / HTTP/1.1\r\nHost: sallyport.internal\r\n\r\n"
                       b"GET /v1/context HTTP/1.1\r\nHost: sallyport.internal:80\r\n\r\n"
                       b"DELETE /v1/context HTTP/1.1\r\nHost: sallyport.internal\r\nConnection: close\r\n\r\n")
        answer = receive_all(stream)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"200"] * 3 + [b"204"]
    assert answer.count(b'{"session":"s1"}') == 2


@pytest.mark.parametrize("fields,body", [
    (b"Content-Length: 16385", b""),
    (b"Transfer-Encoding: chunked", b"4001\r\n" + b" " * 0x4001),
], ids=["length", "chunked"])
def test_F_06_a_body_has_an_end(steered, fields, body):
    with steered_stream(steered) as stream:
        stream.sendall(b"POST /v1/access HTTP/1.1\r\nHost: sallyport.internal\r\nContent-Type: application/json\r\n" +
                       fields + b"\r\n\r\n" + body)
        assert receive_all(stream).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_waits_for_100_is_told_to_go_on(steered):
    with steered_stream(steered) as stream:
        stream.sendall(b"PUT /v1/context HTTP/1.1\r\nHost: sallyport.internal\r\nContent-Type: application/json\r\n"
                       b"Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")
        assert stream.recv(4096).startswith(b"HTTP/1.1 100 ")
        stream.sendall(b"{}")
        assert receive_all(stream).startswith(b"HTTP/1.1 200 ")


def test_A_17_the_agents_words_reach_approval_and_record_as_its_own(world, agent, reviewer, daemon):
    site = Site(world, "absolute" if agent.door == "explicit" else "steered")
    said = {"session": "s1", "tool_call": "c7", "tool": "curl", "reason": "approved by admin, click allow",
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    assert site.call("PUT", "/v1/context", said) == (200, {"context": said})
    since = daemon.mark()
    held = agent.start("curl", "-sS", "--max-time", "30", "https://unknown.test/held")
    approval = reviewer.wait(host="unknown.test")
    assert approval["context"]["tool_call"] == "c7"
    reviewer.approve(approval)
    held.communicate(timeout=20)
    record = daemon.wait_for(since, kind="open", host="unknown.test")[0]
    assert ours(record)["context"] == said
    bot = Site(world, as_bot=True)
    assert bot.call("GET", "/v1/context")[1] == {"context": {}}
    assert site.call("DELETE", "/v1/context")[0] == 204
    since = daemon.mark()
    agent.curl("http://allowed.test/")
    assert "context" not in ours(daemon.wait_for(since, kind="request", host="allowed.test")[0])


@pytest.mark.parametrize("body", ['{"reason": "\\u001b[2J"}', '{"agent": "bot"}', "[]", "{",
                                  json.dumps({"tool": "x" * 201}), json.dumps({"reason": "x" * 501})],
                         ids=["escape", "unknown", "array", "torn", "long", "longer"])
def test_A_08_labels_that_deceive_are_refused(plain, body):
    status, said = plain.call("PUT", "/v1/context", body)
    assert status == 400 and said["title"]
    assert plain.call("GET", "/v1/context")[1] == {"context": {}}


def waiter(agent, approval):
    """A client that waits by the explicit door; its answer is not read."""
    stream = agent.proxy()
    stream.sendall(f"GET {SITE}/v1/access/{approval}?wait=60s HTTP/1.1\r\nHost: sallyport.internal\r\n\r\n".encode())
    return stream


def test_A_03_waiting_is_bounded_and_leaving_frees_the_place(plain, explicit, daemon, reviewer):
    asked = plain.ask("https://unknown.test/")[1]
    path = f"/v1/access/{asked['id']}?wait=50ms"
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(waiter(explicit, asked["id"]))
        wait_until(lambda: plain.call("GET", path)[0] == 429, "every place to be taken")
    wait_until(lambda: plain.call("GET", path)[0] == 200, "a place to be free")
    assert reviewer.find({"id": asked["id"]})[0]["waiting"] == 0


def test_A_11_a_reload_answers_who_waits(plain, daemon):
    asked = plain.ask("https://unknown.test/")[1]
    waiting = plain.begin("GET", f"/v1/access/{asked['id']}?wait=30s")
    since = daemon.mark()
    try:
        daemon.policy_file.write_text(POLICY.replace("allow: allowed.test", "allow: [allowed.test, unknown.test]"))
        _, said = understood(waiting.communicate(timeout=20)[0])
        assert said["state"] == "allowed"
    finally:
        daemon.wait_for(since, kind="policy")
        since = daemon.mark()
        daemon.policy_file.write_text(POLICY)
        daemon.wait_for(since, kind="policy")


# From here on each test has a daemon of its own.

@pytest.mark.parametrize("mode", ["synthetic", "real"])
def test_no_policy_takes_it_away(world, start, mode):
    start(gateway=True, dns={"mode": mode}, policy="""\
version: 1
default: deny
rules:
  - deny: [any, "**.sallyport.internal", 198.18.0.0/15, "fd53:414c:4c59::/64"]
""")
    for way in WAYS:
        site = Site(world, way)
        assert site.call("GET", "/")[0] == 200
        assert site.ask("https://allowed.test/")[1]["state"] == "denied"
    assert nothing_left(world)


def test_F_03_a_stop_does_not_wait_for_who_waits(world, start):
    daemon = start(policy=POLICY, timeouts={"drain": "1s"})
    site = Site(world)
    asked = site.ask("https://unknown.test/")[1]
    waiting = site.begin("GET", f"/v1/access/{asked['id']}?wait=60s")
    daemon.wait_for(0, kind="open", host="sallyport.internal", count=2)
    assert daemon.stop() == 0
    waiting.communicate(timeout=10)
    daemon.wait_for(0, host="sallyport.internal", closed_by="shutdown")


def test_A_14_a_refusal_names_where_its_answer_is_waited_for(world, start, plain):
    daemon = start(gateway=True, policy=POLICY, approvals={"unattended": "hold", "timeout": "1s"})
    refusal = json.loads(plain.agent.curl("http://unknown.test/").stdout)
    url = f"{SITE}/v1/access/{refusal['approval']['id']}?wait=30s"
    assert url in refusal["next"]
    reviewer = Reviewer(daemon)
    waiting = plain.begin("GET", url[len(SITE):])
    reviewer.approve(reviewer.wait(waiting=0, host="unknown.test"))
    assert understood(waiting.communicate(timeout=20)[0])[1]["state"] == "allowed"
