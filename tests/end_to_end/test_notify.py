"""Webhooks, programs and the decider: told of questions, never in the way of an answer."""
import contextlib
import itertools
import json
import os
import stat
import time

import pytest

from laboratory.approvals import Reviewer
from laboratory.daemon import Sallyport, wait_until
from laboratory.receivers import SECRET, Receiver, is_signed

POLICY = "version: 1\ndefault: ask\nrules:\n  - { ask: any, reason: 'a person <decides>' }\n"
SECRET_PATH = "/hooks/unguessable"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def receiver(world):
    made = Receiver(world.gateway, world.folder / "receiver")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _fresh(receiver):
    receiver.forget()


@pytest.fixture(scope="module")
def secret(world):
    file = world.folder / "hook.secret"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    return {"file": str(file)}


@pytest.fixture(scope="module")
def webhook(receiver, secret):
    return {"webhook": receiver.url(SECRET_PATH), "secret": secret, "ca": str(receiver.ca)}


@pytest.fixture(scope="module")
def decider(receiver, secret):
    return {"url": receiver.url("/decide"), "secret": secret, "ca": str(receiver.ca), "timeout": "2s"}


@pytest.fixture
def hold(explicit):
    """Clients that ask for a host nobody has heard of, in the background."""
    clients = []

    def begin(host=None):
        host = host or f"n{next(numbers)}.asked.test"
        client = explicit.start("curl", "-sS", "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code}",
                                f"http://{host}/")
        clients.append(client)
        return client, host
    yield begin
    for client in clients:
        client.kill()
        client.communicate()


def status(client, seconds=15):
    return client.communicate(timeout=seconds)[0]


def serve(start, **approvals):
    return start(policy=POLICY, approvals={"timeout": "20s", **approvals})


def tells_no_secret(sallyport):
    said = sallyport.said()
    return SECRET not in said and SECRET.removeprefix("whsec_") not in said and "unguessable" not in said


# Webhooks.

def test_a_question_is_told_signed_while_its_client_is_held(start, receiver, webhook, hold):
    sallyport = serve(start, notify=[{**webhook, "events": ["asked", "decided"]}])
    client, host = hold("unknown.test")
    asked, = receiver.wait(host=host)
    assert asked.path == SECRET_PATH
    assert asked.headers["Content-Type"] == "application/json"
    assert is_signed(asked.headers, asked.body)
    assert asked.json["type"] == "approval.asked"
    assert asked.json["data"]["state"] == "pending"
    assert client.poll() is None
    reviewer = Reviewer(sallyport)
    approval = reviewer.wait(host=host)
    assert (asked.json["data"]["id"], asked.json["data"]["reason"]) == (approval["id"], "a person <decides>")
    reviewer.approve(approval)
    assert status(client) == "200"
    decided = receiver.wait(2, host=host)[1]
    assert is_signed(decided.headers, decided.body)
    assert decided.json["type"] == "approval.decided"
    assert decided.json["data"]["decision"]["decision"] == "approve"
    assert decided.headers["webhook-id"] != asked.headers["webhook-id"]
    assert tells_no_secret(sallyport)


def test_ten_who_wait_on_one_question_are_told_of_once(start, receiver, webhook, hold):
    sallyport = serve(start, notify=[webhook])
    _, host = hold()
    for _ in range(9):
        hold(host)
    Reviewer(sallyport).wait(waiting=10, host=host)
    _, last = hold()
    receiver.wait(host=last)
    assert [each.about for each in receiver.messages] == [host, last]


def test_a_failing_endpoint_is_tried_again_with_the_same_id(start, receiver, webhook, hold):
    serve(start, notify=[webhook])
    receiver.answers = [(500, b""), receiver.hang_up, receiver.garbage]
    _, host = hold()
    tries = receiver.wait(4, host=host, seconds=30)
    assert len({each.headers["webhook-id"] for each in tries}) == 1
    assert len({each.headers["webhook-timestamp"] for each in tries}) > 1
    assert all(is_signed(each.headers, each.body) for each in tries)
    assert len({each.body for each in tries}) == 1


@pytest.mark.parametrize("fault", ["hang", "drip", "flood", "redirect", "nobody", "distrust"])
def test_no_endpoint_keeps_a_hold_or_the_end_waiting(world, start, receiver, webhook, hold, fault):
    changes = {"nobody": {"webhook": "https://127.0.0.1:1/"}, "distrust": {"ca": str(world.internet.certificates.ca)}}
    sallyport = serve(start, notify=[{**webhook, **changes.get(fault, {})}])
    if fault == "redirect":
        receiver.answer = lambda handler: handler.reply(307, Location=receiver.url("/elsewhere"))
    elif hasattr(receiver, fault):
        receiver.answer = getattr(receiver, fault)
    client, host = hold()
    reviewer = Reviewer(sallyport)
    approval = reviewer.wait(host=host)
    if fault in ("nobody", "distrust"):
        wait_until(lambda: "it is tried again" in sallyport.said(), "the warning")
        assert not receiver.messages
    else:
        receiver.wait(host=host)
    began = time.monotonic()
    reviewer.deny(approval)
    assert status(client) == "403"
    assert time.monotonic() - began < 5
    assert "/elsewhere" not in [each.path for each in receiver.messages]
    began = time.monotonic()
    assert sallyport.stop() == 0
    assert time.monotonic() - began < 10
    assert tells_no_secret(sallyport)


def test_a_certificate_must_name_the_host(world, start, secret, hold):
    receiver = Receiver(world.gateway, world.folder / "misnamed", names="DNS:elsewhere.test")
    with contextlib.closing(receiver):
        sallyport = serve(start, notify=[{"webhook": receiver.url(), "secret": secret, "ca": str(receiver.ca)}])
        hold()
        wait_until(lambda: "IP address mismatch" in sallyport.said(), "the warning")
        assert not receiver.messages


def test_an_endpoint_is_found_by_name(world, start, secret, hold):
    world.internet.requests.clear()
    serve(start, notify=[{"webhook": "https://other.test/hook", "secret": secret,
                          "ca": str(world.internet.certificates.ca)}])
    hold()
    wait_until(lambda: world.internet.requests, "the message at other.test")
    assert "/hook" in str(world.internet.requests[0])


def test_an_endpoint_that_is_gone_is_left_alone(start, receiver, webhook, hold):
    sallyport = serve(start, notify=[webhook])
    receiver.answer = (410, b"")
    _, first = hold()
    receiver.wait(host=first)
    wait_until(lambda: "410 Gone" in sallyport.said(), "the warning")
    _, second = hold()
    Reviewer(sallyport).wait(host=second)
    assert [each.about for each in receiver.messages] == [first]


def test_a_chat_gets_a_text_without_markup_of_others(start, receiver, hold):
    serve(start, notify=[{"webhook": receiver.url(SECRET_PATH), "format": "slack", "ca": str(receiver.ca)}])
    _, host = hold()
    wait_until(lambda: receiver.messages, "a message")
    message = receiver.messages[0]
    assert "webhook-signature" not in message.headers
    assert f"`{host}:80`" in message.json["text"]
    assert "`a person &lt;decides&gt;`" in message.json["text"]
    assert "<" not in message.json["text"]


def test_what_was_told_is_not_told_again_after_a_restart(world, start, receiver, webhook, hold):
    sallyport = serve(start, notify=[webhook])
    _, before = hold()
    receiver.wait(host=before)
    sallyport.kill()
    sallyport.start()
    Reviewer(sallyport).wait(waiting=0, host=before)
    _, after = hold()
    receiver.wait(host=after)
    assert [each.about for each in receiver.messages] == [before, after]


def test_a_notifier_counts_as_somebody_who_may_answer(start, receiver, webhook, hold):
    sallyport = serve(start, notify=[webhook], unattended="refuse")
    client, host = hold()
    reviewer = Reviewer(sallyport)
    reviewer.deny(reviewer.wait(host=host))
    assert status(client) == "403"
    receiver.wait(host=host)


# Programs.

SCRIPT = """\
#!/bin/sh
{ cat; id -u; tr '\\0' ' ' < /proc/$$/cmdline; echo; tr '\\0' ' ' < /proc/$$/environ; echo; ls /proc/$$/fd | tr '\\n' ' '
  echo; grep NoNewPrivs /proc/$$/status; } > FOLDER/written.$$
mv FOLDER/written.$$ FOLDER/done.$$
echo thanks
"""


@pytest.fixture
def script(world):
    folder = world.folder / f"script{next(numbers)}"
    folder.mkdir()
    folder.chmod(0o777)

    def write(text):
        file = folder / "notify"
        file.write_text(text.replace("FOLDER", str(folder)))
        file.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        return file
    write.folder = folder
    return write


def test_a_program_gets_the_event_on_its_input_and_nothing_else(start, hold, script):
    file = script(SCRIPT)
    sallyport = serve(start, notify=[{"exec": [str(file), "--flag"]}])
    _, host = hold()
    done, = wait_until(lambda: list(script.folder.glob("done.*")), "the program")
    event, user, arguments, environment, descriptors, privileges = done.read_text().splitlines()
    assert json.loads(event)["type"] == "approval.asked"
    assert json.loads(event)["data"]["host"] == host
    assert user != "0"
    assert host not in arguments and arguments.split()[-1] == "--flag"
    assert host not in environment and "NOTIFY_SOCKET" not in environment
    assert {each.split("=")[0] for each in environment.split()} <= {"PATH", "HOME", "PWD"}
    # sh keeps what it redirects aside as 10 and above.
    assert {int(each) for each in descriptors.split()} & set(range(3, 10)) == set()
    assert privileges.split()[-1] == "1"
    wait_until(lambda: "notify: thanks" in sallyport.said(), "what it printed")


def test_a_program_that_does_not_end_is_killed_and_reaped(start, hold, script):
    file = script("#!/bin/sh\necho $$ > FOLDER/pid\nsleep 60 &\nwait\n")
    sallyport = serve(start, notify=[{"exec": [str(file)], "timeout": "500ms"}])
    client, host = hold()
    wait_until(lambda: "is killed" in sallyport.said(), "the warning")
    pid = int((script.folder / "pid").read_text())
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the program's end")
    reviewer = Reviewer(sallyport)
    reviewer.deny(reviewer.wait(host=host))
    assert status(client) == "403"


def test_a_program_that_cannot_be_run_is_warned_about(start, hold):
    sallyport = serve(start, notify=[{"exec": ["/nowhere/notify"]}])
    assert "/nowhere/notify cannot be run: No such file or directory" in sallyport.said(), "at the start already"
    hold()
    wait_until(lambda: "/nowhere/notify: it cannot be started" in sallyport.said(), "the warning")


# The decider.

def test_a_decider_is_asked_first_and_decides(start, receiver, decider, hold):
    sallyport = serve(start, decider=decider)
    receiver.answer = (200, {"decision": "approve", "ttl": "5m", "note": "the rules say so"})
    client, host = hold("unknown.test")
    assert status(client) == "200"
    message, = receiver.wait(host=host)
    assert is_signed(message.headers, message.body)
    approval, = Reviewer(sallyport).find({"host": host}, "approved")
    decision = approval["decision"]
    assert (decision["by"]["name"], decision["by"]["through"]) == ("127.0.0.1", "decider")
    assert (decision["ttl"], decision["note"], decision["scope"]) == ("5m", "the rules say so", "agent")
    recorded = sallyport.wait_for(0, kind="policy")
    assert any("decider" in json.dumps(event) for event in recorded)


def test_a_decider_denies(start, receiver, decider, hold):
    serve(start, decider=decider)
    receiver.answer = (200, {"decision": "deny", "note": "not here"})
    client, _ = hold()
    assert status(client) == "403"


@pytest.mark.parametrize("answer, complaint", [
    ((200, {"decision": "leave"}), None),
    ((204, b""), "it said HTTP 204"),
    ((500, {"decision": "approve"}), "it said HTTP 500"),
    ((302, {"decision": "approve"}), "it said HTTP 302"),
    ((200, b"approve"), "not JSON"),
    ((200, b'{"decision": "approve"} {}'), "not JSON"),
    ((200, [{"decision": "approve"}]), "refused"),
    ((200, {"decision": "yes"}), "refused"),
    ((200, {}), "refused"),
    ((200, {"decision": "approve", "for": "ever"}), "refused"),
    ((200, {"decision": "approve", "ttl": "0s"}), "refused"),
    ((200, {"decision": "approve", "ttl": "9999d"}), "refused"),
    ((200, {"decision": "approve", "scope": "world"}), "refused"),
    ((200, {"decision": "approve", "match": "subdomains"}), "refused"),
    ("hang", "nothing came back in time"), ("drip", "nothing came back in time"),
    ("garbage", "no HTTP"), ("flood", "no HTTP"), ("hang_up", ""),
])
def test_without_a_good_answer_a_person_decides(lenient, receiver, hold, answer, complaint):
    receiver.answer = getattr(receiver, answer) if isinstance(answer, str) else answer
    before = len(lenient.said())
    # An address has no subdomains: that is too wide, whoever decides it.
    client, host = hold("93.184.216.21" if "subdomains" in str(answer) else None)
    receiver.wait(host=host)
    if complaint is not None:
        wait_until(lambda: "did not decide" in lenient.said()[before:], "the warning")
        assert complaint in lenient.said()[before:]
    assert client.poll() is None
    reviewer = Reviewer(lenient)
    reviewer.deny(reviewer.wait(host=host))
    assert status(client) == "403"
    assert tells_no_secret(lenient)


@pytest.fixture(scope="module")
def lenient(start, decider):
    return serve(start, decider=decider)


def test_a_person_who_is_faster_has_decided(start, receiver, decider, hold):
    sallyport = serve(start, decider=decider)
    late = []

    def approve_late(handler):
        late.append(receiver.released.wait(1))
        handler.reply(200, {"decision": "approve"})
    receiver.answer = approve_late
    client, host = hold()
    reviewer = Reviewer(sallyport)
    reviewer.deny(reviewer.wait(host=host))
    assert status(client) == "403"
    wait_until(lambda: late, "the late answer")
    # What is decided after it shows that the late answer has been judged.
    receiver.answer = (200, {"decision": "deny"})
    other, _ = hold()
    assert status(other) == "403"
    assert [each["decision"]["by"]["through"] for each in reviewer.find({"host": host}, "denied")] != ["decider"]
    assert not reviewer.find({"host": host}, "approved")


def test_where_only_a_decider_could_answer_it_is_waited_for_and_no_longer(start, receiver, decider, hold):
    sallyport = serve(start, decider=decider, unattended="refuse")
    receiver.answer = (200, {"decision": "approve"})
    client, _ = hold("unknown.test")
    assert status(client) == "200"
    receiver.answer = receiver.hang
    began = time.monotonic()
    client, host = hold()
    assert status(client) == "403"
    assert 1.5 < time.monotonic() - began < 8
    assert Reviewer(sallyport).wait(waiting=0, host=host)["state"] == "pending"


def test_a_decider_is_asked_again_after_a_restart_about_what_is_open(start, receiver, decider, hold):
    sallyport = serve(start, decider=decider)
    receiver.answer = (503, b"")
    _, host = hold()
    first, = receiver.wait(host=host)
    sallyport.kill()
    receiver.answer = (200, {"decision": "deny"})
    sallyport.start()
    second = receiver.wait(2, host=host)[1]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    reviewer = Reviewer(sallyport)
    wait_until(lambda: reviewer.find({"host": host}, "denied"), "the decider's denial")


# The configuration.

@pytest.mark.parametrize("approvals, complaint", [
    ({"notify": [{"webhook": "http://hooks.example.com/", "secret": {"env": "HOME"}}]}, "this machine only"),
    ({"notify": [{"webhook": "https://hooks.example.com/"}]}, "wants a secret"),
    ({"notify": [{"exec": ["notify"]}]}, "absolute path"),
    ({"decider": {"url": "https://rules.example.com/", "secret": {"file": "/nowhere"}}}, "cannot be read"),
])
def test_a_wrong_configuration_is_told_with_its_place(world, approvals, complaint):
    sallyport = Sallyport(world, approvals=approvals)
    ended = sallyport.run("serve", "-c", sallyport.config_file)
    sallyport.close()
    assert ended.returncode != 0
    place, _, said = ended.stderr.partition(": ")
    assert complaint in said
    assert "sallyport.yaml" in ended.stderr and place.count(":") >= 2
