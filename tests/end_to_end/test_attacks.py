"""Ways round that were tried on other filters, each by its row in the table of attacks."""
import contextlib
import json
import socket
import ssl
import struct
import subprocess
import time

import pytest

from laboratory.clients import client_hello, in_records, receive_all, socks5, tunnel
from laboratory.daemon import POLICY, host, kind, ours, program, wait_until
from laboratory.name_server import encode_name

RULES = POLICY + """\
  - { allow: allowed.test, ports: [25, 465, 587, 993, 8080, 8443] }
  - { allow: 93.184.216.40, ports: [443] }
  - { allow: tls.test, ports: [2525], protocol: tls }
"""
SERVER_HELLO = b"\x16\x03"


@pytest.fixture(scope="module", autouse=True)
def daemon(start, world):
    world.internet.names.zone.update({"tls.test": [("A", "93.184.216.31")],
                                      "21.216.184.93.in-addr.arpa": [("PTR", "allowed.test")]})
    for family in ("ipv4.icmp_ratelimit", "ipv6.icmp.ratelimit"):
        world.gateway.set(f"net.{family}", 0)  # or the seventh rejection in a second is not said
    return start(gateway=True, policy=RULES)


@pytest.fixture(autouse=True)
def forget(world):
    world.internet.forget()


def tcp(world):
    return [str(packet) for packet in world.internet.capture.take() if packet.protocol == "tcp"]


def with_extension(hello, kind_, body, first=False):
    """The ClientHello with one more extension, in front of all others or behind them; in one record."""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + struct.unpack_from("!H", hello, at)[0]
    at += 1 + hello[at]
    size = struct.unpack_from("!H", hello, at)[0]
    extensions = hello[at + 2:at + 2 + size]
    extra = struct.pack("!HH", kind_, len(body)) + body
    extensions = extra + extensions if first else extensions + extra
    inner = hello[9:at] + struct.pack("!H", len(extensions)) + extensions
    message = b"\1" + len(inner).to_bytes(3, "big") + inner
    return hello[:3] + struct.pack("!H", len(message)) + message


GREASE, ECH, SNI = 0x2A2A, 0xFE0D, 0
ECH_OUTER = b"\0" + struct.pack("!HHB", 1, 1, 7) + struct.pack("!H", 32) + b"e" * 32 + struct.pack("!H", 200) + b"p" * 200


def test_N_13_a_reverse_name_lends_no_right(explicit, daemon, world):
    since = daemon.mark()
    assert json.loads(explicit.curl("http://93.184.216.21/").stdout)["status"] == 403
    daemon.wait_for(since, kind="refuse", host="93.184.216.21")
    assert world.internet.asked == [] and world.internet.capture.take() == []


@pytest.mark.parametrize("pattern", [r"allowed\.test", r"allowed\\.test", "allowed.test$", "^allowed.test", "*allowed.test",
                                     "al*wed.test", "*.*.test", "*"])
def test_N_14_and_N_12_what_looks_like_an_expression_is_an_error(tmp_path, pattern):
    file = tmp_path / "policy.yaml"
    file.write_text(f"version: 1\nrules:\n  - allow: '{pattern}'\n")
    got = subprocess.run([program(), "policy", "check", file], capture_output=True, text=True, check=False)
    assert got.returncode == 1 and "policy.yaml:3:" in got.stdout + got.stderr


def test_T_04_a_seventh_flow_is_looked_at_as_the_first(agent, daemon, world):
    since = daemon.mark()
    for _ in range(6):
        with contextlib.suppress(ConnectionError), tunnel(agent, "allowed.test", 443) as stream:
            stream.sendall(b"\xff\xfe no protocol\r\n\r\n")
            receive_all(stream)
    daemon.wait_for(since, host="allowed.test", verdict="deny", count=6)
    world.internet.forget()
    since = daemon.mark()
    with contextlib.suppress(ConnectionError), tunnel(agent, "allowed.test", 443) as stream:
        stream.sendall(client_hello("denied.test"))
        assert receive_all(stream)[:1] in (b"\x15", b"")
    assert "name_mismatch" in json.dumps(daemon.wait_for(since, host="allowed.test", verdict="deny")[0])
    assert world.internet.requests == []


@pytest.mark.parametrize("port", [25, 465, 587, 993, 8080, 8443])
def test_T_05_tls_is_seen_on_any_port(steered, daemon, world, port):
    since = daemon.mark()
    with contextlib.suppress(ConnectionError), steered.connect(steered.ask("allowed.test").addresses[0], port) as stream:
        stream.sendall(client_hello("denied.test"))
        receive_all(stream)
    assert "name_mismatch" in json.dumps(daemon.wait_for(since, kind="refuse", port=port)[0])
    assert tcp(world) == []


@pytest.mark.parametrize("size", [1500, 4000, 12000])
def test_T_08_a_hello_of_many_segments_whose_name_comes_late(agent, size):
    hello = with_extension(client_hello("allowed.test"), GREASE, b"\0" * size, first=True)
    for sent in (hello, in_records(hello, 1300)):
        with tunnel(agent, "allowed.test", 443) as stream:
            stream.sendall(sent)
            assert stream.recv(5)[:2] == SERVER_HELLO


def test_T_07_a_hello_beyond_all_measure_ends(agent, daemon, world):
    since = daemon.mark()
    record = b"\x16\x03\x01\x40\x00" + b"\1\xff\xff\xff" + b"\0" * (0x4000 - 4)
    with contextlib.suppress(ConnectionError), tunnel(agent, "allowed.test", 443) as stream:
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                stream.sendall(record)
        receive_all(stream)
    daemon.wait_for(since, host="allowed.test", verdict="deny")
    assert world.internet.requests == []


@pytest.mark.parametrize("name, good", [("allowed.test", True), ("denied.test", False), ("unknown.test", False)])
def test_T_12_an_allowed_address_lends_its_way_to_no_other_name(steered, daemon, world, name, good):
    since = daemon.mark()
    with steered.connect("93.184.216.40", 443) as stream:
        stream.sendall(client_hello(name))
        stream.settimeout(5)
        with contextlib.suppress(ConnectionError):
            answer = stream.recv(5)
    if good:
        # The name is allowed by itself; it is its own address that is reached, never the client's.
        assert answer[:2] == SERVER_HELLO
        assert not [packet for packet in tcp(world) if "93.184.216.40" in packet]
    else:
        daemon.wait_for(since, kind="refuse", host=name)
        assert tcp(world) == []


def test_T_12_and_I_17_a_name_in_the_hello_opens_no_unknown_address(steered, daemon, world):
    since = daemon.mark()
    with contextlib.suppress(ConnectionError), steered.connect("93.184.216.21", 443) as stream:
        stream.sendall(client_hello("allowed.test"))
        stream.settimeout(5)
        stream.recv(5)
    # Refused, or taken to where the allowed name lives; the client's address is never dialled.
    wait_until(lambda: [event for event in daemon.events(since) if event["class_uid"] == 4001], "its record")
    assert not [packet for packet in tcp(world) if "93.184.216.21" in packet]


def by_address(steered, *names):
    """Requests for those hosts on one connection to an address that a rule allows."""
    with steered.connect("93.184.216.40", 80) as stream:
        for name in names:
            with contextlib.suppress(ConnectionError):
                stream.sendall(f"GET /{name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            stream.shutdown(socket.SHUT_WR)
        return receive_all(stream)


def test_T_12_and_H_15_an_allowed_address_and_the_host_of_a_request(steered, world):
    assert b'"address": "93.184.216.40"' in by_address(steered, "93.184.216.40")
    # An allowed name is reached where it lives, not where the client says.
    assert b'"host": "www.allowed.test", "body"' in by_address(steered, "www.allowed.test")
    assert world.internet.requests[-1]["address"] in ("93.184.216.11", "2600:1f00:77::11")
    world.internet.forget()
    for name in ("denied.test", "unknown.test", "private.test", "loopback.test"):
        assert b" 200 " not in by_address(steered, name)
    assert world.internet.requests == []
    assert not {name for name, _ in world.internet.asked} & {"denied.test", "unknown.test"}


def test_H_11_the_first_host_by_an_address_binds_the_rest(steered, world):
    answer = by_address(steered, "www.allowed.test", "denied.test", "allowed.test")
    assert answer.count(b" 200 ") == 1
    assert [request["host"] for request in world.internet.requests] == ["www.allowed.test"]


def test_L_04_a_client_that_leaves_while_it_is_connected_has_one_end(explicit, daemon):
    since = daemon.mark()
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT dead.test:443 HTTP/1.1\r\nHost: dead.test:443\r\n\r\n")
        daemon.wait_for(since, kind="open", host="dead.test")
    daemon.wait_for(since, kind="fail", host="dead.test", seconds=10)
    assert [kind(event) for event in daemon.events(since) if host(event) == "dead.test"] == ["open", "fail"]


@pytest.mark.parametrize("cut", [0, 1, 5, 100])
def test_L_04_a_client_that_leaves_before_it_says_all(steered, daemon, cut):
    since = daemon.mark()
    with steered.connect(steered.ask("allowed.test").addresses[0], 443) as stream:
        stream.sendall(client_hello("allowed.test")[:cut])
    daemon.wait_for(since, kind="fail", host="allowed.test", closed_by="client")
    assert len([event for event in daemon.events(since) if event["class_uid"] == 4001]) == 1


def test_T_15_a_hidden_name_behind_anothers(agent, daemon, world):
    since = daemon.mark()
    with contextlib.suppress(ConnectionError), tunnel(agent, "allowed.test", 443) as stream:
        stream.sendall(with_extension(client_hello("cloudflare-ech.test"), ECH, ECH_OUTER))
        receive_all(stream)
    record = daemon.wait_for(since, host="allowed.test", verdict="deny")[0]
    assert "name_mismatch" in json.dumps(record) and ours(record)["ech"] is True
    assert world.internet.requests == []


def test_T_15_even_where_the_outer_name_is_allowed(agent, daemon, world):
    since = daemon.mark()
    with contextlib.suppress(ConnectionError), tunnel(agent, "allowed.test", 443) as stream:
        stream.sendall(with_extension(client_hello("four.test"), ECH, ECH_OUTER))
        receive_all(stream)
    daemon.wait_for(since, host="allowed.test", verdict="deny")


def test_T_17_grease_with_the_true_name_passes_and_is_told_of(agent, daemon):
    since = daemon.mark()
    with tunnel(agent, "allowed.test", 443) as stream:
        stream.sendall(with_extension(client_hello("allowed.test"), ECH, ECH_OUTER))
        assert stream.recv(5)[:2] == SERVER_HELLO
    assert ours(daemon.wait_for(since, kind="close", host="allowed.test")[0])["ech"] is True


def test_T_09_two_names_in_one_hello(agent, daemon, world):
    name = b"denied.test"
    entry = b"\0" + struct.pack("!H", len(name)) + name
    second = with_extension(client_hello("allowed.test"), SNI, struct.pack("!H", len(entry)) + entry)
    since = daemon.mark()
    with contextlib.suppress(ConnectionError), tunnel(agent, "allowed.test", 443) as stream:
        stream.sendall(second)
        assert receive_all(stream)[:1] in (b"\x15", b"")
    daemon.wait_for(since, host="allowed.test", verdict="deny")
    assert world.internet.requests == []


def test_T_19_a_ticket_of_one_name_opens_no_other(agent, daemon, world):
    context = ssl.create_default_context(cafile=str(agent.ca))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with context.wrap_socket(tunnel(agent, "allowed.test", 443), server_hostname="allowed.test") as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n")
        assert b" 200 " in receive_all(stream)
        session = stream.session
    with context.wrap_socket(tunnel(agent, "allowed.test", 443), server_hostname="allowed.test", session=session) as stream:
        assert stream.session_reused
    since = daemon.mark()
    with pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(tunnel(agent, "allowed.test", 443), server_hostname="denied.test", session=session)
    daemon.wait_for(since, host="allowed.test", verdict="deny")


def test_C_02_bytes_that_come_with_a_connect_wait_for_its_verdict(explicit, world, daemon):
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n" + client_hello("allowed.test"))
        answer = stream.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 ")
        answer = answer.split(b"\r\n\r\n", 1)[1]
        assert (answer or stream.recv(5))[:2] == SERVER_HELLO


@pytest.mark.parametrize("port, way", [(80, "plain"), (443, "plain"), (443, "tls")])
def test_C_04_a_connect_inside_a_tunnel_leads_nowhere(explicit, world, port, way):
    with explicit.proxy() as stream:
        stream.sendall(f"CONNECT allowed.test:{port} HTTP/1.1\r\nHost: allowed.test:{port}\r\n\r\n".encode())
        assert b" 200 " in stream.recv(4096)
        inside = explicit.tls_over(stream, "allowed.test") if way == "tls" else stream
        with inside:
            inside.sendall(b"CONNECT denied.test:443 HTTP/1.1\r\nHost: denied.test:443\r\n\r\n")
            answer = receive_all(inside)
    assert b" 200 " not in answer
    if way == "plain":
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert world.internet.requests == []
    assert ("denied.test", "A") not in world.internet.asked


def test_C_12_a_server_that_speaks_first_is_no_tls(steered, daemon, world):
    since = daemon.mark()
    with contextlib.suppress(ConnectionError), steered.connect(steered.ask("tls.test").addresses[0], 2525) as stream:
        assert b"220" not in receive_all(stream)
    daemon.wait_for(since, kind="refuse", host="tls.test")
    assert tcp(world) == []


GREETINGS = {
    "socks5": b"\5\1\0",
    "socks4": b"\4\1\1\xbb\5\xb8\xd8\x0a\0",
    "PROXY v1": b"PROXY TCP4 10.9.9.9 93.184.216.10 1 443\r\n",
    "PROXY v2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\x0a" * 12,
    "CONNECT": b"CONNECT denied.test:443 HTTP/1.1\r\nHost: denied.test:443\r\n\r\n",
    "absolute": b"GET http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\n\r\n",
}


@pytest.mark.parametrize("greeting", GREETINGS)
@pytest.mark.parametrize("port", [80, 443])
def test_C_14_proxy_words_at_the_steered_door(steered, daemon, world, greeting, port):
    since = daemon.mark()
    with contextlib.suppress(ConnectionError), steered.connect(steered.ask("allowed.test").addresses[0], port) as stream:
        stream.sendall(GREETINGS[greeting])
        answer = receive_all(stream)
        assert b" 200 " not in answer and answer[:2] != b"\5\0"
    daemon.wait_for(since, kind="refuse")
    assert tcp(world) == [] and ("denied.test", "A") not in world.internet.asked


def test_C_14_a_proxy_header_at_the_explicit_door_names_nobody(explicit, daemon):
    since = daemon.mark()
    for greeting in (GREETINGS["PROXY v1"], GREETINGS["PROXY v2"]):
        with explicit.proxy() as stream:
            stream.sendall(greeting + b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
            assert receive_all(stream).startswith(b"HTTP/1.1 400 ")
    assert all(event["src_endpoint"]["ip"] == "10.77.0.2" for event in daemon.wait_for(since, kind="refuse", count=2))


def test_tls_to_the_proxy_itself_is_told_what_to_do(explicit, daemon):
    with explicit.proxy() as stream:
        stream.sendall(client_hello("allowed.test"))
        assert receive_all(stream)[:1] == b"\x15"


def test_L_09_an_id_of_the_client_is_not_ours(agent, daemon, world):
    trace = "00-11111111111111111111111111111111-2222222222222222-01"
    since = daemon.mark()
    agent.curl("-H", f"traceparent: {trace}", "-H", "X-Request-Id: mine", "http://allowed.test/")
    daemon.wait_for(since, kind="close")
    assert all("1111111111111111" not in event["metadata"]["correlation_uid"] and "mine" != event["metadata"]["uid"]
               for event in daemon.events(since))


INITIAL = b"\xc3" + struct.pack("!I", 1) + b"\x08" + b"d" * 8 + b"\0\0" + struct.pack("!H", 0x4000 | 1200) + b"c" * 1200
QUIC = {
    "v1": INITIAL,
    "v2": INITIAL[:1] + struct.pack("!I", 0x6B3343CF) + INITIAL[5:],
    "unknown version": INITIAL[:1] + struct.pack("!I", 0x0A0A0A0A) + INITIAL[5:],
    "cut": INITIAL[:30],
}


@pytest.mark.parametrize("packet", QUIC)
@pytest.mark.parametrize("target", ["93.184.216.10", "2600:1f00:77::10", "leased"])
def test_P_08_and_P_09_and_P_07_no_quic_leaves(steered, world, packet, target):
    if target == "leased":
        target = steered.ask("allowed.test").addresses[0]
    with world.agent.inside():
        client = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(5)
        client.connect((target, 443))
        client.send(QUIC[packet])
        with pytest.raises(ConnectionRefusedError):
            client.recv(100)
    assert world.internet.capture.take() == []


def test_D_20_multicast_goes_nowhere(steered, world):
    with world.agent.inside():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.0.2"))
        for group, port in (("224.0.0.251", 5353), ("224.0.0.252", 5355), ("239.255.255.250", 1900)):
            client.sendto(b"\0\0\1\0\0\1\0\0\0\0\0\0" + encode_name("denied.test") + b"\0\1\0\1", (group, port))
    steered.ask("allowed.test")
    assert world.internet.capture.take() == []


@pytest.mark.parametrize("resolver", ["8.8.8.8", "2001:4860:4860::8888"])
@pytest.mark.parametrize("port", [853, 5353, 8853])
def test_D_12_other_ways_of_asking_end_at_the_door(steered, daemon, world, resolver, port):
    since = daemon.mark()
    with contextlib.suppress(ConnectionError), steered.connect(resolver, port) as stream:
        stream.sendall(client_hello("dns.google.test"))
        receive_all(stream)
    daemon.wait_for(since, kind="refuse", port=port)
    assert world.internet.capture.take() == []


def test_P_05_and_P_01_an_extended_connect_in_clear_is_a_bad_request(agent, world):
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    if agent.door == "explicit":
        stream = agent.proxy()
    else:
        stream = agent.connect(agent.ask("allowed.test").addresses[0], 80)
    with stream:
        stream.sendall(preface)
        assert receive_all(stream)[9:12] in (b"400", b"505")
    assert world.internet.requests == []


def test_one_refusal_is_one_record(explicit, steered, daemon):
    # Once its own request is recorded, what came before it is as well: an agent's records keep their order.
    before = daemon.mark()
    explicit.curl("http://allowed.test/")
    daemon.wait_for(before, kind="close", host="allowed.test")
    time.sleep(0.5)  # a connection that the test before has just left
    since = daemon.mark()
    explicit.curl("http://denied.test/")
    with explicit.proxy() as stream:
        assert socks5(stream, b"denied.test", 443) == 2
    daemon.wait_for(since, kind="refuse", count=2)
    assert [kind(event) for event in daemon.events(since) if event["class_uid"] == 4001] == ["refuse", "refuse"]
