"""SM3 and HMAC-SM3, computed by the C kernels.

Spec: GB/T 32905-2016; HMAC as RFC 2104 with a block of 64 bytes
"""

from __future__ import annotations

from typing import Final, Self

from tlcp._native import ffi, lib

__all__ = ["DIGEST_BYTES", "SM3", "hmac_sm3", "sm3"]

DIGEST_BYTES: Final = 32


def sm3(data: bytes) -> bytes:
    """The SM3 digest of ``data``, 32 bytes.  Spec: GB/T 32905-2016 5"""
    out = ffi.new("uint8_t[32]")
    lib.tlcp_sm3(out, data, len(data))
    return bytes(ffi.buffer(out))


class SM3:
    """SM3 over data that comes in pieces; ``digest`` may be asked for at any point.

    Spec: GB/T 32905-2016 5
    """

    __slots__ = ("_state",)

    def __init__(self, data: bytes = b"") -> None:
        self._state = ffi.new("tlcp_sm3_state *")
        lib.tlcp_sm3_start(self._state)
        self.update(data)

    def update(self, data: bytes) -> None:
        """Take in more data."""
        lib.tlcp_sm3_update(self._state, data, len(data))

    def digest(self) -> bytes:
        """The digest of all data so far, 32 bytes."""
        out = ffi.new("uint8_t[32]")
        lib.tlcp_sm3_finish(self._state, out)
        return bytes(ffi.buffer(out))

    def copy(self) -> Self:
        """An independent object in the same state."""
        other = type(self).__new__(type(self))
        other._state = ffi.new("tlcp_sm3_state *", self._state[0])
        return other


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """HMAC-SM3 of ``data`` under a key of any length, 32 bytes."""
    out = ffi.new("uint8_t[32]")
    lib.tlcp_hmac_sm3(out, key, len(key), data, len(data), 1)
    return bytes(ffi.buffer(out))
