#!/usr/bin/python3
"""What a connect() costs under `sallyport run` beside one without: each goes through the process that connects in there."""
import os
import subprocess
import sys
import tempfile

INSIDE = """
import os, socket, statistics, time
def measure(name, begin, once, rounds=300):
  taken = []
  for _ in range(rounds):
    one = begin()
    start = time.perf_counter(); once(one); taken.append((time.perf_counter() - start) * 1e6)
    one.close(); accept(name)
  print(f'  {name:34} p50 {statistics.median(taken):6.1f} us   p95 {sorted(taken)[int(rounds * 0.95)]:6.1f} us')
path = os.path.abspath('own.sock')
servers = {'unix socket, own server': socket.socket(socket.AF_UNIX), 'TCP, own server': socket.socket()}
for server, at in zip(servers.values(), (path, ('127.0.0.1', 0))): server.bind(at); server.listen(99)
def accept(name):
  if name in servers: servers[name].accept()[0].close()
tcp = servers['TCP, own server'].getsockname()
measure('unix socket, own server', lambda: socket.socket(socket.AF_UNIX), lambda one: one.connect(path))
measure('TCP, own server', socket.socket, lambda one: one.connect(tcp))
measure('UDP', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), lambda one: one.connect(tcp))
"""


def main():
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    run = [os.environ.get("SALLYPORT", "sallyport"), "run", "--ask", "deny", "--"]
    for name, before in (("without", []), ("under sallyport run", run)):
        print(name)
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)  # started by root, the command is somebody else
            subprocess.run([*before, "/usr/bin/python3", "-c", INSIDE], cwd=folder, stderr=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
