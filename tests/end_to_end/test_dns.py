"""DNS in both modes: what is answered, what is asked of the upstream, and an upstream in trouble."""
import socket
import struct

import pytest

from laboratory.clients import Answer, question, receive_all
from laboratory.daemon import POLICY, ours
from laboratory.name_server import encode_name

RULES = POLICY + """\
  - { allow: "*.services.test", dns: [SRV, TXT] }
  - allow: [big.test, tricked.test, chain.test, loop.test]
  - { deny: nobody.test }
"""
ZONE = {
    "a.services.test": [("SRV", "allowed.test"), ("TXT", "by rule"), ("MX", "allowed.test")],
    "often.services.test": [("TXT", "once")],
    "big.test": [("TXT", "t" * 3000), ("A", "93.184.216.10")],
    "tricked.test": [("A", "93.184.216.10"), ("TXT", "true")],
    "chain.test": [("CNAME", "alias.test")],
    "loop.test": [("CNAME", "loop2.test")],
    "loop2.test": [("CNAME", "loop.test")],
}
NXDOMAIN, REFUSED, SERVFAIL, FORMERR = 3, 5, 2, 1
BLOCKED, PROHIBITED = 15, 18


@pytest.fixture(scope="module", autouse=True)
def zone(world):
    world.internet.names.zone.update(ZONE)
    world.internet.names.zone["allowed.test"] += [("MX", "mail.test"), ("HTTPS", b"\0\1\0")]
    yield
    for name in ZONE:
        del world.internet.names.zone[name]


@pytest.fixture(scope="module", params=["synthetic", "real"])
def mode(request, start):
    daemon = start(gateway=True, policy=RULES, dns={"mode": request.param})
    daemon.mode = request.param
    return daemon


@pytest.fixture(autouse=True)
def forget(world):
    world.internet.forget()


def silent(world):
    assert world.internet.asked == [] and world.internet.capture.take() == []


TYPES = ["A", "AAAA", "TXT", "MX", "SRV", "HTTPS", "SVCB", "PTR", "ANY", "NULL", "AXFR", "CNAME", "CAA"]


@pytest.mark.parametrize("type_", TYPES)
def test_D_01_and_D_03_and_D_04_a_denied_name_is_asked_of_nobody(mode, steered, world, type_):
    answer = steered.ask("denied.test", type_)
    assert answer.addresses == [] and answer.others == []
    # What is no question for a name's data (ANY, transfers) is refused before the name matters.
    assert answer.rcode == (REFUSED if type_ in ("ANY", "AXFR") else NXDOMAIN)
    if type_ not in ("ANY", "AXFR"):
        assert answer.ede[0] == BLOCKED and "the laboratory says no" in answer.ede[1]
    silent(world)


@pytest.mark.parametrize("type_", TYPES)
def test_D_01_and_D_03_a_name_nobody_decided_on_is_asked_of_nobody(mode, steered, world, type_):
    since = mode.mark()
    answer = steered.ask("unknown.test", type_)
    silent(world)
    if type_ in ("A", "AAAA") and mode.mode == "synthetic":
        assert answer.rcode == 0 and len(answer.addresses) == 1
        return
    assert answer.addresses == [] and answer.others == []
    if type_ in ("HTTPS", "SVCB"):
        assert answer.rcode == 0
        return
    assert answer.rcode == REFUSED and answer.ede[0] == PROHIBITED
    if type_ not in ("ANY", "AXFR"):
        mode.wait_for(since, kind="dns", host="unknown.test", verdict="ask")


@pytest.mark.parametrize("name, type_, data", [("allowed.test", "TXT", b"\5hello"), ("allowed.test", "MX", None),
                                               ("a.services.test", "SRV", None), ("a.services.test", "TXT", b"\7by rule")])
def test_other_types_of_allowed_names_come_from_the_upstream(mode, steered, world, name, type_, data):
    answer = steered.ask(name, type_)
    assert answer.rcode == 0 and [kind_ for kind_, _ in answer.others] == [type_]
    assert data is None or answer.others[0][1] == data
    assert (name, type_) in world.internet.asked


def test_D_02_a_wildcard_lends_no_types_it_does_not_name(mode, steered, world):
    for name, type_ in (("www.allowed.test", "TXT"), ("a.services.test", "MX")):
        answer = steered.ask(name, type_)
        assert (answer.rcode, answer.others) == (REFUSED, []), name
    silent(world)


def test_D_04_service_bindings_of_an_allowed_name_are_no_data(mode, steered, world):
    for type_ in ("HTTPS", "SVCB"):
        answer = steered.ask("allowed.test", type_)
        assert (answer.rcode, answer.others) == (0, [])
    silent(world)


def test_D_13_the_canary_of_dns_over_https(mode, steered, world):
    assert steered.ask("use-application-dns.net").rcode == NXDOMAIN
    silent(world)


def test_D_19_reverse_names(mode, steered, world):
    addresses = steered.ask("allowed.test").addresses
    world.internet.forget()
    reverse = ".".join(reversed(addresses[0].split("."))) + ".in-addr.arpa"
    answer = steered.ask(reverse, "PTR")
    if mode.mode == "synthetic":
        assert answer.others == [("PTR", encode_name("allowed.test"))]
    else:
        assert (answer.rcode, answer.others) == (NXDOMAIN, [])
    assert steered.ask("8.8.8.8.in-addr.arpa", "PTR").rcode == NXDOMAIN
    silent(world)


def test_D_03_another_class_is_refused(mode, steered, world):
    chaos = Answer(steered.exchange(question("version.bind", "TXT", klass=3)))
    assert chaos.rcode == REFUSED
    silent(world)


BAD = {
    "no question": struct.pack("!HHHHHH", 1, 0x0100, 0, 0, 0, 0),
    "two questions": struct.pack("!HHHHHH", 1, 0x0100, 2, 0, 0, 0) + (encode_name("allowed.test") + b"\0\1\0\1") * 2,
    "a pointer loop": struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
    "more behind the end": question("allowed.test") + b"x",
    "cut short": question("allowed.test")[:20],
    "two OPT records": question("allowed.test")[:10] + b"\0\2" + question("allowed.test")[12:] + question("x")[-11:],
}


@pytest.mark.parametrize("bad", BAD)
def test_D_07_and_D_08_and_D_09_bad_queries(mode, steered, world, bad):
    assert Answer(steered.exchange(BAD[bad]) + b"\0" * 12).rcode == FORMERR
    silent(world)
    assert steered.ask("allowed.test").rcode == 0


def test_D_08_an_update_is_not_done(mode, steered, world):
    update = struct.pack("!HHHHHH", 1, 5 << 11, 1, 0, 0, 0) + encode_name("allowed.test") + b"\0\6\0\1"
    assert Answer(steered.exchange(update)).rcode in (4, REFUSED)
    silent(world)


def test_D_10_options_of_the_client_go_no_further(mode, steered, world):
    subnet = struct.pack("!HHHBB", 8, 7, 1, 24, 0) + b"\1\2\3"
    query = question("tricked.test", "TXT")
    query = query[:-2] + struct.pack("!H", len(subnet)) + subnet
    heard = []
    world.internet.names.on_query = heard.append
    try:
        assert Answer(steered.exchange(query)).others == [("TXT", b"\4true")]
    finally:
        world.internet.names.on_query = None
    assert heard and all(subnet not in bytes_ for bytes_ in heard)


@pytest.mark.parametrize("resolver", ["9.9.9.9", "2620:fe::fe", "10.77.0.1", "fd77::1"])
def test_an_answer_comes_from_the_address_that_was_asked(mode, steered, resolver):
    assert steered.ask("allowed.test", "TXT", resolver=resolver).rcode == 0
    assert steered.ask_by_tcp("allowed.test", "TXT", resolver=resolver).rcode == 0


def test_a_large_answer_is_truncated_over_udp_and_whole_over_tcp(mode, steered, world):
    short = steered.ask("big.test", "TXT")
    assert short.truncated and short.size <= 1232 and short.others == []
    whole = steered.ask_by_tcp("big.test", "TXT")
    assert not whole.truncated and len(whole.others[0][1]) > 3000
    # The upstream said "truncated", so it was asked again by TCP.
    assert world.internet.asked.count(("big.test", "TXT")) >= 2


# The upstream in trouble.

def wrong_id(reply):
    return [bytes([reply[0] ^ 1]) + reply[1:], reply]


def wrong_question(reply):
    lie = bytearray(reply)
    lie[13] = ord("x")
    return [bytes(lie), reply]


@pytest.mark.parametrize("trick", [wrong_id, wrong_question])
def test_D_14_a_lie_before_the_truth_is_not_taken(mode, steered, world, trick):
    name = f"{trick.__name__}.services.test".replace("_", "-")
    world.internet.names.tricks[name] = trick
    world.internet.names.zone[name] = [("TXT", trick.__name__)]
    try:
        answer = steered.ask(name, "TXT")
        assert answer.rcode in (0, SERVFAIL)
        assert all(data[1:] == trick.__name__.encode() for _, data in answer.others)
    finally:
        world.internet.names.tricks.clear()
    assert steered.ask("allowed.test", "TXT").rcode == 0


@pytest.mark.parametrize("trouble", ["silent", "garbage"])
def test_F_07_an_upstream_in_trouble_is_a_server_failure(mode, steered, world, trouble):
    name = f"{trouble}.services.test"
    getattr(world.internet.names, trouble).add(name)
    try:
        answer = steered.ask(name, "TXT")
        assert answer.rcode == SERVFAIL and answer.others == []
    finally:
        getattr(world.internet.names, trouble).clear()
    assert steered.ask("allowed.test", "TXT").rcode == 0


def test_an_upstream_that_is_gone_and_comes_back(mode, steered, world):
    world.outside.ip("addr", "del", "93.184.216.53/24", "dev", "wan0")
    try:
        assert steered.ask("b.services.test", "TXT").rcode == SERVFAIL
    finally:
        world.address(world.outside, "wan0", "93.184.216.53/24")
    world.internet.names.zone["c.services.test"] = [("TXT", "back")]
    assert steered.ask("c.services.test", "TXT").others == [("TXT", b"\4back")]


def test_D_05_aliases_that_lead_nowhere(mode, steered, world):
    answer = steered.ask("loop.test", "TXT")
    assert answer.others == [] or all(kind_ == "CNAME" for kind_, _ in answer.others)
    assert steered.ask("shady.test", "TXT").rcode == NXDOMAIN, "its target is denied"
    assert ("denied.test", "TXT") not in world.internet.asked


def test_D_21_equal_questions_are_asked_once(mode, steered, world):
    for _ in range(20):
        assert steered.ask("often.services.test", "TXT").rcode == 0
    # Each thread of the daemon has a resolver of its own.
    assert world.internet.asked.count(("often.services.test", "TXT")) <= 2


def test_D_11_a_slow_and_a_lying_client_over_tcp(mode, steered, world):
    query = question("allowed.test", "TXT")
    with steered.connect("9.9.9.9", 53) as stream, stream.makefile("rb") as reader:
        for byte in struct.pack("!H", len(query)) + query:
            stream.sendall(bytes([byte]))
        size = struct.unpack("!H", reader.read(2))[0]
        assert Answer(reader.read(size)).rcode == 0
        stream.sendall(b"\0\0")
        receive_all(stream)
    with steered.connect("9.9.9.9", 53) as stream:
        stream.sendall((struct.pack("!H", len(query)) + query) * 300)
        answers = 0
        with stream.makefile("rb") as reader:
            while answers < 300 and len(head := reader.read(2)) == 2:
                reader.read(struct.unpack("!H", head)[0])
                answers += 1
    assert answers > 0
    assert steered.ask("allowed.test").rcode == 0


# Mode `real`: addresses are the world's own, and only given ones are reachable.

TWO = RULES + """\
agents:
  one: { from: [10.77.0.2, "fd77::2"] }
  two: { from: [10.77.0.9] }
"""


@pytest.fixture(scope="module")
def real(start):
    return start(gateway=True, policy=TWO, dns={"mode": "real"})


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", ["allowed.test", "four.test", "six.test", "alias.test"])
def test_real_an_allowed_name_is_reached(real, steered, scheme, name):
    since = real.mark()
    got = steered.curl(f"{scheme}://{name}/")
    assert got.returncode == 0, got.stderr + "".join(f"\n{event}" for event in real.events(since))


def test_real_addresses_are_the_worlds_own(real, steered):
    assert steered.ask("four.test").addresses == ["93.184.216.40"]
    assert steered.ask("six.test", "AAAA").addresses == ["2600:1f00:77::41"]
    assert steered.ask("chain.test").addresses == ["93.184.216.10"]


def test_real_D_18_an_address_that_was_not_given_goes_by_itself(real, steered, world):
    steered.ask("allowed.test")
    for address in ("93.184.216.12", "2600:1f00:77::12", "93.184.216.20"):
        since = real.mark()
        world.internet.forget()
        with steered.connect(address, 80) as stream:
            stream.sendall(b"GET / HTTP/1.1\r\nHost: denied.test\r\nConnection: close\r\n\r\n")
            assert b" 200 " not in receive_all(stream)
        real.wait_for(since, kind="refuse")
        silent(world)


def test_real_I_18_what_one_agent_was_given_is_not_anothers(real, steered, world):
    given = steered.ask("ssh.test").addresses[0]
    world.agent.ip("addr", "add", "10.77.0.9/24", "dev", "eth0")
    try:
        since = real.mark()
        with world.agent.inside():
            stream = socket.create_connection((given, 22), timeout=10, source_address=("10.77.0.9", 0))
        with stream:
            receive_all(stream)
        assert ours(real.wait_for(since, kind="refuse", agent="two")[0])["name_from"] == "address"
    finally:
        world.agent.ip("addr", "del", "10.77.0.9/24", "dev", "eth0")


def test_real_the_port_still_matters(real, steered, world):
    address = steered.ask("allowed.test").addresses[0]
    since = real.mark()
    with steered.connect(address, 8080) as stream:
        receive_all(stream)
    real.wait_for(since, kind="refuse", host="allowed.test", port=8080, name_from="lease")


@pytest.mark.parametrize("name", ["private.test", "loopback.test", "metadata.test"])
def test_real_I_01_and_I_02_forbidden_addresses_are_not_given(real, steered, name):
    answer = steered.ask(name)
    assert (answer.rcode, answer.addresses, answer.ede[0]) == (0, [], BLOCKED)


def test_real_I_15_the_private_one_of_two_is_left_out(real, steered):
    assert steered.ask("mixed.test").addresses == ["93.184.216.10"]


def test_real_D_05_and_N_19_an_alias_of_a_denied_name(real, steered):
    answer = steered.ask("shady.test")
    assert (answer.rcode, answer.addresses, answer.ede[0]) == (NXDOMAIN, [], BLOCKED)


def test_real_D_15_a_policy_that_denies_later_closes_what_was_given(real, steered, world):
    address = steered.ask("four.test").addresses[0]
    assert steered.curl("http://four.test/").returncode == 0
    since = real.mark()
    real.policy_file.write_text(TWO.replace("agents:", "  - deny: four.test\nagents:", 1))
    real.wait_for(since, kind="policy")
    world.internet.forget()
    since = real.mark()
    with steered.connect(address, 80) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: four.test\r\nConnection: close\r\n\r\n")
        assert b" 200 " not in receive_all(stream)
    real.wait_for(since, kind="refuse", host="four.test")
    silent(world)
    assert steered.ask("four.test").rcode == NXDOMAIN
    silent(world)
