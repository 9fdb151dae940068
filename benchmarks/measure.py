"""What /proc says of a process, and how the benchmarks print it."""
import contextlib
import os
import pathlib
import resource
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

# Listens at many ports, keeps whatever comes until it leaves, and has no thread for each.
KEEPER = """\
import resource, selectors, socket, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
sockets = selectors.DefaultSelector()
for port in range(int(sys.argv[1]), int(sys.argv[2])):
    door = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
    sockets.register(door, selectors.EVENT_READ, "door")
print("ready", flush=True)
while True:
    for key, _ in sockets.select():
        if key.data == "door":
            sockets.register(key.fileobj.accept()[0], selectors.EVENT_READ)
        elif not key.fileobj.recv(65536):
            sockets.unregister(key.fileobj)
            key.fileobj.close()
"""


def as_many_as_possible(wanted, descriptors=4):
    """So many connections of one agent, or as many as the descriptor limit lets Sallyport take: each needs so many, and
    a fifth of the places is kept for other agents. Raises the limit as far as it goes."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    possible = (most - 1000) // descriptors * 4 // 5
    if possible >= wanted:
        return wanted
    needed = places_for(wanted) * descriptors + 1000
    print(f"{wanted} at once want `ulimit -n {needed}`, and {most} is the limit here: {possible} at once")
    return possible


def places_for(connections):
    """Of how many places one agent can have so many."""
    return connections * 5 // 4 + 1


def start_keeper(namespace, first, count=1):
    """An origin that accepts and stays silent, at `count` ports from `first` on."""
    process = namespace.start(["/usr/bin/python3", "-c", KEEPER, str(first), str(first + count)], stdout=-1)
    assert process.stdout.readline().strip() in (b"ready", "ready")
    return process


def fields_of(pid):
    """Of /proc/PID/stat, from the state on."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def seconds_of(fields):
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(process):
    return seconds_of(fields_of(process.pid))


def cpu_seconds_of_all(process):
    """With its helpers: all processes that come from it and live."""
    processes = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            processes[int(pid)] = fields_of(pid)
    family = {process.pid}
    while more := {pid for pid, fields in processes.items() if int(fields[1]) in family} - family:
        family |= more
    return sum(seconds_of(processes[pid]) for pid in family)


def resident_kib(process):
    """Memory that is the process's own; shared program text is not counted."""
    lines = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Private_Clean")))


def threads(process):
    return len(os.listdir(f"/proc/{process.pid}/task"))


def p50_and_p99(values):
    cuts = statistics.quantiles(values, n=100)
    return cuts[49], cuts[98]


def row(what, unit, ours, theirs=None, name=None):
    beside = f" {theirs:10.3f} ({name})  ratio {ours / theirs:6.2f}" if theirs else ""
    print(f"{what:44} {unit:14} {ours:10.3f}{beside}", flush=True)
