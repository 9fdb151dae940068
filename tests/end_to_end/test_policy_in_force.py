"""Keys of the policy as the running program holds to them: time, tokens, lists, boundaries, prefixes."""
import base64
import datetime
import hashlib
import json
import signal

import pytest

from laboratory.clients import Agent, receive_all, socks5
from laboratory.daemon import POLICY, TWO, kind, ours, wait_until


def status(agent, url, *words):
    """The problem's status, or 200 where the origin answered."""
    got = agent.curl(*words, url)
    assert got.stdout, got.stderr
    return json.loads(got.stdout).get("status", 200)


def change(sallyport, text, how="SIGHUP"):
    since = sallyport.mark()
    sallyport.policy_file.write_text(text)
    if how == "SIGHUP":
        sallyport.signal(signal.SIGHUP)
    return sallyport.wait_for(since, kind="policy")[0]


def moment(seconds):
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    return (datetime.datetime.now(zone) + datetime.timedelta(seconds=seconds)).isoformat(timespec="seconds")


def test_F_09_a_rule_ends_at_its_moment_and_so_do_its_connections(start, explicit, steered):
    sallyport = start(gateway=True, policy=POLICY + f'  - {{ allow: denied2.test, expires: "{moment(-60)}" }}\n')
    assert "expired" in sallyport.said(), "a rule that can decide nothing is told of"
    # From here on the clock runs, so the moment is not too near: starting may take long.
    change(sallyport, POLICY + f'  - {{ allow: other.test, expires: "{moment(8)}" }}\n')
    since = sallyport.mark()
    with explicit.proxy() as stream:
        stream.sendall(b"GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n")
        assert b" 200 " in stream.recv(65536)
        wait_until(lambda: status(explicit, "http://other.test/") == 403, "the rule to expire", seconds=30)
        stream.sendall(b"GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n")
        assert b" 200 " not in receive_all(stream), "a request on a kept connection is judged by the same clock"
    sallyport.wait_for(since, kind="refuse", host="other.test")
    assert steered.curl("https://other.test/").returncode != 0


def test_a_tunnel_ends_when_its_rule_does(start, explicit):
    sallyport = start()
    sallyport.world.internet.names.zone["echo2.test"] = [("A", "93.184.216.32")]
    change(sallyport, POLICY + f'  - {{ allow: echo2.test, ports: [7], protocol: tcp, expires: "{moment(8)}" }}\n')
    since = sallyport.mark()
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT echo2.test:7 HTTP/1.1\r\nHost: echo2.test:7\r\n\r\n")
        assert b" 200 " in stream.recv(4096)
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
        stream.settimeout(30)
        assert receive_all(stream) == b""
    sallyport.wait_for(since, host="echo2.test", closed_by="policy")


TOKENS = {"one": "first secret", "two": "second secret", "three": "third secret"}


@pytest.fixture(scope="module")
def with_tokens(start, world):
    secret = world.folder / "token-two"
    secret.write_text(TOKENS["two"] + "\n")
    return start(gateway=True, policy=f"""\
version: 1
default: deny
agents:
  one:
    token: {{ sha256: {hashlib.sha256(TOKENS["one"].encode()).hexdigest()} }}
    rules: [{{ allow: allowed.test }}]
  two:
    token: {{ file: {secret} }}
    rules: [{{ allow: four.test }}, {{ allow: echo.test, ports: [7], protocol: tcp }}]
  here:
    from: [10.77.0.2, "fd77::2"]
    token: {{ sha256: {hashlib.sha256(TOKENS["three"].encode()).hexdigest()} }}
    rules: [{{ allow: six.test }}]
  nobody: {{ rules: [{{ allow: allowed.test }}] }}
""")


@pytest.fixture
def stranger(world, other_address):
    """An address that is no agent's: who it is, its credentials say."""
    return Agent(world, "explicit", source=other_address)


def login(name, token):
    return ["--proxy-user", f"{name}:{token}", "--proxy-basic"]


def test_tokens_name_their_agents(with_tokens, stranger):
    since = with_tokens.mark()
    assert status(stranger, "http://allowed.test/", *login("one", TOKENS["one"])) == 200
    assert status(stranger, "http://four.test/", *login("two", TOKENS["two"])) == 200
    assert status(stranger, "http://four.test/", *login("one", TOKENS["one"])) == 403
    assert {ours(event)["agent"] for event in with_tokens.wait_for(since, kind="close", count=2)} == {"one", "two"}
    assert status(stranger, "http://allowed.test/") == 403, "without credentials it is the agent `default`"


@pytest.mark.parametrize("name, token", [("one", TOKENS["two"]), ("one", ""), ("two", TOKENS["two"] + "\n"), ("ghost", "x"), ("nobody", ""),
                                         ("nobody", "x"), ("default", ""), ("ONE", TOKENS["one"])])
def test_C_06_a_wrong_credential_is_407_for_every_method(with_tokens, stranger, world, name, token):
    world.internet.forget()
    basic = base64.b64encode(f"{name}:{token}".encode()).decode()
    for line in ("GET http://allowed.test/ HTTP/1.1", "CONNECT allowed.test:443 HTTP/1.1", "OPTIONS http://allowed.test/ HTTP/1.1"):
        host = "allowed.test:443" if line.startswith("CONNECT") else "allowed.test"
        with stranger.proxy() as stream:
            stream.sendall(f"{line}\r\nHost: {host}\r\nProxy-Authorization: Basic {basic}\r\n\r\n".encode())
            answer = receive_all(stream)
        assert answer.startswith(b"HTTP/1.1 407 ") and b"Proxy-Authenticate: Basic" in answer
    assert world.internet.capture.take() == []


def test_C_06_socks_credentials_likewise(with_tokens, stranger):
    def ask(name, token):
        with stranger.proxy() as stream:
            stream.sendall(b"\5\1\2")
            assert stream.recv(2) == b"\5\2"
            stream.sendall(b"\1" + bytes([len(name)]) + name + bytes([len(token)]) + token)
            verdict = stream.recv(2)
            if verdict != b"\1\0":
                return None
            stream.sendall(b"\5\1\0\3\x09echo.test\0\7")
            return stream.recv(10)[1]
    assert ask(b"two", TOKENS["two"].encode()) == 0
    assert ask(b"one", TOKENS["one"].encode()) == 2
    assert ask(b"one", b"wrong") is None
    assert ask(b"nobody", b"") is None


def test_F_08_credentials_of_another_agent_than_the_addresss(with_tokens, explicit):
    assert status(explicit, "http://six.test/") == 200
    assert status(explicit, "http://six.test/", *login("here", TOKENS["three"])) == 200
    assert status(explicit, "http://allowed.test/", *login("one", TOKENS["one"])) == 403


def test_tokens_are_in_no_log(with_tokens, stranger):
    stranger.curl(*login("one", "wrong secret"), "http://allowed.test/")
    text = with_tokens.said().encode() + b"".join(with_tokens.lines())
    for token in [*TOKENS.values(), "wrong secret"]:
        assert token.encode() not in text and base64.b64encode(f"one:{token}".encode()) not in text


def test_a_changed_token_file_is_in_force_at_once(with_tokens, stranger, world):
    (world.folder / "token-two").write_text("renewed\n")
    wait_until(lambda: status(stranger, "http://four.test/", *login("two", "renewed")) == 200, "the new token")
    assert stranger.curl("-o", "/dev/null", "-w", "%{http_code}", *login("two", TOKENS["two"]), "http://four.test/").stdout == "407"


def test_unknown_agents_may_be_refused(start, world, other_address, explicit):
    sallyport = start(gateway=True, policy=POLICY + TWO.replace("  two: { from: [10.77.0.9] }\n", ""), unknown_agents="deny")
    stranger, steered = Agent(world, "explicit", source=other_address), Agent(world, "gateway", source=other_address)
    assert status(explicit, "http://allowed.test/") == 200
    world.internet.forget()
    assert stranger.curl("-o", "/dev/null", "-w", "%{http_code}", "http://allowed.test/").stdout == "407"
    assert steered.ask("allowed.test").rcode == 5
    assert steered.curl("http://93.184.216.40/").stdout.find('"path"') < 0
    assert world.internet.asked == [] and world.internet.capture.take() == []
    assert all(ours(event).get("agent") != "one" for event in sallyport.events() if kind(event) == "refuse")


def test_I_07_a_configured_nat64_prefix_is_looked_through(start, explicit, world):
    world.internet.names.zone.update({
        "inside.test": [("AAAA", "2600:1f00:77:64::7f00:1")], "private64.test": [("AAAA", "2600:1f00:77:64::a01:203")],
        "fine64.test": [("AAAA", "2600:1f00:77:64::5db8:d80a")]})
    sallyport = start(policy=POLICY + "  - allow: [inside.test, private64.test, fine64.test]\n",
                      dns={"nat64": ["2600:1f00:77:64::/96"]})
    world.internet.forget()
    for name in ("inside.test", "private64.test"):
        since = sallyport.mark()
        assert status(explicit, f"http://{name}/") == 403
        sallyport.wait_for(since, kind="refuse", host=name, decided_by="guard")
    assert [packet for packet in world.internet.capture.take() if packet.protocol == "tcp"] == []
    assert status(explicit, "http://fine64.test/") in (502, 504), "an embedded public address is dialled; nobody is there"


BOUNDARY = """\
version: 1
default: deny
rules:
  - { allow: [allowed.test, "*.allowed.test"], methods: [GET, HEAD] }
  - { allow: [allowed.test, private.test] }
  - { ask: four.test }
  - { deny: www.allowed.test }
"""


def test_a_boundary_is_exceeded_by_nothing(start, world, explicit, steered):
    boundary = world.folder / "boundary.yaml"
    boundary.write_text(BOUNDARY)
    sallyport = start(gateway=True, policy=f"boundary: {boundary}\n" + POLICY
                      + "  - { allow: private.test, private: true }\n  - { allow: denied3.test }\n")
    assert status(explicit, "http://allowed.test/") == 200
    world.internet.forget()
    for name in ("six.test", "www.allowed.test", "echo.test", "four.test"):
        assert status(explicit, f"http://{name}/") == 403
    since = sallyport.mark()
    assert status(explicit, "http://private.test/") == 403, "private ground must be opened by both"
    sallyport.wait_for(since, kind="refuse", host="private.test", decided_by="guard")
    assert steered.ask("www.allowed.test").rcode == 3
    assert steered.ask("six.test").rcode == 3
    assert steered.ask("six.test", "TXT").rcode != 0
    assert steered.ask("four.test", "TXT").rcode == 5
    assert {name for name, _ in world.internet.asked} == {"private.test"}
    boundary.write_text(BOUNDARY + "  - { allow: six.test }\n")
    wait_until(lambda: status(explicit, "http://six.test/") == 200, "a changed boundary")


def test_F_01_and_F_02_lists_are_watched_and_a_bad_one_changes_nothing(start, world, explicit):
    names = world.folder / "names.txt"
    names.write_text("# ours\nother.test\n")
    sallyport = start(policy=POLICY + f"  - allow: {{ list: {names} }}\n  - {{ allow: echo.test, ports: [7], protocol: tcp }}\n")
    assert status(explicit, "http://other.test/") == 200
    since = sallyport.mark()
    names.write_text("other.test\n*.com\n")
    sallyport.wait_for(since, kind="policy")
    wait_until(lambda: "names.txt:2" in sallyport.said(), "the complaint with its line")
    assert status(explicit, "http://other.test/") == 200
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n")
        assert b" 200 " in stream.recv(4096)
        with explicit.tls_over(stream, "other.test") as inside:
            since = sallyport.mark()
            names.write_text("")  # an empty list matches nothing
            sallyport.wait_for(since, kind="policy")
            assert receive_all(inside) == b""
    sallyport.wait_for(since, host="other.test", closed_by="policy")
    assert status(explicit, "http://other.test/") == 403
    # As editors and configuration management write: a new file in the old one's place.
    fresh = world.folder / "names.new"
    fresh.write_text("other.test\n")
    fresh.rename(names)
    wait_until(lambda: status(explicit, "http://other.test/") == 200, "a replaced list")


def test_F_01_a_policy_that_goes_and_comes_back(start, explicit):
    sallyport = start()
    since = sallyport.mark()
    sallyport.policy_file.unlink()
    sallyport.signal(signal.SIGHUP)
    sallyport.wait_for(since, kind="policy")
    assert status(explicit, "http://allowed.test/") == 200 and status(explicit, "http://denied.test/") == 403
    since = sallyport.mark()
    fresh = sallyport.policy_file.with_name("fresh")
    fresh.write_text(POLICY + "  - allow: other.test\n")
    fresh.rename(sallyport.policy_file)
    wait_until(lambda: status(explicit, "http://other.test/") == 200, "the policy that came back")


def test_F_02_a_reload_under_load_shows_no_mixture(start, explicit):
    sallyport = start(limits={"rate_per_agent": "5000/s"})
    both = [POLICY, POLICY.replace("allowed.test, ", "", 1).replace('"*.allowed.test", ', '"*.allowed.test", other.test, ', 1)]
    for turn in range(6):
        uid = change(sallyport, both[turn % 2])
        since = sallyport.mark()
        allowed, other = status(explicit, "http://allowed.test/"), status(explicit, "http://other.test/")
        assert (allowed, other) == ((200, 403) if turn % 2 == 0 else (403, 200)), uid
        hashes = {event["policy"]["uid"] for event in sallyport.events(since) if event["class_uid"] == 4001}
        assert len(hashes) <= 1
    assert sallyport.process.poll() is None


def test_L_08_a_refusal_and_what_was_allowed_later_name_their_policies(start, explicit):
    sallyport = start()
    since = sallyport.mark()
    assert status(explicit, "http://other.test/") == 403
    change(sallyport, POLICY + "  - allow: other.test\n")
    assert status(explicit, "http://other.test/") == 200
    refused = sallyport.wait_for(since, kind="refuse", host="other.test")[0]
    opened = sallyport.wait_for(since, kind="open", host="other.test")[0]
    assert refused["policy"]["uid"] != opened["policy"]["uid"]
    assert hashlib.sha256(sallyport.policy_file.read_bytes()).hexdigest() == opened["policy"]["uid"]


def test_socks_asks_by_name_in_an_unfinished_greeting(start, explicit):
    """A client that leaves at each step of its greeting leaves nothing behind."""
    sallyport = start()
    whole = b"\5\1\0" + b"\5\1\0\3\x09echo.test\0\7"
    for cut in range(1, len(whole)):
        with explicit.proxy() as stream:
            stream.sendall(whole[:cut])
    with explicit.proxy() as stream:
        assert socks5(stream, b"echo.test", 7) == 0
    assert sallyport.process.poll() is None
