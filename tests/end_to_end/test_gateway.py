"""The gateway's door: both ways of steering, both families, any port; its rules by hand and watched."""
import contextlib
import json
import socket

import pytest

from laboratory.clients import Agent, client_hello, receive_all
from laboratory.daemon import POLICY, Sallyport, kind, wait_until

PORTS = POLICY + """\
  - { allow: [allowed.test, four.test, six.test], ports: [8080, 8443] }
  - { allow: ["93.184.216.40", "2600:1f00:77::41"], ports: [8080] }
"""
APPLY = ["gateway", "apply", "--interface", "agents0", "--host-port", "3128"]


def steered_by(mode):
    return {"transparent": {"address": "[::]:15001", "mode": mode}}


@pytest.fixture(scope="module", params=["redirect", "tproxy"])
def door(request, start):
    return start(gateway=True, policy=PORTS, listen=steered_by(request.param))


# A name has both families inside, whatever it has outside; an address has one.
@pytest.mark.parametrize("url, address, family", [(url, address, family) for url, address, families in [
    ("http://allowed.test/", None, "46"), ("https://allowed.test/", None, "46"),
    ("http://four.test:8080/", "93.184.216.40", "46"), ("https://six.test:8443/", "2600:1f00:77::41", "46"),
    ("http://93.184.216.40:8080/", "93.184.216.40", "4"),
    ("http://[2600:1f00:77::41]:8080/", "2600:1f00:77::41", "6")] for family in families])
def test_P_11_any_port_of_both_families_by_either_steering(door, steered, family, url, address):
    got = steered.curl(f"-{family}", "--globoff", url)
    assert got.returncode == 0, got.stderr
    assert address is None or json.loads(got.stdout)["address"] == address


@pytest.mark.parametrize("target", ["93.184.216.10", "2600:1f00:77::10"])
@pytest.mark.parametrize("port", [1, 22, 3128, 15001, 15053, 65535])
def test_I_17_every_port_ends_at_the_door_and_nowhere_else(door, steered, world, target, port):
    world.internet.forget()
    since = door.mark()
    with contextlib.suppress(ConnectionError), steered.connect(target, port) as stream:
        stream.sendall(client_hello("allowed.test"))
        receive_all(stream)
    door.wait_for(since, kind="refuse", port=port, door="transparent")
    assert world.internet.asked == [] and world.internet.capture.take() == []


@pytest.mark.parametrize("target", ["10.77.0.1", "fd77::1"])
def test_C_14_the_steered_door_takes_nobody_who_dials_it(door, steered, world, target):
    for port in (15001, 15053, 22):
        with contextlib.suppress(ConnectionError), steered.connect(target, port) as stream:
            stream.sendall(b"GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
            assert b" 200 " not in receive_all(stream)


def test_a_half_closed_stream_lives_by_either_steering(door, steered):
    with steered.connect(steered.ask("echo.test").addresses[0], 7) as stream:
        stream.sendall(b"z" * 300_000)
        stream.shutdown(socket.SHUT_WR)
        assert receive_all(stream).endswith(b"300000 bytes, good-bye\n")


# The rules by hand. The gateway forwards in these tests: what keeps the agent in is the rules alone.

@pytest.fixture
def forwarding(world):
    """An ordinary router, and an internet that knows the way back."""
    def switch(value):
        world.gateway.set("net.ipv4.ip_forward", value)
        world.gateway.set("net.ipv6.conf.all.forwarding", value)
    routes = [("-4", "10.77.0.0/24", "93.184.216.1"), ("-6", "fd77::/64", "2600:1f00:77::1")]
    switch(1)
    for family, network, way in routes:
        world.outside.ip(family, "route", "replace", network, "via", way)
    yield
    switch(0)
    for family, network, _ in routes:
        world.outside.ip(family, "route", "del", network)


DIRECT = ("http://93.184.216.21/", "http://[2600:1f00:77::21]/")


def reaches(steered, url):
    return steered.run("curl", "-sS", "-f", "--globoff", "--max-time", "3", url).returncode == 0


def ruleset(world):
    return world.gateway.run(["nft", "-s", "list", "ruleset"], check=True).stdout.strip()


def routing(world):
    return [world.gateway.run(["ip", family, *what.split()]).stdout for family in ("-4", "-6")
            for what in ("rule list", "route list table 15001")]


@pytest.fixture
def idle(world, start):
    """A daemon that is not started: the commands alone."""
    start.end()
    daemon = Sallyport(world)
    daemon.run("gateway", "remove", check=True)
    yield daemon
    daemon.close()


@pytest.mark.parametrize("more", [[], ["--tproxy"]], ids=["redirect", "tproxy"])
def test_F_03_rules_close_the_path_whether_or_not_a_daemon_runs(idle, forwarding, steered, world, more):
    assert all(reaches(steered, url) for url in DIRECT), "the measure itself"
    before = routing(world)
    applied = idle.run(*APPLY, *more)
    assert applied.returncode == 0, applied.stderr
    world.internet.forget()
    assert not any(reaches(steered, url) for url in DIRECT)
    assert world.internet.capture.take() == []
    once = ruleset(world), routing(world)
    assert idle.run(*APPLY, *more).returncode == 0
    assert (ruleset(world), routing(world)) == once, "applying twice is applying once"
    assert idle.run("gateway", "remove", "--interface", "agents0").returncode == 0
    assert (ruleset(world), routing(world)) == ("", before)
    assert idle.run("gateway", "remove").returncode == 0, "nothing left to remove is no error"
    assert all(reaches(steered, url) for url in DIRECT)


def test_applying_another_plan_replaces_the_first(idle, world):
    assert idle.run(*APPLY, "--tproxy").returncode == 0
    assert idle.run(*APPLY).returncode == 0
    assert "tproxy" not in ruleset(world) and ruleset(world).count("table ") == 1
    assert all("15001" not in text for text in routing(world))


def test_what_is_printed_is_what_is_applied(idle, world, tmp_path):
    printed = idle.run("gateway", "print", *APPLY[2:]).stdout
    file = tmp_path / "rules.nft"
    file.write_text(printed)
    assert idle.run(*APPLY).returncode == 0
    applied = ruleset(world)
    world.gateway.run(["nft", "-f", file], check=True)
    assert ruleset(world) == applied
    unit = idle.run("gateway", "print", "--unit", *APPLY[2:]).stdout
    assert "ExecStart=" in unit and "gateway apply --interface agents0" in unit


@pytest.mark.parametrize("words, status", [
    (["apply"], 2), (["apply", "--interface", "no such name"], 2), (["apply", "--interface", "lo"], 2),
    (["apply", "--interface", "agents0", "--agents", "10.0.0.0/99"], 2), (["print"], 2), ([], 2)])
def test_wrong_use_says_so_and_changes_nothing(idle, world, words, status):
    got = idle.run("gateway", *words)
    assert got.returncode == status, got.stderr
    assert got.stderr.strip() and ruleset(world) == ""


def test_F_08_only_addresses_of_agents_come_in(idle, world, start, steered):
    start(gateway=True, gateway_agents=["10.77.0.2/32", "fd77::2/128"])
    assert steered.curl("http://allowed.test/").returncode == 0
    world.agent.ip("addr", "add", "10.77.0.9/24", "dev", "eth0")
    try:
        world.internet.forget()
        got = steered.run("curl", "-sS", "--max-time", "3", "--interface", "10.77.0.9", "http://93.184.216.40/")
        assert got.returncode == 28
        assert world.internet.capture.take() == []
    finally:
        world.agent.ip("addr", "del", "10.77.0.9/24", "dev", "eth0")


@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("mode", ["redirect", "tproxy"])
def test_F_04_an_ended_daemon_leaves_the_path_closed(start, forwarding, steered, world, mode, end):
    sallyport = start(gateway=True, listen=steered_by(mode))
    assert steered.curl("http://allowed.test/").returncode == 0
    getattr(sallyport, end)()
    world.internet.forget()
    assert not any(reaches(steered, url) for url in (*DIRECT, "http://allowed.test/"))
    assert world.internet.asked == [] and world.internet.capture.take() == []
    assert sallyport.run("gateway", "remove").returncode == 0
    assert ruleset(world) == ""
    assert all(reaches(steered, url) for url in DIRECT)


# Watched while it runs.

def lifecycle(sallyport, since, word):
    return wait_until(lambda: [event for event in sallyport.events(since) if kind(event) == "lifecycle"
                               and word in json.dumps(event)], f"a lifecycle record with {word}", seconds=20)


def test_rules_of_our_own_are_put_back(start, steered, world):
    sallyport = start(gateway=True)
    before = ruleset(world)
    since = sallyport.mark()
    world.gateway.run(["nft", "flush", "ruleset"], check=True)
    lifecycle(sallyport, since, "missing")
    lifecycle(sallyport, since, "in force again")
    assert ruleset(world) == before
    assert steered.curl("http://allowed.test/").returncode == 0


def test_an_added_rule_is_noticed_too(start, world):
    sallyport = start(gateway=True)
    before = ruleset(world)
    since = sallyport.mark()
    world.gateway.run(["nft", "insert", "rule", "inet", "sallyport", "edge_of_agents", "accept"], check=True)
    lifecycle(sallyport, since, "in force again")
    assert ruleset(world) == before


def test_rules_of_others_must_stand_before_the_start(world, start):
    start.end()
    sallyport = Sallyport(world, gateway=True, gateway_check="external")
    sallyport.run("gateway", "remove", check=True)
    got = sallyport.run("serve", "-c", sallyport.config_file, timeout=20)
    assert got.returncode != 0 and "interception is not in force" in got.stderr
    assert ruleset(world) == ""
    sallyport.close()


def test_lost_rules_of_others_close_the_doors_until_they_are_back(world, start, explicit, steered):
    start.end()
    Sallyport(world).run(*APPLY, check=True)
    sallyport = start(gateway=True, gateway_check="external")
    assert steered.curl("http://allowed.test/").returncode == 0
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT echo.test:7 HTTP/1.1\r\nHost: echo.test:7\r\n\r\n")
        assert b" 200 " in stream.recv(4096)
        since = sallyport.mark()
        sallyport.run("gateway", "remove", check=True)
        lifecycle(sallyport, since, "missing")
        assert receive_all(stream) == b"", "open connections are cut"
    world.internet.forget()
    since = sallyport.mark()
    assert explicit.curl("http://allowed.test/").stdout.find("interception is not in force") > 0
    sallyport.wait_for(since, kind="refuse", decided_by="guard")
    assert world.internet.asked == [] and world.internet.capture.take() == []
    assert ruleset(world) == "", "rules of others are not ours to put back"
    sallyport.run(*APPLY, check=True)
    lifecycle(sallyport, since, "in force again")
    assert explicit.curl("http://allowed.test/").returncode == 0
    assert Agent(world, "gateway").curl("http://allowed.test/").returncode == 0
