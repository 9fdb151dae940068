"""How the agent reaches out: through the explicit proxy, or as if nothing stood in between."""
import contextlib
import functools
import os
import socket
import ssl
import struct
import subprocess

from .daemon import PROXY, PROXY_URL
from .name_server import NAMES, TRUNCATED, TYPES, decode_name, encode_name

DOORS = ("explicit", "gateway")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "no_proxy", "NO_PROXY")


class Agent:
    """The agent's side of one door."""

    def __init__(self, world, door, source=None):
        self.world, self.door, self.source = world, door, source
        self.ca = world.internet.certificates.ca

    def environment(self):
        clean = {key: value for key, value in os.environ.items() if key not in PROXY_VARIABLES}
        clean.update(HOME=str(self.world.folder), LANG="C.UTF-8", CURL_CA_BUNDLE=str(self.ca), GIT_SSL_CAINFO=str(self.ca),
                     SSL_CERT_FILE=str(self.ca), NODE_EXTRA_CA_CERTS=str(self.ca), GIT_TERMINAL_PROMPT="0")
        if self.door == "explicit":
            clean.update(http_proxy=PROXY_URL, https_proxy=PROXY_URL)
        return clean

    def run(self, *words, env=None, **options):
        return self.world.agent.run(words, env={**self.environment(), **(env or {})}, **options)

    def curl(self, *words, **options):
        way = ["--interface", self.source] if self.source else []
        return self.run("curl", "-sS", "--max-time", "10", *way, *words, **options)

    def start(self, *words, env=None, **options):
        """The same in the background: its output is there to read, and it ends with the laboratory at the latest."""
        return self.world.agent.start(words, env={**self.environment(), **(env or {})}, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def connect(self, address, port, seconds=10):
        """A plain socket of the agent's own."""
        with self.world.agent.inside():
            return socket.create_connection((address, port), timeout=seconds,
                                            source_address=(self.source, 0) if self.source else None)

    def proxy(self):
        return self.connect(*PROXY)

    def tls_over(self, stream, name):
        context = ssl.create_default_context(cafile=str(self.ca))
        return context.wrap_socket(stream, server_hostname=name)

    def ask(self, name, kind="A", resolver="9.9.9.9", source=None):
        """One question to any resolver; in front of the gateway's door it is Sallyport that answers."""
        return Answer(self.exchange(question(name, kind), resolver, source))

    def exchange(self, query, resolver="9.9.9.9", source=None):
        """Bytes to a resolver's port 53 and what comes back; a timeout is an error."""
        family = socket.AF_INET6 if ":" in resolver else socket.AF_INET
        with self.world.agent.inside():
            client = socket.socket(family, socket.SOCK_DGRAM)
        with client:
            client.settimeout(15)
            if source or self.source:
                client.bind((source or self.source, 0))
            client.connect((resolver, 53))  # an answer from any other address is not seen
            client.send(query)
            return client.recv(65535)

    def ask_by_tcp(self, name, kind="A", resolver="9.9.9.9"):
        query = question(name, kind)
        with self.connect(resolver, 53) as stream, stream.makefile("rb") as reader:
            stream.sendall(struct.pack("!H", len(query)) + query)
            return Answer(reader.read(struct.unpack("!H", reader.read(2))[0]))


def question(name, kind="A", klass=1):
    """A query with EDNS, as a stub resolver sends it."""
    head = struct.pack("!HHHHHH", 4711, 0x0100, 1, 0, 0, 1)
    return head + encode_name(name) + struct.pack("!HH", TYPES[kind], klass) + struct.pack("!BHHIH", 0, 41, 1232, 0, 0)


class Answer:
    """The parts of a DNS answer that a test asks about."""

    def __init__(self, message):
        _, flags, questions, answers, authorities, additional = struct.unpack_from("!HHHHHH", message)
        self.rcode, self.addresses, self.ede, self.others = flags & 15, [], None, []
        self.truncated, self.size = bool(flags & TRUNCATED), len(message)
        at = 12
        for _ in range(questions):
            at = skip_name(message, at) + 4
        for place in range(answers + authorities + additional):
            at = skip_name(message, at)
            kind, _, _, length = struct.unpack_from("!HHIH", message, at)
            data = message[at + 10:at + 10 + length]
            at += 10 + length
            if kind in (1, 28):
                self.addresses.append(socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data))
            elif kind == 41:
                self.read_options(data)
            elif place < answers:
                self.others.append((NAMES.get(kind, str(kind)), data))

    def read_options(self, data):
        while len(data) >= 4:
            code, length = struct.unpack_from("!HH", data)
            if code == 15:
                self.ede = (struct.unpack_from("!H", data, 4)[0], data[6:4 + length].decode())
            data = data[4 + length:]


def skip_name(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += 1 + message[at]
    return at + 1


def receive_all(stream):
    """What comes until the end of the stream, or until it is reset."""
    parts = []
    try:
        while data := stream.recv(65536):
            parts.append(data)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def socks5(stream, name, port):
    """Asks for a name over SOCKS5; the server's reply code."""
    stream.sendall(b"\5\1\0")
    assert stream.recv(2) == b"\5\0"
    stream.sendall(b"\5\1\0\3" + bytes([len(name)]) + name + struct.pack("!H", port))
    return stream.recv(10)[1]


def tunnel(agent, name, port):
    if agent.door == "gateway":
        return agent.connect(agent.ask(name).addresses[0], port)
    stream = agent.proxy()
    stream.sendall(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
    answer = stream.recv(4096)
    if b" 200 " not in answer:
        stream.close()
        raise ConnectionRefusedError(answer.decode())
    return stream


def hold(agent, count):
    """Connections of the agent that stay open and silent."""
    streams = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            streams.append(agent.proxy() if agent.door == "explicit" else agent.connect("93.184.216.40", 7))
    return streams


def release(streams):
    for stream in streams:
        stream.close()


@functools.lru_cache
def client_hello(name):
    """The first flight of a TLS client that asks for `name`, made by the library itself."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = bool(name)
    if not name:
        context.verify_mode = ssl.CERT_NONE
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def in_records(hello, size):
    """The same ClientHello cut into TLS records of `size` bytes."""
    body = hello[5:]
    return b"".join(hello[:3] + struct.pack("!H", len(body[at:at + size])) + body[at:at + size]
                    for at in range(0, len(body), size))
