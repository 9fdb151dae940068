"""No name, address, encoding, header or door lets an agent reach the admin API, whatever the policy allows."""
import json
import socket
import struct

import pytest

from laboratory.approvals import Reviewer
from laboratory.clients import receive_all
from laboratory.daemon import program
from laboratory.world import GATEWAY, GATEWAY6

LOOPBACK_PORT, OPEN_PORT = 9180, 9181  # the second one listens where agents are
POLICY = f"""\
version: 1
default: allow
rules:
  - {{ allow: [127.0.0.1, "::1", {GATEWAY}, "{GATEWAY6}", localhost, gateway.test, loopback.test, mapped.test, nat64.test],
      ports: [80, {LOOPBACK_PORT}, {OPEN_PORT}], private: true }}
  - {{ allow: host.sallyport.internal, ports: [{LOOPBACK_PORT}, {OPEN_PORT}] }}
  - ask: other.test
"""
NAMES = ["127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0.0.0.0", "0",
         "localhost", "localhost.", "ip6-localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
         "[64:ff9b::7f00:1]", "127.0.0.1.", "127.0.0.2", GATEWAY, f"[{GATEWAY6}]", f"[::ffff:{GATEWAY}]", "93.184.216.1",
         "[2600:1f00:77::1]", "gateway.test", "loopback.test", "mapped.test", "nat64.test", "sallyport.internal",
         "host.sallyport.internal", "console.sallyport.internal", "admin.sallyport.internal", "sallyport", "ⓛocalhost",
         "１２７.０.０.１", "127。0。0。1", "%31%32%37.0.0.1", "127.0.0.1%00.allowed.test", "allowed.test@127.0.0.1"]


@pytest.fixture(scope="module")
def daemon(start):
    return start(gateway=True, policy=POLICY, approvals={"unattended": "hold", "timeout": "20s"},
                 listen={"console": [f"127.0.0.1:{LOOPBACK_PORT}", f"{GATEWAY}:{OPEN_PORT}"]})


@pytest.fixture(scope="module")
def reviewer(daemon):
    return Reviewer(daemon)


def ask_for_the_list(reviewer, target="/v1/approvals", host="127.0.0.1:9180"):
    """With a good token: what keeps the agent out must be the way, not the lock."""
    return (f"GET {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {reviewer.token}\r\nConnection: close\r\n\r\n"
            ).encode()


def is_the_api(answer):
    return b"{\"approvals\"" in answer or b"frame-ancestors" in answer


@pytest.mark.parametrize("port", [LOOPBACK_PORT, OPEN_PORT])
@pytest.mark.parametrize("name", NAMES)
def test_A_09_no_name_leads_a_tunnel_or_a_request_there(explicit, reviewer, name, port):
    authority = f"{name}:{port}"
    with explicit.proxy() as stream:
        stream.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        answer = stream.recv(4096)
        assert b" 200 " not in answer.split(b"\r\n")[0]
        assert not is_the_api(answer + receive_all(stream))
    with explicit.proxy() as stream:
        stream.sendall(ask_for_the_list(reviewer, f"http://{authority}/v1/approvals", authority))
        assert not is_the_api(receive_all(stream))


@pytest.mark.parametrize("name", [name for name in NAMES if "[" not in name])
def test_A_09_no_socks_name_leads_there(explicit, name):
    encoded = name.encode()
    with explicit.proxy() as stream:
        stream.sendall(b"\5\1\0")
        assert stream.recv(2) == b"\5\0"
        stream.sendall(b"\5\1\0\3" + bytes([len(encoded)]) + encoded + struct.pack("!H", LOOPBACK_PORT))
        assert stream.recv(10)[1] != 0


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", GATEWAY, "::1", "::", "::ffff:127.0.0.1", GATEWAY6])
@pytest.mark.parametrize("port", [LOOPBACK_PORT, OPEN_PORT])
def test_A_09_no_socks_address_leads_there(explicit, address, port):
    six = ":" in address
    packed = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, address)
    with explicit.proxy() as stream:
        stream.sendall(b"\5\1\0")
        assert stream.recv(2) == b"\5\0"
        stream.sendall((b"\5\1\0\4" if six else b"\5\1\0\1") + packed + struct.pack("!H", port))
        assert stream.recv(10)[1] != 0


def test_A_09_a_steered_connection_to_the_console_is_refused(steered, reviewer):
    for address in (GATEWAY, GATEWAY6, "93.184.216.1"):
        for port in (LOOPBACK_PORT, OPEN_PORT):
            try:
                with steered.connect(address, port) as stream:
                    stream.sendall(ask_for_the_list(reviewer, host=f"{address}:{port}"))
                    assert not is_the_api(receive_all(stream))
            except OSError:
                continue


def test_A_09_a_name_that_moves_to_the_console_is_refused(world, explicit, reviewer):
    """DNS rebinding: the name was fine a moment ago."""
    world.internet.names.rounds["moving.test"] = [[("A", "93.184.216.10")], [("A", GATEWAY)]]
    try:
        assert '"path": "/"' in explicit.curl("http://moving.test/").stdout
        for _ in range(2):
            with explicit.proxy() as stream:
                stream.sendall(ask_for_the_list(reviewer, f"http://moving.test:{OPEN_PORT}/v1/approvals",
                                                f"moving.test:{OPEN_PORT}"))
                assert not is_the_api(receive_all(stream))
    finally:
        world.internet.names.rounds.clear()


@pytest.mark.parametrize("host", ["127.0.0.1:9180", "localhost:9180", "sallyport.internal", f"{GATEWAY}:{OPEN_PORT}"])
def test_A_09_a_host_header_does_not_lead_there(explicit, reviewer, host):
    with explicit.proxy() as stream:
        stream.sendall(ask_for_the_list(reviewer, "http://allowed.test/v1/approvals", host))
        assert not is_the_api(receive_all(stream))
    with explicit.proxy() as stream:
        stream.sendall(ask_for_the_list(reviewer, "/v1/approvals", host))
        assert not is_the_api(receive_all(stream))


def test_A_09_no_agent_answers_its_own_question(explicit, steered, reviewer):
    client = explicit.start("curl", "-sS", "--max-time", "20", "http://other.test/")
    approval = reviewer.wait(host="other.test")
    for agent in (explicit, steered):
        for target in (f"http://sallyport.internal/v1/approvals/{approval['id']}",
                       f"http://sallyport.internal/v1/access/{approval['id']}"):
            for method in ("POST", "PUT", "PATCH"):
                agent.curl("-X", method, "-H", "Content-Type: application/json", "-H", f"Authorization: Bearer {reviewer.token}",
                           "-d", '{"decision": "approve"}', target)
    assert reviewer.wait(host="other.test")["id"] == approval["id"] and client.poll() is None
    reviewer.deny(approval, scope="once")
    assert json.loads(client.communicate(timeout=15)[0])["status"] == 403


def test_A_09_the_admin_socket_takes_nobody_of_another_network_namespace(world, daemon):
    got = world.agent.run([program(), "approvals", "list", "-c", daemon.config_file])
    assert got.returncode == 1 and "network namespace" in got.stderr
    assert daemon.run("approvals", "list", "-c", daemon.config_file).returncode == 0
