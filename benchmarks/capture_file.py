"""A large capture: real handshakes of our engine, with data, replayed from many addresses.

Every handshake is one of its own, with its own randoms and keys, and appears a number of times
from other addresses; so whoever inspects the file decrypts and verifies all of it. Connections
overlap, as on a busy server.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.parties import HOST, Configs, Parties, make_parties
from peers.files import PartyFiles
from tlcp.config import ClientAuth
from tlcp.connection import Connection
from tlcp.suites import DEFAULT_SUITES

__all__ = ["SERVER_PORT", "LargeCapture", "write_capture"]

SERVER_PORT = 443  # where tshark expects TLS, so that it needs no option
_SEGMENT = 1448
_AT_ONCE = 64  # connections that overlap
_ACK, _PSH, _SYN, _FIN = 16, 8, 2, 1
_RECORD = struct.Struct("<IIII").pack


@dataclass(frozen=True, slots=True)
class LargeCapture:
    """The files, and what is in them."""

    pcap: Path
    key_log: Path
    ca: Path
    connections: int
    packets: int
    bytes: int


@dataclass(slots=True)
class _Talk:
    """One connection's packets, without addresses: (from the client?, TCP header and payload)."""

    packets: list[tuple[bool, bytes]]


def write_capture(
    folder: Path, connections: int, data_bytes: int, handshakes: int, *, key_log: bool = True
) -> LargeCapture:
    """Write a capture, its key log and the CA.

    Args:
        folder: where to.
        connections: how many.
        data_bytes: application data of each, both directions together.
        handshakes: how many of them are different.
        key_log: whether the key log gets lines.
    """
    parties, lines = make_parties(folder), list[str]()
    talks = [_talk(parties.client, parties.server, n, data_bytes, lines) for n in range(handshakes)]
    pcap, log = folder / "large.pcap", folder / "large.keys"
    log.write_text("".join(f"{line}\n" for line in lines) if key_log else "")
    count = 0
    with pcap.open("wb", buffering=1 << 20) as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
        start_s = int(time.time()) + 1  # the certificates are valid
        for record in _interleaved(talks, connections, start_s):
            file.write(record)
            count += 1
    return LargeCapture(pcap, log, folder / "ca.crt", connections, count, pcap.stat().st_size)


def _talk(
    client: PartyFiles, server: PartyFiles, number: int, data_bytes: int, lines: list[str]
) -> _Talk:
    suite = DEFAULT_SUITES[number % len(DEFAULT_SUITES)]
    configs = Configs.load(Parties(client, server), suite, ClientAuth.REQUIRED)
    logged = replace(configs.client, keylog=lines.append)
    near = Connection.client(logged, server_name=HOST)
    far = Connection.server(configs.server)
    segments = [(True, b"", _SYN), (False, b"", _SYN | _ACK), (True, b"", _ACK)]
    while not near.handshake_completed:
        _carry(near, far, segments, client=True)
        _carry(far, near, segments, client=False)
    request = b"GET /statement HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n"
    body = os.urandom(max(0, data_bytes - 200))
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    near.send_data(request)
    _carry(near, far, segments, client=True)
    far.send_data(answer)
    _carry(far, near, segments, client=False)
    near.close()
    _carry(near, far, segments, client=True)
    far.close()
    _carry(far, near, segments, client=False)
    segments += [(True, b"", _FIN | _ACK), (False, b"", _FIN | _ACK), (True, b"", _ACK)]
    return _Talk(list(_tcp(segments)))


def _carry(
    source: Connection, target: Connection, segments: list[tuple[bool, bytes, int]], *, client: bool
) -> None:
    data = source.data_to_send()
    for at in range(0, len(data), _SEGMENT):
        segments.append((client, data[at : at + _SEGMENT], _PSH | _ACK))
    target.receive_data(data)
    while target.next_event() is not None:
        pass


def _tcp(segments: list[tuple[bool, bytes, int]]) -> Iterator[tuple[bool, bytes]]:
    sent = {True: 1000, False: 5000}
    for client, data, flags in segments:
        acknowledged = sent[not client] if flags & _ACK else 0
        head = struct.pack("!IIBBHHH", sent[client], acknowledged, 0x50, flags, 65535, 0, 0)
        yield client, head + data
        sent[client] += len(data) + bool(flags & (_SYN | _FIN))


def _interleaved(talks: list[_Talk], connections: int, start_s: int) -> Iterator[bytes]:
    """Packets with their headers, a batch of connections in turns."""
    clock = start_s * 1_000_000  # microseconds
    for first in range(0, connections, _AT_ONCE):
        batch = range(first, min(first + _AT_ONCE, connections))
        ends = [(_addresses(n), talks[n % len(talks)].packets) for n in batch]
        for place in range(max(len(packets) for _, packets in ends)):
            for (outwards, inwards), packets in ends:
                if place < len(packets):
                    client, tcp = packets[place]
                    clock += 7
                    yield _packet(clock, *(outwards if client else inwards), tcp)


def _addresses(number: int) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
    """(addresses, ports) from the client and from the server."""
    client = bytes([10, 1 + (number >> 16), number >> 8 & 255, number & 255])
    server, port = bytes([10, 200, 0, 1]), 20000 + number % 40000
    ports = struct.pack("!HH", port, SERVER_PORT), struct.pack("!HH", SERVER_PORT, port)
    return (client + server, ports[0]), (server + client, ports[1])


def _packet(clock: int, addresses: bytes, ports: bytes, tcp: bytes) -> bytes:
    size = 20 + len(ports) + len(tcp)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, size, clock & 0xFFFF, 0x4000, 64, 6, 0) + addresses
    frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + ports + tcp
    seconds, micro = divmod(clock, 1_000_000)
    return _RECORD(seconds, micro, len(frame), len(frame)) + frame
