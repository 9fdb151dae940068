"""An origin that does what a test tells it to, byte by byte."""
import contextlib
import socket
import ssl
import threading


class Scripted:
    """Listens at `address`:`port` of the internet; each connection is handed to `script(stream)`, then closed.

    `heard` has what each connection's script returned, in the order of their ends."""

    def __init__(self, world, address="93.184.216.10", port=8081):
        self.address, self.port, self.heard, self.script = address, port, [], None
        self.connections = 0
        with world.outside.inside():
            self.listener = socket.create_server((address, port), backlog=64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.play, args=(stream, self.script, self.heard), daemon=True).start()

    @staticmethod
    def play(stream, script, heard):
        stream.settimeout(10)
        with stream, contextlib.suppress(OSError):
            heard.append(script(stream))

    def forget(self):
        # A new list: a script of an earlier test that ends late still writes into its own.
        self.connections, self.script, self.heard = 0, None, []

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class ScriptedTls(Scripted):
    """The same by TLS, with the certificate and key of one file."""

    def __init__(self, world, both, address="93.184.216.10", port=8447):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(both)
        super().__init__(world, address, port)

    def play(self, stream, script, heard):
        stream.settimeout(10)
        with contextlib.suppress(OSError), self.context.wrap_socket(stream, server_side=True) as secured:
            heard.append(script(secured))


def read_head(stream):
    """A head up to its empty line, and not a byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = stream.recv(1)
        if not byte:
            break
        head += byte
    return head


def answers(bytes_):
    """A script: reads one head, says `bytes_`, then reads to the end."""
    def script(stream):
        head = read_head(stream)
        stream.sendall(bytes_)
        rest = b""
        while data := stream.recv(65536):
            rest += data
        return head, rest
    return script
