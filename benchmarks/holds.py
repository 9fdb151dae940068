"""Held connections: memory for each, and how long after a decision they go on.

The agent of the laboratory asks for hosts that nobody has decided on, by CONNECT; a reviewer decides over the admin API.
A connection counts as released when its client has the answer of the proxy, which by then has resolved the name and
connected to the origin.
"""
import argparse
import concurrent.futures
import contextlib
import select
import time

from measure import as_many_as_possible, p50_and_p99, places_for, resident_kib, row, start_keeper, threads

from laboratory.approvals import Reviewer
from laboratory.clients import Agent
from laboratory.daemon import Sallyport, wait_until
from laboratory.world import World

POLICY = """\
version: 1
default: ask
rules:
  - { ask: [unknown.test, other.test], ports: ["1-65535"], protocol: tcp }
"""
MANY, SINGLE = 9000, 20000


def ask(agent, host, port):
    stream = agent.proxy()
    stream.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    return stream


def wait_for(reviewer, host, port, waiting):
    return reviewer.wait(host=host, port=port, waiting=waiting, seconds=120)


def released(streams, since):
    """Seconds after `since` at which each of the streams had its answer."""
    waiting, times = select.epoll(), []
    for stream in streams:
        waiting.register(stream, select.EPOLLIN)
    by_descriptor = {stream.fileno(): stream for stream in streams}
    while len(times) < len(streams):
        ready = waiting.poll(30)
        assert ready, f"only {len(times)} of {len(streams)} were released"
        now = time.monotonic()
        for descriptor, _ in ready:
            answer = by_descriptor[descriptor].recv(4096)
            assert b" 200 " in answer, answer
            waiting.unregister(descriptor)
            times.append(now - since)
    return times


def approve_all(reviewer, approval, streams):
    """The reviewer has a thread of its own: the first are released before its answer is there."""
    with concurrent.futures.ThreadPoolExecutor(1) as hand:
        since = time.monotonic()
        decision = hand.submit(reviewer.approve, approval, scope="once", ttl="1m")
        times = released(streams, since)
        decision.result()
    return times


def print_latency(what, seconds):
    row(f"{what}, the first", "ms", min(seconds) * 1000)
    for share, value in zip(("p50", "p99"), p50_and_p99(seconds)):
        row(f"{what}, {share}", "ms", value * 1000)


def close(streams):
    for stream in streams:
        stream.close()


def hold_many(agent, sallyport, reviewer, count):
    warm = [ask(agent, "other.test", MANY) for _ in range(100)]
    wait_for(reviewer, "other.test", MANY, len(warm))
    before, threads_before = resident_kib(sallyport.process), threads(sallyport.process)
    streams = [ask(agent, "unknown.test", MANY) for _ in range(count)]
    wait_for(reviewer, "unknown.test", MANY, count)
    row(f"hold, {count} at once", "KiB", (resident_kib(sallyport.process) - before) / count)
    row("threads more for them", "", threads(sallyport.process) - threads_before)
    since = time.monotonic()
    close(streams + warm)
    wait_until(lambda: not any(each["waiting"] for each in reviewer.approvals()), "the holds to end", seconds=60)
    row(f"{count} clients leave, until noticed", "ms", (time.monotonic() - since) * 1000)
    reviewer.forget()


def hold_some(agent, reviewer, count):
    streams = [ask(agent, "unknown.test", MANY + 1) for _ in range(count)]
    approval = wait_for(reviewer, "unknown.test", MANY + 1, count)
    print_latency(f"one approval releases {count}", approve_all(reviewer, approval, streams))
    close(streams)


def hold_each(agent, reviewer, count):
    streams = {port: ask(agent, "unknown.test", port) for port in range(SINGLE, SINGLE + count)}
    wait_for(reviewer, "unknown.test", SINGLE + count - 1, 1)
    approvals = reviewer.find({"host": "unknown.test"})
    assert len(approvals) == count, len(approvals)
    times = []
    for each in approvals:
        times += approve_all(reviewer, each, [streams[each["port"]]])
        time.sleep(0.01)  # the admin API takes a hundred requests a second of one caller
    print_latency(f"{count} approvals, each releases one", times)
    close(streams.values())


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--holds", type=int, default=10_000)
    options.add_argument("--approvals", type=int, default=1000, help="at most 1000: one page of the admin API")
    chosen = options.parse_args()
    count = as_many_as_possible(chosen.holds, descriptors=1)
    with contextlib.closing(World()) as world:
        start_keeper(world.outside, MANY, 2)
        start_keeper(world.outside, SINGLE, chosen.approvals)
        most = count + 1000
        sallyport = Sallyport(world, policy=POLICY,
                              approvals={"unattended": "hold", "timeout": "10m", "max_pending": 5000,
                                         "pending_per_agent": 5000},
                              limits={"connections": places_for(most), "per_agent": most, "held_per_agent": most, "rate_per_agent": "100000/s"}).start()
        with contextlib.closing(sallyport):
            agent, reviewer = Agent(world, "explicit"), Reviewer(sallyport)
            hold_many(agent, sallyport, reviewer, count)
            hold_some(agent, reviewer, chosen.approvals)
            hold_each(agent, reviewer, chosen.approvals)


if __name__ == "__main__":
    main()
