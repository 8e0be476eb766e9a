"""All handshake messages so far, as they went over the wire.

Spec: GB/T 38636-2020 6.4.5.9, 6.4.5.10
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from tlcp.crypto.sm3 import SM3
from tlcp.errors import InternalError
from tlcp.suites import CipherSuite, KeyKind

__all__ = ["Transcript"]


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None:
        """Append bytes."""

    def digest(self) -> bytes:
        """The hash so far."""


class Transcript:
    """Running hash over whole messages, headers included.

    It is SM3 until ``follow`` names a suite of SHA-256, for which all is hashed anew.

    HelloRequest, ChangeCipherSpec and record headers are not part of it. What is hashed are the
    bytes received, never a re-encoding.
    """

    __slots__ = ("_hash", "_raw", "_rsa", "_waiting")

    def __init__(self) -> None:
        self._hash: _Hash = SM3()
        self._waiting = list[bytes]()  # to be hashed together, when the hash is asked for
        self._rsa = False
        self._raw: list[bytes] | None = []

    def add(self, raw: bytes) -> None:
        """Append one message."""
        self._waiting.append(raw)
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

    def follow(self, suite: CipherSuite) -> None:
        """Hash as the suite agreed on wants it; called while ``raw`` is still there."""
        self._rsa = suite.key_kind is KeyKind.RSA
        if suite.hash == "sha256":
            self._hash, self._waiting = hashlib.sha256(), [self.raw]

    def digest(self) -> bytes:
        """The suite's hash over all messages so far; 32 bytes."""
        if self._waiting:
            self._hash.update(b"".join(self._waiting))
            self._waiting.clear()
        return self._hash.digest()

    def signed_digest(self) -> bytes:
        """What CertificateVerify signs: the hash, but in RSA suites SHA-256 whatever the suite's.

        Spec: GB/T 38636-2020 6.4.5.9.  Interop: Tongsuo
        """
        return hashlib.sha256(self.raw).digest() if self._rsa else self.digest()
