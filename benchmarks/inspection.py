"""Inspected TLS beside mitmproxy and squid's ssl-bump, as Debian ships them: connections, requests and GiB.

Each program stands at the laboratory's gateway, terminates the agent's TLS with a CA of its own, and verifies nginx
behind it; a port of nginx for each says whom the agent's connections are steered to. They take turns. CPU is that of
the program with its helpers. Rates are what agent, program and origin reach together on this machine's processors.
"""
import argparse
import contextlib
import dataclasses
import itertools
import json
import re
import socket
import subprocess
import typing

from measure import cpu_seconds_of_all

from laboratory.certificates import openssl
from laboratory.clients import Agent
from laboratory.daemon import Sallyport, wait_until
from laboratory.world import GATEWAY, RESOLVER, World

ORIGIN, HOST, MEBIBYTES = "93.184.216.10", "allowed.test", 64
OURS, MITMPROXY, SQUID = 9441, 9442, 9443  # nginx's ports
DOORS = {OURS: 15001, MITMPROXY: 15002, SQUID: 15003}
POLICY = """\
version: 1
default: deny
rules:
  - { allow: "**.allowed.test", methods: [GET], ports: [9441], limits: { names: 100000 } }
"""
NGINX = """\
daemon off;
worker_processes 1;
pid FOLDER/nginx.pid;
error_log FOLDER/nginx.log;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 10000000;
  server {
LISTEN
    ssl_certificate LEAF;
    ssl_certificate_key KEY;
    location / { return 200 "as short as many answers of an API: {\\"id\\": 4711}\\n"; }
    location /big { root FOLDER; }
  }
}
"""
SQUID_CONF = """\
http_port 127.0.0.1:15004
https_port DOOR intercept ssl-bump tls-cert=FOLDER/own.pem generate-host-certificates=on
sslcrtd_program /usr/lib/squid/security_file_certgen -s FOLDER/made -M 16MB
tls_outgoing_options cafile=ROOTS
acl hello at_step SslBump1
ssl_bump peek hello
ssl_bump bump all
http_access allow all
cache deny all
access_log stdio:FOLDER/access.log
cache_log FOLDER/cache.log
pid_filename FOLDER/squid.pid
coredump_dir FOLDER
dns_nameservers RESOLVER
shutdown_lifetime 0 seconds
"""
# Connections, each with a handshake of its own and one request, so many at once; says how many seconds they took.
CLIENT = """\
import json, socket, ssl, sys, threading, time
port, at_once, hosts = json.load(sys.stdin)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the load is the programs' to bear
def work(own):
    for address, name in own:
        raw = socket.create_connection((address, port), 20)
        with raw, context.wrap_socket(raw, server_hostname=name) as tls:
            tls.sendall(f"GET / HTTP/1.1\\r\\nHost: {name}:{port}\\r\\nConnection: close\\r\\n\\r\\n".encode())
            answer = b""
            while more := tls.recv(4096):
                answer += more
            assert answer.startswith(b"HTTP/1.1 200"), answer
            done.append(name)
done = []
threads = [threading.Thread(target=work, args=(hosts[i::at_once],)) for i in range(at_once)]
began = time.monotonic()
for each in threads: each.start()
for each in threads: each.join()
assert len(done) == len(hosts), f"{len(hosts) - len(done)} connections failed"
print(time.monotonic() - began)
"""


@dataclasses.dataclass
class Program:
    name: str
    port: int
    process: subprocess.Popen
    find: typing.Callable = lambda _: ORIGIN  # the address the agent connects to for a name
    share: int = 1  # slow ones get a smaller part of the work
    http2: bool = True


def start_nginx(world):
    big = world.folder / "big"
    big.write_bytes(bytes(MEBIBYTES << 20))
    listen = "".join(f"    listen {port} ssl http2;\n" for port in DOORS)
    config = fill(NGINX, FOLDER=world.folder, LISTEN=listen, LEAF=world.internet.certificates.leaf,
                  KEY=world.internet.certificates.key)
    (world.folder / "nginx.conf").write_text(config)
    return world.outside.start(["nginx", "-c", world.folder / "nginx.conf"])


def fill(text, **values):
    for key, value in values.items():
        text = text.replace(key, str(value))
    return text


def steer(world):
    """The agent's connections to a port of nginx go to the program it stands for, and its DNS to Sallyport."""
    rules = "".join(f"iifname agents0 tcp dport {port} redirect to :{door}\n" for port, door in DOORS.items())
    world.gateway.run(["nft", "-f", "-"], check=True, input="table ip benchmark {\nchain steer {\n"
                      "type nat hook prerouting priority dstnat\n" + rules +
                      "iifname agents0 udp dport 53 redirect to :15053\n}\n}\n")


def start_sallyport(world):
    sallyport = Sallyport(world, policy=POLICY, gateway=True, gateway_check="off",  # the rules are those of steer()
                          inspect={"roots": [str(world.internet.certificates.ca)]},
                          limits={"per_agent": 20000, "rate_per_agent": "100000/s", "names_per_agent": 100000}).start()
    agent = Agent(world, "gateway")
    return sallyport, Program("Sallyport", OURS, sallyport.process, lambda name: agent.ask(name).addresses[0])


def start_mitmproxy(world):
    folder = world.folder / "mitmproxy"
    options = {"confdir": folder, "ssl_verify_upstream_trusted_ca": world.internet.certificates.ca, "flow_detail": 0,
               "termlog_verbosity": "error", "stream_large_bodies": "1m"}
    words = [word for key, value in options.items() for word in ("--set", f"{key}={value}")]
    process = world.gateway.start(["mitmdump", "-q", "--mode", "transparent", "-p", DOORS[MITMPROXY], *words])
    return Program("mitmproxy", MITMPROXY, process, share=10)


def start_squid(world):
    folder = world.folder / "squid"
    folder.mkdir()
    folder.chmod(0o777)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=squid", "-keyout", folder / "own.key", "-out", folder / "own.crt", "-addext",
            "keyUsage=critical,keyCertSign")
    (folder / "own.pem").write_text((folder / "own.key").read_text() + (folder / "own.crt").read_text())
    subprocess.run(["/usr/lib/squid/security_file_certgen", "-c", "-s", folder / "made", "-M", "16MB"], check=True,
                   capture_output=True)
    subprocess.run(["chown", "-R", "proxy", folder], check=True)
    config = fill(SQUID_CONF, FOLDER=folder, DOOR=DOORS[SQUID], ROOTS=world.internet.certificates.ca, RESOLVER=RESOLVER)
    (folder / "squid.conf").write_text(config)
    process = world.gateway.start(["squid", "-N", "-f", folder / "squid.conf"])
    return Program("squid", SQUID, process, http2=False)


def wait_for_door(world, program):
    def listening():
        assert program.process.poll() is None, f"{program.name} ended"
        with world.gateway.inside(), socket.socket() as probe:
            return probe.connect_ex((GATEWAY, DOORS[program.port])) == 0
    wait_until(listening, f"{program.name} to listen", 60)


def connections(world, program, names, at_once=16):
    """Connections a second, and CPU microseconds for each."""
    hosts = [(program.find(name), name) for name in names]
    before = cpu_seconds_of_all(program.process)
    done = world.agent.run(["/usr/bin/python3", "-c", CLIENT], timeout=300,
                           input=json.dumps((program.port, at_once, hosts)))
    assert done.returncode == 0, f"{program.name}: {done.stderr[-2000:]}"
    used = cpu_seconds_of_all(program.process) - before
    return len(names) / float(done.stdout), used / len(names) * 1e6


def loaded(world, program, path, count, *words):
    """Requests a second by h2load, and CPU seconds for each."""
    before = cpu_seconds_of_all(program.process)
    done = world.agent.run(["h2load", "-n", count, *words, f"--connect-to={program.find(HOST)}:{program.port}",
                            f"https://{HOST}:{program.port}{path}"], timeout=300)
    used = cpu_seconds_of_all(program.process) - before
    said = done.stdout + done.stderr
    assert f" {count} 2xx," in said, f"{program.name}: {said[-2000:]}"
    return float(re.search(r"finished in [^,]+, ([0-9.]+) req/s", said)[1]), used / count


def line(what, unit, values):
    print(f"{what:44} {unit:14}" + "".join(f" {value:10.1f} ({name})" for name, value in values.items()), flush=True)


def in_turn(programs, rounds, measure):
    """The mean of what `measure` says of each, in several rounds: what one costs depends on what else is done here."""
    sums = {program.name: (0.0, 0.0) for program in programs}
    for _ in range(rounds):
        for program in programs:
            got = measure(program)
            sums[program.name] = tuple(old + new / rounds for old, new in zip(sums[program.name], got))
    return ({name: pair[i] for name, pair in sums.items()} for i in (0, 1))


def compare(world, programs, chosen):
    compare_connections(world, programs, chosen)
    compare_requests(world, programs, chosen)
    compare_downloads(world, programs, chosen)


def compare_connections(world, programs, chosen):
    numbers = itertools.count()

    def new_names(count):
        names = [f"h{next(numbers)}.{HOST}" for _ in range(count)]
        world.internet.names.zone.update({name: [("A", ORIGIN)] for name in names})
        return names

    for what, names in (("known host", lambda count: [HOST] * count), ("new host each", new_names)):
        def measure(program, names=names):
            return connections(world, program, names(chosen.connections // program.share // chosen.rounds))
        rates, cpu = in_turn(programs, chosen.rounds, measure)
        line(f"TLS connection, {what}", "1/s", rates)
        line("", "CPU us each", cpu)


def compare_requests(world, programs, chosen):
    one, two = ("--h1", "-c", 8), ("-c", 8, "-m", 10)
    for what, words in (("HTTP/1.1, 8 kept alive", one), ("HTTP/2, 8 of 10 streams", two)):
        def measure(program, words=words):
            return loaded(world, program, "/", chosen.requests // program.share // chosen.rounds, *words)
        rates, cpu = in_turn(speaking(programs, words), chosen.rounds, measure)
        line(f"requests, {what}", "1/s", rates)
        line("", "CPU us each", {name: value * 1e6 for name, value in cpu.items()})


def compare_downloads(world, programs, chosen):
    files = chosen.gigabytes * 1024 // MEBIBYTES // chosen.rounds
    for what, words in (("HTTP/1.1", ("--h1",)), ("HTTP/2", ())):
        def measure(program, words=words):
            return loaded(world, program, "/big", max(1, files // program.share), "-c", 1, *words)
        _, cpu = in_turn(speaking(programs, words), chosen.rounds, measure)
        line(f"download over {what}", "CPU s/GiB", {name: value * 1024 / MEBIBYTES for name, value in cpu.items()})


def speaking(programs, words):
    return [program for program in programs if program.http2 or "--h1" in words]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--connections", type=int, default=3000, help="for each row; mitmproxy does a tenth")
    options.add_argument("--requests", type=int, default=60_000)
    options.add_argument("--gigabytes", type=int, default=6)
    options.add_argument("--rounds", type=int, default=3, help="in which the programs take turns")
    chosen = options.parse_args()
    with contextlib.closing(World()) as world:
        start_nginx(world)
        steer(world)
        sallyport, ours = start_sallyport(world)
        with contextlib.closing(sallyport):
            programs = [ours, start_mitmproxy(world), start_squid(world)]
            for program in programs:
                wait_for_door(world, program)
                connections(world, program, [HOST] * 20)  # what a program does at first only
            compare(world, programs, chosen)


if __name__ == "__main__":
    main()
