"""How long `sallyport serve` takes to be ready, and what it then has in memory: with a small policy, and with an
allowlist of a million names."""
import contextlib
import time

from measure import cpu_seconds, resident_kib, row

from laboratory.daemon import Sallyport
from laboratory.world import World

SMALL = "version: 1\ndefault: deny\nrules:\n  - allow: allowed.test\n"
LARGE = "version: 1\ndefault: deny\nrules:\n  - allow: { list: names.txt }\n"


def start(world, policy, names=0):
    """Until it says that it is ready: seconds, CPU seconds, and KiB."""
    sallyport = Sallyport(world, policy=policy)
    if names:
        lines = (f"host{i}.zone{i % 977}.example.org\n" for i in range(names))
        (sallyport.folder / "names.txt").write_text("".join(lines))
    with contextlib.closing(sallyport):
        began = time.monotonic()
        sallyport.start()
        return time.monotonic() - began, cpu_seconds(sallyport.process), resident_kib(sallyport.process)


def main():
    with contextlib.closing(World()) as world:
        seconds, cpu, kib = start(world, SMALL)
        row("start-up until ready", "ms", seconds * 1000)
        row("memory then", "MiB", kib / 1024)
        seconds_more, cpu_more, kib_more = start(world, LARGE, 1_000_000)
        row("a million names: start-up longer by", "ms", (seconds_more - seconds) * 1000)
        row("a million names: CPU more", "ms", (cpu_more - cpu) * 1000)
        row("a million names: memory more", "MB", (kib_more - kib) * 1.024 / 1000)


if __name__ == "__main__":
    main()
