"""What an inspected client is offered: what the server agreed to, where nothing that is asked could matter."""
import contextlib
import json
import ssl

import pytest

from laboratory.clients import client_hello, receive_all, tunnel
from laboratory.daemon import kind, ours, wait_until
from laboratory.http2_origin import Http2Origin
from laboratory.raw_http2 import DATA, HEADERS, RawHttp2
from laboratory.scripted import Scripted, ScriptedTls, answers, read_head
from laboratory.trusting import agent, bundle, fresh, mark, one, trusting  # noqa: F401

POLICY = """\
version: 1
default: deny
rules:
  - allow: allowed.test
    ports: [8447, 8448]
    inject: { header: X-Injected, value: by-sallyport }
  - { allow: allowed.test, ports: [8449], inject: { header: X-Injected, value: once }, limits: { connections: 1 } }
  - { allow: allowed.test, ports: [8450], methods: [GET] }
"""
BOTH = ["h2", "http/1.1"]
ENDS = ("close", "reset", "fail", "refuse")


@pytest.fixture(scope="module")
def daemon(start, world):
    return start(gateway=True, policy=POLICY, inspect={"roots": [str(world.internet.certificates.ca)]})


@pytest.fixture(scope="module")
def http2(world):
    made = Http2Origin(world, world.internet.certificates.odd("alpn2", "DNS:allowed.test"))
    yield made
    made.close()


@pytest.fixture
def origin(world):
    """Speaks HTTP/1.1, and answers one request a connection."""
    with contextlib.ExitStack() as ended:
        def made(port=8447, alpn=("http/1.1",), certificate="alpn", kind_of=ScriptedTls, **odd):
            both = world.internet.certificates.odd(certificate, "DNS:allowed.test", **odd)
            each = kind_of(world, both, port=port) if kind_of is ScriptedTls else kind_of(world, port=port)
            ended.callback(each.close)
            if kind_of is ScriptedTls and alpn:
                each.context.set_alpn_protocols(list(alpn))
            each.script = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            return each
        yield made


@pytest.fixture
def steered(world, bundle):
    """Through the gateway: on the explicit door it is CONNECT that dials what is allowed whatever is spoken."""
    return trusting(world, "gateway", bundle)


@contextlib.contextmanager
def secured(agent, port, alpn):
    context = ssl.create_default_context(cafile=str(agent.ca))
    if alpn:
        context.set_alpn_protocols(alpn)
    with tunnel(agent, "allowed.test", port) as raw, context.wrap_socket(raw, server_hostname="allowed.test") as stream:
        stream.settimeout(10)
        yield stream


def sessions(origin):
    return len([each for each in origin.seen if "session" in each])


def ended(daemon, mark):
    """What the log has of the connections that began since, once every one of them has its end."""
    def correlation(event):
        return event["metadata"]["correlation_uid"]

    def found():
        events = [each for each in daemon.events(mark) if each["class_uid"] == 4001]
        opened = [correlation(each) for each in events if kind(each) == "open"]
        events = [each for each in events if correlation(each) in opened]
        closed = [correlation(each) for each in events if kind(each) in ENDS]
        return events if opened and sorted(opened) == sorted(closed) else None
    return wait_until(found, "an end for each beginning")


@pytest.mark.parametrize("alpn", [("http/1.1",), ()])
def test_a_server_of_http1_makes_it_http1_for_the_client(agent, daemon, mark, origin, alpn):
    there = origin(alpn=alpn)
    with secured(agent, 8447, BOTH) as stream:
        assert stream.selected_alpn_protocol() == "http/1.1"
        wait_until(lambda: there.connections == 1, "the connection that came before the request")
        stream.sendall(b"GET /any HTTP/1.1\r\nHost: allowed.test:8447\r\nConnection: close\r\n\r\n")
        answer = receive_all(stream)
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"hello")
    heard = wait_until(lambda: there.heard, "what the server heard")[0][0]
    assert b"X-Injected: by-sallyport" in heard and there.connections == 1
    events = ended(daemon, mark)
    assert [kind(each) for each in events] == ["open", "close"]
    request, = daemon.wait_for(mark, kind="request", verdict="allow")
    assert request["http_response"]["code"] == 200 and request["http_request"]["version"] == "1.1"
    assert events[-1]["cumulative_traffic"] == {**events[-1]["cumulative_traffic"], **request["traffic"]}
    assert events[-1]["tls"]["sni"] == "allowed.test" and ours(events[-1])["alpn"] == BOTH


def test_a_server_of_http2_is_spoken_to_by_http2_on_both_sides(agent, daemon, mark, http2):
    before = sessions(http2)
    for offered in (BOTH, BOTH[::-1]):
        with secured(agent, 8448, offered) as stream:
            assert stream.selected_alpn_protocol() == "h2"
    got = agent.curl("--http2", "-w", "\n%{http_version}", "https://allowed.test:8448/ok/1", "https://allowed.test:8448/ok/2")
    assert "1.1" not in got.stdout and got.stdout.count("\"version\":\"2.0\"") == 2, got
    assert sessions(http2) == before + 3
    wait_until(lambda: [kind(each) for each in daemon.events(mark)].count("request") == 2, "two requests")
    assert all(kind(each) in ("open", "close") for each in ended(daemon, mark))


@pytest.mark.parametrize("offered", [["http/1.1"], None])
def test_a_client_of_http1_is_not_made_to_speak_http2(agent, http2, offered):
    with secured(agent, 8448, offered) as stream:
        assert stream.selected_alpn_protocol() == (offered[0] if offered else None)
        stream.sendall(b"GET /ok/1 HTTP/1.1\r\nHost: allowed.test:8448\r\nConnection: close\r\n\r\n")
        answer = receive_all(stream)
    assert answer.startswith(b"HTTP/1.1 200") and b'"version":"1.1"' in answer


def test_a_client_of_http2_alone_is_translated_for(one, origin):
    there = origin()
    with tunnel(one, "allowed.test", 8447) as raw, RawHttp2(one, raw, "allowed.test") as client:
        client.send(client.headers(1, [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/any"),
                                       (b":authority", b"allowed.test:8447")]))
        _, _, _, head = client.read(lambda frame: frame[0] == HEADERS)
        assert head[":status"] == "200" and client.read(lambda frame: frame[0] == DATA)[3] == b"hello"
    assert there.connections == 1


def test_what_nobody_here_speaks_is_refused_and_not_dialled(steered, origin):
    there = origin()
    with pytest.raises(ssl.SSLError, match="no application protocol|NO_APPLICATION_PROTOCOL"):
        with secured(steered, 8447, ["spdy/3"]):
            pass
    assert there.connections == 0


def test_where_a_request_must_be_seen_nothing_is_dialled_before(agent, origin, world):
    there = origin(port=8450)
    with secured(agent, 8450, BOTH) as stream:
        assert stream.selected_alpn_protocol() == "h2"
        assert there.connections == 0 and "allowed.test" not in str(world.internet.asked)
    got = agent.curl("--http2", "-X", "POST", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "https://allowed.test:8450/")
    assert got.stdout == "403 2" and there.connections == 0 and "allowed.test" not in str(world.internet.asked), got
    got = agent.curl("--http2", "-w", " %{http_code} %{http_version}", "https://allowed.test:8450/")
    assert got.stdout == "hello 200 2" and there.connections == 1, got


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_T_23_a_server_that_does_not_prove_its_name_is_a_502_and_a_record(agent, daemon, mark, origin, version):
    there = origin(certificate="alpn-self", signed=False)
    got = agent.curl("-i", version, "--suppress-connect-headers", "https://allowed.test:8447/any")
    head, _, body = got.stdout.partition("\n\n")
    assert " 502" in head.splitlines()[0] and "error=tls_certificate_error" in head, got
    assert "self-signed" in json.loads(body)["detail"]
    assert there.connections == 1 and there.heard == []
    events = ended(daemon, mark)
    assert [kind(each) for each in events] == ["open", "fail"] and "self-signed" in events[-1]["status_detail"]
    request, = daemon.wait_for(mark, kind="request")
    assert request["http_response"]["code"] == 502


def test_a_server_that_is_not_there_is_a_502_and_a_record(steered, daemon, mark):
    got = steered.curl("-i", "--http2", "--suppress-connect-headers", "https://allowed.test:8447/any")
    assert " 502" in got.stdout.splitlines()[0], got
    assert [kind(each) for each in ended(daemon, mark)] == ["open", "fail"]


def test_where_the_client_leaves_meanwhile_the_server_is_left_too(agent, daemon, mark, origin):
    there = origin(kind_of=Scripted)

    def mute(stream):
        heard = stream.recv(65536)
        return heard, receive_all(stream)
    there.script = mute
    with tunnel(agent, "allowed.test", 8447) as raw:
        raw.sendall(client_hello("allowed.test"))
        wait_until(lambda: there.connections == 1, "the dial")
    assert wait_until(lambda: there.heard, "the end at the server")[0][0][:1] == b"\x16"
    last = ended(daemon, mark)[-1]
    assert ours(last)["closed_by"] == "client"


def test_what_was_dialled_goes_by_the_policy_that_is_in_force(agent, daemon, mark, origin):
    there = origin()

    def waits(stream):
        return receive_all(stream)
    there.script = waits
    try:
        with secured(agent, 8447, BOTH) as stream:
            wait_until(lambda: there.connections == 1, "the dial")
            daemon.policy_file.write_text(POLICY.replace("[8447, 8448]", "[8448]"))
            assert receive_all(stream) == b""
        assert ours(ended(daemon, mark)[-1])["closed_by"] == "policy"
        wait_until(lambda: there.heard == [b""], "the end at the server")
    finally:
        mark = daemon.mark()
        daemon.policy_file.write_text(POLICY)
        daemon.wait_for(mark, kind="policy")


def test_a_limit_of_one_connection_is_kept_by_the_requests_that_share_it(agent, world):
    there = Http2Origin(world, world.internet.certificates.odd("alpn2", "DNS:allowed.test"), port=8449)
    try:
        got = agent.curl("--http2", "-w", "%{http_code}\n", *(f"https://allowed.test:8449/ok/{each}" for each in range(8)))
        assert got.stdout.count("\n200\n") == 8 and sessions(there) == 1, got
    finally:
        there.close()


def test_explain_says_which_comes_first(daemon):
    for url, words in (("https://allowed.test:8447/", "dialled first"), ("https://allowed.test:8450/", "decided before")):
        assert words in daemon.run("policy", "explain", daemon.policy_file, url).stdout
