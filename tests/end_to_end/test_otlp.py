"""What a collector is sent is what the audit log has; whatever the collector does, the log and the agents don't notice."""
import contextlib
import http.client
import json
import socket
import ssl
import time

import pytest

from laboratory.approvals import CONSOLE, Reviewer
from laboratory.certificates import openssl
from laboratory.collector import Collector, attributes
from laboratory.daemon import chain_is_whole, wait_until

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector(world):
    made = Collector(world.gateway)
    yield made
    made.close()


def serve(start, endpoint, audit=None, **more):
    return start(gateway=True, audit=audit, telemetry={"otlp": {"endpoint": endpoint, **more}})


def metrics(sallyport):
    with contextlib.closing(http.client.HTTPConnection(*CONSOLE, timeout=10)) as connection:
        with sallyport.world.gateway.inside():
            connection.sock = socket.create_connection(CONSOLE, timeout=10)
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {Reviewer(sallyport).token}"})
        lines = connection.getresponse().read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


# What is sent.

def test_the_collector_gets_every_line_of_the_log_once_and_in_order(start, collector, explicit, steered):
    sallyport = serve(start, collector.url())
    assert explicit.curl("http://allowed.test/", "https://allowed.test/", "http://denied.test/").returncode == 0
    steered.curl("https://allowed.test/", "http://unknown.test/")
    collector.wait(error__type="refused_by_rule", server__address="denied.test")
    assert sallyport.stop() == 0
    assert collector.bodies() == sallyport.lines()
    assert chain_is_whole(collector.bodies())
    assert "otlp" not in sallyport.said()


def test_records_have_the_conventions_names(start, collector, explicit, steered):
    serve(start, collector.url())
    assert explicit.curl("-A", "lab/1", "http://allowed.test/path?token=hunter2").returncode == 0
    assert steered.curl("https://allowed.test/").returncode == 0
    record = collector.wait(http__request__method="GET")
    found = attributes(record)
    assert record["eventName"] == "sallyport.http.request"
    assert record["severityNumber"] == 9
    assert abs(int(record["timeUnixNano"]) / 1e9 - time.time()) < 60
    assert abs(int(record["observedTimeUnixNano"]) / 1e9 - time.time()) < 60
    expected = {"url.scheme": "http", "url.path": "/path", "server.address": "allowed.test", "server.port": 80,
                "http.response.status_code": 200, "user_agent.original": "lab/1", "client.address": "10.77.0.2",
                "network.transport": "tcp", "network.protocol.name": "http", "sallyport.door": "proxy"}
    assert {key: found.get(key) for key in expected} == expected
    assert "error.type" not in found
    question = attributes(collector.wait(dns__question__name="allowed.test"))
    assert question["network.transport"] == "udp"
    opened = attributes(collector.wait(**{"sallyport.door": "transparent", "network__transport": "tcp"}))
    assert (opened["server.address"], opened["server.port"]) == ("allowed.test", 443)
    body = collector.requests("/v1/logs")[0]
    resource = attributes(body["resourceLogs"][0]["resource"])
    assert resource["service.name"] == "sallyport"
    assert resource["service.version"] and resource["service.instance.id"]
    assert "hunter2" not in json.dumps(collector.taken)


def test_what_the_agent_says_of_its_trace_joins_the_record_to_it(start, collector, explicit):
    serve(start, collector.url())
    said = {"session": "s1", "tool_call": "c1", "tool": "bash", "traceparent": f"00-{TRACE}-{SPAN}-01"}
    told = explicit.curl("-X", "PUT", "-H", "Content-Type: application/json", "-d", json.dumps(said),
                         "http://sallyport.internal/v1/context")
    assert told.returncode == 0, told.stderr
    assert explicit.curl("http://allowed.test/").returncode == 0
    record = collector.wait(http__request__method="GET", server__address="allowed.test")
    assert (record["traceId"], record["spanId"], record["flags"]) == (TRACE, SPAN, 1)
    assert attributes(record)["gen_ai.tool.call.id"] == "c1"


def test_metrics_are_sent_and_scraped_by_the_same_facts(start, collector, explicit, steered):
    sallyport = serve(start, collector.url())
    assert explicit.curl("http://allowed.test/").returncode == 0
    explicit.curl("http://denied.test/")
    steered.curl("https://allowed.test/")
    collector.wait(error__type="refused_by_rule")
    collector.wait(**{"sallyport.closed_by": "client", "sallyport.door": "transparent"})
    scraped = metrics(sallyport)
    assert scraped['sallyport_connections_total{door="proxy",verdict="allow",decided_by="rule"}'] == 1
    assert scraped['sallyport_connections_total{door="proxy",verdict="deny",decided_by="rule"}'] == 1
    assert scraped['sallyport_connections_total{door="transparent",verdict="allow",decided_by="rule"}'] == 1
    assert scraped['sallyport_http_requests_total{http_request_method="GET",http_response_status_code="200"}'] == 1
    assert scraped['sallyport_dns_queries_total{rcode="NOERROR"}'] >= 1
    assert scraped['sallyport_network_io_bytes_total{network_io_direction="receive"}'] > 0
    assert scraped["sallyport_otlp_sent_total"] > 0
    assert scraped["sallyport_otlp_dropped_total"] == 0
    assert not [name for name in scraped if "allowed.test" in name or "denied.test" in name]
    sallyport.stop()
    sent = collector.requests("/v1/metrics")[-1]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    connections = next(each for each in sent if each["name"] == "sallyport.connections")["sum"]
    assert connections["isMonotonic"] and connections["aggregationTemporality"] == 2
    assert sum(int(point["asInt"]) for point in connections["dataPoints"]) == 3


# Collectors that fail.

def test_what_fails_for_now_is_sent_again_when_the_collector_says(start, collector, explicit):
    answers = [(503, {"Retry-After": "2"}), (429, {})]
    good = collector.answer
    collector.answer = lambda path: answers.pop(0) if answers and path == "/v1/logs" else good(path)
    sallyport = serve(start, collector.url())
    assert explicit.curl("http://allowed.test/").returncode == 0
    collector.wait(seconds=20, http__request__method="GET")
    times = [at for at, path, _ in collector.tries if path == "/v1/logs"]
    assert times[1] - times[0] > 1.9
    assert sallyport.stop() == 0
    assert collector.bodies() == sallyport.lines()
    assert sallyport.said().count("it is tried again") == 1
    assert sallyport.said().count("it takes records again") == 1


@pytest.mark.parametrize("fault", ["absent", "hanging", "refusing", "distrusted"])
def test_no_collector_keeps_anybody_waiting(start, collector, explicit, fault):
    collector.answer = lambda path: {"hanging": (None, {}), "refusing": (400, {})}.get(fault, (200, {}))
    endpoint = {"absent": "http://127.0.0.1:1", "distrusted": collector.url("https")}.get(fault, collector.url())
    sallyport = serve(start, endpoint)
    assert explicit.curl("http://allowed.test/").returncode == 0
    if fault != "hanging":
        wait_until(lambda: "otlp http" in sallyport.said(), "the warning")
    began = time.monotonic()
    for _ in range(5):
        assert explicit.curl("http://allowed.test/").returncode == 0
    assert time.monotonic() - began < 5
    began = time.monotonic()
    assert sallyport.stop() == 0
    assert time.monotonic() - began < 8
    assert sallyport.said().count("it is tried again") <= 1
    assert chain_is_whole(sallyport.lines())
    assert sum(b'"class_uid":4002' in line for line in sallyport.lines()) == 6
    assert not collector.records()


def test_a_collector_behind_tls_is_verified_by_the_given_roots(world, start, explicit):
    folder = world.folder / "collector"
    folder.mkdir(exist_ok=True)
    ca, key = folder / "ca.pem", folder / "key.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=collector", "-keyout", key, "-out", ca, "-addext", "subjectAltName=IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, key)
    with contextlib.closing(Collector(world.gateway, context)) as collector:
        sallyport = serve(start, collector.url("https"), ca=str(ca))
        assert explicit.curl("http://allowed.test/").returncode == 0
        collector.wait(http__request__method="GET")
        sallyport.stop()
        assert collector.bodies() == sallyport.lines()


# Headers.

FIELDS = ["-H", "Accept: text/x-lab", "-H", "X-Request-Id: r-1", "-H", "Authorization: Bearer hunter2",
          "-H", "Cookie: sid=hunter2", "-H", "X-Api-Key: hunter2", "-H", "X-Lab: Bearer hunter2",
          "-H", "X-Other: not asked for"]


def test_L_03_headers_are_recorded_when_asked_for_and_credentials_never(start, collector, explicit, steered):
    wanted = ["Accept", "x-request-id", "authorization", "cookie", "proxy-authorization", "x-api-key", "x-lab"]
    sallyport = serve(start, collector.url(), audit={"headers": wanted})
    since = sallyport.mark()
    assert explicit.curl(*FIELDS, "http://allowed.test/").returncode == 0
    assert steered.curl(*FIELDS, "http://www.allowed.test/").returncode == 0
    for host in ("allowed.test", "www.allowed.test"):
        record = sallyport.wait_for(since, kind="request", host=host)[0]
        headers = {each["name"]: each["value"] for each in record["http_request"]["http_headers"]}
        assert headers == {"accept": "text/x-lab", "x-request-id": "r-1", "authorization": "[redacted]",
                           "cookie": "[redacted]", "x-api-key": "[redacted]", "x-lab": "[redacted]"}
        found = attributes(collector.wait(http__request__method="GET", server__address=host))
        assert found["http.request.header.x-request-id"] == ["r-1"]
        assert found["http.request.header.authorization"] == ["[redacted]"]
    assert b"hunter2" not in b"".join(sallyport.lines())
    assert "hunter2" not in json.dumps(collector.taken)


def test_L_03_no_header_is_recorded_unless_asked_for(start, collector, explicit):
    sallyport = serve(start, collector.url())
    since = sallyport.mark()
    assert explicit.curl(*FIELDS, "http://allowed.test/").returncode == 0
    record = sallyport.wait_for(since, kind="request", host="allowed.test")[0]
    assert "http_headers" not in record["http_request"]
