"""The pseudo-random function that every secret of a connection comes from.

Spec: GB/T 38636-2020 5.2 (PRF), 6.5
"""

from __future__ import annotations

import hmac

from tlcp._native import ffi, lib

__all__ = ["prf", "prf_sha256", "prf_sm3"]


def prf_sm3(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """Expand a secret: P_SM3(secret, label || seed), the first ``length`` bytes.

    One hash, as in TLS 1.2; not the MD5 and SHA-1 pair of TLS 1.1.

    Spec: GB/T 38636-2020 5.2
    """
    seed = label + seed
    out = ffi.new("uint8_t[]", length)
    lib.tlcp_prf_sm3(out, length, secret, len(secret), seed, len(seed))
    return bytes(ffi.buffer(out))


def prf_sha256(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """The same with SHA-256, as the RSA suites of that name have it.

    Spec: RFC 5246 5.  Interop: Tongsuo
    """
    seed = label + seed
    out, link = bytearray(), seed
    while len(out) < length:
        link = hmac.digest(secret, link, "sha256")
        out += hmac.digest(secret, link + seed, "sha256")
    return bytes(out[:length])


_BY_HASH = {"sm3": prf_sm3, "sha256": prf_sha256}


def prf(hash_name: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """Expand a secret with the hash of a suite, "sm3" or "sha256".  Spec: GB/T 38636-2020 5.2"""
    return _BY_HASH[hash_name](secret, label, seed, length)
