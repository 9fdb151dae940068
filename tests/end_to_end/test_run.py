"""`sallyport run`: what works in a sandbox, for a command that was started by root and for one by an ordinary user."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from laboratory.daemon import wait_until
from laboratory.runner import NOBODY, Runner, finish, interrupt, said

POLICY = """\
version: 1
default: ask
rules:
  - allow: [allowed.test, "*.allowed.test", four.test, six.test]
  - allow: allowed.test
    ports: [8080, 8443]
  - deny: denied.test
    reason: the laboratory says no
  - { allow: echo.test, ports: [7], protocol: tcp }
  - { allow: mail.test, ports: [25] }
  - { allow: 93.184.216.40, ports: [80] }
  - { allow: "2600:1f00:77::12", ports: [8080] }
"""


@pytest.fixture(params=["user", "root"])
def runner(request, world):
    world.internet.forget()
    return Runner(world, request.param, POLICY)


def test_reaches_names_and_addresses_of_both_families_and_any_port(runner, world):
    for url in ("http://allowed.test/", "https://www.allowed.test/", "http://allowed.test:8080/", "https://allowed.test:8443/",
                "http://six.test/", "http://four.test/", "http://93.184.216.40/", "http://[2600:1f00:77::12]:8080/"):
        done = runner.run("curl", "-sS", "--max-time", "10", url)
        assert done.returncode == 0 and '"method": "GET"' in done.stdout, (url, said(done), runner.told())
    assert [each["address"] for each in world.internet.requests][-4:] == \
        ["2600:1f00:77::41", "93.184.216.40", "93.184.216.40", "2600:1f00:77::12"]
    assert runner.find(kind="open", host="allowed.test", port=8443, door="attached", agent="run")


def test_carries_bytes_of_other_protocols(runner):
    done = runner.python("import socket\ns = socket.create_connection(('echo.test', 7)); s.sendall(b'hi'); s.shutdown(1)\n"
                         "print(s.makefile().read())\n"
                         "print(socket.create_connection(('mail.test', 25)).recv(99))")
    assert "hi\n2 bytes, good-bye" in done.stdout and "220 mail.test" in done.stdout, said(done)


def test_refuses_at_once_what_is_denied_and_what_nobody_can_answer(runner, world):
    began = time.monotonic()
    for url, reason in (("http://denied.test/", "Could not resolve"), ("http://unknown.test/", "nobody is asked here")):
        done = runner.run("curl", "-sS", "--max-time", "10", url)
        assert reason in done.stdout + done.stderr, said(done)
    assert time.monotonic() - began < 8
    assert not world.internet.capture.take() and not world.internet.asked
    assert "refused unknown.test:80" in done.stderr and str(runner.audit) in done.stderr, said(done)


def test_answers_dns_by_any_server(runner):
    done = runner.python(
        "import socket, struct\n"
        "q = struct.pack('!6H', 7, 256, 1, 0, 0, 0) + b'\\7allowed\\4test\\0' + struct.pack('!2H', 1, 1)\n"
        "for at in ('9.9.9.9', '127.0.0.53', '10.1.1.1', '2620:fe::9', '::1'):\n"
        "  family = 10 if ':' in at else 2\n"
        "  s = socket.socket(family, 2); s.settimeout(5); s.connect((at, 53)); s.send(q)\n"
        "  t = socket.create_connection((at, 53), 5); t.sendall(struct.pack('!H', len(q)) + q)\n"
        "  print(socket.inet_ntoa(s.recv(999)[-4:]), socket.inet_ntoa(t.recv(999)[-4:]))\n")
    answers = set(done.stdout.split())
    assert len(done.stdout.split()) == 10 and len(answers) == 1 and answers.pop().startswith("198.1"), said(done)


def test_fails_other_datagrams_and_pings_at_once(runner, world):
    done = runner.python(
        "import socket, time\n"
        "start = time.monotonic()\n"
        "for family, to in ((2, '93.184.216.10'), (10, '2600:1f00:77::10')):\n"
        "  for port in (443, 123, 5353):\n"
        "    s = socket.socket(family, 2); s.settimeout(9); s.connect((to, port))\n"
        "    try: s.send(b'x'); s.recv(9); print('answered')\n"
        "    except TimeoutError: print('silence')\n"
        "    except OSError: print('refused')\n"
        "for family, kind, number, head in ((2, 2, 1, 8), (10, 2, 58, 128), (2, 3, 1, 8), (10, 3, 58, 128)):\n"
        "  try: socket.socket(family, kind, number).sendto(bytes((head,)) + bytes(7), ('93.184.216.10' if family == 2 else "
        "'2600:1f00:77::10', 0)); print('sent')\n"
        "  except OSError: print('refused')\n"
        "print(time.monotonic() - start < 3)\n")
    assert done.stdout.split() == ["refused"] * 10 + ["True"], said(done)
    assert not world.internet.capture.take()


SERVER = """\
import http.server, threading, urllib.request, sys, time
for at, family in (('127.0.0.1', 2), ('::1', 10), ('127.0.0.7', 2)):
  class Server(http.server.ThreadingHTTPServer):
    address_family = family
  server = Server((at, 18080), http.server.SimpleHTTPRequestHandler)
  threading.Thread(target=server.serve_forever, daemon=True).start()
  host = f'[{at}]' if family == 10 else at
  print(urllib.request.urlopen(f'http://{host}:18080/').status)
print(urllib.request.urlopen('http://localhost:18080/').status, flush=True)
sys.stdin.read()
"""


def test_leaves_the_command_its_own_servers_and_nobody_else(runner, world):
    process = runner.start("/usr/bin/python3", "-c", SERVER, stdin=subprocess.PIPE)
    assert [process.stdout.readline().strip() for _ in range(4)] == ["200"] * 4
    for at in ("127.0.0.1", "::1"):
        with world.gateway.inside(), pytest.raises(ConnectionRefusedError):
            socket.create_connection((at, 18080), timeout=5)
    assert finish(process)[0] == 0


def test_keeps_exit_status_user_folder_and_environment(runner):
    assert runner.shell("exit 7").returncode == 7
    assert runner.shell("kill -TERM $$").returncode == 128 + signal.SIGTERM
    assert runner.run("no-such-program").returncode == 127
    assert runner.run("/etc/passwd").returncode == 126
    done = runner.shell("id -u; id -g; pwd; echo $MARK; cat", env={"MARK": "kept"}, cwd=runner.home, input="typed\n")
    assert done.stdout.split() == [str(NOBODY), str(NOBODY), str(runner.home), "kept", "typed"], said(done)
    assert "nothing asked for the network" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_forwards_signals(runner, number):
    process = runner.start("bash", "-c", f"trap 'echo told; exit 9' {int(number)}; echo ready; while :; do sleep 0.05; done")
    assert process.stdout.readline() == "ready\n"
    interrupt(process, number)
    status, out, err = finish(process)
    assert (status, out) == (9, "told\n"), err


def test_takes_proxy_variables_away_with_a_word(runner):
    done = runner.run("env", env={"https_proxy": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9"})
    assert "https_proxy=" not in done.stdout and "ALL_PROXY=" not in done.stdout and "not passed on: https_proxy ALL_PROXY" in done.stderr, said(done)


def test_is_told_of_itself_by_sallyport_internal(runner):
    done = runner.run("curl", "-sS", "http://sallyport.internal/v1/policy")
    assert "allowed.test" in done.stdout, said(done)


@contextlib.contextmanager
def host_server(world):
    """Somebody on the gateway's loopback who says hello."""
    with world.gateway.inside():
        server = socket.create_server(("127.0.0.1", 0))
    with server:
        server.settimeout(10)
        yield server


def test_reaches_the_hosts_loopback_only_by_a_rule_that_names_it(runner, world):
    with host_server(world) as server:
        port = server.getsockname()[1]
        ask = ("import socket, sys\ns = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)\n"
               "s.sendall(b'hi\\n'); print(s.recv(99))")
        def attempt(rule, *to):
            runner.write_policy(f"version: 1\ndefault: deny\nrules:\n  - {rule}\n")
            return runner.start("/usr/bin/python3", "-c", ask, *(to or ("host.sallyport.internal", port)))
        process = attempt(f"{{ allow: host.sallyport.internal, ports: [{port}], protocol: tcp }}")
        with server.accept()[0] as client:
            client.sendall(b"hello")
            status, out, err = finish(process)
        assert (status, out) == (0, "b'hello'\n"), err
        runner.write_policy(f"version: 1\ndefault: deny\nrules:\n  - {{ allow: host.sallyport.internal, ports: [{port}] }}\n")
        process = runner.start("curl", "-sS", f"http://host.sallyport.internal:{port}/")
        with server.accept()[0] as client:
            assert b"Host: host.sallyport.internal" in client.recv(999)
            time.sleep(1.5)  # a look at what the policy still allows comes every second
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            assert finish(process)[:2] == (0, "hello")
        server.settimeout(0.2)
        for rule, *to in ((f"{{ allow: any, ports: [{port}], protocol: tcp }}",),
                          (f'{{ allow: "*.sallyport.internal", ports: [{port}], protocol: tcp }}',),
                          (f"{{ allow: host.sallyport.internal, ports: [{port + 1}], protocol: tcp }}",),
                          (f"{{ allow: [127.0.0.1, any], ports: [{port}], protocol: tcp }}", "127.0.0.1", port),
                          (f"{{ allow: [10.77.0.1], ports: [{port}], protocol: tcp }}", "10.77.0.1", port)):
            status, out, err = finish(attempt(rule, *to))
            assert status == 1 and "hello" not in out, (rule, err)
            with pytest.raises(TimeoutError):
                server.accept()


def test_says_what_is_wrong_before_it_runs_anything(runner):
    runner.write_policy("version: 1\nrulez: []\n")
    done = runner.run("echo", "ran")
    assert done.returncode == 125 and "rulez" in done.stderr and "ran" not in done.stdout, said(done)
    runner.write_policy("version: 1\nagents: { bot: { default: deny } }\n")
    done = runner.run("echo", "ran", options=["--agent", "boot"])
    assert done.returncode == 125 and 'did you mean "bot"' in done.stderr and "ran" not in done.stdout, said(done)
    done = runner.run("echo", "ran", options=["--share", "/no/such"])
    assert done.returncode == 125 and "/no/such" in done.stderr, said(done)
    runner.policy.unlink()
    done = runner.run("echo", "ran")
    assert done.returncode == 125 and "there is no policy" in done.stderr, said(done)
    assert runner.run(options=[]).returncode == 2


def test_names_the_setting_that_forbids_user_namespaces(runner, world):
    """Without them nothing runs, and nothing is let out. The setting is that of a user namespace: it is nobody else's."""
    script = 'read mapped; exec sh -c "echo 0 >/proc/sys/user/max_user_namespaces; exec \\"\\$@\\"" sh "$@"'
    process = world.gateway.start(["unshare", "--user", "sh", "-c", script, "sh", *runner.command(["echo", "ran"])],
                                  env=runner.environment(), cwd=runner.folder, text=True, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: os.readlink(f"/proc/{process.pid}/ns/user") != os.readlink("/proc/self/ns/user"), "its user namespace")
    for kind in ("uid", "gid"):
        pathlib.Path(f"/proc/{process.pid}/{kind}_map").write_text("0 0 65536")
    out, err = process.communicate("mapped\n", timeout=20)
    assert process.returncode == 125 and "user.max_user_namespaces" in err and "ran" not in out, (process.returncode, out, err)


def test_says_what_a_container_must_give(runner, world):
    covered = ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /proc/keys && exec "$@"', "sh"]
    done = world.gateway.run([*covered, *runner.command(["echo", "ran"])], env=runner.environment(), cwd=runner.folder)
    assert done.returncode == 125 and "systempaths=unconfined" in done.stderr and "ran" not in done.stdout, said(done)


def test_learns_a_policy_that_then_suffices(runner, world):
    learned = runner.folder / "learned.yaml"
    runner.folder.chmod(0o777)
    done = runner.shell("curl -sS http://unknown.test/; curl -sS http://unknown.test/; curl -sS https://allowed.test/;"
                        "curl -sS http://denied.test/; curl -sS http://10.1.2.3/", options=["--learn", learned])
    text = learned.read_text()
    assert "unknown.test" in text and "allowed.test" in text and "twice" in text or "2 times" in text, text
    assert "denied.test" not in text and "10.1.2.3" not in text, text
    assert [each["host"] for each in world.internet.requests] == ["unknown.test", "unknown.test", "allowed.test"]
    os.chown(learned, NOBODY, NOBODY)
    runner.policy = learned
    world.internet.forget()
    done = runner.shell("curl -sS http://unknown.test/; curl -sS https://allowed.test/; curl -sS http://other.test/")
    assert [each["host"] for each in world.internet.requests] == ["unknown.test", "allowed.test"], said(done)
