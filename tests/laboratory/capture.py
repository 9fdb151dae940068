"""What arrives on an interface, packet by packet: the measure of "nothing before the verdict"."""
import ipaddress
import select
import socket
import struct
import typing

ETH_P_ALL = 3
PACKET_OUTGOING = 4
ICMPV6 = 58
# What a link needs to be a link: neighbour discovery, router discovery, multicast listener reports.
LINK_UPKEEP = {*range(130, 138), 143}


class Packet(typing.NamedTuple):
    protocol: str
    source: str
    target: str
    port: int

    def __str__(self):
        return f"{self.protocol} {self.source} -> {self.target} port {self.port}"


def is_bare_segment(frame, start):
    """A TCP segment without payload; padding of short Ethernet frames is not counted as any."""
    length = struct.unpack_from("!H", frame, 16)[0] + 14 if frame[12:14] == b"\x08\0" else \
        struct.unpack_from("!H", frame, 18)[0] + 54
    return length <= start + (frame[start + 12] >> 4) * 4


def decode(frame):
    """The packet in an Ethernet frame; None for ARP and what a link sends for its own sake."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800:
        protocol, start = frame[23], 14 + (frame[14] & 15) * 4
        source, target = frame[26:30], frame[30:34]
    elif kind == 0x86DD:
        protocol, start = frame[20], 54
        source, target = frame[22:38], frame[38:54]
        if protocol == 0:  # hop-by-hop options carry the listener reports
            protocol, start = frame[54], 54 + 8 * (frame[55] + 1)
        if protocol == ICMPV6 and frame[start] in LINK_UPKEEP:
            return None
    else:
        return None
    name = {6: "tcp", 17: "udp", 1: "icmp", ICMPV6: "icmp6"}.get(protocol, str(protocol))
    port = struct.unpack_from("!H", frame, start + 2)[0] if protocol in (6, 17) else 0
    # A late FIN or ACK of an earlier, allowed connection says nothing about this one: what counts is SYN and payload.
    if protocol == 6 and not frame[start + 13] & 2 and is_bare_segment(frame, start):
        return None
    return Packet(name, str(ipaddress.ip_address(source)), str(ipaddress.ip_address(target)), port)


class Capture:
    def __init__(self, namespace, interface):
        with namespace.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.socket.bind((interface, 0))

    def take(self):
        """Every packet that has arrived since the last call. The kernel queues them on arrival, in order."""
        packets = []
        while select.select([self.socket], [], [], 0)[0]:
            frame, origin = self.socket.recvfrom(65536)
            packet = decode(frame) if origin[2] != PACKET_OUTGOING else None
            if packet:
                packets.append(packet)
        return packets

    def close(self):
        self.socket.close()
