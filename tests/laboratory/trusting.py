"""Fixtures of agents that were told of Sallyport's CA. A file of tests imports them, and has a `daemon`."""
import pytest

from .clients import DOORS, Agent


@pytest.fixture(scope="module")
def bundle(daemon, world, tmp_path_factory):
    """What such an agent trusts: that CA, and the laboratory's own for what isn't inspected."""
    since = daemon.mark()
    got = Agent(world, "explicit").curl("http://sallyport.internal/ca.pem")
    assert "BEGIN CERTIFICATE" in got.stdout, got
    daemon.wait_for(since, kind="close", host="sallyport.internal")  # or a test takes its records for its own
    path = tmp_path_factory.mktemp("trusted") / "ca.pem"
    path.write_text(got.stdout + world.internet.certificates.ca.read_text())
    return path


@pytest.fixture(autouse=True)
def fresh(world, daemon):
    world.internet.forget()


def trusting(world, door, bundle):
    made = Agent(world, door)
    made.ca = bundle
    return made


@pytest.fixture(params=DOORS)
def agent(request, world, bundle):
    return trusting(world, request.param, bundle)


@pytest.fixture
def one(world, bundle):
    """Where the door makes no difference."""
    return trusting(world, "explicit", bundle)


@pytest.fixture
def mark(daemon):
    return daemon.mark()
