"""Ends whose every byte is the same in each run."""

from __future__ import annotations

import functools
from typing import Any

from support.ends import client, seeded, server, world
from tlcp.connection import Connection
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.suites import CipherSuite
from tlcp.x509.identity import Identity

__all__ = ["fast_seeded", "repeatable_identity", "repeatable_pair"]


def repeatable_identity(role: str) -> Identity:
    """The role's identity with signatures and ephemeral keys that are the same in each run."""
    known = world().server if role == "server" else world().client
    assert known.enc_cert is not None
    keys = []
    for key in (known.sign_key, known.enc_key):
        assert isinstance(key, SM2PrivateKey)
        keys.append(SM2PrivateKey(key.dangerous_scalar(), random=fast_seeded(role)))
    return Identity(known.sign_cert, keys[0], known.enc_cert, keys[1])


def repeatable_pair(suite: CipherSuite, **changes: Any) -> tuple[Connection, Connection]:
    """A client and a server, with changes of both their settings."""
    one = client(
        suites=(suite,),
        random=fast_seeded("c"),
        identity=repeatable_identity("client"),
        **changes,
    )
    other = server(
        suites=(suite,),
        random=fast_seeded("s"),
        identity=repeatable_identity("server"),
        **changes,
    )
    return one, other


@functools.cache
def _stream(seed: str) -> bytes:
    return seeded(seed)(1 << 14)


def fast_seeded(seed: str) -> Any:
    """As ``seeded``, from bytes made once, for as long as they last."""
    known, at = _stream(seed), 0

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        if at > len(known):
            raise AssertionError("a longer stream of random bytes is needed")
        return known[at - size : at]

    take.repeats = True  # type: ignore[attr-defined]  # says so to whoever has no other source
    return take
