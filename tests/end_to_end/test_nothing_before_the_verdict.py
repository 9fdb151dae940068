"""Refused means refused before anything left the host: no packet and no question at the internet's side."""
import json
import socket

import pytest

from laboratory.clients import client_hello, receive_all, socks5
from laboratory.daemon import kind, ours

NAMES = ["denied.test", "unknown.test", "a.b.unknown.test"]


@pytest.fixture(autouse=True)
def counted(sallyport, world):
    world.internet.forget()
    return sallyport


def refused_and_silent(sallyport, world, since, **wanted):
    """Exactly one Refuse, nothing else about a connection; and the internet has seen nothing at all."""
    record = sallyport.wait_for(since, kind="refuse", **wanted)[0]
    connections = [kind(event) for event in sallyport.events(since) if event["class_uid"] == 4001]
    assert connections == ["refuse"]
    assert world.internet.asked == []
    assert [str(packet) for packet in world.internet.capture.take()] == []
    assert ours(record)["reason"]
    return record


def verdict_of(name):
    return "deny" if name == "denied.test" else "ask"


@pytest.mark.parametrize("name", NAMES)
def test_D_01_absolute_form_to_a_name_not_allowed(explicit, sallyport, world, name):
    since = sallyport.mark()
    got = explicit.curl("-i", f"http://{name}/")
    head, body = got.stdout.split("\r\n\r\n" if "\r\n\r\n" in got.stdout else "\n\n", 1)
    assert " 403 " in head.splitlines()[0]
    assert "application/problem+json" in head
    assert "sallyport; error=http_request_denied" in head
    problem = json.loads(body)
    assert (problem["status"], problem["host"], problem["port"], problem["verdict"]) == (403, name, 80, verdict_of(name))
    assert problem["next"] and problem["title"] and problem["detail"] and problem["instance"]
    record = refused_and_silent(sallyport, world, since, host=name, port=80, verdict=verdict_of(name))
    assert ours(record)["door"] == "proxy"


@pytest.mark.parametrize("name", NAMES)
def test_D_01_connect_to_a_name_not_allowed(explicit, sallyport, world, name):
    since = sallyport.mark()
    with explicit.proxy() as stream:
        # Bytes that follow a refused CONNECT are never read as a request (RFC 9931).
        stream.sendall(f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n"
                       "GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n".encode())
        answer = receive_all(stream)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert answer.count(b"HTTP/1.1") == 1
    refused_and_silent(sallyport, world, since, host=name, port=443, name_from="connect")


@pytest.mark.parametrize("name", NAMES)
def test_socks5_to_a_name_not_allowed(explicit, sallyport, world, name):
    since = sallyport.mark()
    with explicit.proxy() as stream:
        assert socks5(stream, name.encode(), 443) == 2
    refused_and_silent(sallyport, world, since, host=name, port=443, door="socks")


def test_an_address_nobody_allowed(explicit, sallyport, world):
    since = sallyport.mark()
    got = explicit.curl("http://93.184.216.21/")
    assert json.loads(got.stdout)["verdict"] == "ask"
    refused_and_silent(sallyport, world, since, host="93.184.216.21", port=80)


def test_C_01_an_allowed_name_on_another_port(explicit, sallyport, world):
    since = sallyport.mark()
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT allowed.test:22 HTTP/1.1\r\nHost: allowed.test:22\r\n\r\n")
        assert receive_all(stream).startswith(b"HTTP/1.1 403 ")
    refused_and_silent(sallyport, world, since, host="allowed.test", port=22)


def test_D_01_a_denied_name_does_not_exist_for_the_agent(steered, sallyport, world):
    for kind_ in ("A", "AAAA"):
        answer = steered.ask("denied.test", kind_)
        assert (answer.rcode, answer.addresses) == (3, [])
        assert answer.ede[0] == 15 and "the laboratory says no" in answer.ede[1]
    assert world.internet.asked == [] and world.internet.capture.take() == []


def test_D_12_any_resolver_the_agent_names_is_ours(steered, world):
    first = steered.ask("allowed.test", resolver="8.8.8.8").addresses
    assert first == steered.ask("allowed.test", resolver="10.77.0.1").addresses
    assert first == steered.ask("allowed.test", resolver="2001:4860:4860::8888").addresses
    assert first[0].startswith(("198.18.", "198.19."))
    assert world.internet.asked == [] and world.internet.capture.take() == []


def test_D_22_an_unknown_name_gets_an_address_and_is_refused_at_the_door(steered, sallyport, world):
    address = steered.ask("unknown.test").addresses[0]
    since = sallyport.mark()
    with steered.connect(address, 443) as stream:
        stream.sendall(client_hello("unknown.test"))
        answer = receive_all(stream)
    assert answer[:1] == b"\x15" and answer[5:7] == b"\x02\x31", "a fatal access_denied alert"
    refused_and_silent(sallyport, world, since, host="unknown.test", port=443, door="transparent", verdict="ask")


def test_I_17_an_address_the_agent_knows_by_heart(steered, sallyport, world):
    for address in ("93.184.216.21", "2600:1f00:77::21"):
        since = sallyport.mark()
        with steered.connect(address, 80) as stream:
            stream.sendall(b"GET / HTTP/1.1\r\nHost: unknown.test\r\nConnection: close\r\n\r\n")
            receive_all(stream)
        refused_and_silent(sallyport, world, since, door="transparent")


def test_I_17_an_address_is_never_dialled_for_the_name_that_is_claimed_there(steered, sallyport):
    for address in ("93.184.216.21", "2600:1f00:77::21"):
        since = sallyport.mark()
        with steered.connect(address, 80) as stream:
            stream.sendall(b"GET / HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n")
            receive_all(stream)
        opened = sallyport.wait_for(since, kind="open", host="allowed.test")[0]
        assert opened["dst_endpoint"].get("ip", "") != address
        assert sallyport.wait_for(since, kind="close", host="allowed.test")[0]["dst_endpoint"]["ip"] != address


@pytest.mark.parametrize("address", ["198.18.77.77", "fd53:414c:4c59::7777"])
def test_D_17_a_synthetic_address_that_was_never_given_out(steered, sallyport, world, address):
    since = sallyport.mark()
    with steered.connect(address, 443) as stream:
        stream.sendall(client_hello("allowed.test"))
        receive_all(stream)
    refused_and_silent(sallyport, world, since, door="transparent")


def test_T_14_connect_names_one_host_and_the_hello_another(explicit, sallyport, world):
    since = sallyport.mark()
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n")
        assert b" 200 " in stream.recv(4096)
        stream.sendall(client_hello("denied.test"))
        answer = receive_all(stream)
    assert answer[:1] == b"\x15"
    # The tunnel to the approved host was open; of the hello that named another one, nothing went in.
    end = sallyport.wait_for(since, kind="reset", host="allowed.test", verdict="deny")[0]
    assert "name_mismatch" in json.dumps(end)
    assert end["traffic"]["bytes_out"] == 0
    assert not [packet for packet in world.internet.capture.take() if packet.target == "93.184.216.20"]
    assert ("denied.test", "A") not in world.internet.asked


def test_H_15_a_host_header_that_is_not_the_leased_name(steered, sallyport, world):
    address = steered.ask("allowed.test").addresses[0]
    since = sallyport.mark()
    with steered.connect(address, 80) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: denied.test\r\nConnection: close\r\n\r\n")
        assert receive_all(stream)[9:12] in (b"403", b"421")
    assert "name_mismatch" in json.dumps(sallyport.wait_for(since, kind="refuse")[0])
    assert world.internet.asked == [] and world.internet.capture.take() == []


@pytest.mark.parametrize("port", [853, 5353, 123, 443])
def test_P_07_and_P_13_udp_does_not_leave(steered, world, port):
    with world.agent.inside():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(5)
        client.connect(("93.184.216.10", port))
        client.send(b"\xc3hello")
        with pytest.raises(ConnectionRefusedError):  # an ICMP rejection, at once: no waiting
            client.recv(100)
    assert world.internet.capture.take() == []


def test_P_10_a_ping_does_not_leave(steered, world):
    with world.agent.inside():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with raw:
        raw.sendto(b"\x08\0\xf7\xff\0\0\0\0", ("93.184.216.10", 0))
    steered.ask("allowed.test")  # a round trip behind the ping
    assert world.internet.capture.take() == []


def test_the_measure_itself_sees_an_allowed_request(explicit, world):
    assert explicit.curl("http://www.allowed.test/").returncode == 0
    assert ("www.allowed.test", "A") in world.internet.asked
    assert any(packet.port == 80 for packet in world.internet.capture.take())
