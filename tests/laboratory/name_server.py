"""An authoritative name server, UDP and TCP, that remembers each question it is asked."""
import ipaddress
import socket
import struct
import threading

A, CNAME, NULL, PTR, MX, TXT, AAAA, SRV, SVCB, HTTPS, AXFR, ANY, CAA = 1, 5, 10, 12, 15, 16, 28, 33, 64, 65, 252, 255, 257
TYPES = {"A": A, "AAAA": AAAA, "CNAME": CNAME, "NULL": NULL, "TXT": TXT, "PTR": PTR, "MX": MX, "SRV": SRV, "SVCB": SVCB,
         "HTTPS": HTTPS, "AXFR": AXFR, "ANY": ANY, "CAA": CAA}
TRUNCATED = 0x0200
NAMES = {number: name for name, number in TYPES.items()}


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def decode_name(message, at):
    labels = []
    while message[at]:
        length = message[at]
        if length > 63:
            raise ValueError("a question has no pointer here")
        labels.append(message[at + 1:at + 1 + length].decode("latin-1"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1


def encode_data(kind, value):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if isinstance(value, bytes):
        return value
    if kind == "TXT":
        text = value.encode()
        return b"".join(bytes([len(text[at:at + 255])]) + text[at:at + 255] for at in range(0, len(text), 255))
    if kind == "MX":
        return struct.pack("!H", 10) + encode_name(value)
    if kind == "SRV":
        return struct.pack("!HHH", 1, 1, 5060) + encode_name(value)
    return encode_name(value)


def truncated(reply):
    """Only the question, and the word that there is more by TCP."""
    end = decode_name(reply, 12)[1] + 4
    flags = struct.unpack_from("!H", reply, 2)[0] | TRUNCATED
    return [reply[:2] + struct.pack("!HHHHH", flags, 1, 0, 0, 0) + reply[12:end]]


class NameServer:
    """Answers from `zone`, {name: [(type, value), …]}. `rounds` gives a name other A records at each question for them:
    rounds["a.test"] = [[…first…], […second and later…]]. Names in `silent` get no answer, those in `garbage` noise.
    `tricks[name]` turns the true answer over UDP into the datagrams that are sent; `ttl` is that of every record."""

    def __init__(self, namespace, address, zone):
        self.zone, self.rounds, self.silent, self.garbage, self.tricks, self.ttl = zone, {}, set(), set(), {}, 30
        self.asked = []  # (name, type), in the order of asking
        self.on_query = None  # sees each query's bytes
        self.lock = threading.Lock()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with namespace.inside():
            self.udp = socket.socket(family, socket.SOCK_DGRAM)
            self.udp.bind((address, 53))
            self.tcp = socket.create_server((address, 53), family=family)
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def records(self, name, kind):
        rounds = self.rounds.get(name)
        if not rounds:
            return self.zone.get(name)
        return rounds.pop(0) if kind == A and len(rounds) > 1 else rounds[0]

    def answer(self, query):
        if self.on_query:
            self.on_query(query)
        name, end = decode_name(query, 12)
        kind = struct.unpack_from("!H", query, end)[0]
        with self.lock:
            self.asked.append((name, NAMES.get(kind, str(kind))))
            records = self.records(name, kind)
        if name in self.silent:
            return None
        if name in self.garbage:
            return b"\xff" * 40
        answers, owner = [], name
        for _ in range(8):
            here = self.zone.get(owner) if owner != name else records
            link = next((value for record, value in here or [] if record == "CNAME"), None)
            answers += [(owner, record, value) for record, value in here or []
                        if TYPES[record] == kind or record == "CNAME"]
            if link is None or kind == CNAME:
                break
            owner = link
        rcode = 0 if records is not None else 3
        body = b"".join(encode_name(owner) + struct.pack("!HHIH", TYPES[record], 1, self.ttl, len(encode_data(record, value)))
                        + encode_data(record, value) for owner, record, value in answers)
        head = struct.pack("!HHHHHH", *struct.unpack_from("!H", query), 0x8400 | 0x0100 | rcode, 1, len(answers), 0, 0)
        return head + query[12:end + 4] + body

    def serve_udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            reply = self.answer(query)
            trick = self.tricks.get(decode_name(query, 12)[0])
            if reply and trick is None and len(reply) > 1232:
                trick = truncated
            for datagram in [] if reply is None else trick(reply) if trick else [reply]:
                self.udp.sendto(datagram, peer)

    def serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection):
        with connection, connection.makefile("rb") as reader:
            while len(head := reader.read(2)) == 2:
                reply = self.answer(reader.read(struct.unpack("!H", head)[0]))
                if reply:
                    connection.sendall(struct.pack("!H", len(reply)) + reply)

    def close(self):
        self.udp.close()
        self.tcp.close()
