"""Network namespaces with no interface but lo, as a container started with no network has one."""
import contextlib
import os
import shutil
import subprocess

from .clients import PROXY_VARIABLES
from .namespaces import Namespace

LAST = iter(range(1, 1 << 30))


class Cell(Namespace):
    def __init__(self, world):
        super().__init__(f"cell{next(LAST)}", "9.9.9.9")
        self.world = world

    def environment(self):
        clean = {key: value for key, value in os.environ.items() if key not in PROXY_VARIABLES}
        return {**clean, "CURL_CA_BUNDLE": str(self.world.internet.certificates.ca), "LANG": "C.UTF-8"}

    def curl(self, *words, seconds=8):
        return self.run(["curl", "-sS", "--max-time", seconds, *words], env=self.environment())

    def reaches(self, url="http://allowed.test/", seconds=8):
        return self.curl("-f", "-o", "/dev/null", url, seconds=seconds).returncode == 0

    def background(self, *words):
        return self.start(words, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


@contextlib.contextmanager
def cells(world):
    """Makes them; all are taken away at the end."""
    made = []

    def make():
        made.append(Cell(world))
        return made[-1]
    try:
        yield make
    finally:
        for cell in made:
            cell.remove()
            shutil.rmtree(cell.settings, ignore_errors=True)
