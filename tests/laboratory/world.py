"""The laboratory: agent — gateway — internet.

    agent      10.77.0.2   fd77::2      everything goes to the gateway by default
    gateway    10.77.0.1   fd77::1      sallyport runs here; forwards nothing by itself
    internet   93.184.216.0/24, 2600:1f00:77::/64: addresses that look global, alive only inside the namespace
"""
import pathlib
import shutil
import subprocess
import tempfile

from .capture import Capture
from .certificates import Certificates
from .name_server import NameServer
from .namespaces import Namespace, remove_leftovers
from .origins import DualStackServer, Echo, SpeaksFirst, TlsServer, Web

AGENT, AGENT6 = "10.77.0.2", "fd77::2"
GATEWAY, GATEWAY6 = "10.77.0.1", "fd77::1"
RESOLVER = "93.184.216.53"

# Each host of the internet has an address of its own, so that a capture tells which one was touched.
HOSTS = {
    "allowed.test": ("93.184.216.10", "2600:1f00:77::10"),
    "www.allowed.test": ("93.184.216.11", "2600:1f00:77::11"),
    "other.test": ("93.184.216.12", "2600:1f00:77::12"),
    "denied.test": ("93.184.216.20", "2600:1f00:77::20"),
    "unknown.test": ("93.184.216.21", "2600:1f00:77::21"),
    "ssh.test": ("93.184.216.30", None),
    "mail.test": ("93.184.216.31", None),
    "echo.test": ("93.184.216.32", None),
    "four.test": ("93.184.216.40", None),
    "six.test": (None, "2600:1f00:77::41"),
}
ZONE = {
    "private.test": [("A", "10.1.2.3")],
    "loopback.test": [("A", "127.0.0.1"), ("AAAA", "::1")],
    "metadata.test": [("A", "169.254.169.254")],
    "azure.test": [("A", "168.63.129.16")],
    "gateway.test": [("A", GATEWAY)],
    "mapped.test": [("AAAA", "::ffff:127.0.0.1")],
    "nat64.test": [("AAAA", "64:ff9b::7f00:1")],
    "sixtofour.test": [("AAAA", "2002:7f00:1::")],
    "mixed.test": [("A", "10.1.2.3"), ("A", "93.184.216.10")],
    "alias.test": [("CNAME", "allowed.test")],
    "shady.test": [("CNAME", "denied.test")],
    "dead.test": [("A", "93.184.216.99")],  # nobody has this address
}


def zone():
    answers = {name: list(records) for name, records in ZONE.items()}
    for name, (four, six) in HOSTS.items():
        answers[name] = ([("A", four)] if four else []) + ([("AAAA", six)] if six else [])
    answers["allowed.test"].append(("TXT", "hello"))
    answers["denied.test"].append(("TXT", "secret"))
    return answers


class Internet:
    """Every host of it, in one namespace. `requests` and `heard` are what reached them; `asked` what DNS was asked."""

    def __init__(self, namespace, folder):
        self.namespace = namespace
        self.requests, self.heard, self.servers = [], [], []
        self.files = folder / "files"
        self.files.mkdir()
        self.certificates = Certificates(folder, [name for name in [*HOSTS, *ZONE, "*.allowed.test"]])
        for port, handler in ((80, Web), (8080, Web), (7, Echo), (25, SpeaksFirst), (2525, SpeaksFirst)):
            self.servers.append(DualStackServer(namespace, port, handler, self))
        for port in (443, 8443):
            self.servers.append(TlsServer(namespace, port, Web, self, certificates=self.certificates))
        self.names = NameServer(namespace, RESOLVER, zone())
        self.capture = Capture(namespace, "wan0")

    def forget(self):
        """Starts counting afresh: packets, questions and requests."""
        self.capture.take()
        self.names.asked.clear()
        self.requests.clear()
        self.heard.clear()

    @property
    def asked(self):
        return list(self.names.asked)

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self.names.close()
        self.capture.close()


class World:
    hosts = HOSTS

    def __init__(self):
        remove_leftovers()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-lab-"))
        self.folder.chmod(0o755)
        self.namespaces, self.internet = [], None
        try:
            self.make()
        except BaseException:
            self.close()
            raise

    def make(self):
        # The agent's resolver is a public one: whatever it asks, somebody else must answer.
        self.agent = self.add("agent", "9.9.9.9")
        self.gateway = self.add("gateway", RESOLVER)
        self.outside = self.add("internet", "127.0.0.1")
        for namespace in self.namespaces:
            for scope in ("all", "default"):
                namespace.set(f"net.ipv6.conf.{scope}.accept_ra", 0)
                namespace.set(f"net.ipv6.conf.{scope}.disable_ipv6", 0)
                # Or an address that goes takes all others of its network with it.
                namespace.set(f"net.ipv4.conf.{scope}.promote_secondaries", 1)
        self.link(self.agent, "eth0", self.gateway, "agents0")
        self.link(self.gateway, "outside0", self.outside, "wan0")
        self.address(self.agent, "eth0", f"{AGENT}/24", f"{AGENT6}/64")
        self.address(self.gateway, "agents0", f"{GATEWAY}/24", f"{GATEWAY6}/64")
        self.address(self.gateway, "outside0", "93.184.216.1/24", "2600:1f00:77::1/64")
        self.address(self.outside, "wan0", f"{RESOLVER}/24")
        for four, six in HOSTS.values():
            self.address(self.outside, "wan0", *([f"{four}/24"] if four else []), *([f"{six}/64"] if six else []))
        for namespace, four, six in ((self.agent, GATEWAY, GATEWAY6), (self.gateway, RESOLVER, "2600:1f00:77::10")):
            namespace.ip("route", "add", "default", "via", four)
            namespace.ip("-6", "route", "add", "default", "via", six)
        self.internet = Internet(self.outside, self.folder)

    def add(self, role, resolver):
        namespace = Namespace(role, resolver)
        self.namespaces.append(namespace)
        return namespace

    @staticmethod
    def link(one, its_name, other, other_name):
        subprocess.run(["ip", "link", "add", its_name, "netns", one.name, "type", "veth", "peer", "name", other_name,
                        "netns", other.name], check=True, capture_output=True)
        one.ip("link", "set", its_name, "up")
        other.ip("link", "set", other_name, "up")

    @staticmethod
    def address(namespace, interface, *addresses):
        for address in addresses:
            extra = ["nodad"] if ":" in address else []
            namespace.ip("addr", "add", address, "dev", interface, *extra)

    def close(self):
        if self.internet:
            self.internet.close()
        for namespace in self.namespaces:
            namespace.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
