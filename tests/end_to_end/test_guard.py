"""No private ground: names a rule allows, whose addresses nobody may reach that way."""
import json

import pytest

from laboratory.daemon import kind, ours

GUARDED = {
    "I_01_private": "private.test",
    "I_01_loopback": "loopback.test",
    "I_02_metadata": "metadata.test",
    "I_03_azure": "azure.test",
    "I_05_mapped": "mapped.test",
    "I_07_nat64": "nat64.test",
    "I_08_6to4": "sixtofour.test",
    "I_12_own_address": "gateway.test",
}


@pytest.fixture(autouse=True)
def counted(sallyport, world):
    world.internet.forget()
    return sallyport


@pytest.mark.parametrize("name", GUARDED.values(), ids=GUARDED.keys())
def test_I_01_and_I_02_and_I_03_and_I_05_and_I_07_and_I_08_and_I_12_guard(explicit, sallyport, world, name):
    since = sallyport.mark()
    got = explicit.curl(f"http://{name}/")
    assert json.loads(got.stdout)["status"] == 403
    record = sallyport.wait_for(since, kind="refuse", host=name, decided_by="guard")[0]
    assert ours(record)["reason"]
    assert [packet for packet in world.internet.capture.take() if packet.protocol == "tcp"] == []


def test_I_15_the_private_one_of_two_addresses_is_left_out(explicit, world):
    got = explicit.curl("http://mixed.test/")
    assert json.loads(got.stdout)["address"] == "93.184.216.10"


def test_I_14_a_name_is_resolved_once_and_dialled_where_it_was_checked(explicit, sallyport, world):
    world.internet.names.rounds["four.test"] = [[("A", "93.184.216.40")], [("A", "127.0.0.1")]]
    try:
        since = sallyport.mark()
        got = explicit.curl("http://four.test/")
        assert json.loads(got.stdout)["address"] == "93.184.216.40"
        assert world.internet.asked.count(("four.test", "A")) == 1
        assert [kind(e) for e in sallyport.wait_for(since, kind="open", host="four.test")] == ["open"]
    finally:
        world.internet.names.rounds.clear()


def test_D_05_and_N_19_a_chain_of_names_that_ends_at_a_denied_one(explicit, sallyport, world):
    since = sallyport.mark()
    got = explicit.curl("http://shady.test/")
    assert json.loads(got.stdout)["status"] == 403
    sallyport.wait_for(since, kind="refuse", host="shady.test")
    assert world.internet.requests == []


def test_an_alias_of_an_allowed_name_is_followed(explicit):
    assert json.loads(explicit.curl("http://alias.test/").stdout)["host"] == "alias.test"


@pytest.mark.parametrize("host", ["0177.0.0.1", "0x7f.1", "127.1", "2130706433", "0"])
def test_I_11_a_number_that_is_no_dotted_quad_is_no_host(explicit, sallyport, world, host):
    with explicit.proxy() as stream:
        stream.sendall(f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 400 ")
    assert world.internet.asked == [] and world.internet.capture.take() == []


@pytest.mark.parametrize("address", ["127.0.0.1:22", "10.77.0.1:3128", "[::1]:80", "169.254.169.254:80", "93.184.216.1:3128",
                                     "[::ffff:127.0.0.1]:80", "198.18.0.1:80", "10.1.2.3:80"])
def test_I_12_bare_addresses_go_by_the_guard(explicit, sallyport, address):
    since = sallyport.mark()
    with explicit.proxy() as stream:
        stream.sendall(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 403 ")
    sallyport.wait_for(since, kind="refuse")


def test_F_07_a_host_that_does_not_answer_is_no_refusal_by_policy(explicit, sallyport):
    since = sallyport.mark()
    got = explicit.curl("-i", "http://dead.test/")
    assert got.stdout.split()[1] in ("502", "504")
    assert "Proxy-Status: sallyport; error=" in got.stdout
    assert ours(sallyport.wait_for(since, kind="fail", host="dead.test")[0])["verdict"] == "allow"


@pytest.mark.parametrize("trouble", ["silent", "garbage"])
def test_F_07_and_D_14_a_name_server_in_trouble(explicit, sallyport, world, trouble):
    names = getattr(world.internet.names, trouble)
    names.add("www.allowed.test")
    try:
        got = explicit.curl("-i", "--max-time", "25", "http://www.allowed.test/")
        assert got.stdout.split()[1] in ("502", "504"), got.stdout
    finally:
        names.clear()
    assert explicit.curl("http://allowed.test/").returncode == 0
