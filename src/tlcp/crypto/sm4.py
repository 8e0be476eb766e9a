"""SM4 in the two modes of the record layer, one record per call, on ``cryptography``.

Spec: GB/T 32907 (SM4), GB/T 38636-2020 6.3.3.4
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

__all__ = ["BLOCK_BYTES", "TAG_BYTES", "SM4Key"]

BLOCK_BYTES = 16
TAG_BYTES = 16

Buffer = bytes | bytearray | memoryview


class SM4Key:
    """A 16-byte SM4 key; its repr does not show it."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = algorithms.SM4(key)

    def cbc_encrypt(self, iv: bytes, plaintext: Buffer) -> bytes:
        """Encrypt whole blocks in CBC mode, no padding added."""
        context = Cipher(self._key, modes.CBC(iv)).encryptor()
        return context.update(plaintext) + context.finalize()

    def cbc_decrypt(self, iv: Buffer, ciphertext: Buffer) -> bytes:
        """Decrypt whole blocks in CBC mode, padding left on."""
        context = Cipher(self._key, modes.CBC(bytes(iv))).decryptor()
        return context.update(ciphertext) + context.finalize()

    def gcm_encrypt(self, nonce: bytes, plaintext: Buffer, aad: bytes) -> bytes:
        """Encrypt with a 12-byte nonce; returns ciphertext || 16-byte tag."""
        context = Cipher(self._key, modes.GCM(nonce)).encryptor()
        context.authenticate_additional_data(aad)
        return context.update(plaintext) + context.finalize() + context.tag

    def gcm_decrypt(self, nonce: bytes, sealed: Buffer, aad: bytes) -> bytes | None:
        """Open ciphertext || tag; None if the tag is wrong."""
        tag = bytes(sealed[-TAG_BYTES:])
        context = Cipher(self._key, modes.GCM(nonce, tag)).decryptor()
        context.authenticate_additional_data(aad)
        try:
            return context.update(sealed[:-TAG_BYTES]) + context.finalize()
        except InvalidTag:
            return None
