"""Secrets that agents never see: they are put into the requests of their rules' destinations, and nowhere else."""
import base64
import json
import os

import pytest

from laboratory.clients import Agent
from laboratory.daemon import wait_until
from laboratory.scripted import ScriptedTls, answers

KEY, TOKEN, MADE = "environment/key+1", "token-from-a-file", "made-by-a-command"
# As Slack's are: the first two numbers are no secret, and tell a third of it.
PUBLIC, HIDDEN = "xoxb-2048193746512-6201948375610-", "q7ZkT0vWm3Xa9RbLcY5dPe2N"


@pytest.fixture(scope="module")
def token_file(world):
    folder = world.folder / "secrets"
    folder.mkdir(mode=0o755)
    file = folder / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o644)
    return file


@pytest.fixture(scope="module")
def daemon(start, world, token_file):
    policy = f"""\
version: 1
default: deny
secrets:
  key: {{ env: SALLYPORT_TEST_KEY }}
  token: {{ file: {token_file} }}
  made: {{ command: [/bin/echo, {MADE}] }}
  slack: {{ command: [/bin/echo, {PUBLIC}{HIDDEN}] }}
  missing: {{ env: SALLYPORT_TEST_MISSING }}
rules:
  - {{ allow: allowed.test, paths: [/none/**] }}
  - {{ allow: allowed.test, paths: [/header], inject: {{ header: Authorization, value: "Bearer ${{secret:token}}" }} }}
  - {{ allow: allowed.test, paths: [/basic], inject: {{ basic: {{ user: me, password: "${{secret:made}}" }} }} }}
  - {{ allow: allowed.test, paths: [/query, /redirect], inject: {{ query: key, value: "${{secret:key}}" }} }}
  - {{ allow: allowed.test, paths: [/placeholder], inject: {{ placeholder: token }} }}
  - {{ allow: allowed.test, paths: [/missing], inject: {{ placeholder: missing }} }}
  - {{ allow: allowed.test, ports: [80], paths: [/header] }}
  - {{ allow: other.test, paths: [/redirect], inject: {{ header: X-Key, value: "${{secret:slack}}" }} }}
  - {{ allow: allowed.test, ports: [8448], inject: {{ header: X-Key, value: "${{secret:slack}}" }} }}
  - {{ allow: allowed.test, ports: [8447], inject: {{ header: X-Key, value: "${{secret:key}}" }} }}
  - {{ allow: other.test, inject: {{ placeholder: key }} }}
"""
    os.environ["SALLYPORT_TEST_KEY"] = KEY
    try:
        return start(gateway=True, policy=policy, inspect={"roots": [str(world.internet.certificates.ca)]})
    finally:
        del os.environ["SALLYPORT_TEST_KEY"]


@pytest.fixture
def agent(world, daemon):
    world.internet.forget()
    made = Agent(world, "explicit")
    made.ca = world.folder / "trusted.pem"
    own = made.curl("http://sallyport.internal/ca.pem").stdout
    made.ca.write_text(own + world.internet.certificates.ca.read_text())
    return made


def seen(agent, *words):
    """What arrived at the origin; names of headers in lower case, as HTTP/2 writes them."""
    got = agent.curl(*words)
    assert got.returncode == 0 and got.stdout.startswith("{"), got
    there = json.loads(got.stdout)
    names = [name.lower() for name in there["headers"]]
    assert len(set(names)) == len(names), there
    there["headers"] = dict(zip(names, there["headers"].values()))
    return there


def test_a_header_takes_the_place_of_the_agents_own(agent):
    there = seen(agent, "-H", "authorization: mine", "https://allowed.test/header")
    assert there["headers"]["authorization"] == f"Bearer {TOKEN}"


def test_basic_credentials_come_from_a_command(agent):
    there = seen(agent, "-u", "agent:own", "https://allowed.test/basic")
    assert base64.b64decode(there["headers"]["authorization"].split()[1]).decode() == f"me:{MADE}"


def test_a_query_parameter_is_encoded_and_there_once(agent):
    there = seen(agent, "https://allowed.test/query?a=1&%6bey=mine&b=2")
    assert there["path"] == "/query?a=1&key=environment%2Fkey%2B1&b=2"


@pytest.mark.parametrize("words", [["-H", "X-Api-Key: sallyport-secret:token"],
                                   ["-H", "Cookie: a=1; t=sallyport-secret:token"],
                                   ["-u", "x-access-token:sallyport-secret:token"]])
def test_a_placeholder_is_replaced_wherever_it_stands_in_a_header(agent, words):
    headers = seen(agent, *words, "https://allowed.test/placeholder")["headers"]
    plain = " ".join(headers.values())
    if "authorization" in headers:
        plain += base64.b64decode(headers["authorization"].split()[1]).decode()
    assert TOKEN in plain and "sallyport-secret" not in plain


@pytest.mark.parametrize("url", ["https://allowed.test/none/x", "https://other.test/", "http://allowed.test/header",
                                 "https://allowed.test/basic"])
def test_a_placeholder_stays_as_it_is_elsewhere(agent, url):
    there = seen(agent, "-H", "X-Api-Key: sallyport-secret:token", url)
    assert there["headers"]["x-api-key"] == "sallyport-secret:token"


def test_what_an_answers_head_reflects_is_masked(agent, world, daemon):
    got = agent.curl("-i", "--suppress-connect-headers", "https://allowed.test/redirect?https://allowed.test/?x=1")
    assert KEY not in got.stdout and "environment%2Fkey" not in got.stdout
    assert "key=sallyport-secret:key" in got.stdout, got
    origin = ScriptedTls(world, world.internet.certificates.odd("good", "DNS:allowed.test"))
    try:
        encoded = base64.b64encode(b"u:" + KEY.encode())
        origin.script = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Was: " + KEY.encode() + b"\r\nX-Basic: " +
                                encoded + b"\r\n\r\nok")
        got = agent.curl("-i", "--http1.1", "--suppress-connect-headers", "https://allowed.test:8447/")
        assert "X-Was: sallyport-secret:key" in got.stdout, got
        assert encoded.decode()[4:] not in got.stdout
        assert KEY.encode() in wait_until(lambda: origin.heard, "what the origin heard")[0][0]
    finally:
        origin.close()


def test_an_answer_gives_no_secret_back_in_other_ways_interim_or_in_trailers(agent, world, daemon):
    raw = KEY.encode()
    origin = ScriptedTls(world, world.internet.certificates.odd("good", "DNS:allowed.test"))
    try:
        origin.script = answers(b"HTTP/1.1 103 Early Hints\r\nLink: </" + raw.hex().encode() + b">\r\n\r\n"
                                b"HTTP/1.1 200 " + raw.upper() + b"\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n"
                                b"X-Upper: " + raw.upper() + b"\r\nX-Hex: " + raw.hex(":").encode() + b"\r\n"
                                b"X-Twice: " + base64.b64encode(base64.b64encode(raw)) + b"\r\n"
                                b"X-A: " + raw[:12] + b"\r\nX-B: " + raw[9:] + b"\r\nX-Other: as it was\r\n\r\n"
                                b"3\r\nok\n\r\n0\r\nX-End: " + raw[::-1] + b"\r\n\r\n")
        got = agent.curl("-i", "--http1.1", "--suppress-connect-headers", "https://allowed.test:8447/")
        shown = got.stdout.splitlines()
        for name in ("X-Upper", "X-Hex", "X-Twice", "X-A", "X-B", "X-End"):
            assert f"{name}: sallyport-secret:key" in shown, (name, got)
        assert "HTTP/1.1 103" in got.stdout and "Link: sallyport-secret:key" in shown, got
        assert "X-Other: as it was" in shown and KEY.upper() not in got.stdout, got
    finally:
        origin.close()


def test_whether_a_guess_of_a_secret_is_right_cannot_be_seen(agent):
    """A part that the request said itself is shown, right or wrong; only the whole is masked whoever said it."""
    known = "y" + PUBLIC.replace("-", "")
    for count in range(4):
        guesses = [known + HIDDEN[:count] + letter for letter in (HIDDEN[count].lower(), "_", "8", "e")]
        guesses += [guess[::-1] for guess in guesses]
        urls = [word for guess in guesses for word in ("-o", "/dev/null", f"https://other.test/redirect?/.{guess}")]
        done = agent.curl("-w", "%{redirect_url}\n", *urls)
        assert [url.split(".")[-1] for url in done.stdout.split()] == guesses, done
    whole = agent.curl("-o", "/dev/null", "-w", "%{redirect_url}", f"https://other.test/redirect?/{PUBLIC}{HIDDEN}")
    assert "sallyport-secret:slack" in whole.stdout, whole


def test_a_secret_of_which_many_parts_were_given_back_is_given_to_nobody_any_more(agent, world):
    origin = ScriptedTls(world, world.internet.certificates.odd("good", "DNS:allowed.test"), port=8448)
    try:
        for size in range(8):
            # As a host does that was told a guess in a body, or earlier.
            part = (PUBLIC + HIDDEN)[5:45 + size].encode()
            for _ in range(2 if size < 7 else 1):  # the same part again tells nothing new
                origin.script = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Part: " + part + b"\r\n\r\n")
                got = agent.curl("-i", "--http1.1", "--suppress-connect-headers", "https://allowed.test:8448/")
                assert "X-Part: sallyport-secret:slack" in got.stdout, got
        got = agent.curl("-i", "--http1.1", "--suppress-connect-headers", "https://allowed.test:8448/")
        assert " 503" in got.stdout.splitlines()[0] and "slack" in got.stdout, got
        got = agent.curl("-i", "--suppress-connect-headers", "https://other.test/redirect?/x")
        assert " 503" in got.stdout.splitlines()[0] and HIDDEN not in got.stdout, got
    finally:
        origin.close()


def test_without_a_value_the_request_is_refused_and_only_the_name_is_said(agent, world):
    got = agent.curl("-i", "--suppress-connect-headers", "https://allowed.test/missing")
    assert " 503" in got.stdout.splitlines()[0], got
    assert '\\"missing\\"' in got.stdout
    assert not world.internet.requests


def test_trace_is_refused(agent, world):
    got = agent.curl("-i", "-X", "TRACE", "--suppress-connect-headers", "https://allowed.test/header")
    assert " 403" in got.stdout.splitlines()[0], got
    assert TOKEN not in got.stdout and not world.internet.requests


def test_a_file_is_read_again_when_it_changes(agent, daemon, token_file):
    def write(text):
        fresh = token_file.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.rename(token_file)

    def now():
        return seen(agent, "https://allowed.test/header")["headers"]["authorization"]
    write("another-token\n")
    try:
        wait_until(lambda: now() == "Bearer another-token", "the new token")
    finally:
        write(TOKEN + "\n")
        wait_until(lambda: now() == f"Bearer {TOKEN}", "the old token")


def test_no_secret_is_ever_written_down(agent, daemon):
    written = daemon.said().encode() + b"".join(daemon.lines())
    for secret in (KEY, TOKEN, MADE, HIDDEN, "another-token", "environment%2Fkey"):
        assert secret.encode() not in written
