"""SM4-CBC with HMAC-SHA256, for the one suite that has it: RSA_SM4_CBC_SHA256.

MAC-then-encrypt must not tell whether padding or MAC was wrong, nor how long the padding is. The
C kernels of HMAC-SM3 are constant-time in this; here the same is done in Python as well as Python
can: padding is compared over all places where it may be, a wrong one counts as an empty one, the
MAC is computed in any case, and the number of hashed blocks is that of the longest plaintext. What
is left are the traces of copying texts of different lengths. Where that is too much, use GCM.

Spec: GB/T 38636-2020 6.3.3.4.2; RFC 5246 6.2.3.2
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable, Sequence

from tlcp.crypto.sm4 import SM4Key
from tlcp.errors import InternalError
from tlcp.record.framing import HEADER, MAX_PLAINTEXT_BYTES
from tlcp.record.protect import (
    LAST_SEQUENCE,
    Buffer,
    Opened,
    cut_data,
    fragments_of,
    refusal,
)
from tlcp.registry import TLCP_VERSION

__all__ = ["CBCSha256Protection"]

BLOCK_BYTES = 16
MAC_BYTES = 32
_HASH_BLOCK = 64
_MOST_PADDING = 255
_LEAST = BLOCK_BYTES + MAC_BYTES + BLOCK_BYTES
_MAC_HEADER = struct.Struct(">QBHH")  # sequence, type, version, length of the plaintext


def _blocks(length: int) -> int:
    """Blocks that SHA-256 takes in for a plaintext, besides that of the key."""
    return (_MAC_HEADER.size + length + 8) // _HASH_BLOCK + 1


_ZEROS = bytes(_HASH_BLOCK * (_blocks(_MOST_PADDING) + 1))


class CBCSha256Protection:
    """SM4-CBC, MAC first, a fresh random IV in front of each record.

    Args:
        mac_key: 32 bytes.
        key: 16 bytes.
        random: source of IVs.

    Spec: GB/T 38636-2020 6.3.3.4.2
    """

    is_null = False

    def __init__(self, *, mac_key: bytes, key: bytes, random: Callable[[int], bytes]) -> None:
        if len(mac_key) != MAC_BYTES:
            raise InternalError(f"the MAC key has {len(mac_key)} bytes, expected {MAC_BYTES}")
        self._random, self._key, self._sequence = random, SM4Key(key), 0
        padded = mac_key.ljust(_HASH_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def seal(self, content_type: int, fragments: Sequence[Buffer]) -> bytes:
        """Protect each fragment under the next sequence number."""
        self._check_sequence(len(fragments))
        return b"".join(self._seal_one(content_type, bytes(one)) for one in fragments)

    def seal_data(self, content_type: int, data: Buffer) -> bytes:
        """Cut data into fragments and protect each under the next sequence number."""
        return self.seal(content_type, cut_data(data))

    def open(self, content_type: int, fragments: Sequence[Buffer]) -> Opened:
        """Open each fragment under the next sequence number, up to the first bad one."""
        self._check_sequence(len(fragments))
        plaintexts: list[bytes] = []
        for fragment in fragments:
            sequence, text = self._sequence, self._open_one(content_type, bytes(fragment))
            self._sequence += 1
            if text is None or len(text) > MAX_PLAINTEXT_BYTES:
                error = refusal(sequence, len(text) if text is not None else 0)
                return Opened(b"".join(plaintexts), [len(p) for p in plaintexts], error)
            plaintexts.append(text)
        return Opened(b"".join(plaintexts), [len(p) for p in plaintexts])

    def open_records(
        self, content_type: int, stream: bytearray, offset: int, lengths: Sequence[int]
    ) -> Opened:
        """Open each record under the next sequence number, up to the first bad one."""
        return self.open(content_type, list(fragments_of(stream, offset, lengths)))

    def _check_sequence(self, count: int) -> None:
        if self._sequence + count > LAST_SEQUENCE:
            raise InternalError("the sequence numbers of this direction are used up")

    def _seal_one(self, content_type: int, plaintext: bytes) -> bytes:
        if len(plaintext) > MAX_PLAINTEXT_BYTES:
            raise InternalError(f"a fragment of {len(plaintext)} bytes does not fit a record")
        text = plaintext + self._mac(content_type, plaintext, 0)
        pad = BLOCK_BYTES - 1 - len(text) % BLOCK_BYTES
        iv = self._random(BLOCK_BYTES)
        sealed = self._key.cbc_encrypt(iv, text + bytes([pad]) * (pad + 1))
        self._sequence += 1
        return HEADER.pack(content_type, TLCP_VERSION, len(iv) + len(sealed)) + iv + sealed

    def _open_one(self, content_type: int, fragment: bytes) -> bytes | None:
        """The plaintext, or None whatever is wrong."""
        if len(fragment) < _LEAST or len(fragment) % BLOCK_BYTES:
            return None
        text = self._key.cbc_decrypt(fragment[:BLOCK_BYTES], fragment[BLOCK_BYTES:])
        room = len(text) - MAC_BYTES - 1
        shortest = max(0, room - _MOST_PADDING)
        pad = (0, text[-1])[text[-1] <= room]
        tail = text[-_MOST_PADDING - 1 :]
        right = tail[: len(tail) - 1 - pad] + text[-1:] * (pad + 1)
        good = (text[-1] <= room) & hmac.compare_digest(right, tail)
        length = room - (0, pad)[good]
        mac = self._mac(content_type, text[:length], shortest)
        spare = self._inner.copy()
        spare.update(_ZEROS[: _HASH_BLOCK * (_blocks(room) - _blocks(length))])
        good &= hmac.compare_digest(mac, text[length : length + MAC_BYTES])
        return text[:length] if good else None

    def _mac(self, content_type: int, plaintext: bytes, common: int) -> bytes:
        """HMAC over header and plaintext; ``common`` bytes go in first, in one call.

        ``hashlib`` treats long texts in another way than short ones, so what follows them, of
        secret length, is always short.
        """
        header = _MAC_HEADER.pack(self._sequence, content_type, TLCP_VERSION, len(plaintext))
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(header + plaintext[:common])
        inner.update(plaintext[common:])
        outer.update(inner.digest())
        return outer.digest()
