"""HTTP/2 inside inspected TLS, to origins that speak it and to those that don't: with real clients."""
import json
import signal

import pytest

from laboratory.approvals import Reviewer
from laboratory.clients import DOORS, Agent
from laboratory.daemon import kind, ours, wait_until
from laboratory.http2_origin import Http2Origin

POLICY = """\
version: 1
default: deny
rules:
  - { allow: allowed.test, methods: [GET, HEAD], paths: ["/ok/**", "/bytes/**"], ports: [443, 8448] }
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
    return start(gateway=True, policy=POLICY, inspect={"roots": [str(world.internet.certificates.ca)]},
                 approvals={"unattended": "hold", "timeout": "20s"})


@pytest.fixture(scope="module")
def bundle(daemon, world):
    path = world.folder / "trusted2.pem"
    path.write_text(Agent(world, "explicit").curl("http://sallyport.internal/ca.pem").stdout)
    return path


@pytest.fixture(scope="module")
def origin(world):
    made = Http2Origin(world, world.internet.certificates.odd("http2", "DNS:allowed.test"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(world):
    path = world.folder / "client2.js"
    path.write_text(CLIENT)
    return path


@pytest.fixture(autouse=True)
def _fresh(world, daemon):
    world.internet.forget()


@pytest.fixture(params=DOORS)
def agent(request, world, bundle):
    made = Agent(world, request.param)
    made.ca = bundle
    return made


@pytest.fixture
def one(world, bundle):
    made = Agent(world, "explicit")
    made.ca = bundle
    return made


@pytest.fixture
def mark(daemon):
    return daemon.mark()


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


def test_events_arrive_as_they_are_sent(one, origin):
    got = one.curl("--http2", "-N", "https://allowed.test:8448/ok/events")
    assert got.stdout == "data: 1\n\ndata: 2\n\ndata: 3\n\n", got


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


def test_what_is_recorded_of_a_connection_has_one_end_each(one, client, daemon, mark):
    talk(one, client, "https://allowed.test", get("/ok/1", "one"), get("/no", "two"), get("/ok/2", "three"))

    def ended():
        events = daemon.events(mark)
        opened = [ours(each) and each["metadata"]["correlation_uid"] for each in events if kind(each) == "open"]
        closed = [each["metadata"]["correlation_uid"] for each in events if kind(each) in ("close", "reset", "fail")]
        return len(opened) == 2 and sorted(opened) == sorted(closed)
    wait_until(ended, "an end for each beginning")
