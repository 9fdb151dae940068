"""The console in a real browser: what a person sees and clicks, and what becomes of the connection that waited."""
import copy
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


def test_A_08_a_click_on_a_row_that_has_just_moved_decides_nothing(page, agent, reviewer):
    first = fetch(agent, "other.test")
    shown(page, "other.test")
    second = fetch(agent, "unknown.test")
    name = shown(page, "unknown.test")
    settle(page, name)
    # The click comes in the moment in which the row above has left, where a hand could not be quicker.
    page.run(f"""const list = document.getElementById('pending-list'), gone = {row('other.test')};
        window.clicked = false;
        new MutationObserver((_, watch) => {{
            if (gone.isConnected) return;
            watch.disconnect();
            document.querySelector('#{name} .approve').dispatchEvent(new MouseEvent('click', {{detail: 1, bubbles: true}}));
            window.clicked = true;
        }}).observe(list, {{childList: true, subtree: true}});""")
    reviewer.deny(reviewer.wait(host="other.test"), scope="once")
    first.communicate(timeout=15)
    page.wait("window.clicked")
    assert "has just moved" in page.text("#toasts")
    assert reviewer.wait(host="unknown.test")["state"] == "pending" and second.poll() is None
    page.click(settle(page, name) + " .approve")
    output, complaints = second.communicate(timeout=15)
    assert '"path": "/held"' in output, complaints


def test_A_04_an_agent_adds_nothing_to_a_group_that_somebody_is_about_to_approve(page, agent, reviewer):
    clients = [fetch(agent, f"{name}.group.test") for name in ("one", "two")]
    for name in ("one", "two"):
        shown(page, f"{name}.group.test")
    page.click(".group.many .group-head .approve")
    page.wait("document.querySelector('.group-head .approve.armed')")
    clients.append(fetch(agent, "three.group.test"))
    shown(page, "three.group.test")
    page.click(".group.many .group-head .approve.armed")
    wait_until(lambda: len(reviewer.grants()) == 2, "two grants")
    assert {grant["host"] for grant in reviewer.grants()} == {"one.group.test", "two.group.test"}
    assert reviewer.wait(host="three.group.test")
    for client in clients:
        client.kill()
        client.communicate()


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


def test_what_was_chosen_and_closed_is_not_chosen(page, agent, reviewer):
    client = fetch(agent, "unknown.test")
    name = shown(page, "unknown.test")
    page.click(f"#{name} .opener")
    page.wait("document.querySelector('.choose')")
    page.click("input[value=everyone] + span")
    page.click(f"#{name} .opener")
    page.wait("!document.querySelector('.choose')")
    page.click(settle(page, name) + " .approve")
    client.communicate(timeout=15)
    assert wait_until(reviewer.grants, "the grant")[0]["scope"] == "agent"


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


def who(reviewer, token):
    known = copy.copy(reviewer)
    known.token = token
    status, said = known.call("GET", "/v1/status")
    return said["you"]["role"] if status == 200 else status


def test_a_token_is_made_shown_once_and_removed(page, reviewer):
    page.press("6")
    page.wait("document.querySelector('.row.token')")
    page.run("document.querySelector('#tokens-form input').value = 'ann'; document.querySelector('#tokens-form select').value = 'approver'")
    page.click("#tokens-form button")
    page.wait("document.querySelectorAll('.row.token').length === 2 && document.querySelector('.secret')")
    token = page.text(".secret")
    assert who(reviewer, token) == "approver"
    page.press("1")
    page.press("6")
    page.wait("document.querySelectorAll('.row.token').length === 2")
    assert token not in page.run("return document.documentElement.outerHTML")
    page.click(".row.token:last-child .deny")
    page.click(".row.token:last-child .deny.armed")
    page.wait("document.querySelectorAll('.row.token').length === 1")
    assert who(reviewer, token) == 401
    # Without one admin nobody could make another.
    page.click(".row.token .deny")
    page.click(".row.token .deny.armed")
    page.wait("document.getElementById('toasts').innerText.includes('last')")
    assert who(reviewer, reviewer.token) == "admin"
    page.complaints()  # the browser's own words about the refusal


def test_only_an_admin_sees_the_tokens(page, daemon, reviewer):
    _, made = reviewer.call("POST", "/v1/tokens", {"name": "guest", "role": "viewer"})
    address = re.search(r"(http://\S+)#token=", daemon.said()).group(1)
    page.open("about:blank")
    page.open(f"{address}#token={made['token']}")
    page.wait("document.getElementById('you').innerText.includes('guest')")
    page.press("6")
    assert page.run("return [document.getElementById('tab-tokens').hidden, document.getElementById('view-tokens').hidden]") == [True, True]


def test_the_policy_shown_is_the_one_in_force(page, daemon):
    page.press("5")
    page.wait("document.querySelector('.code-line')")
    good = daemon.policy_file.read_text()
    try:
        daemon.policy_file.write_text(good.replace("deny: denied.test", "alow: denied.test"))
        page.wait("document.querySelector('.file-state')")
        assert "alow" in page.text(".file-state") and "deny: denied.test" in page.text("#policy-text")
        assert "alow" not in page.text("#policy-text")
        daemon.policy_file.write_text(good + "  - deny: more.test\n")
        page.wait("!document.querySelector('.file-state') && document.getElementById('policy-text').innerText.includes('more.test')")
    finally:
        daemon.policy_file.write_text(good)
    page.wait("!document.getElementById('policy-text').innerText.includes('more.test')")


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
