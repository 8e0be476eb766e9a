"""Write a byte exchange as a capture file: raw IPv4 packets with a full TCP conversation."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

Chunk = tuple[Literal["client", "server"], bytes]

CLIENT_PORT = 40000
_LINKTYPE_RAW = 101
_SEGMENT_BYTES = 1460
_FIN, _SYN, _PSH, _ACK = 0x01, 0x02, 0x08, 0x10
_ADDRESS = {"client": bytes([127, 0, 0, 1]), "server": bytes([127, 0, 0, 2])}


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class _Conversation:
    """The packets of one TCP connection between two addresses of the loopback net."""

    def __init__(self, server_port: int) -> None:
        self._port = {"client": CLIENT_PORT, "server": server_port}
        self._next = {"client": 1000, "server": 5000}  # next sequence number of each side
        self.packets: list[bytes] = []

    def send(self, side: str, flags: int, data: bytes = b"") -> None:
        other = "server" if side == "client" else "client"
        acknowledged = self._next[other] if flags & _ACK else 0
        ports = self._port[side], self._port[other]
        fields = (*ports, self._next[side], acknowledged, 5 << 12 | flags, 65535)
        head = struct.pack("!HHIIHH", *fields)
        pseudo = _ADDRESS[side] + _ADDRESS[other] + struct.pack("!HH", 6, 20 + len(data))
        check = _checksum(pseudo + head + bytes(4) + data)
        segment = head + struct.pack("!HH", check, 0) + data
        start = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(segment), len(self.packets), 0, 64, 6)
        addresses = _ADDRESS[side] + _ADDRESS[other]
        check = _checksum(start + bytes(2) + addresses)
        self.packets.append(start + struct.pack("!H", check) + addresses + segment)
        self._next[side] += len(data) + (1 if flags & (_SYN | _FIN) else 0)


def write_pcap(path: Path, chunks: Iterable[Chunk], *, server_port: int = 4433) -> Path:
    """Write one TCP connection that carries ``chunks`` in this order, and return the path."""
    talk = _Conversation(server_port)
    talk.send("client", _SYN)
    talk.send("server", _SYN | _ACK)
    talk.send("client", _ACK)
    for side, data in chunks:
        for start in range(0, len(data), _SEGMENT_BYTES):
            talk.send(side, _PSH | _ACK, data[start : start + _SEGMENT_BYTES])
            talk.send("server" if side == "client" else "client", _ACK)
    for side in ("client", "server"):
        talk.send(side, _FIN | _ACK)
    talk.send("client", _ACK)
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFF, _LINKTYPE_RAW))
        for number, packet in enumerate(talk.packets):
            # a millisecond apart, from 2026-01-01
            stamp = 1_767_225_600 + number // 1000, number % 1000 * 1000
            out.write(struct.pack("<IIII", *stamp, len(packet), len(packet)) + packet)
    return path
