"""`sallyport run` at a terminal: the command's own, the person's, and the questions on the latter."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest

from laboratory.daemon import wait_until
from laboratory.runner import NOBODY, Runner

POLICY = """\
# Mine, and it stays so.
version: 1
rules:
  - allow: allowed.test   # the first
  - deny: denied.test
"""
PROMPT = "[n]o: "
SILENCE = 0.35  # a key counts after a quarter of a second of it


class Person:
    """In front of the terminal that `sallyport run` was started on."""

    def __init__(self, runner, *words, options=(), env=None):
        self.master, slave = pty.openpty()
        if os.geteuid() == 0:
            os.fchown(slave, NOBODY, NOBODY)
        self.resize(slave, 24, 200)
        self.name = os.ttyname(slave)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.heard = ""
        self.process = runner.start(*words, options=options, env={"TERM": "dumb", "NO_COLOR": "1", **(env or {})}, stdin=slave, stdout=slave,
                                    stderr=slave, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), text=False)

    @staticmethod
    def resize(terminal, rows, columns):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def listen(self, seconds):
        """All that comes until nothing does for so long."""
        while select.select([self.master], [], [], seconds)[0]:
            try:
                self.heard += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                break
        return self.heard

    def hear(self, text, seconds=20):
        """What was said up to this text, and the text; it is not heard again."""
        until = time.monotonic() + seconds
        while text not in self.heard:
            ready = select.select([self.master], [], [], max(0, until - time.monotonic()))[0]
            assert ready, f"{text!r} was not said within {seconds} s, but {self.heard!r}"
            self.heard += os.read(self.master, 65536).decode(errors="replace")
        said, _, self.heard = self.heard.partition(text)
        return said + text

    def say(self, text):
        os.write(self.master, text.encode())

    def answer(self, key):
        question = self.hear(PROMPT)
        self.listen(SILENCE)
        self.say(key)
        return question

    def end(self, seconds=20):
        """The exit status; what was said last is in `heard`."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < until, self.heard
            self.listen(0.05)
        self.listen(0.05)
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=10)
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture(params=["user", "root"])
def runner(request, world):
    world.internet.forget()
    return Runner(world, request.param, POLICY)


@pytest.fixture
def user(world):
    world.internet.forget()
    return Runner(world, "user", POLICY)


@pytest.fixture
def sit():
    people = []

    def take_a_seat(*words, **more):
        people.append(Person(*words, **more))
        return people[-1]

    yield take_a_seat
    for person in people:
        person.close()


def curl(url):
    return f"curl -sS --max-time 30 {url} && echo '<reached>' || echo '<not reached>'"


def twice(url):
    return ["sh", "-c", f"{curl(url)}; {curl(url)}; exit 3"]


def rules(runner):
    return runner.policy.read_text()


def test_once_lets_through_what_waits_and_asks_again(runner, sit):
    person = sit(runner, *twice("http://unknown.test/"))
    question = person.answer("o")
    assert "sallyport: may run reach unknown.test:80 ?" in question, question
    assert "by /usr/bin/curl (process " in question and "1 connection waits" in question, question
    person.hear("<reached>")
    person.answer("n")
    assert person.end() == 3 and "refused" in person.heard, person.heard
    assert rules(runner) == POLICY
    assert len(runner.world.internet.requests) == 1


def test_this_run_asks_once(user, sit):
    person = sit(user, *twice("http://unknown.test/"))
    person.answer("r")
    person.hear("<reached>")
    person.hear("<reached>")
    assert person.end() == 3 and PROMPT not in person.heard, person.heard
    assert rules(user) == POLICY


def test_always_writes_the_rule_and_leaves_the_rest_of_the_file(runner, sit):
    person = sit(runner, *twice("http://unknown.test/"))
    assert "[a]lways, in policy.yaml" in person.answer("a")
    person.hear("always: the rule is in policy.yaml")
    person.hear("<reached>")
    person.hear("<reached>")
    assert person.end() == 3
    text = rules(runner)
    before, after = POLICY.split("  - deny: denied.test\n")
    added = text.removeprefix(before + "  - deny: denied.test\n").removesuffix(after)
    assert text.startswith(before) and re.fullmatch(
        r"  # 20\d\d-\d\d-\d\d, \w+ was asked for run, by /usr/bin/curl\n  - allow: unknown\.test\n", added), text
    done = runner.run("curl", "-sS", "--max-time", "20", "http://unknown.test/")
    assert '"method": "GET"' in done.stdout, done


def test_no_refuses_and_does_not_ask_again(user, sit):
    person = sit(user, *twice("http://unknown.test/"))
    person.answer("n")
    assert person.end() == 3 and PROMPT not in person.heard, person.heard
    assert not user.world.internet.requests and rules(user) == POLICY


def test_output_is_paused_while_the_question_stands(user, sit):
    person = sit(user, "sh", "-c", f"while :; do echo intruder; sleep .02; done & {curl('http://unknown.test/')}; kill $!; exit 4")
    question = person.hear(PROMPT)
    assert re.search(r"\r\nsallyport: may run reach unknown\.test:80 \?\r\n", question), question
    assert person.listen(0.5) == ""
    person.say("o")
    assert person.hear("<reached>").startswith("once\r\n")
    assert person.end() == 4


def test_what_is_typed_ahead_answers_nothing(user, sit):
    person = sit(user, "sh", "-c", f"echo ready; {curl('http://unknown.test/')}; head -n1")
    person.hear("ready")
    person.say("o")
    person.hear(PROMPT)
    person.say("oooo")
    assert "once" not in person.listen(0.6)
    person.say("n")
    person.hear("refused")
    person.say("\r")
    # The one before the question was for the command, those on it for nobody.
    assert person.end() == 0 and re.search(r"\bo\r\n", person.heard) and "oo" not in person.heard, person.heard
    assert not user.world.internet.requests


FORGER = """
import fcntl, os, sys, termios, threading, urllib.request
def ask():
    try: print('<' + str(urllib.request.urlopen('http://unknown.test/').status) + '>')
    except Exception as trouble: print('<' + repr(trouble) + '>')
sys.stdout.write('\\r\\nsallyport: may run reach unknown.test:80 ?\\r\\n [o]nce / this [r]un / [n]o. '); sys.stdout.flush()
assert os.read(0, 1) == b'o'
thread = threading.Thread(target=ask); thread.start()
import time
while thread.is_alive():
    for fd in (0, 1, 2):
        for call in (lambda: fcntl.ioctl(fd, termios.TIOCSTI, b'o'), lambda: fcntl.ioctl(fd, termios.TIOCSTI, b'a')):
            try: call()
            except OSError: pass
    for name in os.listdir('/dev/pts') + [sys.argv[1]]:
        try:
            other = os.open(os.path.join('/dev/pts', name), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            os.write(other, b'o'); os.close(other)
        except OSError: pass
    thread.join(.05)
"""


def test_a_command_can_neither_forge_nor_answer_a_question(user, sit):
    person = sit(user, "/usr/bin/python3", "-c", FORGER, "/dev/pts/ptmx")
    person.hear("[n]o. ")
    person.say("o\r")  # to who has asked: the command
    person.hear(PROMPT)
    assert "once" not in person.listen(1.0) and not user.world.internet.requests
    person.say("n")
    person.hear("refused")
    person.hear("<")
    assert person.end() == 0
    assert not user.world.internet.requests


def test_a_question_nobody_waits_for_is_withdrawn(user, sit):
    person = sit(user, "sh", "-c", "curl -sS --max-time 1 http://unknown.test/; echo '<gave up>'")
    person.hear(PROMPT)
    person.hear("sallyport: who asked has gone")
    person.hear("<gave up>")
    assert person.end() == 0


def test_the_command_can_be_ended_while_a_question_stands(user, sit):
    person = sit(user, "curl", "-sS", "http://unknown.test/")
    person.hear(PROMPT)
    person.listen(SILENCE)
    person.say("\x03")
    assert person.end() == 128 + signal.SIGINT
    assert termios.tcgetattr(person.slave) == person.before


def test_the_terminal_is_the_commands_in_every_respect(user, sit):
    person = sit(user, "sh", "-c", "tty; stty size; test -t 0 -a -t 1 -a -t 2 && echo '<all>'; "
                                   "trap 'stty size' WINCH; echo '<ready>'; while :; do sleep .05; done")
    person.hear("/dev/pts/0")
    person.hear("24 200")
    person.hear("<all>")
    person.hear("<ready>")
    person.resize(person.master, 30, 90)
    person.hear("30 90")
    person.say("\x03")
    assert person.end() == 128 + signal.SIGINT
    assert termios.tcgetattr(person.slave) == person.before


def test_the_terminal_comes_back_when_the_run_is_ended(user, sit):
    person = sit(user, "sh", "-c", "echo '<ready>'; sleep 60")
    person.hear("<ready>")
    wait_until(lambda: not termios.tcgetattr(person.slave)[3] & termios.ICANON, "the terminal raw")
    person.process.send_signal(signal.SIGTERM)
    assert person.end() == 128 + signal.SIGTERM
    assert termios.tcgetattr(person.slave) == person.before


def test_ctrl_z_stops_the_whole_run_and_fg_goes_on(user, sit):
    command = " ".join(f"'{word}'" for word in user.command(["sh", "-c", "echo \"<ready>\"; read word; echo \"<$word>\""]))
    person = Shell(user, sit)
    person.say(command + "\r")
    person.hear("\n<ready>")
    person.say("\x1a")
    person.hear("Stopped")
    person.say("echo 'in the' shell\r")
    person.hear("\nin the shell")
    person.say("fg\r")
    person.listen(0.5)
    person.say("again\r")
    person.hear("<again>")
    person.hear("# ")
    person.say("exit 5\r")
    assert person.end() == 5


def Shell(runner, sit):
    """A person whose terminal has a shell with job control."""
    class AtShell:
        world = runner.world

        @staticmethod
        def start(*words, options=(), env=None, **more):
            return runner.world.gateway.start(["bash", "--norc", "-i"], env=runner.environment(env), cwd=runner.folder, **more)
    return sit(AtShell)
