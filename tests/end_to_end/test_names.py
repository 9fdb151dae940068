"""The name that was approved is the name that is reached, however its bytes were cut."""
import json
import socket

import pytest

from laboratory.clients import client_hello, in_records, receive_all

SERVER_HELLO = b"\x16\x03"


@pytest.fixture(autouse=True)
def counted(sallyport, world):
    world.internet.forget()
    return sallyport


def connect(agent, name, port):
    """A stream to `name`, by either door, before anything of the protocol itself was said."""
    if agent.door == "gateway":
        return agent.connect(agent.ask(name).addresses[0], port)
    stream = agent.proxy()
    stream.sendall(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
    assert b" 200 " in stream.recv(4096)
    return stream


@pytest.mark.parametrize("size", [1, 64, 200])
def test_T_02_a_hello_in_many_records(agent, size):
    with connect(agent, "allowed.test", 443) as stream:
        stream.sendall(in_records(client_hello("allowed.test"), size))
        assert stream.recv(5)[:2] == SERVER_HELLO


def test_T_01_a_hello_in_many_segments(agent):
    with connect(agent, "allowed.test", 443) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in client_hello("allowed.test"):
            stream.sendall(bytes([byte]))
        assert stream.recv(5)[:2] == SERVER_HELLO


def test_T_11_upper_case_is_the_same_name(agent):
    with connect(agent, "allowed.test", 443) as stream:
        stream.sendall(client_hello("ALLOWED.test"))
        assert stream.recv(5)[:2] == SERVER_HELLO


def test_T_03_and_T_26_silence_on_443_ends_in_a_refusal(agent, sallyport, world):
    since = sallyport.mark()
    with connect(agent, "allowed.test", 443) as stream:
        receive_all(stream)
    refused_unidentified(agent, sallyport, world, since)


def refused_unidentified(agent, sallyport, world, since):
    """By the gateway door nothing was dialled; a CONNECT was answered by then, so its tunnel is cut with nothing sent."""
    if agent.door == "gateway":
        sallyport.wait_for(since, kind="refuse", host="allowed.test", verdict="deny")
        assert [packet for packet in world.internet.capture.take() if packet.protocol == "tcp"] == []
    else:
        end = sallyport.wait_for(since, kind="reset", host="allowed.test", verdict="deny")[0]
        assert end["traffic"]["bytes_out"] == 0
    assert world.internet.requests == []


@pytest.mark.parametrize("bytes_", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x03\x01\x00\x05SSH-2", b"\0\0\0\0", b"\x15\x03\x01\0\2\2\x28"],
                         ids=["ssh", "looks_like_tls", "zeros", "alert"])
def test_T_22_and_T_25_and_T_21_what_is_neither_tls_nor_http_on_443(agent, sallyport, world, bytes_):
    since = sallyport.mark()
    with connect(agent, "allowed.test", 443) as stream:
        stream.sendall(bytes_)
        receive_all(stream)
    refused_unidentified(agent, sallyport, world, since)


def test_T_10_a_hello_without_a_name_goes_by_the_bound_name_or_not_at_all(agent, world):
    with connect(agent, "allowed.test", 443) as stream:
        stream.sendall(client_hello(None))
        receive_all_or_first(stream)
    assert all(packet.target in ("93.184.216.10", "2600:1f00:77::10", "93.184.216.53")
               for packet in world.internet.capture.take())


def receive_all_or_first(stream):
    stream.settimeout(5)
    try:
        return stream.recv(5)
    except ConnectionResetError:
        return b""


def test_a_server_that_speaks_first(agent):
    with connect(agent, "mail.test", 2525) as stream:
        assert stream.recv(100).startswith(b"220 mail.test")


def test_C_13_half_close_lives(agent):
    with connect(agent, "echo.test", 7) as stream:
        stream.sendall(b"z" * 100_000)
        stream.shutdown(socket.SHUT_WR)
        answer = receive_all(stream)
    assert answer.endswith(b"100000 bytes, good-bye\n")
    assert len(answer) == 100_000 + len(b"\n100000 bytes, good-bye\n")


def test_H_11_and_H_12_each_request_of_a_connection_is_judged(explicit, world):
    with explicit.proxy() as stream:
        stream.sendall(b"GET http://allowed.test/1 HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
                       b"GET http://denied.test/2 HTTP/1.1\r\nHost: denied.test\r\nConnection: close\r\n\r\n")
        answer = receive_all(stream)
    assert answer.count(b"HTTP/1.1 200 ") == 1 and answer.count(b"HTTP/1.1 403 ") == 1
    assert [request["path"] for request in world.internet.requests] == ["/1"]
    assert ("denied.test", "A") not in world.internet.asked


def test_H_11_each_request_of_a_steered_connection_is_judged(steered, world):
    with steered.connect(steered.ask("allowed.test").addresses[0], 80) as stream:
        stream.sendall(b"GET /1 HTTP/1.1\r\nHost: allowed.test\r\n\r\nGET /2 HTTP/1.1\r\n"
                       b"Host: denied.test\r\nConnection: close\r\n\r\n")
        answer = receive_all(stream)
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert [request["path"] for request in world.internet.requests] == ["/1"]


@pytest.mark.parametrize("head", [
    b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"GET http://allowed.test/ HTTP/1.1\r\nHost : allowed.test\r\n\r\n",
    b"GET http://allowed.test/ HTTP/1.1\nHost: allowed.test\n\n",
    b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nX: a\0b\r\n\r\n",
    b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n: x\r\n\r\n",
    b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nHost: denied.test\r\n\r\n",
    b"GET http://denied.test@allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    b"GET http://allowed%2etest/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    b"GET ftp://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    b"CONNECT allowed.test:443:80 HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
], ids=["H_01", "H_02", "H_05", "H_06", "H_07", "H_08", "H_14", "N_16", "N_15", "I_19", "N_17"])
def test_H_01_and_H_02_and_H_05_and_H_06_and_H_07_and_H_08_and_H_14_and_N_15_and_N_16_and_N_17_and_I_19_are_bad_requests(
        explicit, world, head):
    with explicit.proxy() as stream:
        stream.sendall(head)
        answer = receive_all(stream)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert world.internet.requests == [] and world.internet.asked == []


def test_P_06_an_http2_preface_is_a_bad_request(explicit, world):
    with explicit.proxy() as stream:
        stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert receive_all(stream)[9:12] in (b"400", b"505")
    assert world.internet.requests == []


@pytest.mark.parametrize("name", [b"denied.test\0.allowed.test", b"allowed.test\0.denied.test", b"a..allowed.test", b""],
                         ids=["N_01", "N_02", "N_07", "empty"])
def test_N_01_and_N_02_and_N_07_dirty_names_in_socks(explicit, world, name):
    with explicit.proxy() as stream:
        stream.sendall(b"\5\1\0")
        assert stream.recv(2) == b"\5\0"
        stream.sendall(b"\5\1\0\3" + bytes([len(name)]) + name + b"\x01\xbb")
        answer = receive_all(stream)
    assert answer[1:2] != b"\0"
    assert world.internet.asked == [] and world.internet.capture.take() == []


def test_H_13_and_H_20_the_origin_is_asked_as_the_request_was_understood(explicit, world):
    got = explicit.curl("-H", "X-Kept: yes", "-H", "Proxy-Connection: keep-alive", "-H", "Proxy-Authorization: Basic eDp5",
                        "http://allowed.test/")
    if got.returncode == 0 and '"status":407' not in got.stdout:
        headers = json.loads(got.stdout)["headers"]
        assert headers["X-Kept"] == "yes" and headers["Host"] == "allowed.test"
        assert not any(name.lower().startswith("proxy-") for name in headers)


@pytest.mark.parametrize("sent, path", [
    ("/x/../repos/%61?q=%61/..", "/repos/a?q=%61/.."), ("/a%2fb", "/a%2Fb"), ("/./a%2fb", "/./a%2fb"), ("/..", "/"),
    ("/a//../b", "/a//../b"), ("/%2e%2e/b", "/%2e%2e/b"), ("/a;x/../b", "/a;x/../b")])
def test_H_13_the_path_that_was_judged_is_the_path_that_is_asked_for(explicit, sent, path):
    seen = explicit.curl("--path-as-is", f"http://allowed.test{sent}")
    assert json.loads(seen.stdout)["path"] == path
