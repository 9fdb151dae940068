"""More real programs by both doors: those that push, upload, and speak many words on one connection."""
import hashlib
import json
import subprocess

import pytest

from laboratory.daemon import PROXY
from laboratory.ssh_server import SshServer


@pytest.fixture(autouse=True)
def _daemon(sallyport):
    return sallyport


def python(agent, code):
    got = agent.run("/usr/bin/python3", "-c", code, env={"REQUESTS_CA_BUNDLE": str(agent.ca)}, timeout=60)
    assert got.returncode == 0, got.stderr
    return json.loads(got.stdout)


def test_python_requests_keep_a_session(agent):
    seen = python(agent, """
import json, requests
with requests.Session() as session:
    paths = [session.get(f"{scheme}://allowed.test/{n}", timeout=10).json()["path"] for scheme in ("http", "https") for n in range(5)]
    posted = session.post("http://allowed.test/up", data=b"z" * 300000, timeout=10).json()
    chunked = session.post("https://allowed.test/up", data=(b"y" * 1000 for _ in range(300)), timeout=10).json()
print(json.dumps([paths, posted["body"], chunked["body"]]))
""")
    assert seen == [["/0", "/1", "/2", "/3", "/4"] * 2, 300_000, 300_000]


def test_I_16_a_redirect_to_what_is_not_allowed_is_judged_afresh(agent, world):
    world.internet.forget()
    seen = python(agent, """
import json, requests
told = []
for target in ("http://denied.test/x", "http://169.254.169.254/latest"):
    try:
        answer = requests.get("http://allowed.test/redirect?" + target, timeout=10)
        told.append([r.status_code for r in answer.history] + [answer.status_code])
    except requests.ConnectionError:
        told.append("refused")
print(json.dumps(told))
""")
    # The gateway's DNS has no such name for the agent; the explicit door says 403. The filter itself follows nothing.
    assert seen == [[302, 403], [302, 403]] if agent.door == "explicit" else seen[0] in ("refused", [302, 403])
    assert [request["path"].split("?")[0] for request in world.internet.requests] == ["/redirect", "/redirect"]
    assert ("denied.test", "A") not in world.internet.asked


@pytest.fixture(scope="module")
def project(world):
    """A bare repository behind `git http-backend`, into which one may push."""
    bare = world.internet.files / "project.git"
    subprocess.run(["git", "-c", "init.defaultBranch=main", "init", "-q", "--bare", bare], check=True)
    subprocess.run(["git", "-C", bare, "config", "http.receivepack", "true"], check=True)
    return "https://allowed.test/git/project.git"


def test_git_clones_and_pushes_over_the_smart_protocol(agent, project, tmp_path):
    def git(*words):
        got = agent.run("git", "-c", "user.name=Lab", "-c", "user.email=lab@allowed.test", "-c", "http.postBuffer=65536", *words,
                        timeout=60)
        assert got.returncode == 0, got.stderr
        return got.stdout
    work, again = tmp_path / "work", tmp_path / "again"
    git("clone", "-q", project, work)
    # Larger than postBuffer, so that git pushes it chunked; random, so that it stays large.
    noise = b"".join(hashlib.sha256(agent.door.encode() + bytes([n % 256, n // 256])).digest() for n in range(20_000))
    (work / f"{agent.door}.bin").write_bytes(noise)
    git("-C", work, "add", ".")
    git("-C", work, "commit", "-q", "-m", agent.door)
    git("-C", work, "push", "-q", "origin", "HEAD:main")
    git("clone", "-q", "-b", "main", project, again)
    assert (again / f"{agent.door}.bin").read_bytes() == noise


@pytest.fixture(scope="module")
def ssh_server(world):
    return SshServer(world)


def test_ssh_carries_a_large_stream_both_ways(agent, ssh_server):
    way = ["-o", f"ProxyCommand=nc -X 5 -x {PROXY[0]}:{PROXY[1]} %h %p"] if agent.door == "explicit" else []
    data = bytes(range(256)) * 20_000
    got = agent.run("ssh", *ssh_server.options(), *way, "root@ssh.test", "cat", input=data, text=False, timeout=60)
    assert (got.returncode, got.stdout == data) == (0, True), got.stderr


def test_curl_keeps_a_tunnel_for_many_requests(agent):
    got = agent.curl("-v", *[f"https://allowed.test/{number}" for number in range(10)])
    assert got.returncode == 0, got.stderr
    assert [json.loads(line)["path"] for line in got.stdout.splitlines()] == [f"/{number}" for number in range(10)]
    assert got.stderr.count("SSL connection using") == 1


def test_curl_in_parallel(agent):
    got = agent.run("curl", "-sS", "-Z", "--parallel-max", "20", "--max-time", "30",
                    *[f"https://allowed.test/{number}" for number in range(60)], timeout=60)
    assert got.returncode == 0, got.stderr
    assert got.stdout.count('"path"') == 60


def test_curl_resumes_and_heads(agent):
    head = agent.curl("-I", "http://allowed.test/bytes/1000")
    assert "Content-Length: 1000" in head.stdout and head.returncode == 0
    options = agent.curl("-X", "OPTIONS", "http://allowed.test/")
    assert json.loads(options.stdout)["method"] == "OPTIONS"


def test_wget_mirrors_what_it_is_told(agent, world, tmp_path):
    (world.internet.files / "list.txt").write_text("one\ntwo\n")
    got = agent.run("wget", "-q", "-P", tmp_path, f"--ca-certificate={agent.ca}", "https://allowed.test/files/list.txt",
                    "http://allowed.test/bytes/100000")
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "list.txt").read_text() == "one\ntwo\n" and (tmp_path / "100000").stat().st_size == 100_000


def test_node_fetches_many_at_once(steered):
    got = steered.run("node", "-e", "Promise.all([...Array(20).keys()].map(n => fetch('https://allowed.test/bytes/' + (n + 1) * 10000)"
                                    ".then(r => r.arrayBuffer()).then(b => b.byteLength))).then(s => console.log(JSON.stringify(s)))")
    assert got.returncode == 0, got.stderr
    assert json.loads(got.stdout) == [(number + 1) * 10000 for number in range(20)]


def test_node_posts_a_stream(steered):
    code = """
const body = new ReadableStream({ start(c) { for (let n = 0; n < 50; n++) c.enqueue(new Uint8Array(1000)); c.close(); } });
fetch('http://allowed.test/up', { method: 'POST', body, duplex: 'half' }).then(r => r.json()).then(r => console.log(r.body));"""
    got = steered.run("node", "-e", code)
    assert (got.returncode, got.stdout) == (0, "50000\n"), got.stderr
