"""One laboratory for each file of tests; one daemon for each, unless a test starts its own."""
import contextlib
import os
import pathlib
import shutil
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from laboratory.clients import DOORS, Agent  # noqa: E402
from laboratory.daemon import Sallyport, wait_until  # noqa: E402
from laboratory.world import World  # noqa: E402

PROGRAMS = ["ip", "nft", "curl", "wget", "git", "openssl", "ssh", "ssh-keygen", "nc", "node", "sysctl"]


def pytest_configure(config):
    # A file of tests that is too slow is ended with SIGTERM; as an interrupt it leaves no namespace behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="network namespaces need root"))


def pytest_sessionfinish(session, exitstatus):
    # ctest shows a file of which nothing ran as skipped.
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    ran = sum(len(reporter.stats.get(word, [])) for word in ("passed", "failed", "error"))
    if reporter.stats.get("skipped") and not ran:
        session.exitstatus = 77


@pytest.fixture(scope="session")
def world():
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    assert not missing, f"install what the laboratory needs, `./dev test` does: {missing}"
    made = World()
    yield made
    made.close()


@pytest.fixture(scope="module")
def start(world):
    """Starts daemons that end with the file of tests."""
    started = []

    def end():
        for earlier in started:
            if earlier.process.poll() is None:
                earlier.close()

    def begin(before=(), **settings):
        end()
        daemon = Sallyport(world, **settings)
        started.append(daemon)
        return daemon.start(before)
    begin.end = end
    begin.running = lambda: [daemon for daemon in started if daemon.process.poll() is None]
    yield begin
    for daemon in started:
        daemon.close()


@pytest.fixture(autouse=True)
def settled(request):
    """What an earlier test left open has ended, so that its last records are not taken for this one's."""
    if "start" not in request.fixturenames:
        return
    running = request.getfixturevalue("start").running()
    # A file may well keep a connection for all of its tests.
    with contextlib.suppress(AssertionError):
        wait_until(lambda: all(daemon.settled() for daemon in running), "the ends of earlier connections", seconds=2)


@pytest.fixture(scope="module")
def sallyport(start):
    """Both doors, with the laboratory's policy."""
    return start(gateway=True)


@pytest.fixture(params=DOORS)
def agent(request, world):
    """The same test by the explicit and by the gateway door."""
    return Agent(world, request.param)


@pytest.fixture
def explicit(world):
    return Agent(world, "explicit")


@pytest.fixture(scope="module")
def other_address(world):
    """A second address of the agents' network, for tests with two agents."""
    world.agent.ip("addr", "add", "10.77.0.9/24", "dev", "eth0")
    yield "10.77.0.9"
    world.agent.ip("addr", "del", "10.77.0.9/24", "dev", "eth0")


@pytest.fixture
def steered(world):
    return Agent(world, "gateway")
