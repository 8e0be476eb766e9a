"""Mutators that know records and handshake messages.

Spec: GB/T 38636-2020 6.3.3.2, 6.4.5.1
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from random import Random
from typing import Any, Final

from tlcp.errors import TLCPError
from tlcp.registry import ContentType
from tlcp.wire.messages import Extension, Handshake, decode_handshake

__all__ = ["CLEAR", "join_records", "mutate_message", "mutate_records", "split_records"]

#: In the type of a record: it goes as it is, although the connection is protected by then.
CLEAR: Final = 0x80
_VERSION: Final = b"\x01\x01"
_Bytes = Callable[[bytes, int], bytes]
_BOUNDS: Final = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x3FFF, 0x4000, 0x4001, 0x4801, 0xFFFF)
#: Records that are seldom where they belong.
_STRAYS: Final = (
    (20, b"\x01"),
    (20, b"\x00"),
    (20, b"\x01\x01"),
    (21, b"\x01\x00"),
    (21, b"\x02\x28"),
    (21, b"\x01\x64"),
    (21, b"\x01"),
    (21, b"\x03\x00"),
    (22, bytes(4)),
    (22, b""),
    (22, b"\x0e\x00\x00\x00"),
    (22, b"\x14\x00\x00\x0c" + b"\xee" * 12),
    (22, b"\x04\x00\x00\x06\x00\x00\x00\x00\x00\x00"),
    (23, b""),
    (23, b"data"),
    (24, b"\x01\x00\x01\x00"),
    (22 | CLEAR, b"\x14\x00\x00\x0c" + bytes(12)),
    (23 | CLEAR, bytes(32)),
)


def split_records(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Type and payload of each record; and what is none, at the end."""
    found, at = [], 0
    while at + 5 <= len(data):
        end = at + 5 + int.from_bytes(data[at + 3 : at + 5], "big")
        if end > len(data) or data[at + 1 : at + 3] != _VERSION:
            break
        found.append((data[at], data[at + 5 : end]))
        at = end
    return found, data[at:]


def join_records(records: list[tuple[int, bytes]], rest: bytes = b"") -> bytes:
    """The stream of such records."""
    heads = ((bytes((kind,)) + _VERSION, payload[:0xFFFF]) for kind, payload in records)
    return b"".join(head + len(p).to_bytes(2, "big") + p for head, p in heads) + rest


def mutate_records(data: bytes, most: int, draw: Random, plain: _Bytes) -> bytes:
    """A stream with records changed, gone, doubled, moved, cut, joined or new."""
    head, (records, rest) = data[:1], split_records(data[1:])
    if not records or draw.random() < 0.1:
        return plain(data, most)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        if records:
            rest = _mutate_one(records, rest, draw, plain)
    if draw.random() < 0.05:
        head = bytes((draw.randrange(256),))
    return (head + join_records(records, rest))[:most]


def _mutate_one(
    records: list[tuple[int, bytes]], rest: bytes, draw: Random, plain: _Bytes
) -> bytes:
    at, way = draw.randrange(len(records)), draw.randrange(12)
    kind, payload = records[at]
    if way < 5:
        changed = (
            mutate_message(payload, 1 << 14, draw, plain)
            if kind & ~CLEAR == ContentType.HANDSHAKE
            else plain(payload or b"\0", 64)
        )
        records[at] = kind, changed
    elif way == 5:
        del records[at]
    elif way == 6:
        records.insert(draw.randrange(len(records) + 1), records[at])
    elif way == 7:
        records.insert(draw.randrange(len(records) + 1), records.pop(at))
    elif way == 8:
        records.insert(draw.randrange(len(records) + 1), draw.choice(_STRAYS))
    elif way == 9:
        cut = draw.randrange(len(payload) + 1)
        records[at : at + 1] = [(kind, payload[:cut]), (kind, payload[cut:])]
    elif way == 10 and at + 1 < len(records):
        records[at : at + 2] = [(kind, payload + records[at + 1][1])]
    else:
        new = kind ^ CLEAR if draw.random() < 0.5 else draw.choice((20, 21, 22, 23, 24, 0x96))
        records[at] = new, payload
    if draw.random() < 0.05:
        rest = plain(rest or b"\x16\x01\x01\x40\x01", 64)
    return rest


def mutate_message(data: bytes, most: int, draw: Random, plain: _Bytes) -> bytes:
    """A handshake message with one of its fields changed, most often with right lengths."""
    way = draw.random()
    if way < 0.15 or len(data) < 4:
        return plain(data or b"\x01\0\0\0", most)
    if way < 0.75:
        try:
            return _changed(decode_handshake(data), draw, plain).encode()[:most]
        except (TLCPError, ValueError, AttributeError, TypeError):  # a value that does not fit
            pass
    if way < 0.8:  # bytes behind the end, or one gone, and the length field as it was
        return data + b"\0" if draw.random() < 0.5 else data[:-1]
    body = plain(data[4:] or b"\0", most)
    kind = data[:1] if draw.random() < 0.9 else bytes((draw.choice((0, 1, 2, 4, 11, 12, 20)),))
    return kind + len(body).to_bytes(3, "big") + body


def _changed(message: Handshake, draw: Random, plain: _Bytes) -> Handshake:
    names = [field.name for field in dataclasses.fields(message)]  # type: ignore[arg-type]
    if not names:
        return message
    name = draw.choice(names)
    value = _value(getattr(message, name), draw, plain)
    return dataclasses.replace(message, **{name: value})  # type: ignore[type-var]


def _value(value: Any, draw: Random, plain: _Bytes) -> Any:
    if isinstance(value, int):
        return draw.choice(_BOUNDS) if draw.random() < 0.5 else value ^ (1 << draw.randrange(16))
    if isinstance(value, bytes):
        if draw.random() < 0.2:
            return bytes(draw.choice((0, 1, 31, 32, 33, 255)))
        return plain(value or b"\0", max(64, 2 * len(value)))
    if isinstance(value, Extension):
        if draw.random() < 0.3:
            return Extension(draw.choice((0, 5, 10, 13, 16, 35, 66, 0xFF01, 7)), value.data)
        return Extension(value.type, plain(value.data or b"\0", 300))
    if value is None:
        return () if draw.random() < 0.5 else (Extension(draw.randrange(64), bytes(4)),)
    return _items(list(value), draw, plain)


def _items(items: list[Any], draw: Random, plain: _Bytes) -> tuple[Any, ...]:
    way = draw.randrange(5)
    if not items:
        return (b"\0",) if way else ()
    at = draw.randrange(len(items))
    if way == 0:
        del items[at]
    elif way == 1:
        items.append(items[at])
    elif way == 2:
        items.insert(0, items.pop(at))
    else:
        items[at] = _value(items[at], draw, plain)
    return tuple(items)
