"""HTTP/2 frame by frame over TLS, so that a test may say what no client would."""
import socket
import ssl
import struct

import hpack

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PROTOCOL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 1, 7, 8, 11


def literal(fields):
    """Names and values as they are, whatever they hold (RFC 7541, 6.2.2)."""
    def text(value):
        out, size = bytearray(), len(value)
        out.append(min(size, 127))
        if size >= 127:
            size -= 127
            while size >= 128:
                out.append(size % 128 + 128)
                size //= 128
            out.append(size)
        return bytes(out) + value
    return b"".join(b"\0" + text(name) + text(value) for name, value in fields)


class RawHttp2:
    def __init__(self, agent, raw, name):
        context = ssl.create_default_context(cafile=str(agent.ca))
        context.set_alpn_protocols(["h2"])
        self.stream = context.wrap_socket(raw, server_hostname=name)
        assert self.stream.selected_alpn_protocol() == "h2"
        self.decoder, self.pending, self.frames = hpack.Decoder(), b"", []
        self.stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(SETTINGS, 0, 0, b""))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    @staticmethod
    def frame(kind, flags, stream, payload):
        return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload

    def send(self, *frames):
        self.stream.sendall(b"".join(frames))

    def headers(self, stream, fields, flags=END_STREAM):
        return self.frame(HEADERS, flags | END_HEADERS, stream, literal(fields))

    def reset(self, stream, code=CANCEL):
        return self.frame(RST_STREAM, 0, stream, struct.pack("!I", code))

    def read(self, until, seconds=10):
        """Reads frames until `until(frame)`; that one, or None at the connection's end."""
        self.stream.settimeout(seconds)
        while True:
            while len(self.pending) >= 9:
                size = int.from_bytes(self.pending[:3], "big")
                if len(self.pending) < 9 + size:
                    break
                kind, flags, stream = struct.unpack("!BBI", self.pending[3:9])
                payload, self.pending = self.pending[9:9 + size], self.pending[9 + size:]
                if kind == HEADERS:
                    payload = dict(self.decoder.decode(payload))
                self.frames.append((kind, flags, stream, payload))
                if until(self.frames[-1]):
                    return self.frames[-1]
            try:
                data = self.stream.recv(65536)
            except (ConnectionError, ssl.SSLError, socket.timeout):
                data = b""
            if not data:
                return None
            self.pending += data

    def code_of(self, stream):
        """The code of the RST_STREAM, or, for stream 0, of the GOAWAY; None where the connection ended without."""
        kind = RST_STREAM if stream else GOAWAY
        found = self.read(lambda frame: frame[0] == kind and frame[2] == stream)
        return found and int.from_bytes(found[3][0:4] if stream else found[3][4:8], "big")

    def status(self, stream):
        found = self.read(lambda frame: frame[0] == HEADERS and frame[2] == stream)
        return found and found[3][":status"]
