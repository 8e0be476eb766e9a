"""Sealing and opening records: SM4-CBC with HMAC-SM3, SM4-GCM, and no protection at all.

A protection belongs to one direction and counts its records. Both calls take many records at
once, so that a batch can be worked on together.

Spec: GB/T 38636-2020 6.3.3.4
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tlcp.crypto.sm3 import hmac_sm3
from tlcp.crypto.sm4 import BLOCK_BYTES, TAG_BYTES, SM4Key
from tlcp.errors import BadRecordMAC, InternalError, RecordOverflow, TLCPError
from tlcp.record.framing import HEADER, MAX_PLAINTEXT_BYTES
from tlcp.registry import TLCP_VERSION

__all__ = ["CBCProtection", "GCMProtection", "NullProtection", "Opened", "Protection"]

Buffer = bytes | memoryview
MAC_BYTES = 32
EXPLICIT_NONCE_BYTES = 8
_MAC_HEADER = struct.Struct(">QBHH")  # sequence number, type, version, plaintext length
_LAST_SEQUENCE = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Opened:
    """Plaintexts of the records before the first bad one, and the error that one gives."""

    plaintexts: list[bytes]
    error: TLCPError | None = None


class Protection(Protocol):
    """One direction's protection."""

    @property
    def is_null(self) -> bool:
        """Whether records go in clear."""

    def seal(self, content_type: int, fragments: Sequence[Buffer]) -> bytes:
        """Protect fragments of at most 2^14 bytes; returns their records, headers included."""

    def open(self, content_type: int, fragments: Sequence[Buffer]) -> Opened:
        """Open the fragments of consecutive records of one type; stops at the first bad one."""


class NullProtection:
    """Before the first ChangeCipherSpec: records in clear."""

    is_null = True

    def seal(self, content_type: int, fragments: Sequence[Buffer]) -> bytes:
        """Put a header in front of each fragment."""
        out = bytearray()
        for fragment in fragments:
            out += HEADER.pack(content_type, TLCP_VERSION, len(fragment)) + fragment
        return bytes(out)

    def open(self, content_type: int, fragments: Sequence[Buffer]) -> Opened:
        """Return the fragments as they are."""
        return Opened([bytes(f) for f in fragments])


class _Sealing:
    """What both modes share: the sequence number and the loop over a batch."""

    is_null = False

    def __init__(self) -> None:
        self._sequence = 0

    def seal(self, content_type: int, fragments: Sequence[Buffer]) -> bytes:
        """Protect each fragment under the next sequence number."""
        out = bytearray()
        for plaintext in fragments:
            header = _MAC_HEADER.pack(self._next(), content_type, TLCP_VERSION, len(plaintext))
            sealed = self._seal_one(header, plaintext)
            out += HEADER.pack(content_type, TLCP_VERSION, len(sealed)) + sealed
        return bytes(out)

    def open(self, content_type: int, fragments: Sequence[Buffer]) -> Opened:
        """Open each fragment under the next sequence number, up to the first bad one."""
        plaintexts: list[bytes] = []
        for fragment in fragments:
            plaintext = self._open_one(self._next(), content_type, fragment)
            if plaintext is None:
                return Opened(
                    plaintexts,
                    BadRecordMAC(
                        f"record {self._sequence - 1} failed its integrity check",
                        expected="bytes sealed with this connection's keys, in order",
                    ),
                )
            if len(plaintext) > MAX_PLAINTEXT_BYTES:
                what = f"record {self._sequence - 1} holds {len(plaintext)} bytes of plaintext"
                expected = f"at most {MAX_PLAINTEXT_BYTES}"
                return Opened(plaintexts, RecordOverflow(what, expected=expected))
            plaintexts.append(plaintext)
        return Opened(plaintexts)

    def _next(self) -> int:
        sequence = self._sequence
        if sequence >= _LAST_SEQUENCE:
            raise InternalError("the sequence numbers of this direction are used up")
        self._sequence = sequence + 1
        return sequence

    def _seal_one(self, header: bytes, plaintext: Buffer) -> bytes:
        raise NotImplementedError

    def _open_one(self, sequence: int, content_type: int, fragment: Buffer) -> bytes | None:
        raise NotImplementedError


class CBCProtection(_Sealing):
    """SM4-CBC, MAC first, a fresh random IV in front of each record.

    Args:
        mac_key: 32 bytes.
        key: 16 bytes.
        random: source of IVs.

    Spec: GB/T 38636-2020 6.3.3.4.2
    """

    def __init__(self, *, mac_key: bytes, key: bytes, random: Callable[[int], bytes]) -> None:
        super().__init__()
        self._mac_key, self._key, self._random = mac_key, SM4Key(key), random

    def _seal_one(self, header: bytes, plaintext: Buffer) -> bytes:
        mac = hmac_sm3(self._mac_key, header + plaintext)
        pad = BLOCK_BYTES - (len(plaintext) + MAC_BYTES) % BLOCK_BYTES
        iv = self._random(BLOCK_BYTES)
        padded = b"".join((plaintext, mac, bytes((pad - 1,)) * pad))
        return iv + self._key.cbc_encrypt(iv, padded)

    def _open_one(self, sequence: int, content_type: int, fragment: Buffer) -> bytes | None:
        """The plaintext, or None: a wrong length, padding or MAC all end the same way."""
        size = len(fragment)
        if size % BLOCK_BYTES or size < BLOCK_BYTES + MAC_BYTES + BLOCK_BYTES:
            return None
        padded = self._key.cbc_decrypt(fragment[:BLOCK_BYTES], fragment[BLOCK_BYTES:])
        # A bad padding counts as one of length 0, so that the MAC is computed in any case and
        # the two failures cannot be told apart by what is sent.
        pad = padded[-1]
        room = len(padded) - MAC_BYTES - 1
        fits = pad <= room
        claimed = pad if fits else 0
        good = fits & hmac.compare_digest(padded[-1 - claimed :], bytes((pad,)) * (claimed + 1))
        end = room - (claimed if good else 0)
        header = _MAC_HEADER.pack(sequence, content_type, TLCP_VERSION, end)
        mac = hmac_sm3(self._mac_key, header + padded[:end])
        same = hmac.compare_digest(mac, padded[end : end + MAC_BYTES])
        return padded[:end] if good & same else None


class GCMProtection(_Sealing):
    """SM4-GCM; the nonce is 4 implicit bytes and 8 in front of each record.

    We count the explicit part; a peer may choose it freely, so the receiver reads it.

    Args:
        key: 16 bytes.
        fixed_iv: 4 bytes.

    Spec: GB/T 38636-2020 6.3.3.4.3
    """

    def __init__(self, *, key: bytes, fixed_iv: bytes) -> None:
        super().__init__()
        self._key, self._fixed_iv = SM4Key(key), fixed_iv

    def _seal_one(self, header: bytes, plaintext: Buffer) -> bytes:
        explicit = header[:EXPLICIT_NONCE_BYTES]
        return explicit + self._key.gcm_encrypt(self._fixed_iv + explicit, plaintext, header)

    def _open_one(self, sequence: int, content_type: int, fragment: Buffer) -> bytes | None:
        size = len(fragment) - EXPLICIT_NONCE_BYTES - TAG_BYTES
        if size < 0:
            return None
        nonce = self._fixed_iv + bytes(fragment[:EXPLICIT_NONCE_BYTES])
        aad = _MAC_HEADER.pack(sequence, content_type, TLCP_VERSION, size)
        return self._key.gcm_decrypt(nonce, fragment[EXPLICIT_NONCE_BYTES:], aad)
