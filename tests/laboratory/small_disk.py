"""A disk of 400 KiB for the log alone, and a way to fill it."""
import contextlib
import subprocess

import pytest


@pytest.fixture
def small_disk(world):
    folder = world.folder / "small-disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
    folder.rmdir()


def fill(folder):
    with contextlib.suppress(OSError), open(folder / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)
