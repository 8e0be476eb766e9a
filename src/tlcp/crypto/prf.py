"""The pseudo-random function that every secret of a connection comes from.

Spec: GB/T 38636-2020 5.2 (PRF), 6.5
"""

from __future__ import annotations

from tlcp._native import ffi, lib

__all__ = ["prf_sm3"]


def prf_sm3(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """Expand a secret: P_SM3(secret, label || seed), the first ``length`` bytes.

    One hash, as in TLS 1.2; not the MD5 and SHA-1 pair of TLS 1.1.

    Spec: GB/T 38636-2020 5.2
    """
    seed = label + seed
    out = ffi.new("uint8_t[]", length)
    lib.tlcp_prf_sm3(out, length, secret, len(secret), seed, len(seed))
    return bytes(ffi.buffer(out))
