"""CPU for each GiB relayed, memory of an idle tunnel, CPU of a DNS answer: Sallyport, HAProxy, dnsmasq, side by side.

CPU is what /proc says the process itself used, so the load may be as slow as it likes. The load comes from the
laboratory's agent, the origin is in its internet, the program under test at its gateway.
"""
import argparse
import os
import pathlib
import resource
import socket
import socketserver
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

from laboratory.clients import Agent  # noqa: E402
from laboratory.daemon import PROXY, Sallyport, wait_until  # noqa: E402
from laboratory.name_server import encode_name  # noqa: E402
from laboratory.origins import DualStackServer  # noqa: E402
from laboratory.world import GATEWAY, RESOLVER, World  # noqa: E402

ORIGIN, PORT = "93.184.216.10", 9000
MEBIBYTE = 1 << 20
BLOCK, SINK = bytes(MEBIBYTE), bytearray(MEBIBYTE)
MSG_TRUNC = 0x20  # on TCP: take the bytes off the socket without copying them out
POLICY = """\
version: 1
default: deny
rules:
  - { allow: allowed.test, ports: [9000], protocol: tcp }
  - allow: allowed.test
"""


class Source(socketserver.BaseRequestHandler):
    """Sends as many mebibytes as the client asks for in its first line, then waits for the end."""

    def handle(self):
        wanted = self.request.makefile("rb").readline()
        for _ in range(int(wanted or 0)):
            self.request.sendall(BLOCK)
        self.request.recv(1)


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(process):
    """Memory that is the process's own; shared program text is not counted."""
    lines = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Private_Clean")))


def through_sallyport(agent):
    stream = agent.proxy()
    stream.sendall(b"CONNECT allowed.test:9000 HTTP/1.1\r\nHost: allowed.test:9000\r\n\r\n")
    answer = stream.recv(4096)
    assert b" 200 " in answer, answer
    return stream


def through_haproxy(agent):
    return agent.connect(GATEWAY, 3129)


def relayed(process, connect, agent, mebibytes):
    """CPU seconds for each GiB from the origin to the client."""
    with connect(agent) as stream:
        before, left = cpu_seconds(process), mebibytes * MEBIBYTE
        stream.sendall(b"%d\n" % mebibytes)
        while left:
            got = stream.recv_into(SINK, MEBIBYTE, MSG_TRUNC)
            assert got, "the tunnel ended early"
            left -= got
        return (cpu_seconds(process) - before) / (mebibytes / 1024)


def idle_kib(process, connect, agent, count):
    """Memory for each of `count` tunnels that are open and silent."""
    before = resident_kib(process)
    streams = [connect(agent) for _ in range(count)]
    after = resident_kib(process)
    for stream in streams:
        stream.close()
    return (after - before) / count


def answered(process, agent, port, count):
    """CPU microseconds for each DNS answer, and how many of the questions were answered."""
    question = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + encode_name("allowed.test") + struct.pack("!HH", 1, 1)
    with agent.world.agent.inside():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(2)
        client.connect((GATEWAY, port))
        client.send(question)
        client.recv(2048)  # now it is leased, or cached
        before, answers = cpu_seconds(process), 0
        for _ in range(count // 50):
            for _ in range(50):
                client.send(question)
            try:
                for _ in range(50):
                    client.recv(2048)
                    answers += 1
            except TimeoutError:
                pass
        return (cpu_seconds(process) - before) / max(answers, 1) * 1e6, answers


def start_haproxy(world):
    config = world.folder / "haproxy.cfg"
    config.write_text(f"global\n  maxconn 8000\n  nbthread 2\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 10m\n"
                      f"  timeout server 10m\nlisten relay\n  bind {GATEWAY}:3129\n  server origin {ORIGIN}:{PORT}\n")
    return started(world, ["haproxy", "-db", "-f", config], 3129)


def start_dnsmasq(world):
    return started(world, ["dnsmasq", "-k", "-C", "/dev/null", "-u", "root", "-p", "5300", "-x", "", "--no-resolv",
                           "--no-hosts", "--min-cache-ttl=3600", f"--server={RESOLVER}"], 5300)


def started(world, words, port):
    process = world.gateway.start(words)

    def listening():
        assert process.poll() is None, f"{words[0]} ended"
        with world.gateway.inside(), socket.socket() as probe:
            return probe.connect_ex((GATEWAY, port)) == 0
    wait_until(listening, f"{words[0]} to listen")
    return process


def row(what, unit, ours, theirs, name):
    ratio = f"{ours / theirs:6.2f}" if theirs else "     -"
    print(f"{what:34} {unit:14} {ours:10.3f} {theirs:10.3f} ({name})  ratio {ratio}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--gigabytes", type=int, default=8, help="GiB relayed each time")
    options.add_argument("--tunnels", type=int, default=2000)
    options.add_argument("--queries", type=int, default=100_000)
    chosen = options.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    world = World()
    try:
        compare(world, chosen)
    finally:
        world.close()


def compare(world, chosen):
    world.internet.servers.append(DualStackServer(world.outside, PORT, Source, world.internet))
    sallyport = Sallyport(world, policy=POLICY, limits={"per_agent": 20000, "rate_per_agent": "100000/s"}).start()
    haproxy, dnsmasq = start_haproxy(world), start_dnsmasq(world)
    agent = Agent(world, "explicit")
    mebibytes = chosen.gigabytes * 1024
    print(f"{'':34} {'':14} {'sallyport':>10} {'beside':>10}")
    ours = relayed(sallyport.process, through_sallyport, agent, mebibytes)
    row("relaying", "CPU s/GiB", ours, relayed(haproxy, through_haproxy, agent, mebibytes), "HAProxy")
    ours = idle_kib(sallyport.process, through_sallyport, agent, chosen.tunnels)
    row(f"idle tunnel, {chosen.tunnels} open", "KiB", ours, idle_kib(haproxy, through_haproxy, agent, chosen.tunnels), "HAProxy")
    sallyport.wait_for(0, kind="close", count=chosen.tunnels, seconds=30)  # closing tunnels is no cost of DNS
    ours, answers = answered(sallyport.process, agent, 15053, chosen.queries)
    beside, their_answers = answered(dnsmasq, agent, 5300, chosen.queries)
    row("DNS answer", "CPU us/answer", ours, beside, "dnsmasq, cached")
    if min(answers, their_answers) < chosen.queries:
        print(f"questions answered: {answers} and {their_answers} of {chosen.queries}")
    sallyport.close()


if __name__ == "__main__":
    main()
