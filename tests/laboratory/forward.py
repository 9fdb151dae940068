"""A port of this machine's loopback that leads to the same port of a namespace's, for a person's own browser."""
import contextlib
import socket
import threading


class Forward:
    """The same number on both sides, because the console takes a browser for one of its own by the Host it says. Raises
    OSError where the port is taken."""

    def __init__(self, namespace, port):
        self.namespace, self.port = namespace, port
        self.door = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                stream, _ = self.door.accept()
            except OSError:
                return  # closed
            try:
                with self.namespace.inside():
                    other = socket.create_connection(("127.0.0.1", self.port), timeout=5)
            except OSError:
                stream.close()
                continue
            other.settimeout(None)
            for ends in ((stream, other), (other, stream)):
                threading.Thread(target=self.pump, args=ends, daemon=True).start()

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        with contextlib.suppress(OSError):
            self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
