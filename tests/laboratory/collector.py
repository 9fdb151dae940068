"""A collector of OpenTelemetry, as far as logs and metrics by HTTP go."""
import http.server
import json
import time

from .daemon import wait_until
from .receivers import QuietServer


def attributes(of):
    def plain(value):
        (kind, inner), = value.items()
        if kind == "arrayValue":
            return [plain(each) for each in inner["values"]]
        return int(inner) if kind == "intValue" else inner
    return {each["key"]: plain(each["value"]) for each in of["attributes"]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, fields = self.server.answer(self.path)
        if status is None:
            self.server.released.wait(60)
            self.close_connection = True
            return
        with self.server.lock:
            self.server.tries.append((time.monotonic(), self.path, status))
            if status == 200:
                self.server.taken.append((self.path, dict(self.headers), body))
        self.send_response(status)
        for name, value in {**fields, "Content-Length": "2"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")


class Collector(QuietServer):
    """An OTLP/HTTP receiver. `answer` says a status and fields for a path, (None, {}) for nothing."""

    def __init__(self, namespace, context=None):
        self.tries, self.taken = [], []
        self.answer = lambda path: (200, {"Content-Type": "application/json"})
        super().__init__(namespace, Handler, context)

    def url(self, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port}"

    def requests(self, path):
        with self.lock:
            return [body for each, _, body in self.taken if each == path]

    def records(self):
        return [record for body in self.requests("/v1/logs") for resource in body["resourceLogs"]
                for scope in resource["scopeLogs"] for record in scope["logRecords"]]

    def bodies(self):
        return [record["body"]["stringValue"].encode() for record in self.records()]

    def wait(self, seconds=10, **wanted):
        def found():
            good = [record for record in self.records()
                    if all(attributes(record).get(key.replace("__", ".")) == value for key, value in wanted.items())]
            return good[0] if good else None
        return wait_until(found, f"a record like {wanted}", seconds)
