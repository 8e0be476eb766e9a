"""A writer of DER, for certificates that no library would make."""

from __future__ import annotations

import datetime

INTEGER, BIT_STRING, OCTET_STRING, NULL, UTF8, SEQUENCE, SET = 2, 3, 4, 5, 12, 0x30, 0x31
PRINTABLE, UTC_TIME, GENERALIZED_TIME, BOOLEAN = 19, 23, 24, 1


def tlv(tag: int, *parts: bytes) -> bytes:
    """One value of this tag."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(digits))) + digits + content


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def integer(number: int) -> bytes:
    return tlv(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, signed=True))


def bits(content: bytes) -> bytes:
    """A BIT STRING of whole bytes."""
    return tlv(BIT_STRING, b"\0", content)


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    body = b""
    for number in (first * 40 + second, *rest):
        digits = bytes((number & 0x7F,))
        while number := number >> 7:
            digits = bytes((number & 0x7F | 0x80,)) + digits
        body += digits
    return tlv(6, body)


def time(moment: datetime.datetime, *, general: bool = False) -> bytes:
    if general or moment.year >= 2050:
        return tlv(GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())
    return tlv(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())


def extension(dotted: str, value: bytes, *, critical: bool | None = False) -> bytes:
    """One extension; ``critical=None`` writes out that it is not."""
    flag = {True: tlv(BOOLEAN, b"\xff"), False: b"", None: tlv(BOOLEAN, b"\0")}[critical]
    return sequence(oid(dotted), flag, tlv(OCTET_STRING, value))
