"""Behind a company's proxy: what it is told, what it may do, and that its troubles open nothing."""
import base64
import contextlib
import json

import pytest

from laboratory.clients import receive_all
from laboratory.collector import Collector
from laboratory.daemon import Sallyport, kind, ours, wait_until
from laboratory.parent_proxy import PARENT, PORT, ParentProxy
from laboratory.receivers import SECRET, Receiver, is_signed

URL = f"http://{PARENT}:{PORT}"
LOGIN = "corp:open sesame"
BASIC = "Basic " + base64.b64encode(LOGIN.encode()).decode()


@pytest.fixture(scope="module")
def parent(world):
    made = ParentProxy(world)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def fresh(parent, world):
    parent.forget()
    world.internet.forget()


def behind(start, **settings):
    return start(gateway=True, upstream_proxy={"url": URL, **settings})


@pytest.fixture(scope="module")
def named(start, parent, world):
    """Names are left to the parent; plain requests go to it as they are."""
    (world.folder / "login").write_text(LOGIN + "\n")
    return behind(start, credentials={"file": str(world.folder / "login")}, **{"except": ["four.test"]})


def first_lines(parent):
    return [head.split("\r\n")[0] for head in parent.heads]


def test_a_name_is_left_to_the_parent(named, parent, agent, world):
    assert json.loads(agent.curl("https://allowed.test/by-parent").stdout)["path"] == "/by-parent"
    assert json.loads(agent.curl("http://allowed.test/plain").stdout)["path"] == "/plain"
    assert first_lines(parent) == ["CONNECT allowed.test:443 HTTP/1.1", "GET http://allowed.test/plain HTTP/1.1"]
    assert world.internet.asked == [], "the parent resolves"


def test_the_start_says_that_the_guard_sees_names_only(named):
    assert "the guard sees names only" in named.said()


def test_L_03_the_parents_credentials_go_to_it_alone(named, parent, agent, world):
    agent.curl("https://allowed.test/")
    agent.curl("http://allowed.test/")
    assert len(parent.heads) == 2
    assert all(f"Proxy-Authorization: {BASIC}" in head for head in parent.heads)
    assert len(world.internet.requests) == 2
    assert "sesame" not in json.dumps(world.internet.requests) and BASIC not in json.dumps(world.internet.requests)
    assert not any(BASIC.encode() in line or b"sesame" in line for line in named.lines())


def test_C_05_an_agents_own_proxy_headers_go_nowhere(named, parent, explicit):
    explicit.curl("-H", "Proxy-Authorization: Basic eDp5", "-H", "X-Upstream-Proxy: http://denied.test:3128",
                  "http://allowed.test/")
    assert all("eDp5" not in head for head in parent.heads)
    assert all(head.split("\r\n")[0].startswith("GET http://allowed.test/") for head in parent.heads)


def test_an_excepted_host_is_reached_directly(named, parent, agent):
    assert json.loads(agent.curl("http://four.test/").stdout)["address"] == "93.184.216.40"
    assert parent.heads == []


@pytest.mark.parametrize("url", ["http://denied.test/", "http://unknown.test/", "http://169.254.169.254/", "http://10.1.2.3/"])
def test_the_parent_hears_nothing_of_what_is_refused(named, parent, explicit, world, url):
    since = named.mark()
    assert json.loads(explicit.curl(url).stdout)["status"] == 403
    named.wait_for(since, kind="refuse")
    assert parent.heads == [] and world.internet.capture.take() == []


TROUBLE = {
    "403": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nno way", False),
    "407": (b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=corp\r\nContent-Length: 0\r\n\r\n", False),
    "garbage": (b"\x15\x03\x01\x00\x02\x02\x28 what?\r\n\r\n", False),
    "nothing": (b"", False),
    "silence": (b"", True),
    "half a head": (b"HTTP/1.1 200 Conn", True),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_F_07_a_parent_that_will_not_makes_no_tunnel(named, parent, explicit, world, trouble):
    parent.says(*TROUBLE[trouble])
    since = named.mark()
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n")
        answer = receive_all(stream)
    # The tunnel's own 2xx may come before the dial; then it is cut, with nothing sent.
    assert answer.split(b" ")[1] in (b"502", b"504", b"200")
    assert b"realm=corp" not in answer and b"no way" not in answer
    if b" 200 " not in answer:
        assert b"Proxy-Status: sallyport; error=" in answer
        assert ours(named.wait_for(since, kind="fail", host="allowed.test")[0])["verdict"] == "allow"
    assert world.internet.requests == []


@pytest.mark.parametrize("trouble", TROUBLE)
def test_F_07_tls_by_a_parent_that_will_not(named, parent, agent, world, trouble):
    parent.says(*TROUBLE[trouble])
    since = named.mark()
    assert agent.curl("https://allowed.test/").returncode != 0
    named.wait_for(since, kind="fail", host="allowed.test")
    assert world.internet.requests == []


@pytest.mark.parametrize("trouble", ["407", "garbage", "nothing"])
def test_F_07_a_plain_request_by_a_parent_that_will_not(named, parent, agent, world, trouble):
    parent.says(*TROUBLE[trouble])
    got = agent.curl("-i", "--max-time", "15", "http://allowed.test/")
    assert got.stdout.split()[1] in ("502", "504"), got.stdout
    assert "Proxy-Authenticate" not in got.stdout, "the parent's question is not for the agent"
    assert world.internet.requests == []


def test_C_02_what_came_behind_a_refused_connect_is_not_sent_on(named, parent, explicit):
    parent.says(TROUBLE["403"][0])
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n"
                       b"GET http://four.test/ HTTP/1.1\r\nHost: four.test\r\n\r\n")
        receive_all(stream)
    assert not any("four.test" in head for head in parent.heads)


def test_a_parent_that_is_not_there(start, explicit, world):
    sallyport = start(upstream_proxy={"url": f"http://{PARENT}:9"})
    since = sallyport.mark()
    got = explicit.curl("-i", "http://allowed.test/")
    assert got.stdout.split()[1] == "502"
    sallyport.wait_for(since, kind="fail", host="allowed.test")
    assert world.internet.requests == []


def test_plain_requests_by_tunnel_where_the_file_says_so(start, parent, agent):
    behind(start, http="connect")
    assert json.loads(agent.curl("http://allowed.test/t").stdout)["path"] == "/t"
    assert first_lines(parent) == ["CONNECT allowed.test:80 HTTP/1.1"]


@pytest.fixture(scope="module")
def checked(start, parent):
    """Addresses are resolved and checked here; the parent gets those."""
    return behind(start, send="address")


def test_I_14_the_parent_gets_the_address_that_was_checked(checked, parent, agent, world):
    for url in ("https://four.test/", "http://four.test/"):
        assert json.loads(agent.curl(url).stdout)["host"] == "four.test"
    assert first_lines(parent) == ["CONNECT 93.184.216.40:443 HTTP/1.1", "CONNECT 93.184.216.40:80 HTTP/1.1"]
    assert {name for name, _ in world.internet.asked} == {"four.test"}, "resolved here, and nothing else was"


def test_an_ipv6_address_is_bracketed_for_the_parent(checked, parent, agent):
    assert agent.curl("https://six.test/").returncode == 0
    assert first_lines(parent) == ["CONNECT [2600:1f00:77::41]:443 HTTP/1.1"]


@pytest.mark.parametrize("name", ["private.test", "metadata.test", "shady.test", "nat64.test"])
def test_I_01_the_guard_sees_addresses_again(checked, parent, explicit, name):
    since = checked.mark()
    assert json.loads(explicit.curl(f"http://{name}/").stdout)["status"] == 403
    checked.wait_for(since, kind="refuse", host=name)
    assert parent.heads == []


def test_the_record_tells_of_the_destination(checked, agent):
    since = checked.mark()
    assert agent.curl("https://four.test/").returncode == 0
    end = checked.wait_for(since, kind="close", host="four.test", port=443)[0]
    assert [kind(event) for event in checked.events(since) if event["class_uid"] == 4001] == ["open", "close"]
    assert end["dst_endpoint"].get("ip") in (None, "93.184.216.40")


@pytest.fixture
def receiver(world):
    made = Receiver(world.outside, world.folder / "hooks", names="DNS:hooks.test")
    yield made
    made.close()


def telling(receiver, world):
    (world.folder / "hook.secret").write_text(SECRET + "\n")
    hook = {"webhook": receiver.url("/hook", "hooks.test"), "ca": str(receiver.ca)}
    return {"unattended": "hold", "timeout": "5s",
            "notify": [{**hook, "secret": {"file": str(world.folder / "hook.secret")}}]}


def test_who_is_notified_is_reached_by_the_parent_too(start, parent, receiver, explicit, world):
    (world.folder / "login").write_text(LOGIN + "\n")
    parent.names["hooks.test"] = "127.0.0.1"
    start(upstream_proxy={"url": URL, "credentials": {"file": str(world.folder / "login")}},
          approvals=telling(receiver, world))
    explicit.curl("http://unknown.test/")
    told, = receiver.wait(host="unknown.test")
    assert is_signed(told.headers, told.body) and "Proxy-Authorization" not in told.headers
    assert first_lines(parent) == [f"CONNECT hooks.test:{receiver.port} HTTP/1.1"]
    assert f"Proxy-Authorization: {BASIC}" in parent.heads[0]
    assert "hooks.test" not in {name for name, _ in world.internet.asked}, "the parent resolves"


def test_a_parent_that_will_not_notify_is_told_of(start, parent, receiver, explicit, world):
    parent.says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    daemon = start(upstream_proxy={"url": URL}, approvals=telling(receiver, world))
    explicit.curl("http://unknown.test/")
    wait_until(lambda: "the parent proxy answered 407 to CONNECT" in daemon.said(), "a line that says why")
    assert not receiver.messages


def test_who_is_excepted_is_notified_directly(start, parent, receiver, explicit, world):
    start(upstream_proxy={"url": URL, "except": ["hooks.test"]}, approvals=telling(receiver, world))
    explicit.curl("http://unknown.test/")
    wait_until(lambda: "hooks.test" in {name for name, _ in world.internet.asked}, "its name to be asked for")
    assert parent.heads == []


@pytest.mark.parametrize("form, line", [("absolute", "POST http://collector.test:{}/v1/logs HTTP/1.1"),
                                        ("connect", "CONNECT collector.test:{} HTTP/1.1")])
def test_a_collector_is_reached_by_the_parent_too(start, parent, world, form, line):
    with contextlib.closing(Collector(world.outside)) as collector:
        parent.names["collector.test"] = "127.0.0.1"
        start(upstream_proxy={"url": URL, "http": form},
              telemetry={"otlp": {"endpoint": f"http://collector.test:{collector.port}"}})
        wait_until(collector.records, "the log at the collector")
    assert line.format(collector.port) in first_lines(parent)


@pytest.mark.parametrize("settings, word", [
    ({"url": "https://p.test:1"}, "http://"), ({"url": URL, "send": "both"}, "send"), ({"url": URL, "http": "x"}, "http"),
    ({"url": URL, "credentials": {"file": "/nowhere/at/all"}}, "/nowhere/at/all"), ({"url": URL, "except": ["*.com:"]}, "except"),
    ({"url": URL, "sent": "name"}, "sent")])
def test_a_bad_parent_is_an_error_at_the_start(start, world, settings, word):
    start.end()
    sallyport = Sallyport(world, upstream_proxy=settings)
    got = sallyport.run("serve", "-c", sallyport.config_file, timeout=20)
    assert got.returncode != 0 and "sallyport.yaml:" in got.stderr and word in got.stderr, got.stderr
