"""Start, change of mind, orderly end, sudden death: what is reachable at each of them."""
import json
import signal
import socket
import subprocess

import pytest

from laboratory.clients import receive_all
from laboratory.daemon import POLICY, Sallyport, chain_is_whole, kind, program, wait_until


def reload(sallyport, text, how):
    since = sallyport.mark()
    sallyport.policy_file.write_text(text)
    if how == "SIGHUP":
        sallyport.signal(signal.SIGHUP)
    sallyport.wait_for(since, kind="policy")
    return since


@pytest.mark.parametrize("how", ["SIGHUP", "the file"])
def test_a_changed_policy_takes_effect(start, explicit, how):
    sallyport = start()
    assert '"status":403' in explicit.curl("http://other.test/").stdout
    reload(sallyport, POLICY + "  - allow: other.test\n", how)
    assert '"host": "other.test"' in explicit.curl("http://other.test/").stdout
    reload(sallyport, POLICY, how)
    assert '"status":403' in explicit.curl("http://other.test/").stdout


def test_F_01_a_bad_policy_changes_nothing_and_says_why(start, explicit):
    sallyport = start()
    reload(sallyport, "version: 1\nrules:\n  - alow: other.test\n", "SIGHUP")
    wait_until(lambda: "policy.yaml:3:" in sallyport.said(), "the complaint with its line")
    assert explicit.curl("http://allowed.test/").returncode == 0
    assert '"status":403' in explicit.curl("http://denied.test/").stdout


def test_F_02_a_reload_ends_open_connections_it_denies(start, explicit):
    sallyport = start()
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT echo.test:7 HTTP/1.1\r\nHost: echo.test:7\r\n\r\n")
        assert b" 200 " in stream.recv(4096)
        stream.sendall(b"hello")
        assert stream.recv(5) == b"hello"
        since = reload(sallyport, POLICY.replace("  - { allow: echo.test", "  - { deny: echo.test"), "SIGHUP")
        assert receive_all(stream) == b""
    sallyport.wait_for(since, host="echo.test", closed_by="policy")


@pytest.mark.parametrize("shared", ["proxy", "dns"])
def test_two_daemons_never_share_a_port(start, world, shared):
    ours = start()
    listen = {"proxy": "10.77.0.1:3199", "dns": "10.77.0.1:5399", "console": "127.0.0.1:9199"}
    listen[shared] = json.loads(ours.config_file.read_text())["listen"][shared]
    second = Sallyport(world, listen=listen)
    try:
        with pytest.raises(AssertionError, match="(?s)ended with status 1.*in use"):
            second.start()
    finally:
        second.close()
    assert ours.process.poll() is None


@pytest.mark.parametrize("text, line", [
    ("version: 1\nrules:\n  - alow: x.test\n", 3),
    ("version: 1\nrules:\n  - allow: '*.com'\n", 3),
    ("version: 1\ndefault: maybe\n", 2),
    ("version: 1\nrules:\n  - allow: x.test\n    ports: [99999]\n", 4),
    ("version: 1\nrules: [\n", None),
])
def test_N_12_and_N_18_policy_check_names_file_and_line(world, tmp_path, text, line):
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    got = subprocess.run([program(), "policy", "check", file], capture_output=True, text=True, check=False)
    assert got.returncode == 1
    assert f"policy.yaml:{line or ''}" in got.stdout + got.stderr


def test_a_bad_configuration_does_not_start(world, tmp_path):
    file = tmp_path / "sallyport.yaml"
    file.write_text("listen: { prox: 127.0.0.1:0 }\n")
    got = subprocess.run([program(), "serve", "-c", file], capture_output=True, text=True, timeout=20, check=False)
    assert got.returncode != 0 and "sallyport.yaml:1:" in got.stderr


def test_a_bad_policy_does_not_start(world):
    sallyport = Sallyport(world, policy="version: 1\nrules: 7\n")
    got = sallyport.run("serve", "-c", sallyport.config_file, timeout=20)
    assert got.returncode != 0 and "policy.yaml:2:" in got.stderr


def test_F_03_sigterm_lets_what_is_open_finish(start, explicit):
    sallyport = start()
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT echo.test:7 HTTP/1.1\r\nHost: echo.test:7\r\n\r\n")
        assert b" 200 " in stream.recv(4096)
        sallyport.signal(signal.SIGTERM)
        wait_until(lambda: not accepts(explicit), "the door to close")
        stream.sendall(b"still here")
        assert stream.recv(10) == b"still here"
        stream.shutdown(socket.SHUT_WR)
        receive_all(stream)
    assert sallyport.process.wait(timeout=20) == 0
    assert [kind(event) for event in sallyport.events()][-1] == "lifecycle"
    assert chain_is_whole(sallyport.lines())


def accepts(agent):
    try:
        agent.proxy().close()
        return True
    except OSError:
        return False


def test_F_04_after_kill_9_the_path_is_closed(start, steered, world):
    sallyport = start(gateway=True)
    assert steered.curl("http://allowed.test/").returncode == 0
    sallyport.kill()
    world.internet.forget()
    for words in (["http://93.184.216.10/"], ["http://[2600:1f00:77::10]/"], ["http://allowed.test/"]):
        assert steered.run("curl", "-sS", "--max-time", "3", *words).returncode != 0
    assert world.internet.asked == [] and world.internet.capture.take() == []
    # The next start takes over, tells of the crash, and the chain goes on.
    again = start_again(sallyport)
    try:
        assert steered.curl("http://allowed.test/").returncode == 0
        assert chain_is_whole(again.lines())
    finally:
        again.close()


def start_again(sallyport):
    return sallyport.start()


def test_D_17_a_lease_survives_a_crash(start, steered):
    sallyport = start(gateway=True)
    address = steered.ask("allowed.test").addresses[0]
    sallyport.kill()
    start_again(sallyport)
    try:
        assert steered.ask("allowed.test").addresses == [address]
        with steered.connect(address, 80) as stream:
            stream.sendall(b"GET / HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n")
            assert b" 200 " in receive_all(stream)
    finally:
        sallyport.close()


def test_a_connection_cut_by_a_crash_is_ended_in_the_log(start, explicit):
    sallyport = start()
    with explicit.proxy() as stream:
        stream.sendall(b"CONNECT echo.test:7 HTTP/1.1\r\nHost: echo.test:7\r\n\r\n")
        assert b" 200 " in stream.recv(4096)
        sallyport.wait_for(0, kind="open", host="echo.test")
        sallyport.kill()
    start_again(sallyport)
    try:
        sallyport.wait_for(0, kind="fail", host="echo.test", closed_by="crash")
        assert chain_is_whole(sallyport.lines())
    finally:
        sallyport.close()


def test_the_daemon_is_nobody_and_can_do_nothing_more(start):
    sallyport = start()
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{sallyport.process.pid}/status") if ":\t" in line)
    assert status["Uid"].split()[0] != "0"
    assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"].strip() == "1"


def test_gateway_rules_leave_nothing_behind(world, start):
    sallyport = start(gateway=True)
    assert "sallyport" in world.gateway.run(["nft", "list", "ruleset"]).stdout
    sallyport.stop()
    # Still closed: the rules outlive the daemon, until somebody removes them.
    assert "sallyport" in world.gateway.run(["nft", "list", "ruleset"]).stdout
    assert sallyport.run("gateway", "remove").returncode == 0
    assert world.gateway.run(["nft", "list", "ruleset"]).stdout.strip() == ""


def test_lost_rules_are_noticed_and_put_back_or_said(world, start):
    sallyport = start(gateway=True)
    since = sallyport.mark()
    world.gateway.run(["nft", "flush", "ruleset"], check=True)
    sallyport.wait_for(since, kind="lifecycle", seconds=20)


def test_a_folder_that_others_use_stays_theirs(start, world):
    start.end()  # its listeners are not shared
    folder = world.folder / "shared-folder"
    folder.mkdir(mode=0o755)
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "somebody.txt").write_text("not ours")
    daemon = Sallyport(world, audit={"path": str(folder / "audit.jsonl")}, listen={"console": []})
    with pytest.raises(AssertionError, match="can't write the log in"):
        daemon.start()
    daemon.close()
    assert {path.name: path.stat().st_uid for path in [folder, *folder.iterdir()]} == {
        "shared-folder": 0, "policy.yaml": 0, "somebody.txt": 0}
