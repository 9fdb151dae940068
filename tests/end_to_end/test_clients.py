"""Real programs, by both doors: set up for a proxy, or knowing of none."""
import http.client
import json
import subprocess

import pytest

from laboratory.daemon import PROXY, PROXY_URL
from laboratory.ssh_server import SshServer


@pytest.fixture(autouse=True)
def _daemon(sallyport):
    return sallyport


@pytest.mark.parametrize("name, address", [("allowed.test", None), ("four.test", "93.184.216.40"),
                                           ("six.test", "2600:1f00:77::41")])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_curl_fetches_what_is_allowed(agent, scheme, name, address):
    got = agent.curl(f"{scheme}://{name}/some/path?query=1")
    assert got.returncode == 0, got.stderr
    seen = json.loads(got.stdout)
    assert (seen["path"], seen["host"]) == ("/some/path?query=1", name)
    assert address is None or seen["address"] == address


def test_curl_uploads_with_a_length_and_chunked(agent):
    for extra in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
        got = agent.curl("-X", "POST", "--data-binary", "@-", *extra, "http://allowed.test/upload", input="y" * 200_000)
        assert got.returncode == 0, got.stderr
        assert json.loads(got.stdout)["body"] == 200_000


def test_curl_downloads_many_bytes(agent):
    for scheme in ("http", "https"):
        got = agent.curl(f"{scheme}://allowed.test/bytes/5000000", text=False)
        assert (got.returncode, len(got.stdout)) == (0, 5_000_000), got.stderr


@pytest.mark.parametrize("word", ["socks5", "socks5h", "socks4a"])
def test_curl_speaks_socks(explicit, word):
    # socks5 resolves on its own side, so it is given the address, which a rule allows.
    url = "http://93.184.216.40/" if word == "socks5" else "https://allowed.test/"
    got = explicit.curl("--proxy", f"{word}://{PROXY[0]}:{PROXY[1]}", url)
    assert got.returncode == 0, got.stderr
    assert json.loads(got.stdout)["path"] == "/"


def test_curl_keeps_its_connection_to_the_proxy(explicit):
    got = explicit.curl("-v", "http://allowed.test/1", "http://four.test/2", "http://allowed.test/3")
    assert got.returncode == 0, got.stderr
    assert [json.loads(line)["path"] for line in got.stdout.splitlines()] == ["/1", "/2", "/3"]
    assert got.stderr.count("Connected to") == 1


def test_wget(agent):
    for scheme in ("http", "https"):
        got = agent.run("wget", "-q", "-O", "-", f"--ca-certificate={agent.ca}", f"{scheme}://allowed.test/wget")
        assert got.returncode == 0, got.stderr
        assert json.loads(got.stdout)["path"] == "/wget"


@pytest.fixture(scope="module")
def repository(world):
    """A git repository as plain files: what a static web server needs for a clone."""
    work, bare = world.folder / "repository", world.internet.files / "repository.git"
    git = ["git", "-c", "user.name=Lab", "-c", "user.email=lab@allowed.test", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q", work], check=True)
    (work / "hello.txt").write_text("hello\n")
    subprocess.run([*git, "-C", work, "add", "."], check=True)
    subprocess.run([*git, "-C", work, "commit", "-q", "-m", "first"], check=True)
    subprocess.run([*git, "clone", "-q", "--bare", work, bare], check=True)
    subprocess.run([*git, "-C", bare, "update-server-info"], check=True)
    return "https://allowed.test/files/repository.git"


def test_git_clones_over_https(agent, repository, tmp_path):
    got = agent.run("git", "clone", "-q", repository, tmp_path / "clone")
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "clone" / "hello.txt").read_text() == "hello\n"


def test_apt_fetches_with_its_http_method(agent, world, tmp_path):
    (world.internet.files / "Release").write_text("Origin: Laboratory\n")
    target = tmp_path / "Release"
    configuration = [f"Config-Item: Acquire::http::Proxy={PROXY_URL}"] if agent.door == "explicit" else []
    configuration.append("Config-Item: APT::Sandbox::User=root")
    talk = "\n".join(["601 Configuration", *configuration, "", "600 URI Acquire",
                      "URI: http://allowed.test/files/Release", f"Filename: {target}", "", ""])
    method = world.agent.start(["/usr/lib/apt/methods/http"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env=agent.environment())
    # It ends at the end of its input, done or not: so the input stays open until it has answered.
    method.stdin.write(talk)
    method.stdin.flush()
    answer = next((line for line in method.stdout if line.startswith(("201 ", "400 "))), "")
    method.communicate(timeout=10)
    assert answer == "201 URI Done\n"
    assert target.read_text() == "Origin: Laboratory\n"


def test_python_urllib(agent):
    code = "import urllib.request as u; print(u.urlopen('https://allowed.test/python', timeout=10).read().decode())"
    got = agent.run("/usr/bin/python3", "-c", code)
    assert got.returncode == 0, got.stderr
    assert json.loads(got.stdout)["path"] == "/python"


def test_node_fetch(agent):
    # Node's own fetch knows no proxy variables, so by the explicit door the tunnel is made by hand, as agents do.
    direct = "fetch('https://allowed.test/node').then(r => r.text()).then(t => console.log(t))"
    host, port = PROXY
    tunnel = f"""
      const http = require('http'), https = require('https');
      http.request({{host: '{host}', port: {port}, method: 'CONNECT', path: 'allowed.test:443'}}).on('connect', (r, socket) =>
        https.get({{host: 'allowed.test', servername: 'allowed.test', path: '/node', agent: false,
                   createConnection: o => require('tls').connect({{...o, socket}})}}, a => a.pipe(process.stdout))).end();"""
    got = agent.run("node", "-e", tunnel if agent.door == "explicit" else direct)
    assert got.returncode == 0, got.stderr
    assert json.loads(got.stdout)["path"] == "/node"


def test_openssl_s_client(agent):
    way = ["-proxy", f"{PROXY[0]}:{PROXY[1]}"] if agent.door == "explicit" else []
    got = agent.run("openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", agent.ca, *way,
                    "-servername", "allowed.test", "-connect", "allowed.test:443",
                    input="GET /s_client HTTP/1.0\r\nHost: allowed.test\r\n\r\n")
    assert '"path": "/s_client"' in got.stdout, got.stderr


@pytest.fixture(scope="module")
def ssh_server(world):
    return SshServer(world)


def test_ssh(agent, ssh_server):
    way = ["-o", f"ProxyCommand=nc -X 5 -x {PROXY[0]}:{PROXY[1]} %h %p"] if agent.door == "explicit" else []
    got = agent.run("ssh", *ssh_server.options(), *way, "root@ssh.test", "echo reached")
    assert (got.returncode, got.stdout) == (0, "reached\n"), got.stderr


def test_websocket_upgrade_becomes_a_stream(agent):
    if agent.door == "explicit":
        stream, target = agent.proxy(), "http://allowed.test/ws"
    else:
        stream, target = agent.connect(agent.ask("allowed.test").addresses[0], 80), "/ws"
    with stream:
        stream.sendall(f"GET {target} HTTP/1.1\r\nHost: allowed.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        reader = stream.makefile("rb")
        assert b" 101 " in reader.readline()
        while reader.readline().strip():
            pass
        stream.sendall(b"\x81\x05hello")
        assert reader.read(7) == b"\x81\x05hello"


def test_http_library_reuses_a_connection_for_many_requests(agent):
    if agent.door == "explicit":
        stream, prefix = agent.proxy(), "http://allowed.test"
    else:
        stream, prefix = agent.connect(agent.ask("allowed.test").addresses[0], 80), ""
    connection = http.client.HTTPConnection("allowed.test")
    connection.sock = stream
    for number in range(20):
        connection.request("GET", f"{prefix}/{number}", headers={"Host": "allowed.test"})
        answer = connection.getresponse()
        assert json.loads(answer.read())["path"] == f"/{number}"
    assert connection.sock is stream
    stream.close()
