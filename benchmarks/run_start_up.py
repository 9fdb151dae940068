#!/usr/bin/python3
"""What `sallyport run -- true` costs beside `true`: the time until it has ended, and until the command begins."""
import argparse
import os
import statistics
import subprocess
import time


def milliseconds(words, begins):
    """Until the end; or, for a command that prints the clock, until that moment."""
    start = time.monotonic()
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    return ((float(done.stdout) if begins else time.monotonic()) - start) * 1000


def measure(name, words, rounds, begins=False):
    taken = sorted(milliseconds(words, begins) for _ in range(rounds))
    print(f"{name:34} p50 {statistics.median(taken):6.1f} ms   p95 {taken[int(len(taken) * 0.95)]:6.1f} ms")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=50)
    rounds = options.parse_args().rounds
    run = [os.environ.get("SALLYPORT", "sallyport"), "run", "--ask", "deny", "--"]
    clock = ["/usr/bin/python3", "-S", "-c", "import time; print(time.monotonic())"]
    measure("true", ["true"], rounds)
    measure("sallyport run -- true", [*run, "true"], rounds)
    measure("python3, until it begins", clock, rounds, begins=True)
    measure("the same under sallyport run", [*run, *clock], rounds, begins=True)


if __name__ == "__main__":
    main()
