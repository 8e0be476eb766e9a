"""All handshake messages so far, as they went over the wire.

Spec: GB/T 38636-2020 6.4.5.9, 6.4.5.10
"""

from __future__ import annotations

from tlcp.crypto.sm3 import SM3
from tlcp.errors import InternalError

__all__ = ["Transcript"]


class Transcript:
    """Running hash over whole messages, headers included.

    HelloRequest, ChangeCipherSpec and record headers are not part of it. What is hashed are the
    bytes received, never a re-encoding.
    """

    __slots__ = ("_hash", "_raw")

    def __init__(self) -> None:
        self._hash = SM3()
        self._raw: list[bytes] | None = []

    def add(self, raw: bytes) -> None:
        """Append one message."""
        self._hash.update(raw)
        if self._raw is not None:
            self._raw.append(raw)

    @property
    def raw(self) -> bytes:
        """The messages themselves, until ``drop_raw``: some stacks sign them and not their hash."""
        if self._raw is None:
            raise InternalError("the handshake messages were dropped")
        return b"".join(self._raw)

    def drop_raw(self) -> None:
        """Keep only the hash from here on."""
        self._raw = None

    def digest(self) -> bytes:
        """SM3 over all messages so far; 32 bytes."""
        return self._hash.digest()
