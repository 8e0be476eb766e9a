"""The two DER structures of SM2: signatures (read strictly) and ciphertexts (read leniently).

A signature has exactly one encoding, so that nobody can alter one and keep it valid. A
ciphertext is protected by its C3 and some peers encode theirs loosely.

Spec: GB/T 35276-2017 7.2, 7.3 (the structures); GB/T 38636-2020 6.4.5.4, 6.4.5.8 (their use)
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature

__all__ = [
    "BAD_CIPHERTEXT",
    "contents_at",
    "decode_ciphertext",
    "decode_signature",
    "encode_ciphertext",
    "encode_element",
    "encode_signature",
]

BAD_CIPHERTEXT: Final = "not an SM2 ciphertext for this key: it is malformed or does not decrypt"

_INTEGER, _OCTET_STRING, _SEQUENCE = 0x02, 0x04, 0x30
_NUMBER_BYTES: Final = 32
_SIGNATURE_MOST: Final = 70  # bytes in the SEQUENCE of a signature: two INTEGERs of 33


class _Malformed(ValueError):
    """The bytes are not the structure; each decoder says so in its own way."""


def contents_at(data: bytes, start: int) -> tuple[int, int]:
    """Where the contents of the element at ``start`` begin and end; its length is minimal.

    Raises:
        ValueError: there is no whole element with a tag of one byte.
    """
    if len(data) < start + 2:
        raise _Malformed
    first, begin = data[start + 1], start + 2
    if first < 0x80:
        length = first
    else:
        size = first - 0x80
        digits = data[begin : begin + size]
        begin += size
        if not 1 <= size <= 4 or len(digits) != size or digits[0] == 0:
            raise _Malformed
        length = int.from_bytes(digits)
        if length < 0x80:
            raise _Malformed
    if begin + length > len(data):
        raise _Malformed
    return begin, begin + length


def _element(data: bytes, start: int, tag: int) -> tuple[int, int]:
    if start >= len(data) or data[start] != tag:
        raise _Malformed
    return contents_at(data, start)


def _number(data: bytes, start: int) -> tuple[bytes, int]:
    """A non-negative INTEGER, leading zeros allowed, as 32 bytes, and where it ends."""
    begin, end = _element(data, start, _INTEGER)
    if begin == end or data[begin] & 0x80:
        raise _Malformed
    digits = data[begin:end].lstrip(b"\0")
    if len(digits) > _NUMBER_BYTES:
        raise _Malformed
    return digits.rjust(_NUMBER_BYTES, b"\0"), end


def encode_element(tag: int, contents: bytes) -> bytes:
    """One DER element.

    Args:
        tag: of one byte, such as 0x30.
        contents: what it holds, encoded.
    """
    length = len(contents)
    if length < 0x80:
        return bytes((tag, length)) + contents
    digits = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 + len(digits))) + digits + contents


def _encode_number(number: bytes) -> bytes:
    """INTEGER of 32 bytes; nearly all of them need no search for zeros."""
    if number[0] & 0x80:
        return b"\x02\x21\x00" + number
    if number[0]:
        return b"\x02\x20" + number
    digits = number.lstrip(b"\0")
    if not digits or digits[0] & 0x80:
        digits = b"\0" + digits
    return bytes((_INTEGER, len(digits))) + digits


def encode_signature(rs: bytes) -> bytes:
    """Encode r || s (64 bytes) as SEQUENCE {INTEGER r, INTEGER s}.

    Spec: GB/T 35276-2017 7.3
    """
    return encode_element(_SEQUENCE, _encode_number(rs[:32]) + _encode_number(rs[32:]))


def decode_signature(signature_der: bytes) -> bytes:
    """Decode SEQUENCE {INTEGER r, INTEGER s} to r || s, 64 bytes.

    Raises:
        InvalidSignature: it is not the one DER encoding of two numbers of at most 256 bits.

    Spec: GB/T 35276-2017 7.3
    """
    try:
        return _signature(signature_der)
    except (_Malformed, IndexError):
        raise InvalidSignature(
            "not an SM2 signature; expected DER of SEQUENCE {INTEGER r, INTEGER s}"
        ) from None


def _signature(der: bytes) -> bytes:
    """All lengths take one byte, since the whole takes at most 72.  Raises IndexError, too."""
    if der[0] != _SEQUENCE or der[1] != len(der) - 2 or der[1] > _SIGNATURE_MOST:
        raise _Malformed
    middle = 4 + der[3]
    if der[2] != _INTEGER or der[middle] != _INTEGER or middle + 2 + der[middle + 1] != len(der):
        raise _Malformed
    return _unsigned(der[4:middle]) + _unsigned(der[middle + 2 :])


def _unsigned(digits: bytes) -> bytes:
    """The contents of a minimal INTEGER, not negative, as 32 bytes.  Raises IndexError, too."""
    first, length = digits[0], len(digits)
    if first & 0x80 or (first == 0 and length > 1 and not digits[1] & 0x80):
        raise _Malformed
    if length > _NUMBER_BYTES:
        if first or length > _NUMBER_BYTES + 1:
            raise _Malformed
        return digits[1:]
    return digits.rjust(_NUMBER_BYTES, b"\0")


def encode_ciphertext(c1: bytes, c3: bytes, c2: bytes) -> bytes:
    """Encode C1 (x || y, 64 bytes), C3 (32 bytes) and C2 as SEQUENCE {x, y, C3, C2}.

    Spec: GB/T 35276-2017 7.2
    """
    x, y = _encode_number(c1[:32]), _encode_number(c1[32:])
    return encode_element(
        _SEQUENCE, x + y + encode_element(_OCTET_STRING, c3) + encode_element(_OCTET_STRING, c2)
    )


def decode_ciphertext(ciphertext: bytes) -> tuple[bytes, bytes, bytes]:
    """Decode SEQUENCE {INTEGER x, INTEGER y, OCTET STRING C3, OCTET STRING C2}.

    Leading zeros of x and y and bytes after the SEQUENCE are accepted, since deployed clients
    send both.

    Returns:
        C1 (x || y, 64 bytes), C3 (32 bytes) and C2 (not empty).

    Raises:
        ValueError: anything else; the text is always ``BAD_CIPHERTEXT``.

    Spec: GB/T 35276-2017 7.2; Interop: gotlcp trims such trailing bytes too
    """
    try:
        at, end = _element(ciphertext, 0, _SEQUENCE)
        inside = ciphertext[:end]
        x, at = _number(inside, at)
        y, at = _number(inside, at)
        c3_begin, c3_end = _element(inside, at, _OCTET_STRING)
        c2_begin, c2_end = _element(inside, c3_end, _OCTET_STRING)
    except _Malformed:
        raise ValueError(BAD_CIPHERTEXT) from None
    if c3_end - c3_begin != 32 or c2_begin == c2_end or c2_end != end:
        raise ValueError(BAD_CIPHERTEXT)
    return x + y, inside[c3_begin:c3_end], inside[c2_begin:c2_end]
