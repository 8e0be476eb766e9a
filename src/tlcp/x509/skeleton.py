"""The fixed frame of a certificate, cut into its parts without looking inside them.

Every certificate that comes is cut, so this is done by hand; what is inside of the parts, the
library parses. Only DER is taken: definite lengths in their shortest form, every value ending
where its parent does.

Spec: RFC 5280 4.1; X.690 8.1.3, 10.1
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Skeleton", "cut_certificate"]

_INTEGER, _BIT_STRING, _SEQUENCE, _VERSION = 0x02, 0x03, 0x30, 0xA0


class Skeleton(NamedTuple):
    """Parts of a certificate, DER with tag and length.

    Attributes:
        tbs: what is signed.
        algorithm: the signature algorithm; the field in ``tbs`` is the same.
        issuer, subject: names.
        key_info: SubjectPublicKeyInfo.
        signature: the signature itself, without the BIT STRING around it.
    """

    tbs: bytes
    algorithm: bytes
    issuer: bytes
    subject: bytes
    key_info: bytes
    signature: bytes


def cut_certificate(der: bytes) -> Skeleton:
    """Cut a certificate into its parts.

    Raises:
        ValueError: the frame is no certificate's; the text says what is wrong.
    """
    start, end = _content(der, 0, _SEQUENCE, len(der))
    if end != len(der):
        raise ValueError("bytes follow the certificate")
    at, tbs_end = _content(der, start, _SEQUENCE, end)
    tbs = der[start:tbs_end]
    if at < tbs_end and der[at] == _VERSION:
        _, at = _content(der, at, _VERSION, tbs_end)
    _, at = _content(der, at, _INTEGER, tbs_end)  # serial number
    inner, at = _whole(der, at, tbs_end)
    issuer, at = _whole(der, at, tbs_end)
    _, at = _content(der, at, _SEQUENCE, tbs_end)  # validity
    subject, at = _whole(der, at, tbs_end)
    key_info, at = _whole(der, at, tbs_end)
    algorithm, at = _whole(der, tbs_end, end)
    if algorithm != inner:
        raise ValueError("its two signature algorithm fields differ (RFC 5280 4.1.1.2)")
    bits, bits_end = _content(der, at, _BIT_STRING, end)
    if bits_end != end or bits == bits_end or der[bits] != 0:
        raise ValueError("its signature is no whole number of bytes, or something follows it")
    return Skeleton(tbs, algorithm, issuer, subject, key_info, der[bits + 1 : bits_end])


def _whole(der: bytes, at: int, end: int) -> tuple[bytes, int]:
    """A SEQUENCE with tag and length, and where it ends."""
    _, stop = _content(der, at, _SEQUENCE, end)
    return der[at:stop], stop


def _content(der: bytes, at: int, tag: int, end: int) -> tuple[int, int]:
    """Where the content of the value at ``at`` begins and ends."""
    if at + 2 > end or der[at] != tag:
        raise ValueError(f"a value with tag {tag:02x} is missing at byte {at}")
    size, start = der[at + 1], at + 2
    if size >= 0x80:
        count = size - 0x80
        start += count
        size = int.from_bytes(der[at + 2 : start], "big")
        if not 1 <= count <= 3 or start > end or size < 0x80 or size >> 8 * (count - 1) == 0:
            raise ValueError(f"the length at byte {at + 1} is not in DER's form, or too long")
    if start + size > end:
        raise ValueError(f"the value at byte {at} is longer than what it is in")
    return start, start + size
