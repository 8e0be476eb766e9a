"""SM4 in the two modes of the record layer, computed by the C kernels.

The record layer itself has kernels for whole batches of records (``tlcp.record.protect``); this
is for one text at a time.

Spec: GB/T 32907 (SM4), GB/T 38636-2020 6.3.3.4; GCM: NIST SP 800-38D, RFC 8998
"""

from __future__ import annotations

from tlcp._native import ffi, lib

__all__ = ["BLOCK_BYTES", "KEY_BYTES", "NONCE_BYTES", "TAG_BYTES", "SM4Key"]

KEY_BYTES = 16
BLOCK_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16

Buffer = bytes | bytearray | memoryview


class SM4Key:
    """A 16-byte SM4 key; its repr does not show it.

    Raises:
        ValueError: the key, an IV, a nonce or a text in CBC mode has a wrong length.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        _check("key", len(key), KEY_BYTES)
        self._key = ffi.new("tlcp_sm4_key *")
        lib.tlcp_sm4_start(self._key, key)

    def cbc_encrypt(self, iv: Buffer, plaintext: Buffer) -> bytes:
        """Encrypt whole blocks in CBC mode, no padding added."""
        return self._cbc(lib.tlcp_sm4_cbc_encrypt, iv, plaintext)

    def cbc_decrypt(self, iv: Buffer, ciphertext: Buffer) -> bytes:
        """Decrypt whole blocks in CBC mode, padding left on."""
        return self._cbc(lib.tlcp_sm4_cbc_decrypt, iv, ciphertext)

    def _cbc(self, kernel: object, iv: Buffer, text: Buffer) -> bytes:
        _check("IV", len(iv), BLOCK_BYTES)
        data = ffi.new("uint8_t[]", b"".join((iv, text)))
        size = len(data) - 1  # ffi.new appends a zero
        if size % BLOCK_BYTES:
            raise ValueError(f"a text of {len(text)} bytes in CBC mode: whole blocks are needed")
        kernel(self._key, data, size, 1)  # type: ignore[operator]
        return bytes(ffi.buffer(data + BLOCK_BYTES, len(text)))

    def gcm_encrypt(self, nonce: bytes, plaintext: Buffer, aad: bytes) -> bytes:
        """Encrypt with a 12-byte nonce; returns ciphertext || 16-byte tag."""
        _check("nonce", len(nonce), NONCE_BYTES)
        size = len(plaintext)
        out, data = ffi.new("uint8_t[]", size + TAG_BYTES), ffi.from_buffer(plaintext)
        lib.tlcp_sm4_gcm_seal(self._key, out, out + size, nonce, aad, len(aad), data, size)
        return bytes(ffi.buffer(out))

    def gcm_decrypt(self, nonce: bytes, sealed: Buffer, aad: bytes) -> bytes | None:
        """Open ciphertext || tag; None if the tag is wrong."""
        _check("nonce", len(nonce), NONCE_BYTES)
        size = len(sealed) - TAG_BYTES
        if size < 0:
            return None
        out, data = ffi.new("uint8_t[]", size + 1), ffi.from_buffer("uint8_t[]", sealed)
        key, tag = self._key, data + size
        good = lib.tlcp_sm4_gcm_open(key, out, tag, nonce, aad, len(aad), data, size)
        return bytes(ffi.buffer(out, size)) if good else None


def _check(what: str, length: int, expected: int) -> None:
    if length != expected:
        raise ValueError(f"the {what} has {length} bytes, expected {expected}")
