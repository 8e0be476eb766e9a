"""Hostile clients that the server does not know: none gets through a handshake."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from typing import Final

from assurance.limits_enemy import Enemy, Guest
from support.ends import world
from support.mutants import record
from tlcp.config import Config
from tlcp.registry import ContentType
from tlcp.wire.messages import ClientHello, Extension

__all__ = ["OUTSIDERS"]

_DRIP_S: Final = 0.2
_FRAGMENT: Final = 1 << 14
_STRANGER: Final = world().stranger.issue_pair("stranger").identity


def _hello(*extensions: Extension) -> bytes:
    hello = ClientHello(0x0101, os.urandom(32), b"", (0xE053,), b"\0", extensions or None)
    raw = hello.encode()
    pieces = (raw[at : at + _FRAGMENT] for at in range(0, len(raw), _FRAGMENT))
    return b"".join(record(ContentType.HANDSHAKE, piece) for piece in pieces)


class _Silent(Enemy):
    """Not a byte."""


class _Slow(Enemy):
    """A hello, a byte at a time."""

    def begin(self) -> None:
        self.drip(_hello(), _DRIP_S)


class _Garbage(Enemy):
    """Bytes that are no record."""

    def begin(self) -> None:
        self.send(os.urandom(512))


class _Half(Enemy):
    """A hello, which costs the server a signature, and no more."""

    def begin(self) -> None:
        self.send(_hello())


class _Hoarder(Enemy):
    """The longest hello, and half of the longest list of certificates."""

    def begin(self) -> None:
        self.send(_hello(Extension(0xFFFE, bytes((1 << 16) - 200))))
        self.send(record(ContentType.HANDSHAKE, b"\x0b\0\xff\xfc" + bytes(16000)))
        for _ in range(2):
            self.send(record(ContentType.HANDSHAKE, bytes(_FRAGMENT)))


class _Stranger(Guest):
    """A whole handshake with certificates that are not believed."""

    def __init__(self, config: Config) -> None:
        super().__init__(replace(config, identity=_STRANGER, dangerous_skip_verification=True))


class _Leaver(Enemy):
    """A hello, and a reset: in turns before the answer, and when its first bytes have come."""

    _turns = itertools.cycle((True, False))

    def begin(self) -> None:
        self.send(_hello())
        if next(self._turns):
            self.leave()

    def heard(self, data: bytes) -> None:
        self.leave()


OUTSIDERS: Final[tuple[type[Enemy], ...]] = (
    _Silent, _Slow, _Garbage, _Half, _Hoarder, _Stranger, _Leaver,
)  # fmt: skip
