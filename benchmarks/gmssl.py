"""GmSSL 3.1.1 through cffi: its C functions for SM2, SM3 and SM4."""

from __future__ import annotations

import functools
from typing import Any

from benchmarks import libraries

__all__ = ["GmSSLCipher", "GmSSLKey", "library", "version"]

_DECLARATIONS = """
const char *gmssl_version_str(void);
void sm3_digest(const char *, size_t, char *);
void sm3_hmac(const char *, size_t, const char *, size_t, char *);
typedef struct { uint32_t rk[32]; } SM4_KEY;
void sm4_set_encrypt_key(SM4_KEY *, const char *);
void sm4_set_decrypt_key(SM4_KEY *, const char *);
void sm4_cbc_encrypt(const SM4_KEY *, const char *, const char *, size_t, char *);
void sm4_cbc_decrypt(const SM4_KEY *, const char *, const char *, size_t, char *);
int sm4_gcm_encrypt(const SM4_KEY *, const char *, size_t, const char *, size_t, const char *,
                    size_t, char *, size_t, char *);
int sm4_gcm_decrypt(const SM4_KEY *, const char *, size_t, const char *, size_t, const char *,
                    size_t, const char *, size_t, char *);
int sm2_sign(const char *, const char *, char *, size_t *);
int sm2_verify(const char *, const char *, const char *, size_t);
int sm2_encrypt(const char *, const char *, size_t, char *, size_t *);
int sm2_decrypt(const char *, const char *, size_t, char *, size_t *);
"""


@functools.cache
def library() -> tuple[Any, Any]:
    """cffi's ``ffi`` and ``lib`` of GmSSL."""
    path = libraries.gmssl_path()
    if path is None:
        raise RuntimeError("GmSSL 3.1.1 is not built")
    return libraries.foreign(_DECLARATIONS, path)


def version() -> str:
    """What the library calls itself."""
    ffi, lib = library()
    return bytes(ffi.string(lib.gmssl_version_str())).decode()


class GmSSLKey:
    """An SM2 key: public point (65 bytes) and scalar."""

    def __init__(self, point: bytes, scalar: bytes) -> None:
        self._ffi, self._lib = library()
        self._key = point[1:] + scalar  # SM2_KEY: x, y, d
        self._out, self._size = self._ffi.new("char[512]"), self._ffi.new("size_t *")

    def _output(self, good: int) -> bytes:
        if good != 1:
            raise RuntimeError("GmSSL refuses")
        return bytes(self._ffi.buffer(self._out, self._size[0]))

    def sign(self, digest: bytes) -> bytes:
        return self._output(self._lib.sm2_sign(self._key, digest, self._out, self._size))

    def verify(self, digest: bytes, signature: bytes) -> bool:
        return bool(self._lib.sm2_verify(self._key, digest, signature, len(signature)) == 1)

    def encrypt(self, plaintext: bytes) -> bytes:
        size = len(plaintext)
        return self._output(
            self._lib.sm2_encrypt(self._key, plaintext, size, self._out, self._size)
        )

    def decrypt(self, ciphertext: bytes) -> bytes:
        size = len(ciphertext)
        return self._output(
            self._lib.sm2_decrypt(self._key, ciphertext, size, self._out, self._size)
        )


class GmSSLCipher:
    """SM4 with its key set before."""

    def __init__(self, key: bytes, *, gcm: bool, encrypt: bool, size: int) -> None:
        self._ffi, self._lib = ffi, lib = library()
        self._gcm, self._encrypt, self._size = gcm, encrypt, size
        self._key = ffi.new("SM4_KEY *")
        (lib.sm4_set_encrypt_key if gcm or encrypt else lib.sm4_set_decrypt_key)(self._key, key)
        self._out, self._tag = ffi.new("char[]", size), ffi.new("char[16]")
        self._cbc = lib.sm4_cbc_encrypt if encrypt else lib.sm4_cbc_decrypt

    def run(self, iv: bytes, text: bytes, tag: bytes = b"") -> int:
        """Encrypt or decrypt; not 1 if the tag is wrong."""
        if not self._gcm:
            self._cbc(self._key, iv, text, self._size // 16, self._out)
            return 1
        common = (self._key, iv, 12, b"", 0, text, self._size)
        good: int
        if self._encrypt:
            good = self._lib.sm4_gcm_encrypt(*common, self._out, 16, self._tag)
        else:
            good = self._lib.sm4_gcm_decrypt(*common, tag, 16, self._out)
        return good

    def output(self) -> bytes:
        """What came of the last run; after GCM encryption with the tag."""
        text = bytes(self._ffi.buffer(self._out))
        tag = bytes(self._ffi.buffer(self._tag)) if self._gcm and self._encrypt else b""
        return text + tag
