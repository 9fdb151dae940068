"""The laboratory itself: that its internet answers, that its measures see, and that its agent is shut in."""
import json
import socket

from laboratory.capture import Packet
from laboratory.clients import receive_all
from laboratory.ssh_server import SshServer
from laboratory.world import RESOLVER


def test_the_internet_serves_both_families_plain_and_over_tls(world):
    ca = str(world.internet.certificates.ca)
    for url, address in (("http://four.test/", "93.184.216.40"), ("https://six.test/", "2600:1f00:77::41")):
        got = world.gateway.run(["curl", "-sS", "--max-time", "10", "--cacert", ca, url])
        assert json.loads(got.stdout)["address"] == address, got.stderr


def test_packets_and_questions_are_counted(world):
    world.internet.forget()
    world.gateway.run(["curl", "-sS", "--max-time", "10", "http://four.test/"])
    assert ("four.test", "A") in world.internet.asked
    packets = world.internet.capture.take()
    assert Packet("udp", "93.184.216.1", RESOLVER, 53) in packets
    assert Packet("tcp", "93.184.216.1", "93.184.216.40", 80) in packets


def test_a_connection_to_nobody_is_seen_too(world):
    world.internet.forget()
    assert world.gateway.run(["nc", "-z", "-w", "1", "93.184.216.10", "9"]).returncode != 0
    assert Packet("tcp", "93.184.216.1", "93.184.216.10", 9) in world.internet.capture.take()


def test_without_sallyport_nothing_of_the_agent_gets_out(world, steered):
    world.internet.forget()
    for target in ("93.184.216.40", "2600:1f00:77::41"):
        assert steered.run("nc", "-z", "-w", "1", target, "80").returncode != 0
    assert world.internet.capture.take() == []


def test_the_echo_knows_half_close_and_the_mail_host_speaks_first(world):
    echoed = world.gateway.run(["nc", "-N", "-w", "5", "93.184.216.32", "7"], input="abc")
    assert echoed.stdout == "abc\n3 bytes, good-bye\n"
    with world.gateway.inside():
        stream = socket.create_connection(("93.184.216.31", 2525), timeout=5)
    with stream:
        assert stream.recv(100).startswith(b"220 ")
        stream.shutdown(socket.SHUT_WR)
        receive_all(stream)


def test_the_ssh_host_lets_the_laboratory_in(world):
    server = SshServer(world)
    got = world.gateway.run(["ssh", *server.options(), "root@93.184.216.30", "echo reached"])
    assert got.stdout == "reached\n", got.stderr
