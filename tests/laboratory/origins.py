"""The hosts of the internet: HTTP, HTTPS, an echo that knows half-close, and one that speaks first."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import socket
import socketserver
import ssl
import subprocess
import threading

BANNER = b"220 mail.test ready\r\n"


class DualStackServer(socketserver.ThreadingTCPServer):
    """One listener for both families and every address of its namespace."""
    daemon_threads = True
    address_family = socket.AF_INET6
    request_queue_size = 128

    def __init__(self, namespace, port, handler, internet):
        self.internet = internet
        super().__init__(("::", port), handler, bind_and_activate=False)
        self.socket.close()
        with namespace.inside():
            self.socket = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
        self.server_address = self.socket.getsockname()[:2]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that goes away is the client's business."""


class TlsServer(DualStackServer):
    def __init__(self, *arguments, certificates):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates.leaf, certificates.key)
        super().__init__(*arguments)

    def finish_request(self, request, client_address):
        request.settimeout(20)
        with self.context.wrap_socket(request, server_side=True) as stream:
            super().finish_request(stream, client_address)


def plain(address):
    return address.removeprefix("::ffff:")


class Web(http.server.BaseHTTPRequestHandler):
    """Tells the client what arrived here. /bytes/N gives N bytes, /files/… files, /upgrade a WebSocket-like echo."""
    protocol_version = "HTTP/1.1"
    timeout = 20

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, content, kind, status=200, **fields):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def serve(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.upgrade()
        body = self.body()
        here = self.connection.getsockname()
        seen = {"method": self.command, "path": self.path, "host": self.headers.get("Host"), "body": len(body),
                "sha256": hashlib.sha256(body).hexdigest(), "address": plain(here[0]), "port": here[1],
                "headers": dict(self.headers)}
        self.server.internet.requests.append(seen)
        if self.path.startswith("/bytes/"):
            return self.answer(b"x" * int(self.path.split("/")[2]), "application/octet-stream")
        if self.path.startswith("/files/"):
            return self.file()
        if self.path.startswith("/redirect?"):
            return self.answer(b"", "text/plain", 302, Location=self.path.split("?", 1)[1])
        if self.path.startswith("/git/"):
            return self.git(body)
        return self.answer(json.dumps(seen).encode() + b"\n", "application/json")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = serve

    def file(self):
        root = pathlib.Path(self.server.internet.files).resolve()
        path = (root / self.path.split("?")[0].removeprefix("/files/")).resolve()
        if path.is_relative_to(root) and path.is_file():
            return self.answer(path.read_bytes(), "text/html" if path.suffix == ".html" else "application/octet-stream")
        return self.answer(b"not here\n", "text/plain", 404)

    def git(self, body):
        """Git's own server side, as a web server runs it."""
        path, _, query = self.path.removeprefix("/git").partition("?")
        settings = {**os.environ, "GIT_PROJECT_ROOT": str(self.server.internet.files), "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": "lab",
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")}
        done = subprocess.run(["git", "http-backend"], input=body, env=settings, capture_output=True, check=True)
        head, content = done.stdout.split(b"\r\n\r\n", 1)
        fields = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n"))
        self.answer(content, fields.get("Content-Type", "text/plain"), int(fields.get("Status", "200").split()[0]))

    def upgrade(self):
        accept = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode())
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accept.digest()).decode())
        self.end_headers()
        self.close_connection = True
        while data := self.connection.recv(65536):
            self.connection.sendall(data)


class Echo(socketserver.BaseRequestHandler):
    """Sends back what comes; after the client's end of file it still says how much that was."""

    def handle(self):
        self.request.settimeout(20)
        total = 0
        while data := self.request.recv(65536):
            total += len(data)
            self.request.sendall(data)
        self.request.sendall(b"\n%d bytes, good-bye\n" % total)


class SpeaksFirst(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(20)
        self.request.sendall(BANNER)
        self.server.internet.heard.append(self.request.recv(1024))
