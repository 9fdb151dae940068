"""HTTP/2 inside inspected TLS, to origins that speak it and to those that don't: with real clients."""
import json
import os
import signal
import struct

import pytest

from laboratory.approvals import Reviewer
from laboratory.daemon import kind, ours, wait_until
from laboratory.http2_origin import Http2Origin
from laboratory.raw_http2 import DATA, REFUSED_STREAM, SETTINGS, WINDOW_UPDATE, RawHttp2
from laboratory.trusting import agent, bundle, fresh, mark, one  # noqa: F401

POLICY = """\
version: 1
default: deny
rules:
  - { allow: allowed.test, methods: [GET, HEAD], paths: ["/ok/**", "/bytes/**"], ports: [443, 8448, 8449] }
  - { allow: allowed.test, methods: [POST, PUT], paths: ["/up/**"], ports: [443, 8448] }
  - allow: four.test
  - ask: four.test
    methods: [POST]
    reason: writes wait for a person
"""

# Does what its argument says on one session; each answer is a line as it ends.
CLIENT = r"""
const http2 = require("http2"), fs = require("fs"), net = require("net"), tls = require("tls");
const [url, script] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const target = new URL(url), port = Number(target.port || 443);
const proxied = process.env.https_proxy ? new URL(process.env.https_proxy) : null;
const start = (createConnection) => {
  const session = http2.connect(url, createConnection ? { createConnection } : {});
  session.on("error", (error) => { say({ error: error.code }); process.exit(1); });
  let left = 0;
  for (const step of JSON.parse(script)) {
    left++;
    const request = session.request(step.head, { endStream: step.body === undefined });
    const answer = { name: step.name, body: "" };
    request.on("response", (head) => { answer.status = head[":status"]; answer.head = head;
                                       if (step.name === "early") say({ began: step.name }); });
    request.on("trailers", (fields) => { answer.trailers = fields; });
    request.on("data", (data) => { answer.body += data; });
    request.on("error", (error) => { answer.error = error.code; });
    request.on("close", () => { answer.code = request.rstCode; say(answer); if (--left === 0) session.close(); });
    if (step.body !== undefined) request.end(step.body);
    if (step.cancel) process.on("SIGUSR2", () => request.close(http2.constants.NGHTTP2_CANCEL));
  }
};
if (!proxied) start(null);
else {
  const raw = net.connect(Number(proxied.port), proxied.hostname, () =>
    raw.write(`CONNECT ${target.hostname}:${port} HTTP/1.1\r\nHost: ${target.hostname}:${port}\r\n\r\n`));
  raw.once("data", () => start(() => tls.connect({ socket: raw, servername: target.hostname, ALPNProtocols: ["h2"] })));
}
"""


@pytest.fixture(scope="module")
def daemon(start, world):
    with pytest.MonkeyPatch.context() as patch:
        # What was freed does not count: a build with the address sanitizer keeps it for a while.
        patch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
        return start(gateway=True, policy=POLICY, inspect={"roots": [str(world.internet.certificates.ca)]},
                     approvals={"unattended": "hold", "timeout": "20s"}, limits={"per_agent": 240})


@pytest.fixture(scope="module")
def origin(world):
    made = Http2Origin(world, world.internet.certificates.odd("http2", "DNS:allowed.test"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def old_origin(world):
    """The same without HTTP/2."""
    made = Http2Origin(world, world.internet.certificates.odd("http1", "DNS:allowed.test"), port=8449,
                       protocols="http/1.1")
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(world):
    path = world.folder / "client2.js"
    path.write_text(CLIENT)
    return path


def get(path, name="get", **more):
    return {"name": name, "head": {":path": path, **more}}


def post(path, body="", name="post", **more):
    return {"name": name, "head": {":path": path, ":method": "POST", **more}, "body": body}


def talk(agent, client, url, *steps):
    got = agent.run("node", client, url, json.dumps(steps))
    answers = [json.loads(line) for line in got.stdout.splitlines()]
    assert answers, got
    return {each["name"]: each for each in answers if "name" in each}


def test_a_client_of_http2_is_served_from_an_origin_of_http1(agent, daemon, mark):
    got = agent.curl("--http2", "-w", "\n%{http_version}", "https://allowed.test/ok/1")
    body, version = got.stdout.rsplit("\n", 1)
    assert version == "2" and json.loads(body)["path"] == "/ok/1", got
    request, = daemon.wait_for(mark, kind="request", host="allowed.test")
    assert request["http_request"]["version"] in ("2", "2.0", "HTTP/2")


def test_http2_is_spoken_to_an_origin_that_agrees_to_it(agent, origin):
    got = agent.curl("--http2", "-w", "\n%{http_version}", "https://allowed.test:8448/ok/2")
    body, version = got.stdout.rsplit("\n", 1)
    assert version == "2" and json.loads(body)["version"] == "2.0", got
    assert json.loads(body)["host"] == "allowed.test:8448"


def test_each_stream_is_decided_by_itself(agent, client, daemon, mark, world):
    said = talk(agent, client, "https://allowed.test", get("/ok/1", "one"), get("/secret", "two"),
                post("/up/1", "x" * 1000, "three"), get("/ok/2", "four"))
    assert {name: each["status"] for name, each in said.items()} == {"one": 200, "two": 403, "three": 200, "four": 200}
    assert said["two"]["head"]["content-type"] == "application/problem+json"
    assert json.loads(said["two"]["body"])["verdict"] == "deny"
    assert json.loads(said["three"]["body"])["body"] == 1000
    assert sorted(seen["path"] for seen in world.internet.requests) == ["/ok/1", "/ok/2", "/up/1"]
    assert len(daemon.wait_for(mark, kind="request", count=4)) == 4


def test_P_02_a_stream_for_another_host_is_judged_as_that_host(agent, client, world):
    said = talk(agent, client, "https://allowed.test", get("/ok/1", "own"),
                get("/ok/1", "other", **{":authority": "denied.test"}))
    assert said["own"]["status"] == 200 and said["other"]["status"] == 403
    assert "name_mismatch" in said["other"]["body"] and len(world.internet.requests) == 1


def test_a_post_waits_for_a_person_while_other_streams_flow(one, client, daemon, world):
    reviewer = Reviewer(daemon)
    reviewer.forget()
    steps = json.dumps([post("/write", "x=1", "write"), get("/read", "read")])
    talking = one.start("node", client, "https://four.test", steps)
    approval = reviewer.wait(host="four.test")
    assert approval["method"] == "POST"
    first = json.loads(talking.stdout.readline())
    assert (first["name"], first["status"]) == ("read", 200)
    assert [seen["path"] for seen in world.internet.requests] == ["/read"]
    reviewer.approve(approval, ttl="1m")
    second = json.loads(talking.stdout.readline())
    assert (second["name"], second["status"]) == ("write", 200)
    talking.communicate(timeout=10)
    reviewer.forget()


def test_a_client_that_takes_its_held_request_back_waits_no_more(one, client, daemon):
    reviewer = Reviewer(daemon)
    reviewer.forget()
    step = {**post("/write", "x=1", "write"), "cancel": True}
    talking = one.start("node", client, "https://four.test", json.dumps([step]))
    reviewer.wait(host="four.test", waiting=1)
    talking.send_signal(signal.SIGUSR2)
    wait_until(lambda: all(each["waiting"] == 0 for each in reviewer.find({"host": "four.test"})), "that nobody waits")
    talking.communicate(timeout=10)
    reviewer.forget()


def test_trailers_pass_both_ways_as_grpc_needs_them(one, client, origin):
    said = talk(one, client, "https://allowed.test:8448",
                post("/up/grpc", "message", te="trailers", **{"content-type": "application/grpc"}))
    assert said["post"]["status"] == 200 and said["post"]["trailers"]["grpc-status"] == "0"
    assert json.loads(said["post"]["body"])["version"] == "2.0"


def test_requests_of_one_client_share_one_connection_to_an_origin_of_http2(one, client, origin):
    before = len([each for each in origin.seen if "session" in each])
    said = talk(one, client, "https://allowed.test:8448", *(get(f"/ok/{number}", f"r{number}") for number in range(30)))
    assert all(each["status"] == 200 for each in said.values()) and len(said) == 30
    assert len([each for each in origin.seen if "session" in each]) == before + 1


def test_a_request_that_is_taken_back_is_taken_back_at_the_origin(one, client, origin):
    step = {**get("/ok/slow/1", "slow"), "cancel": True}
    talking = one.start("node", client, "https://allowed.test:8448", json.dumps([step]))
    wait_until(lambda: {"began": "/ok/slow/1"} in origin.seen, "the request at the origin")
    talking.send_signal(signal.SIGUSR2)
    wait_until(lambda: {"ended": "/ok/slow/1", "whole": False} in origin.seen, "the end at the origin")
    talking.communicate(timeout=10)


@pytest.mark.parametrize("port", (8448, 8449))
@pytest.mark.parametrize("version", ("--http1.1", "--http2"))
def test_an_event_arrives_before_the_next_one_is_sent(one, origin, old_origin, version, port):
    stream = one.start("curl", "-sSN", version, "--max-time", "20", f"https://allowed.test:{port}/ok/events")
    assert [stream.stdout.readline() for _ in range(2)] == ["data: first\n", "\n"]
    assert one.curl(version, f"https://allowed.test:{port}/ok/next").returncode == 0
    rest, errors = stream.communicate(timeout=20)
    assert rest == "data: second\n\n" and stream.returncode == 0, errors


class Greedy(RawHttp2):
    """A connection that asks for as much as it may have, and waits for nobody."""

    def __init__(self, agent, port=8448):
        raw = agent.proxy()
        self.host = f"allowed.test:{port}"
        raw.sendall(f"CONNECT {self.host} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        assert b" 200 " in raw.recv(4096)
        super().__init__(agent, raw, "allowed.test")

    def ask(self, number, method, path, flags):
        fields = {":method": method, ":scheme": "https", ":authority": self.host, ":path": path}
        self.send(self.headers(2 * number + 1, [(name.encode(), value.encode()) for name, value in fields.items()],
                               flags))

    def upload(self, streams, path, most=1 << 40):
        """Sends at once all that the windows let it; how much that was. Ends at `most`, or where they stay shut."""
        for number in range(streams):
            self.ask(number, "POST", f"{path}/{number}", flags=0)
        self.read(lambda frame: frame[0] == WINDOW_UPDATE and frame[2] == 0)
        whole, left, total, taken = 65535, {2 * number + 1: 65535 for number in range(streams)}, 0, 0
        while total < most:
            for kind_, _, stream, payload in self.frames[taken:]:
                if kind_ == WINDOW_UPDATE and stream:
                    left[stream] += int.from_bytes(payload, "big")
                elif kind_ == WINDOW_UPDATE:
                    whole += int.from_bytes(payload, "big")
            taken = len(self.frames)
            for stream in left:
                size = min(left[stream], whole, 16384)
                if size > 0:
                    self.send(self.frame(DATA, 0, stream, bytes(size)))
                    left[stream], whole, total = left[stream] - size, whole - size, total + size
            if not min(whole, max(left.values())) and not self.read(lambda _: True, seconds=1):
                break
        return total


def resident_mib(daemon):
    with open(f"/proc/{daemon.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def test_uploads_that_nobody_reads_are_taken_to_a_bound(one, daemon, origin):
    before = resident_mib(daemon)
    with Greedy(one) as greedy:
        assert greedy.upload(100, "/up/never") < 7 << 20
        assert resident_mib(daemon) - before < 30


def test_downloads_that_nobody_reads_are_taken_to_a_bound(one, daemon, origin):
    before = resident_mib(daemon)
    with Greedy(one) as greedy:
        most = 0x7FFFFFFF
        greedy.send(greedy.frame(SETTINGS, 0, 0, struct.pack("!HI", 4, most)),
                    greedy.frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", most - 65535)))
        for number in range(100):
            greedy.ask(number, "GET", f"/ok/endless/{number}", flags=1)
        sizes = [before]
        wait_until(lambda: sizes.append(resident_mib(daemon)) or len(sizes) > 50 and max(sizes[-50:]) == min(sizes[-50:]),
                   "a size that stays", seconds=30)
        assert sizes[-1] - before < 9


def test_an_upload_to_a_slow_reader_stays_small(one, daemon, origin):
    before = resident_mib(daemon)
    with Greedy(one) as greedy:
        assert greedy.upload(1, "/up/slow", most=24 << 20) >= 24 << 20
        assert resident_mib(daemon) - before < 5


def test_a_request_takes_the_place_of_a_connection(one, daemon, origin, mark):
    with Greedy(one) as first, Greedy(one) as second, Greedy(one) as third:
        for number in range(100):
            first.ask(number, "GET", f"/ok/slow/a{number}", flags=1)
            second.ask(number, "GET", f"/ok/slow/b{number}", flags=1)
        for greedy in (first, second):
            greedy.send(greedy.frame(6, 0, 0, bytes(8)))
            assert greedy.read(lambda frame: frame[0] == 6)
        for number in range(60):
            third.ask(number, "GET", f"/ok/slow/c{number}", flags=1)
        assert third.code_of(2 * 59 + 1) == REFUSED_STREAM
    refused = daemon.wait_for(mark, kind="refuse", decided_by="limit")
    assert "limits.per_agent" in refused[0]["status_detail"]


def test_thirty_megabytes_each_way_arrive_whole(one, origin, world):
    size = 30 << 20
    big = world.folder / "big2"
    with open(big, "wb") as file:
        file.truncate(size)
    words = ["curl", "-sS", "--http2", "--max-time", "60"]
    up = one.run(*words, "-T", big, "https://allowed.test:8448/up/big", timeout=70)
    assert json.loads(up.stdout)["body"] == size, up
    down = one.run(*words, "-o", "/dev/null", "-w", "%{size_download} %{http_version}",
                   f"https://allowed.test:8448/ok/bytes/{size}", timeout=70)
    assert down.stdout == f"{size} 2", down
    big.unlink()


def connections(daemon, mark):
    """The records of connections, once what opened has ended."""
    def found():
        events = [each for each in daemon.events(mark) if each["class_uid"] == 4001]
        kinds = [kind(each) for each in events]
        return events if "open" in kinds and kinds[-1] in ("close", "reset", "fail") else None
    return wait_until(found, "the connection's end")


def test_a_connection_has_one_beginning_and_one_end_and_each_request_its_own_record(agent, client, daemon, mark):
    talk(agent, client, "https://allowed.test", get("/ok/1", "one"), get("/no", "two"), get("/ok/2", "three"),
         post("/up/1", "x" * 5000, "four"))
    events = connections(daemon, mark)
    assert sorted(kind(each) for each in events if kind(each) != "refuse") == ["close", "open"]
    requests = [each for each in daemon.events(mark) if kind(each) == "request"]
    assert sorted(each["http_response"]["code"] for each in requests) == [200, 200, 200, 403]
    assert len({each["metadata"]["correlation_uid"] for each in (*events, *requests)}) == 1
    for way in ("bytes_in", "bytes_out"):
        assert events[-1]["cumulative_traffic"][way] == sum(each.get("traffic", {}).get(way, 0) for each in requests)
    assert ours(events[-1])["closed_by"] == "client"


def test_where_nothing_is_let_in_nothing_opens(one, client, daemon, mark):
    talk(one, client, "https://allowed.test", get("/no", "one"), get("/no/2", "two"))
    daemon.wait_for(mark, kind="request", count=2)
    wait_until(lambda: not open_ones(daemon), "the end of the connection")
    assert [kind(each) for each in daemon.events(mark) if each["class_uid"] == 4001] == ["refuse"] * 2


def open_ones(daemon):
    return Reviewer(daemon).get("/v1/connections")["connections"]


def test_a_request_that_is_cut_short_has_its_record_and_the_connection_goes_on(one, client, daemon, mark, origin):
    steps = json.dumps([{**get("/ok/slow/9", "slow"), "cancel": True}, get("/ok/1", "quick")])
    talking = one.start("node", client, "https://allowed.test:8448", steps)
    wait_until(lambda: {"began": "/ok/slow/9"} in origin.seen, "the request at the origin")
    assert len(open_ones(daemon)) == 1
    talking.send_signal(signal.SIGUSR2)
    wait_until(lambda: "cut short, closed by: client" in [each.get("status_detail") for each in daemon.events(mark)
                                                          if kind(each) == "request"], "the record of the request")
    talking.communicate(timeout=10)
    assert [kind(each) for each in connections(daemon, mark)] == ["open", "close"]
