"""HTTP/2 through inspection with the clients and servers that others wrote, and with one that breaks its rules."""
import hashlib
import os
import re
import signal

import pytest

from laboratory.clients import Agent, tunnel
from laboratory.daemon import kind, wait_until
from laboratory.raw_http2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING,
                                  PROTOCOL_ERROR, RawHttp2, literal)

POLICY = """\
version: 1
default: deny
rules:
  - allow: allowed.test
    methods: [GET, HEAD, POST, PUT]
    paths: ["/ok/**", "/up/**", "/files/**", "/laboratory.Echo/**"]
    ports: [443, 8449, 8450, 8451]
"""
REQUEST = ((b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"allowed.test"), (b":path", b"/ok/1"))

GRPC = r"""
import sys, grpc
role, where, *files = sys.argv[1:]
as_it_is = dict(request_deserializer=None, response_serializer=None)
if role == "server":
    from concurrent import futures
    def one(request, context):
        context.set_trailing_metadata((("x-seen", context.peer().split(":")[0]),))
        return b"echo " + request
    def many(requests, context):
        for request in requests:
            yield b"echo " + request
    def refuse(request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")
    class Echo(grpc.GenericRpcHandler):
        def service(self, call):
            return {"/laboratory.Echo/One": grpc.unary_unary_rpc_method_handler(one),
                    "/laboratory.Echo/Many": grpc.stream_stream_rpc_method_handler(many),
                    "/laboratory.Echo/Refuse": grpc.unary_unary_rpc_method_handler(refuse)}.get(call.method)
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Echo(),))
    key, chain = (open(name, "rb").read() for name in files)
    assert server.add_secure_port(where, grpc.ssl_server_credentials([(key, chain)]))
    server.start()
    print("listening", flush=True)
    server.wait_for_termination()
channel = grpc.secure_channel(where, grpc.ssl_channel_credentials(open(files[0], "rb").read()))
def code(call, *arguments):
    try:
        call(*arguments, timeout=10)
        return "OK"
    except grpc.RpcError as error:
        return error.code().name + ": " + error.details()
one = channel.unary_unary("/laboratory.Echo/One")
answer, call = one.with_call(b"hello", timeout=10)
print("one", answer.decode(), dict(call.trailing_metadata()).get("x-seen"))
print("large", len(one(b"x" * 3_000_000, timeout=20)))
import queue
waiting = queue.Queue()
def asked():
    while (item := waiting.get()) is not None:
        yield item
answers = channel.stream_stream("/laboratory.Echo/Many")(asked(), timeout=20)
for number in range(20):   # the next is asked when the last was answered: both directions are open at once
    waiting.put(str(number).encode())
    assert next(answers) == b"echo " + str(number).encode()
waiting.put(None)
print("many", len(list(answers)), answers.code().name)
print("refuse", code(channel.unary_unary("/laboratory.Echo/Refuse"), b""))
print("missing", code(channel.unary_unary("/laboratory.Echo/None"), b"").split(":")[0])
print("denied", code(channel.unary_unary("/other.Service/One"), b"").split(":")[0])
"""


@pytest.fixture(scope="module")
def daemon(start, world):
    return start(gateway=True, policy=POLICY, inspect={"roots": [str(world.internet.certificates.ca)]},
                 limits={"rate_per_agent": "10000/s", "per_agent": 2000},
                 timeouts={"sniff": "3s", "connect": "3s", "drain": "20s"})


@pytest.fixture(scope="module")
def bundle(daemon, world):
    path = world.folder / "trusted-http2.pem"
    path.write_text(Agent(world, "explicit").curl("http://sallyport.internal/ca.pem").stdout)
    return path


@pytest.fixture(autouse=True)
def _fresh(world, daemon):
    world.internet.forget()


@pytest.fixture
def agent(world, bundle):
    made = Agent(world, "gateway")
    made.ca = bundle
    return made


@pytest.fixture
def raw(agent):
    with RawHttp2(agent, tunnel(agent, "allowed.test", 443), "allowed.test") as made:
        yield made


@pytest.fixture(scope="module")
def nghttpd(world):
    """nghttp2's own server, with a directory of files."""
    folder = world.folder / "nghttpd"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "small").write_text("small\n")
    (folder / "files" / "large").write_bytes(os.urandom(4 << 20))
    both = world.internet.certificates.odd("nghttpd", "DNS:allowed.test")
    key = both.with_suffix(".key")
    output = open(world.folder / "nghttpd.txt", "wb")
    process = world.outside.start(["nghttpd", "-a", "93.184.216.10", "-d", folder, "8449", key, both],
                                  stdout=output, stderr=output)
    wait_until(lambda: listens(world, 8449), "nghttpd")
    yield folder / "files"
    process.kill()
    output.close()


def listens(world, port):
    return str(port) in world.outside.run(["ss", "-Hltn", f"sport = :{port}"]).stdout


def test_nghttp_gets_what_it_asks_for(agent):
    got = agent.run("nghttp", "-v", "https://allowed.test/ok/1")
    assert ":status: 200" in re.sub(r"\x1b\[[0-9;]*m", "", got.stdout), got


def test_nghttp_reads_why_it_was_refused(agent, world):
    got = agent.run("nghttp", "-v", "https://allowed.test/secret")
    assert ":status: 403" in re.sub(r"\x1b\[[0-9;]*m", "", got.stdout) and '"verdict"' in got.stdout, got
    assert world.internet.requests == []


def test_h2load_has_every_request_answered(agent, nghttpd):
    got = agent.run("h2load", "-n", "1000", "-c", "4", "-m", "25", "https://allowed.test:8449/files/small", timeout=60)
    assert "1000 succeeded, 0 failed, 0 errored" in got.stdout, got.stdout


def test_files_of_nghttpd_arrive_whole(agent, nghttpd):
    down = agent.run("curl", "-sS", "--http2", "--max-time", "30", "https://allowed.test:8449/files/large", text=False)
    assert hashlib.sha256(down.stdout).digest() == hashlib.sha256((nghttpd / "large").read_bytes()).digest()
    up = agent.curl("--http2", "--max-time", "30", "--data-binary", f"@{nghttpd / 'large'}", "-o", "/dev/null", "-w",
                    "%{http_code} %{http_version}", "https://allowed.test:8449/files/small")
    assert up.stdout == "200 2", up


NGINX = """\
daemon off;
user root;
worker_processes 1;
pid FOLDER/pid;
error_log FOLDER/log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path FOLDER/body;
  server {
    listen 93.184.216.10:8451 ssl http2;
    ssl_certificate CERTIFICATE;
    ssl_certificate_key KEY;
    client_max_body_size 64m;
    location / { root FOLDER; dav_methods PUT; }
  }
}
"""


@pytest.fixture(scope="module")
def nginx(world):
    folder = world.folder / "nginx"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "large").write_bytes(os.urandom(4 << 20))
    both = world.internet.certificates.odd("nginx", "DNS:allowed.test")
    config = folder / "nginx.conf"
    words = {"FOLDER": folder, "CERTIFICATE": both, "KEY": both.with_suffix(".key")}
    config.write_text(re.sub("|".join(words), lambda found: str(words[found[0]]), NGINX))
    output = open(folder / "output", "wb")
    process = world.outside.start(["/usr/sbin/nginx", "-e", folder / "log", "-c", config], stdout=output, stderr=output)
    wait_until(lambda: listens(world, 8451), "nginx")
    yield folder / "files"
    process.kill()
    output.close()


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_nginx_is_read_and_written_in_either_version(agent, nginx, version):
    curl = ["curl", "-sS", f"--http{version}", "--max-time", "30"]
    url, large = "https://allowed.test:8451/files", nginx / "large"
    down = agent.run(*curl, f"{url}/large", text=False)
    assert hashlib.sha256(down.stdout).digest() == hashlib.sha256(large.read_bytes()).digest()
    part = agent.run(*curl, "-i", "-r", "10-19", f"{url}/large", text=False).stdout
    assert b" 206" in part.splitlines()[0] and part.endswith(large.read_bytes()[10:20])
    head = agent.run(*curl, "-I", f"{url}/large").stdout
    assert re.search(r"(?i)content-length: 4194304", head) and " 200" in head
    tag = re.search(r"(?im)^etag: (.*)$", head)[1].strip()
    shape = "%{http_code} %{http_version} %{size_download}"
    same = agent.run(*curl, "-o", "/dev/null", "-w", shape, "-H", f"If-None-Match: {tag}", f"{url}/large").stdout
    assert same == f"304 {version} 0"
    name = f"put-{agent.door}-{version}"
    up = agent.run(*curl, "-o", "/dev/null", "-w", shape, "-T", str(large), f"{url}/{name}").stdout
    assert up.startswith(f"201 {version} ") and (nginx / name).read_bytes() == large.read_bytes()
    missing = agent.run(*curl, "-o", "/dev/null", "-w", shape, f"{url}/none").stdout
    assert missing.startswith(f"404 {version} ")


def test_grpc_works_unary_and_in_both_directions_at_once(agent, world, bundle):
    script = world.folder / "echo_grpc.py"
    script.write_text(GRPC)
    both = world.internet.certificates.odd("grpc", "DNS:allowed.test")
    log = world.folder / "grpc.txt"
    with open(log, "wb") as output:
        server = world.outside.start(["/usr/bin/python3", script, "server", "93.184.216.10:8450", both.with_suffix(".key"),
                                      both], stdout=output, stderr=output)
    wait_until(lambda: b"listening" in log.read_bytes(), "the gRPC server")
    got = agent.run("/usr/bin/python3", script, "client", "allowed.test:8450", bundle, timeout=60,
                    env={"GRPC_DNS_RESOLVER": "native"})
    server.kill()
    assert got.returncode == 0, got
    said = dict(line.split(" ", 1) for line in got.stdout.splitlines())
    assert said["one"] == "echo hello ipv4"
    assert said["large"] == "3000005"
    assert said["many"] == "0 OK"
    assert said["refuse"] == "FAILED_PRECONDITION: not today"
    assert said["missing"] == "UNIMPLEMENTED"
    assert said["denied"] == "PERMISSION_DENIED"  # what gRPC makes of a 403


MALFORMED = {
    "P_01_host_differs": [*REQUEST, (b"host", b"denied.test")],
    "P_01_no_authority": [each for each in REQUEST if each[0] != b":authority"],
    "P_03_line_end_in_a_value": [*REQUEST, (b"x", b"1\r\nhost: denied.test")],
    "P_03_nul_in_a_value": [*REQUEST, (b"x", b"a\0b")],
    "P_03_line_end_in_a_name": [*REQUEST, (b"x\r\nhost", b"denied.test")],
    "P_03_space_in_the_path": [*REQUEST[:3], (b":path", b"/ok/1 HTTP/1.1\r\nx: y")],
    "P_03_space_in_the_method": [(b":method", b"GET /secret"), *REQUEST[1:]],
    "P_03_upper_case": [*REQUEST, (b"X-Upper", b"1")],
    "P_03_transfer_encoding": [*REQUEST, (b"transfer-encoding", b"chunked")],
    "P_03_connection": [*REQUEST, (b"connection", b"x")],
    "P_03_length_without_data": [*REQUEST, (b"content-length", b"10")],
    "P_03_pseudo_after_a_field": [*REQUEST[:3], (b"x", b"1"), REQUEST[3]],
    "P_03_pseudo_twice": [*REQUEST, (b":path", b"/secret")],
    "P_05_extended_connect": [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *REQUEST[1:]],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_head_is_reset_and_nothing_goes_upstream(raw, name, world, daemon):
    mark = daemon.mark()
    raw.send(raw.headers(1, MALFORMED[name]))
    assert raw.code_of(1) == PROTOCOL_ERROR
    assert [each for each in world.internet.requests] == []
    daemon.wait_for(mark, kind="refuse")
    raw.send(raw.headers(3, REQUEST))
    assert raw.status(3) == "200"


def test_P_03_more_data_than_announced_is_reset(raw):
    raw.send(raw.headers(1, [(b":method", b"POST"), *REQUEST[1:3], (b":path", b"/up/1"), (b"content-length", b"3")], 0),
             raw.frame(DATA, END_STREAM, 1, b"four"))
    assert raw.code_of(1) == PROTOCOL_ERROR


def test_P_05_connect_is_answered_501(raw):
    raw.send(raw.headers(1, [(b":method", b"CONNECT"), (b":authority", b"denied.test:443")], 0))
    assert raw.status(1) == "501"


def flood(raw, make, most=20_000, at_once=50):
    """Sends until the connection is given up; the code of the GOAWAY."""
    try:
        for number in range(0, most, at_once):
            raw.send(*(make(number + each) for each in range(at_once)))
    except OSError:
        pass
    return raw.code_of(0)


def test_P_04_rapid_resets_end_the_connection_and_hurt_nobody_else(raw, agent, daemon):
    code = flood(raw, lambda number: raw.headers(2 * number + 1, REQUEST) + raw.reset(2 * number + 1), most=3000)
    assert code in (ENHANCE_YOUR_CALM, None)
    assert agent.curl("--http2", "-o", "/dev/null", "-w", "%{http_code}", "https://allowed.test/ok/1").stdout == "200"


@pytest.mark.parametrize("name, make", [
    ("ping", lambda raw, _: raw.frame(PING, 0, 0, b"12345678")),
    ("settings", lambda raw, _: raw.frame(4, 0, 0, b"")),
    ("window", lambda raw, _: raw.frame(8, 0, 0, b"\0\0\0\1")),
    ("priority", lambda raw, _: raw.frame(2, 0, 1, b"\0\0\0\0\1")),
])
def test_P_04_frames_that_carry_nothing_end_the_connection(raw, agent, name, make):
    assert flood(raw, lambda number: make(raw, number)) in (ENHANCE_YOUR_CALM, None)
    assert agent.curl("--http2", "-o", "/dev/null", "-w", "%{http_code}", "https://allowed.test/ok/1").stdout == "200"


def test_P_04_a_head_without_end_ends_the_connection(raw, agent, world):
    try:
        raw.send(raw.frame(HEADERS, END_STREAM, 1, literal(REQUEST)))
        for _ in range(1000):
            raw.send(raw.frame(CONTINUATION, 0, 1, literal([(b"x", b"y" * 1000)])))
    except OSError:
        pass
    assert raw.read(lambda frame: frame[0] == HEADERS) is None
    assert world.internet.requests == []


def test_a_head_larger_than_the_limit_is_answered_431(raw, world):
    block = literal([*REQUEST, *((b"x%d" % number, b"y" * 15_000) for number in range(5))])
    parts = [block[at:at + 16_000] for at in range(0, len(block), 16_000)]
    raw.send(raw.frame(HEADERS, END_STREAM, 1, parts[0]),
             *(raw.frame(CONTINUATION, END_HEADERS if part is parts[-1] else 0, 1, part) for part in parts[1:]))
    assert raw.status(1) == "431" and world.internet.requests == []


def test_every_request_of_a_connection_is_recorded_by_itself(agent, daemon):
    mark = daemon.mark()
    agent.run("nghttp", "-n", "https://allowed.test/ok/1", "https://allowed.test/ok/2", "https://allowed.test/secret")
    events = daemon.wait_for(mark, kind="request", count=3)
    assert sorted(each["http_request"]["url"]["path"] for each in events if kind(each) == "request") == \
        ["/ok/1", "/ok/2", "/secret"]


def test_a_daemon_that_stops_says_goaway_and_waits_for_no_quiet_connection(raw, daemon):
    """Last, for it ends the daemon."""
    raw.send(raw.headers(1, REQUEST))
    assert raw.status(1) == "200"
    daemon.signal(signal.SIGTERM)
    assert raw.code_of(0) == 0
    asked = raw.read(lambda frame: frame[0] == PING)
    raw.send(raw.frame(PING, ACK, 0, asked[3]))
    assert raw.code_of(0) == 0
    assert raw.read(lambda frame: False) is None
    assert daemon.process.wait(timeout=10) == 0
