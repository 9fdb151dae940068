"""A service on a unix socket that would be a way round: it does for anybody what it is asked."""
import contextlib
import socket
import threading


@contextlib.contextmanager
def unix_server(bind, kind=socket.SOCK_STREAM):
    """`bind` gives the socket its name, or names. What is there to read is what those who came have said."""
    came, server = [], socket.socket(socket.AF_UNIX, kind)
    bind(server)
    server.listen()

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                came.append(client.recv(99))
                client.close()
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield came
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
