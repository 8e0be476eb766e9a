"""Captures made by hand: packets of any kind, in files of any kind."""

from __future__ import annotations

import gzip
import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tlcp.inspect.packets import TCPPacket

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CAPTURES = Path(__file__).parents[1] / "vectors" / "captures"
CLIENT, SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 443)
CLIENT_6, SERVER_6 = ("2001:db8::1", 40000), ("2001:db8::2", 443)

LINKS = {
    "null-le": 0,
    "null-be": 0,
    "ethernet": 1,
    "vlan": 1,
    "qinq": 1,
    "bsd-raw": 12,
    "openbsd-raw": 14,
    "raw": 101,
    "loop": 108,
    "cooked": 113,
    "ip-only": 228,
    "cooked-2": 276,
}


def framed(link: str, ip: bytes) -> bytes:
    """Put an IP packet behind the header of a link layer."""
    six = ip[0] >> 4 == 6
    kind = b"\x86\xdd" if six else b"\x08\x00"
    macs = bytes(range(12))
    match link:
        case "ethernet":
            return macs + kind + ip + bytes(max(0, 46 - len(ip)))  # padded, as the wire has it
        case "vlan":
            return macs + b"\x81\x00\x00\x07" + kind + ip
        case "qinq":
            return macs + b"\x88\xa8\x00\x07\x81\x00\x00\x08" + kind + ip
        case "cooked":
            return b"\0\0\0\1\0\6" + bytes(8) + kind + ip
        case "cooked-2":
            return kind + b"\0\0\0\0\0\1\0\1\0\6" + bytes(8) + ip
        case "null-le":
            return struct.pack("<I", 30 if six else 2) + ip
        case "null-be" | "loop":
            return struct.pack(">I", 24 if six else 2) + ip
    return ip


def ipv4(
    source: str,
    destination: str,
    body: bytes,
    *,
    options: bytes = b"",
    number: int = 1,
    offset: int = 0,
    more: bool = False,
    protocol: int = 6,
) -> bytes:
    words = 5 + len(options) // 4
    return (
        struct.pack(
            "!BBHHHBBH",
            0x40 | words,
            0,
            words * 4 + len(body),
            number,
            offset >> 3 | more << 13,
            64,
            protocol,
            0,
        )
        + ipaddress.ip_address(source).packed
        + ipaddress.ip_address(destination).packed
        + options
        + body
    )


def ipv6(source: str, destination: str, body: bytes, *, header: int = 6) -> bytes:
    return (
        struct.pack("!IHBB", 6 << 28, len(body), header, 64)
        + ipaddress.ip_address(source).packed
        + ipaddress.ip_address(destination).packed
        + body
    )


def tcp(
    source: int,
    destination: int,
    sequence: int,
    acknowledgement: int,
    flags: int,
    data: bytes = b"",
    options: bytes = b"",
) -> bytes:
    words = 5 + len(options) // 4
    ports = struct.pack("!HHII", source, destination, sequence & 0xFFFFFFFF, acknowledgement)
    return ports + struct.pack("!BBHHH", words << 4, flags, 8192, 0, 0) + options + data


def ip_of(packet: TCPPacket, options: bytes = b"") -> bytes:
    """Make an IP packet of a segment."""
    size = (len(packet.flow) - 4) // 2
    source, destination = (str(ipaddress.ip_address(packet.flow[i : i + size])) for i in (0, size))
    first, second = struct.unpack("!HH", packet.flow[-4:])
    body = tcp(
        first,
        second,
        packet.sequence,
        packet.acknowledgement,
        packet.flags,
        packet.data,
        options,
    )
    return (ipv6 if size == 16 else ipv4)(source, destination, body)


def pcap(
    packets: Sequence[tuple[float, bytes]],
    *,
    link: int = 1,
    order: str = "<",
    nano: bool = False,
    snaplen: int = 1 << 18,
) -> bytes:
    magic, parts = (0xA1B23C4D, 10**9) if nano else (0xA1B2C3D4, 10**6)
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for time_s, data in packets:
        seconds, rest = divmod(round(time_s * parts), parts)
        kept = data[:snaplen]
        out.append(struct.pack(order + "IIII", seconds, rest, len(kept), len(data)) + kept)
    return b"".join(out)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str) -> bytes:
    body = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    return block(order, 0x0A0D0D0A, body)


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(order: str, link: int, resolution: int | None = None, offset_s: int = 0) -> bytes:
    options = option(order, 2, b"eth0")
    if resolution is not None:
        options += option(order, 9, bytes([resolution]))
    if offset_s:
        options += option(order, 14, struct.pack(order + "q", offset_s))
    body = struct.pack(order + "HHI", link, 0, 0) + options + option(order, 0, b"")
    return block(order, 1, body)


def enhanced(
    order: str, ticks: int, data: bytes, *, number: int = 0, length: int | None = None
) -> bytes:
    size = len(data) if length is None else length
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), size)
    padded = data + bytes(-len(data) % 4)
    return block(order, 6, head + padded + option(order, 1, b"a comment"))


def secrets(order: str, text: bytes, kind: int = 0x544C534B) -> bytes:
    return block(order, 10, struct.pack(order + "II", kind, len(text)) + text)


def pcapng(
    packets: Sequence[tuple[float, bytes]],
    *,
    link: int = 1,
    order: str = "<",
    nano: bool = False,
    key_log: bytes = b"",
) -> bytes:
    out = [section(order), interface(order, link, 9 if nano else None)]
    if key_log:
        out.append(secrets(order, key_log))
    parts = 10**9 if nano else 10**6
    out += [enhanced(order, round(time_s * parts), data) for time_s, data in packets]
    return b"".join(out)


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


@dataclass
class Talk:
    """A TCP conversation to be written: each call adds a packet.

    ``isn`` are the two initial sequence numbers; ``packets`` what was written.
    """

    isn: tuple[int, int] = (1000, 5000)
    flow: bytes = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + struct.pack("!HH", 40000, 443)
    time_s: float = 1_700_000_000.0
    packets: list[TCPPacket] = field(default_factory=list)
    sent: list[int] = field(default_factory=lambda: [0, 0])  # sequence numbers used, per side
    step_s: float = 0.001

    def reverse(self) -> bytes:
        size = (len(self.flow) - 4) // 2
        flow = self.flow
        return flow[size : 2 * size] + flow[:size] + flow[-2:] + flow[-4:-2]

    def raw(
        self, sender: int, offset: int, flags: int, data: bytes = b"", acked: int | None = None
    ) -> TCPPacket:
        """Make a packet at an offset from the sender's initial sequence number."""
        other = self.sent[1 - sender] if acked is None else acked
        acknowledgement = (self.isn[1 - sender] + other) & 0xFFFFFFFF if flags & ACK else 0
        flow = self.reverse() if sender else self.flow
        sequence = (self.isn[sender] + offset) & 0xFFFFFFFF
        packet = TCPPacket(self.time_s, flow, sequence, acknowledgement, flags, data, 0)
        self.packets.append(packet)
        self.time_s += self.step_s
        return packet

    def send(self, sender: int, data: bytes = b"", flags: int = ACK) -> TCPPacket:
        packet = self.raw(sender, self.sent[sender], flags, data)
        self.sent[sender] += len(data) + bool(flags & SYN) + bool(flags & FIN)
        return packet

    def shake(self) -> Talk:
        self.send(0, flags=SYN)
        self.send(1, flags=SYN | ACK)
        self.send(0)
        return self

    def bye(self) -> Talk:
        self.send(0, flags=FIN | ACK)
        self.send(1, flags=FIN | ACK)
        self.send(0)
        return self
