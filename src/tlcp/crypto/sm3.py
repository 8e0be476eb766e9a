"""SM3 and HMAC-SM3, computed by OpenSSL through ``cryptography``.

Spec: GB/T 32905-2016; HMAC as RFC 2104 with a block of 64 bytes
"""

from __future__ import annotations

from typing import Final, Self

from cryptography.hazmat.primitives import hashes, hmac

__all__ = ["DIGEST_BYTES", "SM3", "hmac_sm3", "sm3"]

DIGEST_BYTES: Final = 32

_ALGORITHM: Final = hashes.SM3()
_EMPTY: Final = hashes.Hash(_ALGORITHM)  # copying is faster than starting anew


def sm3(data: bytes) -> bytes:
    """The SM3 digest of ``data``, 32 bytes.  Spec: GB/T 32905-2016 5"""
    h = _EMPTY.copy()
    h.update(data)
    return h.finalize()


class SM3:
    """SM3 over data that comes in pieces; ``digest`` may be asked for at any point.

    Spec: GB/T 32905-2016 5
    """

    __slots__ = ("_hash",)

    def __init__(self, data: bytes = b"") -> None:
        self._hash = _EMPTY.copy()
        self._hash.update(data)

    def update(self, data: bytes) -> None:
        """Take in more data."""
        self._hash.update(data)

    def digest(self) -> bytes:
        """The digest of all data so far, 32 bytes."""
        return self._hash.copy().finalize()

    def copy(self) -> Self:
        """An independent object in the same state."""
        other = type(self).__new__(type(self))
        other._hash = self._hash.copy()
        return other


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """HMAC-SM3 of ``data`` under a key of any length, 32 bytes."""
    h = hmac.HMAC(key, _ALGORITHM)
    h.update(data)
    return h.finalize()
