"""Secrets on their way to a place that others can read: sealed, or as they are.

Spec: SM4-GCM as RFC 8998; HMAC-SM3
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from tlcp.crypto.sm3 import hmac_sm3
from tlcp.crypto.sm4 import KEY_BYTES, NONCE_BYTES, SM4Key
from tlcp.errors import ConfigError

__all__ = ["Sealer"]

_SEALED: Final = b"S1"
_SHORTEST_SECRET: Final = 16


class Sealer:
    """Seals values, each bound to the id that it is kept under.

    A value is "S1" || nonce(12) || SM4-GCM(value) with its tag; the AAD is the id. Each id has a
    key of its own, HMAC-SM3(HMAC-SM3(secret, purpose), id), first 16 bytes: one key seals a few
    values only, so that random nonces never run out.

    Args:
        secret: what the keys are derived from, at least 16 bytes and hard to guess, e.g. 32 random
            bytes; a str counts as UTF-8. None leaves values as they are.
        purpose: keeps the values of one use from being taken for another's.
        random: source of nonces, ``os.urandom`` but in tests.

    Raises:
        ConfigError: the secret is too short.
    """

    def __init__(
        self,
        secret: bytes | str | None,
        purpose: bytes,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._random = random
        self._root: bytes | None = None
        if secret is None:
            return
        raw = secret.encode() if isinstance(secret, str) else secret
        if len(raw) < _SHORTEST_SECRET:
            raise ConfigError(
                f"the secret has {len(raw)} bytes: use {_SHORTEST_SECRET} or more that nobody can "
                f"guess, e.g. secrets.token_bytes(32)"
            )
        self._root = hmac_sm3(raw, purpose)

    def seal(self, place: bytes, value: bytes) -> bytes:
        """The value as it may be kept under the id ``place``."""
        if self._root is None:
            return value
        nonce = self._random(NONCE_BYTES)
        return _SEALED + nonce + _key(self._root, place).gcm_encrypt(nonce, value, place)

    def open(self, place: bytes, kept: bytes) -> bytes | None:
        """The value again; None if it is damaged, of another secret, or of another id."""
        if self._root is None:
            return kept
        head = len(_SEALED) + NONCE_BYTES
        if not kept.startswith(_SEALED) or len(kept) < head:
            return None
        return _key(self._root, place).gcm_decrypt(kept[len(_SEALED) : head], kept[head:], place)

    def __repr__(self) -> str:
        return f"<Sealer, {'in clear' if self._root is None else 'with a secret'}>"


def _key(root: bytes, place: bytes) -> SM4Key:
    return SM4Key(hmac_sm3(root, place)[:KEY_BYTES])
