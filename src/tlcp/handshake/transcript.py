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

    __slots__ = ("_hash", "_hashed", "_keeps", "_messages", "_rsa")

    def __init__(self) -> None:
        self._hash: _Hash = SM3()
        self._rsa = False
        self._messages = list[bytes]()  # hashed together, when the hash is asked for
        self._hashed = 0  # how many of them
        self._keeps = True

    def add(self, raw: bytes) -> None:
        """Append one message."""
        self._messages.append(raw)

    @property
    def raw(self) -> bytes:
        """The messages themselves, until ``drop_raw``: some stacks sign them and not their hash."""
        if not self._keeps:
            raise InternalError("the handshake messages were dropped")
        return b"".join(self._messages)

    def drop_raw(self) -> None:
        """Keep only the hash from here on."""
        self._keeps = False

    def follow(self, suite: CipherSuite) -> None:
        """Hash as the suite agreed on wants it; called while ``raw`` is still there."""
        self._rsa = suite.key_kind is KeyKind.RSA
        if suite.hash == "sha256":
            self._hash, self._hashed = hashlib.sha256(self.raw), len(self._messages)

    def digest(self) -> bytes:
        """The suite's hash over all messages so far; 32 bytes."""
        if self._hashed < len(self._messages):
            self._hash.update(b"".join(self._messages[self._hashed :]))
            self._hashed = len(self._messages)
        if not self._keeps:
            self._messages.clear()
            self._hashed = 0
        return self._hash.digest()

    def signed_digest(self) -> bytes:
        """What CertificateVerify signs: the hash, but in RSA suites SHA-256 whatever the suite's.

        Spec: GB/T 38636-2020 6.4.5.9.  Interop: Tongsuo
        """
        return hashlib.sha256(self.raw).digest() if self._rsa else self.digest()
