"""One direction of a connection while it is taken apart: what came of it and waits for the rest.

Spec: GB/T 38636-2020 6.3.3
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tlcp.inspect.model import Part, Record, Sender
from tlcp.record.framing import CONTENT_TYPES
from tlcp.registry import ContentType, HandshakeType

__all__ = ["ALERT_BYTES", "Side", "looks_protected", "may_begin", "take_parts"]

ALERT_BYTES = 2


@dataclass(slots=True)
class Side:
    """What is known of it, and the bytes that are no whole record, message or alert yet."""

    sender: Sender
    buffer: bytearray = field(default_factory=bytearray)
    offset: int = 0  # of the first byte of the buffer
    started: bool = False
    synced: bool = True
    foreign: bool = False
    protected: bool = False
    wanted: int = 0  # bytes that the buffer must have before there is a whole record
    skip: int = 0  # rest of a record of which something is missing
    lost: int = 0  # since the last record
    searched: int = 0  # bytes passed over in search of a record
    handshake: bytearray = field(default_factory=bytearray)
    parts: list[Part] = field(default_factory=list)
    alerts: bytearray = field(default_factory=bytearray)
    waiting: deque[tuple[Record, int]] = field(default_factory=deque)
    waiting_bytes: int = 0


def may_begin(start: bytes) -> bool:
    """Whether a record may begin so, as far as bytes are there."""
    return not start or (start[0] in CONTENT_TYPES and b"\x01\x01".startswith(start[1:3]))


def looks_protected(record: Record) -> bool:
    """Behind a gap that may have held ChangeCipherSpec: is this record one in clear?"""
    if record.content_type == ContentType.APPLICATION_DATA:
        return True
    if record.content_type == ContentType.ALERT:
        return record.length != ALERT_BYTES
    if record.content_type == ContentType.HANDSHAKE:
        return not record.fragment or record.fragment[0] not in set(HandshakeType)
    return False


def take_parts(parts: list[Part], size: int) -> tuple[Part, ...]:
    """Cut ``size`` bytes off the list of where the buffered bytes lie."""
    taken: list[Part] = []
    for part in parts:
        if part.end - part.start > size:
            break
        taken.append(part)
        size -= part.end - part.start
        if not size:
            break
    del parts[: len(taken)]  # at once: there may be one for each byte
    if size and parts:
        first = parts[0]
        taken.append(Part(first.record, first.start, first.start + size))
        parts[0] = Part(first.record, first.start + size, first.end)
    return tuple(taken)
