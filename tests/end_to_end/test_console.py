"""The console in a real browser: what a person sees and clicks, and what becomes of the connection that waited."""
import re
import time

import pytest

from laboratory.approvals import Reviewer
from laboratory.browser import Browser
from laboratory.daemon import wait_until

POLICY = """\
version: 1
default: ask
rules:
  - allow: allowed.test
  - deny: denied.test
"""


@pytest.fixture(scope="module")
def daemon(start):
    return start(gateway=True, policy=POLICY, approvals={"unattended": "hold", "timeout": "30s"})


@pytest.fixture(scope="module")
def reviewer(daemon):
    return Reviewer(daemon)


@pytest.fixture(scope="module")
def browser(world, daemon):
    made = Browser(world.gateway.start, world.gateway.inside)
    yield made
    made.close()


@pytest.fixture
def page(browser, daemon, reviewer):
    """The console as the address printed at start opens it."""
    reviewer.forget()
    address = re.search(r"http://\S+#token=\S+", daemon.said()).group()
    browser.open("about:blank")
    browser.open(address)
    browser.wait("!document.getElementById('pending-empty').hidden && !document.querySelector('#pending-list .row')")
    yield browser
    assert browser.complaints() == []


def fetch(agent, host):
    return agent.start("curl", "-sS", "--max-time", "30", f"https://{host}/held")


def row(host):
    return f"[...document.querySelectorAll('#pending-list .row')].find((row) => row.innerText.includes('{host}'))"


def shown(page, host):
    page.wait(row(host))
    return page.run(f"return {row(host)}.id")


def settle(page, name):
    """A click is taken only where the list has not just moved."""
    page.run("return new Promise((done) => setTimeout(done, 600))")
    return f"#{name}"


def test_a_click_lets_the_waiting_curl_finish(page, agent):
    client = fetch(agent, "unknown.test")
    name = shown(page, "unknown.test")
    assert client.poll() is None
    page.click(settle(page, name) + " .approve")
    output, complaints = client.communicate(timeout=15)
    assert (client.returncode, '"path": "/held"' in output) == (0, True), complaints
    page.wait(f"!{row('unknown.test')}")


def test_keys_choose_and_deny(page, agent, reviewer):
    client = fetch(agent, "unknown.test")
    shown(page, "unknown.test")
    page.press("j")
    time.sleep(0.4)  # a key that comes right after the selection has moved by itself decides nothing
    page.press("d")
    client.communicate(timeout=15)
    assert client.returncode != 0
    grant = wait_until(reviewer.grants, "the denial")[0]
    assert (grant["decision"], grant["by"]["through"], grant["by"]["name"]) == ("deny", "console", "admin")


def test_the_decision_is_what_was_chosen(page, agent, reviewer):
    client = fetch(agent, "unknown.test")
    name = shown(page, "unknown.test")
    page.click(f"#{name} .opener")
    page.wait("document.querySelector('.choose')")
    page.click("input[value=everyone] + span")
    page.run("const length = document.querySelector('.choose select'); length.value = '1h';"
             "length.dispatchEvent(new Event('change'))")
    assert "every agent" in page.text(".sentence") and "1 hour" in page.text(".sentence")
    page.click(".choose .approve")
    client.communicate(timeout=15)
    grant = wait_until(reviewer.grants, "the grant")[0]
    assert (grant["scope"], grant["match"], grant["ttl"]) == ("everyone", "host", "1h")


def test_a_revoked_grant_leaves_the_page_and_is_asked_again(page, agent, reviewer):
    client = fetch(agent, "unknown.test")
    name = shown(page, "unknown.test")
    page.click(settle(page, name) + " .approve")
    client.communicate(timeout=15)
    page.press("4")
    page.wait("document.querySelector('.row.grant')")
    page.click(".row.grant .deny")
    page.click(".row.grant .deny.armed")
    page.wait("!document.querySelector('.row.grant')")
    assert reviewer.grants() == []
    page.press("1")
    again = fetch(agent, "unknown.test")
    shown(page, "unknown.test")
    again.kill()
    again.communicate()


def test_A_17_what_an_agent_writes_is_shown_as_its_own_text(page, agent, reviewer):
    client = agent.start("curl", "-sS", "--max-time", "20", "http://unknown.test/%3Cimg%20src=x%20onerror=alert(1)%3E")
    name = shown(page, "unknown.test")
    page.click(f"#{name} .opener")
    page.wait("document.querySelector('.facts')")
    assert page.run("return document.querySelectorAll('#pending-list img').length") == 0
    client.kill()
    client.communicate()


def test_A_08_names_and_words_are_shown_as_what_they_are(page):
    seen = page.run("""return import('/dom.js').then(({visible, hostName}) => {
        const long = hostName('a'.repeat(63) + '.' + 'b'.repeat(63) + '.attacker.example', 'attacker.example', 443);
        const encoded = hostName('xn--pypl-53dc.example', 'xn--pypl-53dc.example', 443);
        return {words: visible('a\\u202eb\\u001b[2J\\u200b<b>'), short: long.textContent, whole: long.title,
                domain: long.querySelector('.domain').textContent, encoded: encoded.textContent};
    })""")
    assert seen["words"] == "a‹U+202E›b‹U+001B›[2J‹U+200B›<b>"
    assert seen["domain"] == "attacker.example" and seen["short"].endswith("attacker.example:443") and "…" in seen["short"]
    assert len(seen["short"]) < 90 and seen["whole"].startswith("a" * 63 + "." + "b" * 63)
    assert "encoded name" in seen["encoded"]


def test_A_12_a_daemon_that_was_killed_comes_back_with_its_questions(page, daemon, agent):
    client = fetch(agent, "unknown.test")
    shown(page, "unknown.test")
    daemon.kill()
    client.communicate(timeout=15)
    assert client.returncode != 0
    page.wait("!document.getElementById('banner').hidden", limit=30)
    assert "Not connected" in page.text("#banner")
    daemon.start()
    page.wait("document.getElementById('banner').hidden", limit=30)
    shown(page, "unknown.test")
    again = fetch(agent, "unknown.test")
    name = shown(page, "unknown.test")
    page.click(settle(page, name) + " .approve")
    output, complaints = again.communicate(timeout=15)
    assert '"path": "/held"' in output, complaints
    page.complaints()  # the browser's own words about a server that was away
