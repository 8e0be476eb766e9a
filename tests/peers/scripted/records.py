"""Records and keys, written once more for the scripted peers.

Spec: GB/T 38636-2020 6.3.3, 6.5
"""

from __future__ import annotations

import os
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes, hmac

from tlcp.crypto.prf import prf
from tlcp.crypto.sm4 import SM4Key
from tlcp.suites import BulkCipher, CipherSuite


class Record(NamedTuple):
    kind: int
    version: int
    fragment: bytes


def first_record(stream: bytearray) -> Record | None:
    """Take the first whole record off a stream."""
    if len(stream) < 5 or len(stream) < 5 + int.from_bytes(stream[3:5], "big"):
        return None
    size = 5 + int.from_bytes(stream[3:5], "big")
    raw = bytes(stream[:size])
    del stream[:size]
    return Record(raw[0], int.from_bytes(raw[1:3], "big"), raw[5:])


def as_record(kind: int, fragment: bytes, version: int = 0x0101) -> bytes:
    return bytes((kind,)) + version.to_bytes(2, "big") + len(fragment).to_bytes(2, "big") + fragment


class Sealer:
    """One direction's protection.

    Attributes:
        nonces: the explicit nonces that opened records came with.
    """

    def __init__(self, suite: CipherSuite, keys: tuple[bytes, bytes, bytes], nonce: int) -> None:
        self._gcm = suite.cipher is BulkCipher.SM4_GCM
        self._hash = hashes.SHA256() if suite.hash == "sha256" else hashes.SM3()
        self._mac_key, key, self._iv = keys
        self._key, self._nonce, self._count = SM4Key(key), nonce, 0
        self.nonces = list[int]()

    def _header(self, kind: int, size: int) -> bytes:
        number = self._count.to_bytes(8, "big")
        self._count += 1
        return number + bytes((kind, 1, 1)) + size.to_bytes(2, "big")

    def _mac(self, header: bytes, text: bytes) -> bytes:
        mac = hmac.HMAC(self._mac_key, self._hash)
        mac.update(header + text)
        return mac.finalize()

    def seal(self, kind: int, text: bytes) -> bytes:
        header = self._header(kind, len(text))
        if self._gcm:
            explicit = self._nonce.to_bytes(8, "big")
            self._nonce = (self._nonce + 1) % 2**64
            return explicit + self._key.gcm_encrypt(self._iv + explicit, text, header)
        padded = text + self._mac(header, text)
        padding = 15 - len(padded) % 16
        iv = os.urandom(16)
        return iv + self._key.cbc_encrypt(iv, padded + bytes((padding,)) * (padding + 1))

    def open(self, kind: int, fragment: bytes) -> bytes | None:
        """The text, None if it is not authentic."""
        if self._gcm:
            self.nonces.append(int.from_bytes(fragment[:8], "big"))
            header = self._header(kind, len(fragment) - 24)
            return self._key.gcm_decrypt(self._iv + fragment[:8], fragment[8:], header)
        padded = self._key.cbc_decrypt(fragment[:16], fragment[16:])
        text = padded[: -33 - padded[-1]]
        mac = padded[len(text) : len(text) + 32]
        return text if mac == self._mac(self._header(kind, len(text)), text) else None


def sealers(
    suite: CipherSuite,
    master: bytes,
    randoms: tuple[bytes, bytes],
    *,
    nonce: int,
    make: type[Sealer] = Sealer,
) -> dict[str, Sealer]:
    """The protection of both directions; ``randoms`` are the client's and the server's."""
    seed = randoms[1] + randoms[0]
    block = prf(suite.hash, master, b"key expansion", seed, suite.key_block_bytes)
    parts = []
    for size in (suite.mac_key_bytes, suite.key_bytes, suite.iv_bytes):
        parts.append((block[:size], block[size : 2 * size]))
        block = block[2 * size :]
    return {
        role: make(suite, (parts[0][i], parts[1][i], parts[2][i]), nonce)
        for i, role in enumerate(("client", "server"))
    }
