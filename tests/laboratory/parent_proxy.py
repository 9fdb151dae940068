"""A parent proxy in the internet, as companies have one: it remembers each head it gets and can misbehave."""
import contextlib
import socket
import socketserver
import threading

PARENT = "93.184.216.60"
PORT = 3128


def copy(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        parent = self.server.parent
        self.request.settimeout(20)
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.request.recv(4096)
            if not data:
                return
            head += data
        head, rest = head.split(b"\r\n\r\n", 1)
        parent.heads.append(head.decode("latin-1"))
        if parent.answer is not None:
            self.request.sendall(parent.answer)
            if parent.hang:
                parent.released.wait(20)
            return
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        if method == "CONNECT":
            self.tunnel(target, rest)
        else:
            self.forward(method, target, head, rest)

    def tunnel(self, target, rest):
        host, port = target.rsplit(":", 1)
        with self.server.parent.dial(host.strip("[]"), int(port)) as upstream:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            upstream.sendall(rest)
            self.relay(upstream)

    def forward(self, method, target, head, rest):
        authority, path = (target.removeprefix("http://").split("/", 1) + [""])[:2]
        host, port = (authority.rsplit(":", 1) + ["80"])[:2] if ":" in authority else (authority, "80")
        fields = [line for line in head.split(b"\r\n")[1:] if not line.lower().startswith((b"connection:", b"proxy-"))]
        with self.server.parent.dial(host, int(port)) as upstream:
            first = f"{method} /{path} HTTP/1.1".encode()
            upstream.sendall(b"\r\n".join([first, *fields, b"Connection: close", b"", rest]))
            self.relay(upstream)

    def relay(self, upstream):
        up = threading.Thread(target=copy, args=(self.request, upstream), daemon=True)
        up.start()
        copy(upstream, self.request)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        """A peer that goes away is its own business."""


class ParentProxy:
    """`answer`: bytes it says to any head instead of serving; with `hang` it then keeps the connection open."""

    def __init__(self, world):
        self.world, self.heads, self.answer, self.hang = world, [], None, False
        self.released = threading.Event()
        self.names = {name: four or six for name, (four, six) in world.hosts.items()}
        world.address(world.outside, "wan0", f"{PARENT}/24")
        self.server = Server((PARENT, PORT), Handler, bind_and_activate=False)
        self.server.parent = self
        self.server.socket.close()
        with world.outside.inside():
            self.server.socket = socket.create_server((PARENT, PORT), backlog=64)
        self.server.server_address = (PARENT, PORT)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def dial(self, host, port):
        with self.world.outside.inside():
            return socket.create_connection((self.names.get(host, host), port), timeout=10)

    def says(self, answer, hang=False):
        self.answer, self.hang = answer, hang

    def forget(self):
        self.heads.clear()
        self.says(None)

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.world.outside.ip("addr", "del", f"{PARENT}/24", "dev", "wan0")
