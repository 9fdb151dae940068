"""What `sallyport run` is told: a configuration, an agent's name, who answers, what must be seen and what be kept."""
import http.client
import json
import os
import re
import subprocess

import pytest

from laboratory.runner import NOBODY, Runner, finish, said

POLICY = """\
version: 1
default: ask
rules:
  - allow: allowed.test
"""


@pytest.fixture(params=["user", "root"])
def runner(request, world):
    world.internet.forget()
    return Runner(world, request.param, POLICY)


def write_config(runner, **settings):
    """As the command's user can read it; JSON is YAML."""
    path = runner.folder / "sallyport.yaml"
    path.write_text(json.dumps({"policy": str(runner.policy), "data": str(runner.folder / "data"), **settings}))
    os.chown(path, NOBODY, NOBODY)
    return path


def answer(world, address, token, decision, **more):
    with world.gateway.inside():
        connection = http.client.HTTPConnection(*address, timeout=10)
        connection.connect()
    fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(method, path, body=None):
        connection.request(method, path, body and json.dumps(body), fields)
        reply = connection.getresponse()
        return json.loads(reply.read())
    for _ in range(200):
        found = call("GET", "/v1/approvals?state=pending")["approvals"]
        if found:
            return call("POST", f"/v1/approvals/{found[0]['id']}", {"decision": decision, **more}), found[0]
    raise AssertionError("nothing was asked")


@pytest.mark.parametrize("decision, status", [("approve", "200"), ("deny", "403")])
def test_asks_on_a_page_of_its_own(runner, world, decision, status):
    process = runner.start("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "http://unknown.test/",
                           options=["--ask", "console", "--agent", "page"])
    heard = ""
    while not (url := re.search(r"http://([\d.]+):(\d+)/#token=(\S+)", heard)):
        line = process.stderr.readline()
        assert line, heard
        heard += line
    _, question = answer(world, (url[1], int(url[2])), url[3], decision)
    assert (question["agent"], question["host"], question["port"]) == ("page", "unknown.test", 80)
    assert finish(process)[:2] == (0, status)
    assert len(world.internet.requests) == (decision == "approve")


def test_the_page_is_out_of_the_commands_reach(runner):
    done = runner.python("import socket\n"
                         "for port in range(1024, 65536):\n"
                         "  s = socket.socket()\n"
                         "  try:\n"
                         "    s.connect(('127.0.0.1', port)); s.settimeout(2)\n"
                         "    if s.getsockname() == s.getpeername(): continue\n"
                         "    s.sendall(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
                         "    if got := s.recv(99): print(port, got)\n"
                         "  except OSError: pass\n", options=["--ask", "console"])
    assert done.returncode == 0 and not done.stdout, said(done)


def test_takes_other_settings_from_a_file(runner):
    config = write_config(runner, limits={"connections": 1000, "per_agent": 2})
    done = runner.python("import socket\n"
                         "held = [socket.create_connection(('allowed.test', 80), 5) for _ in range(4)]\n"
                         "for s in held:\n"
                         "  s.sendall(b'GET / HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n'); print(s.recv(12)[9:].decode())\n",
                         options=["-c", config])
    assert done.stdout.split()[:2] == ["200", "200"] and not "200" in done.stdout.split()[2:], said(done)


def test_the_agents_own_rules_apply(runner, world):
    runner.write_policy(POLICY + "agents:\n  strict:\n    rules: [{ deny: allowed.test }]\n")
    done = runner.run("curl", "-sS", "http://allowed.test/", options=["--agent", "strict"])
    assert done.returncode != 0 and not world.internet.requests, said(done)
    assert runner.run("curl", "-sS", "http://allowed.test/").returncode == 0
    assert runner.find(agent="strict") and runner.find(agent="run")


def test_looks_into_tls_where_a_rule_needs_it_and_is_trusted_inside(runner, world):
    """curl, python, git and node, by their own variables; and where nothing looks inside, the origin's certificate."""
    runner.write_policy("version: 1\ndefault: deny\nrules:\n  - { allow: allowed.test, methods: read-only }\n  - allow: other.test\n")
    config = write_config(runner, inspect={"roots": [str(world.internet.certificates.ca)]})
    code = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code},"]
    script = (f"{' '.join(code)} https://allowed.test/; {' '.join(code)} -X POST https://allowed.test/; {' '.join(code)} https://other.test/;"
              "/usr/bin/python3 -c \"import urllib.request; print(urllib.request.urlopen('https://allowed.test/').status, end=',')\";"
              "node -e \"fetch('https://allowed.test/').then(a => console.log(a.status))\"")
    done = runner.shell(script, options=["-c", config])
    assert done.stdout.strip() == "200,403,200,200,200", said(done)
    assert [each["method"] for each in world.internet.requests] == ["GET"] * 4
    assert runner.find(kind="request", host="allowed.test") and not runner.find(kind="request", host="other.test")
    done = runner.shell("echo $CURL_CA_BUNDLE; (echo x >>$CURL_CA_BUNDLE) 2>/dev/null && echo changed; "
                        f"find {runner.folder} /var/lib -name ca.key -readable 2>/dev/null", options=["-c", config])
    assert done.stdout.splitlines() == ["/dev/shm/.sallyport/CURL_CA_BUNDLE.pem"], said(done)


def test_keeps_the_policys_secrets_from_the_command(runner, world):
    secret = runner.folder / "secret"
    secret.write_text("from-a-file\n")
    os.chown(secret, NOBODY, NOBODY)
    runner.write_policy("version: 1\ndefault: deny\nrules:\n"
                        "  - { allow: allowed.test, methods: [GET], inject: { header: X-Key, value: 'k ${secret:one}' } }\n"
                        "  - { allow: other.test, methods: [GET], inject: { header: X-Key, value: 'k ${secret:two}' } }\n"
                        f"secrets: {{ one: {{ env: LAB_SECRET }}, two: {{ file: {secret} }} }}\n")
    config = write_config(runner, inspect={"roots": [str(world.internet.certificates.ca)]})
    done = runner.shell(f"echo $LAB_SECRET; cat {secret}; grep -a LAB_SECRET /proc/*/environ; curl -sS https://allowed.test/ >/dev/null;"
                        "curl -sS https://other.test/ >/dev/null", options=["-c", config], env={"LAB_SECRET": "from-a-variable"})
    assert "from-a" not in done.stdout + done.stderr, said(done)
    assert [each["headers"].get("X-Key") for each in world.internet.requests] == ["k from-a-variable", "k from-a-file"], said(done)
    assert b"from-a" not in runner.audit.read_bytes()


def test_runs_at_one_time_do_not_disturb_each_other(runner, world):
    logs = [runner.log / f"{each}.jsonl" for each in range(4)]
    started = []
    for log in logs:
        runner.audit = log
        started.append(runner.start("curl", "-sS", "http://allowed.test/bytes/200000", "-o", "/dev/null"))
    for process, log in zip(started, logs):
        status, _, err = finish(process)
        assert status == 0 and str(log) in err, err
    assert len(world.internet.requests) == 4


def test_one_log_of_many_runs_is_whole(runner):
    for _ in range(3):
        assert runner.run("curl", "-sS", "http://allowed.test/").returncode == 0
    from laboratory.daemon import program
    done = subprocess.run([program(), "audit", "verify", runner.audit], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and len(runner.find(kind="open")) == 3, said(done)
