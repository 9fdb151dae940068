"""Receivers at the gateway of what Sallyport sends: webhooks with a certificate of their own, well behaved or not."""
import base64
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import threading
import time

from .certificates import openssl
from .daemon import wait_until

SECRET = "whsec_" + base64.b64encode(b"a key that only the test knows").decode()


def is_signed(headers, body, secret=SECRET):
    """Standard Webhooks, by another hand than the one under test."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    good = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == good and abs(time.time() - int(headers["webhook-timestamp"])) < 60


class Message:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def about(self):
        return self.json["data"]["host"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = Message(self.path, self.headers, body)
        with self.server.lock:
            self.server.messages.append(message)
            answer = self.server.answers.pop(0) if self.server.answers else self.server.answer
        if callable(answer):
            answer(self)
            self.close_connection = True
        else:
            self.reply(*answer)

    def reply(self, status, content=b"", **fields):
        content = json.dumps(content).encode() if isinstance(content, (dict, list)) else content
        self.send_response(status)
        for name, value in {**fields, "Content-Length": len(content)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)


class QuietServer(http.server.ThreadingHTTPServer):
    """An HTTP server on the loopback of a namespace, with TLS where a `context` is given; closed by close()."""
    daemon_threads = True
    address_family = socket.AF_INET

    def __init__(self, namespace, handler, context=None):
        self.context, self.lock, self.released = context, threading.Lock(), threading.Event()
        super().__init__(("127.0.0.1", 0), handler, bind_and_activate=False)
        self.socket.close()
        with namespace.inside():
            self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def finish_request(self, request, client_address):
        request.settimeout(20)
        if not self.context:
            super().finish_request(request, client_address)
            return
        with self.context.wrap_socket(request, server_side=True) as stream:
            super().finish_request(stream, client_address)

    def handle_error(self, request, client_address):
        """A client that goes away is the client's business."""

    def close(self):
        self.released.set()
        self.shutdown()
        self.server_close()


class Receiver(QuietServer):
    """Keeps the `messages` it is sent. Answers with the next of `answers`, else with `answer`: (status, content) or a
    function of the handler."""
    def __init__(self, namespace, folder, names="IP:127.0.0.1,DNS:localhost"):
        self.messages, self.answers, self.answer = [], [], (200, b"")
        folder.mkdir(exist_ok=True)
        self.ca, key = folder / "ca.pem", folder / "key.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=receiver", "-keyout", key, "-out", self.ca, "-addext", f"subjectAltName={names}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        super().__init__(namespace, Handler, context)

    def url(self, path="/", host="127.0.0.1"):
        return f"https://{host}:{self.port}{path}"

    def wait(self, count=1, seconds=10, **wanted):
        """The first `count` messages whose JSON has `wanted` in its data."""
        def found():
            with self.lock:
                good = [each for each in self.messages
                        if all(each.json.get("data", {}).get(key) == value for key, value in wanted.items())]
            return good[:count] if len(good) >= count else None
        return wait_until(found, f"{count} messages like {wanted}", seconds)

    def forget(self):
        with self.lock:
            self.messages.clear()
            self.answers, self.answer = [], (200, b"")

    # Ways to behave badly; each ends with the receiver at the latest.

    def hang(self, _):
        self.released.wait(60)

    def drip(self, handler):
        for _ in range(600):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n"[:1])
            handler.wfile.flush()
            if self.released.wait(0.1):
                return

    @staticmethod
    def garbage(handler):
        handler.wfile.write(b"\x00\xff not HTTP at all\r\n\r\n" * 10)

    @staticmethod
    def flood(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(64):
            handler.wfile.write(b"x" * 65536)

    @staticmethod
    def hang_up(_):
        """Nothing is said."""
