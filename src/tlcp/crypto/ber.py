"""From BER to DER, for PKCS#12 files of programs that write indefinite lengths (Bouncy Castle).

Lengths become definite and minimal, octet strings in pieces whole, sets sorted.  What is inside a
primitive octet string stays as it is: a MAC may cover it.

Spec: ITU-T X.690 8.1.3.6 (indefinite), 8.7.3 (octet strings in pieces), 10.1 (DER)
"""

from __future__ import annotations

from typing import Final

from tlcp.crypto.der import encode_element

__all__ = ["ber_to_der", "pieces"]

_DEEPEST: Final = 32
_CONSTRUCTED: Final = 0x20
_OCTET_STRING: Final = 0x04
_SET: Final = 0x31
_INDEFINITE: Final = 0x80
_LONG_TAG: Final = 0x1F


def ber_to_der(data: bytes) -> bytes | None:
    """One element as DER; None if the bytes are not the BER of one, or lie too deep.

    Tags of more than one byte, which PKCS#12 has not, are not read.
    """
    try:
        der, end = _element(memoryview(data), 0, 0)
    except (IndexError, ValueError):
        return None
    return der if end == len(data) else None


def pieces(contents: bytes) -> bytes | None:
    """The whole of an octet string from its pieces, DER one after the other; None if they are none.

    For strings under a tag of the context, which only their type knows to be strings.
    """
    whole, at = bytearray(), 0
    try:
        while at < len(contents):
            tag, begin, end = _definite(memoryview(contents), at)
            if tag != _OCTET_STRING:
                return None
            whole += contents[begin:end]
            at = end
    except (IndexError, ValueError):
        return None
    return bytes(whole)


def _definite(data: memoryview, at: int) -> tuple[int, int, int]:
    """Tag, begin and end of the contents; the end is -1 for an indefinite length."""
    tag, first, begin = data[at], data[at + 1], at + 2
    if tag & _LONG_TAG == _LONG_TAG:
        raise ValueError
    if first == _INDEFINITE:
        if not tag & _CONSTRUCTED:
            raise ValueError
        return tag, begin, -1
    if first > _INDEFINITE:
        size = first & 0x7F
        if size > 4 or begin + size > len(data):
            raise ValueError
        begin, first = begin + size, int.from_bytes(data[begin : begin + size])
    if begin + first > len(data):
        raise ValueError
    return tag, begin, begin + first


def _element(data: memoryview, at: int, depth: int) -> tuple[bytes, int]:
    """The element at a place as DER, and where the next one begins."""
    if depth > _DEEPEST:
        raise ValueError
    tag, begin, end = _definite(data, at)
    if not tag & _CONSTRUCTED:
        return encode_element(tag, bytes(data[begin:end])), end
    inside: list[bytes] = []
    at = begin
    while at != end:
        if end == -1 and data[at] == 0 and data[at + 1] == 0:
            at += 2
            break
        if end != -1 and at > end:
            raise ValueError
        der, at = _element(data[:end] if end != -1 else data, at, depth + 1)
        inside.append(der)
    contents = b"".join(inside)
    if tag == _OCTET_STRING | _CONSTRUCTED:
        whole = pieces(contents)
        if whole is None:
            raise ValueError
        return encode_element(_OCTET_STRING, whole), at
    if tag == _SET:
        contents = b"".join(sorted(inside))  # attributes, whose order means nothing
    return encode_element(tag, contents), at
