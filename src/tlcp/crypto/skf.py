"""The envelope of devices: ENVELOPEDKEYBLOB, which some CAs deliver in place of SM2EnvelopedKey.

A C structure of fixed fields, its numbers little-endian, its big integers right-aligned in 64
bytes.  Read only.

Spec: GM/T 0016-2012 (GB/T 35291-2017) 6.4.10 with 6.4.3 and 6.4.7
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from tlcp.crypto.der import encode_ciphertext

__all__ = ["SM4_ECB", "DeviceBlob", "read_device_blob"]

SM4_ECB: Final = 0x401

# Version, cipher, bits; private key; bits, X, Y; X, Y, hash, length, 16 bytes of ciphertext.
_LAYOUT: Final = struct.Struct("<III64sI64s64s64s64s32sI16s")
_LONGEST: Final = 1024  # programs write the whole of a buffer, whose end means nothing
_VERSION: Final = 1
_BITS: Final = 256
_SM4_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class DeviceBlob:
    """The fields that matter.

    Attributes:
        cipher: 0x401 is SM4 in ECB mode.
        encrypted_private_key: 64 bytes.
        point: the public point of the key, 65 bytes.
        encrypted_sm4_key: DER of the SM2 ciphertext.
    """

    cipher: int
    encrypted_private_key: bytes
    point: bytes
    encrypted_sm4_key: bytes


def read_device_blob(data: bytes) -> DeviceBlob | None:
    """Read the structure; None if the bytes are something else."""
    if not _LAYOUT.size <= len(data) <= _LONGEST:
        return None
    (version, cipher, bits, private, point_bits, x, y, cx, cy, digest, size, text) = (
        _LAYOUT.unpack_from(data)
    )
    fixed = (version, bits, point_bits, size) == (_VERSION, _BITS, _BITS, _SM4_KEY_BYTES)
    if not fixed or any(any(number[:32]) for number in (x, y, cx, cy)):
        return None
    return DeviceBlob(
        cipher=cipher,
        encrypted_private_key=private,
        point=b"\x04" + x[32:] + y[32:],
        encrypted_sm4_key=encode_ciphertext(cx[32:] + cy[32:], digest, text),
    )
