"""CPU for each GiB relayed, memory of an idle tunnel, CPU of a DNS answer: Sallyport, HAProxy, dnsmasq, side by side.

CPU is what /proc says the process itself used, so the load may be as slow as it likes. The load comes from the
laboratory's agent, the origin is in its internet, the program under test at its gateway.
"""
import argparse
import contextlib
import socket
import socketserver
import ssl
import struct

from measure import as_many_as_possible, cpu_seconds, resident_kib, row, start_keeper

from laboratory.clients import Agent
from laboratory.daemon import Sallyport, wait_until
from laboratory.name_server import encode_name
from laboratory.origins import DualStackServer
from laboratory.world import GATEWAY, RESOLVER, World

ORIGIN, PORT, SILENT = "93.184.216.10", 9000, 9001
MEBIBYTE = 1 << 20
BLOCK, SINK = bytes(MEBIBYTE), bytearray(MEBIBYTE)
MSG_TRUNC = 0x20  # on TCP: take the bytes off the socket without copying them out
POLICY = """\
version: 1
default: deny
rules:
  - { allow: allowed.test, ports: [9000], protocol: tcp }
  - { allow: allowed.test, ports: [443, 9001] }
  - { allow: "*.allowed.test", limits: { names: 100000 } }
"""


class Source(socketserver.BaseRequestHandler):
    """Sends as many mebibytes as the client asks for in its first line, then waits for the end."""

    def handle(self):
        wanted = self.request.makefile("rb").readline()
        for _ in range(int(wanted or 0)):
            self.request.sendall(BLOCK)
        self.request.recv(1)


def client_hello(name):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    stream = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        stream.do_handshake()
    return outgoing.read()


HELLO = client_hello("allowed.test")


def connect_through(agent, port):
    stream = agent.proxy()
    stream.sendall(f"CONNECT allowed.test:{port} HTTP/1.1\r\nHost: allowed.test:{port}\r\n\r\n".encode())
    answer = stream.recv(4096)
    assert b" 200 " in answer, answer
    return stream


def through_sallyport(agent):
    return connect_through(agent, PORT)


def identified(agent):
    """A tunnel whose ClientHello has been read, judged and passed on."""
    stream = connect_through(agent, SILENT)
    stream.sendall(HELLO)
    return stream


def through_haproxy(agent):
    return agent.connect(GATEWAY, 3129)


def silent_through_haproxy(agent):
    stream = agent.connect(GATEWAY, 3130)
    stream.sendall(HELLO)
    return stream


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


def relayed_in_turn(processes, ways, agent, mebibytes, rounds=4):
    """The same for several programs, taking turns, since what a round costs depends on what else the machine does."""
    sums = [0.0] * len(processes)
    for _ in range(rounds):
        for i, (process, connect) in enumerate(zip(processes, ways)):
            sums[i] += relayed(process, connect, agent, mebibytes // rounds)
    return [each / rounds for each in sums]


def idle_kib(process, connect, agent, count, settled):
    """Memory for each of `count` tunnels that are open and silent."""
    warm = [connect(agent) for _ in range(50)]
    before = resident_kib(process)
    streams = [connect(agent) for _ in range(count)]
    settled(count + len(warm))
    after = resident_kib(process)
    for stream in streams + warm:
        stream.close()
    return (after - before) / count


def question(name):
    return struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + encode_name(name) + struct.pack("!HH", 1, 1)


def answered(process, agent, port, questions, count):
    """CPU microseconds for each DNS answer, and how many were answered; the questions come round again and again."""
    with agent.world.agent.inside():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(2)
        client.connect((GATEWAY, port))
        for each in questions:  # now they are leased, or cached
            client.send(each)
            client.recv(2048)
        before, answers = cpu_seconds(process), 0
        for batch in range(count // 50):
            for i in range(50):
                client.send(questions[(batch * 50 + i) % len(questions)])
            try:
                for _ in range(50):
                    client.recv(2048)
                    answers += 1
            except TimeoutError:
                pass
        return (cpu_seconds(process) - before) / max(answers, 1) * 1e6, answers


def compare_dns(agent, sallyport, dnsmasq, names, count):
    # What an agent asks again within 200 ms is one record: of one name hardly any answer is written down, of many each.
    many = [question(name) for name in names]
    for what, questions in (("one name", [question("allowed.test")]), (f"{len(names)} names in turn", many)):
        ours, answers = answered(sallyport, agent, 15053, questions, count)
        theirs, their_answers = answered(dnsmasq, agent, 5300, questions, count)
        row(f"DNS answer, {what}", "CPU us/answer", ours, theirs, "dnsmasq, cached")
        if min(answers, their_answers) < count:
            print(f"questions answered: {answers} and {their_answers} of {count}")


def wait_for_lines(sallyport, count, *parts):
    """Until the log has so many lines with all of these parts; parsing ten thousand takes longer than writing them."""
    def found():
        return sum(all(part in line for part in parts) for line in sallyport.lines()) >= count
    wait_until(found, f"{count} lines with {parts}", 60)


def start_haproxy(world):
    config = world.folder / "haproxy.cfg"
    config.write_text(f"global\n  maxconn 9000\n  nbthread 2\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 10m\n"
                      f"  timeout server 10m\nlisten relay\n  bind {GATEWAY}:3129\n  server origin {ORIGIN}:{PORT}\n"
                      f"listen silent\n  bind {GATEWAY}:3130\n  server origin {ORIGIN}:{SILENT}\n")
    return started(world, ["haproxy", "-db", "-f", config], 3129)


def start_dnsmasq(world):
    return started(world, ["dnsmasq", "-k", "-C", "/dev/null", "-u", "root", "-p", "5300", "-x", "", "--no-resolv",
                           "--no-hosts", "--cache-size=20000", "--min-cache-ttl=3600", f"--server={RESOLVER}"], 5300)


def started(world, words, port):
    process = world.gateway.start(words)

    def listening():
        assert process.poll() is None, f"{words[0]} ended"
        with world.gateway.inside(), socket.socket() as probe:
            return probe.connect_ex((GATEWAY, port)) == 0
    wait_until(listening, f"{words[0]} to listen")
    return process


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--gigabytes", type=int, default=8, help="GiB relayed each time")
    options.add_argument("--tunnels", type=int, default=10_000)
    options.add_argument("--queries", type=int, default=100_000)
    options.add_argument("--names", type=int, default=10_000, help="asked for in turn, beside one name alone")
    chosen = options.parse_args()
    with contextlib.closing(World()) as world:
        compare(world, chosen)


def compare(world, chosen):
    tunnels = as_many_as_possible(chosen.tunnels)
    world.internet.servers.append(DualStackServer(world.outside, PORT, Source, world.internet))
    start_keeper(world.outside, SILENT)
    sallyport = Sallyport(world, policy=POLICY, limits={
        "per_agent": 20000, "rate_per_agent": "100000/s", "names_per_agent": 100000}).start()
    haproxy, dnsmasq = start_haproxy(world), start_dnsmasq(world)
    agent = Agent(world, "explicit")
    names = [f"h{number}.allowed.test" for number in range(chosen.names)]
    world.internet.names.zone.update({name: [("A", ORIGIN)] for name in names})
    with contextlib.closing(sallyport):
        ours, theirs = relayed_in_turn((sallyport.process, haproxy), (through_sallyport, through_haproxy), agent,
                                       chosen.gigabytes * 1024)
        row("relaying", "CPU s/GiB", ours, theirs, "HAProxy")

        def opened(count):
            wait_for_lines(sallyport, count, b'"activity_id":1,', b'"port":%d' % SILENT)
        ours = idle_kib(sallyport.process, identified, agent, tunnels, opened)
        theirs = idle_kib(haproxy, silent_through_haproxy, agent, tunnels, lambda _: None)
        row(f"idle tunnel, {tunnels} open", "KiB", ours, theirs, "HAProxy")
        wait_for_lines(sallyport, tunnels, b'"closed_by"', b'"port":%d' % SILENT)  # closing is no cost of DNS
        compare_dns(agent, sallyport.process, dnsmasq, names, chosen.queries)


if __name__ == "__main__":
    main()
