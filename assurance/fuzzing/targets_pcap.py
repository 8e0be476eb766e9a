"""The target of captures: what ``tlcp inspect`` does with a file, in every form of its output."""

from __future__ import annotations

import functools
import io
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from assurance.fuzzing.judge import Broken, Target
from assurance.fuzzing.wire_mutator import join_records, mutate_records, split_records
from support.captured import CAPTURES, SERVER_ENC_KEY, TRUST, captures
from support.capturing import ip_of, pcapng
from support.own_connections import capture, everything
from tlcp.cli.inspecting import Here, Inspection, Reading, Totals, run
from tlcp.inspect.brief import brief_line
from tlcp.inspect.captures import CaptureError, open_capture
from tlcp.inspect.packets import Decoder
from tlcp.inspect.report import ConnectionReport
from tlcp.inspect.secrets import Secrets
from tlcp.inspect.steps import Lang
from tlcp.inspect.text import lines

__all__ = ["PCAP"]

_CONTROL: Final = re.compile("[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f]")
_GLOBAL, _PACKET = 24, 16
_HEADERS: Final = 40  # of raw IPv4 and TCP, as support.own_connections writes them


@functools.cache
def _key_logs() -> str:
    logs = [file.read_text() for file in sorted(CAPTURES.glob("*.keys"))]
    return "".join([*logs, everything()[1]])


def _secrets() -> Secrets:
    known = Secrets()
    known.add_key(SERVER_ENC_KEY)
    known.add_key_log(_key_logs())
    return known


def _render(report: ConnectionReport) -> str:
    told = json.dumps(report.as_dict(dangerous_secrets=True))
    language: Lang = "zh" if len(told) & 1 else "en"  # one of the two, or it takes too long
    return "\n".join([told, brief_line(report, language), *lines(report, language, details=True)])


def _pcap(data: bytes) -> None:
    reading = Reading(Path("input"), open_capture(io.BytesIO(data)))
    shown: list[str] = []
    totals = Totals(shown.append)
    work = Inspection(_secrets(), TRUST, "localhost", _render)
    place = Here(work, totals.take)
    with reading.capture:
        try:
            run(reading, place)
        finally:
            place.close()
    if len(shown) != totals.shown:
        raise Broken("count: not all that was inspected was shown")
    for text in shown:
        if _CONTROL.search(text):
            raise Broken("text: control characters in what is printed")


def _pcap_seeds() -> list[bytes]:
    files = [(CAPTURES / f"{name}.pcap").read_bytes() for name in captures()]
    chosen = everything()[0]
    ours = [capture([one]) for one in chosen if sum(len(c) for _, c in one.chunks) < 12_000]
    packets = []
    with open_capture(io.BytesIO(files[0])) as opened:
        decoder = Decoder()
        for packet in opened:
            if (segment := decoder.decode(packet)) is not None:
                packets.append((segment.time_s, ip_of(segment)))
    log = everything()[1].encode()[:400]
    return [*files, *ours[:12], pcapng(packets, link=101, key_log=log)]


def _packets(data: bytes) -> list[tuple[bytes, bytes]] | None:
    """Headers and bytes of the packets of a little-endian pcap."""
    if len(data) < _GLOBAL or data[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
        return None
    found, at = [], _GLOBAL
    while at + _PACKET <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        found.append((data[at : at + _PACKET], data[at + _PACKET : at + _PACKET + size]))
        at += _PACKET + size
    return found


def _mutate_pcap(
    data: bytes, most: int, draw: Random, plain: Callable[[bytes, int], bytes]
) -> bytes:
    packets = _packets(data)
    if not packets or draw.random() < 0.15:
        return plain(data, most)
    for _ in range(draw.choice((1, 1, 2, 4))):
        at, way = draw.randrange(len(packets)), draw.randrange(8)
        head, packet = packets[at]
        if way == 0:
            del packets[at]
        elif way == 1:
            packets.insert(draw.randrange(len(packets) + 1), packets[at])
        elif way == 2:
            packets.insert(draw.randrange(len(packets)), packets.pop(at))
        elif way == 3:
            packets[at] = head, plain(packet or b"\x45", len(packet) + 40)
        else:
            packets[at] = head, _payload(packet, draw, plain)
        if not packets:
            break
    out = data[:_GLOBAL]
    for head, packet in packets:
        sizes = struct.pack("<II", len(packet), len(packet))
        out += head[:8] + (sizes if draw.random() < 0.98 else head[8:]) + packet
    return out[:most]


def _payload(packet: bytes, draw: Random, plain: Callable[[bytes, int], bytes]) -> bytes:
    """The records in a packet changed, with its lengths mended where it is IPv4."""
    start = _start_of_records(packet)
    if start is None:
        return plain(packet, len(packet) + 40)
    records, rest = split_records(packet[start:])
    mutated = mutate_records(b"\0" + join_records(records, rest), 1 << 14, draw, plain)[1:]
    made = bytearray(packet[:start] + mutated)
    ip = start - _HEADERS if start >= _HEADERS and made[start - _HEADERS] == 0x45 else None
    if ip is not None and len(made) - ip < 1 << 16:
        made[ip + 2 : ip + 4] = (len(made) - ip).to_bytes(2, "big")
    return bytes(made)


def _start_of_records(packet: bytes) -> int | None:
    found = [packet.find(bytes((kind, 1, 1))) for kind in (20, 21, 22, 23)]
    return min((at for at in found if at >= 0), default=None)


PCAP: Final = Target("pcap", _pcap_seeds, _pcap, (CaptureError,), _mutate_pcap, most=1 << 16)
