"""Read the TCP streams of a small, complete capture: enough for the ones in ``vectors``."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

_LINK_HEADER_BYTES = {0: 4, 1: 14, 101: 0, 113: 16, 276: 20}
_TCP = 6


@dataclass
class Stream:
    """One TCP connection: what each side sent, in order."""

    client: bytearray = field(default_factory=bytearray)
    server: bytearray = field(default_factory=bytearray)


def read_streams(path: Path) -> list[Stream]:
    """The connections of a capture, in the order of their first SYN."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    (link,) = struct.unpack_from(order + "I", data, 20)
    at, streams = 24, dict[tuple[bytes, bytes], Stream]()
    expected: dict[tuple[bytes, bytes], int] = {}
    while at < len(data):
        (size,) = struct.unpack_from(order + "I", data, at + 8)
        packet = data[at + 16 + _LINK_HEADER_BYTES[link & 0xFFFF] : at + 16 + size]
        at += 16 + size
        _take(packet, streams, expected)
    return list(streams.values())


def _take(
    packet: bytes,
    streams: dict[tuple[bytes, bytes], Stream],
    expected: dict[tuple[bytes, bytes], int],
) -> None:
    if packet[0] >> 4 != 4 or packet[9] != _TCP:
        return
    ip_header, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
    segment = packet[ip_header:total]
    source, target = packet[12:16] + segment[:2], packet[16:20] + segment[2:4]
    sequence, flags = int.from_bytes(segment[4:8], "big"), segment[13]
    payload = segment[(segment[12] >> 4) * 4 :]
    if flags & 2:  # SYN: the sequence number counts one
        if not flags & 16:
            streams[source, target] = Stream()
        expected[source, target] = sequence + 1
        return
    due = expected.get((source, target), sequence)
    new = payload[(due - sequence) & 0xFFFFFFFF :] if due != sequence else payload
    expected[source, target] = due + len(new)
    if (source, target) in streams:
        streams[source, target].client += new
    elif (target, source) in streams:
        streams[target, source].server += new
