"""The PRF against its definition, written with HMAC of ``cryptography``.

Spec: GB/T 38636-2020 5.2; the known answers of whole handshakes are in handshake/test_schedule.py
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes, hmac

from tlcp.crypto.prf import prf, prf_sha256, prf_sm3


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    h = hmac.HMAC(key, hashes.SM3())
    h.update(data)
    return h.finalize()


def p_sm3(secret: bytes, seed: bytes, length: int) -> bytes:
    a, out = seed, b""
    while len(out) < length:
        a = hmac_sm3(secret, a)
        out += hmac_sm3(secret, a + seed)
    return out[:length]


@pytest.mark.parametrize("secret_bytes", [0, 1, 32, 48, 63, 64, 65, 128, 200])
def test_every_length_of_key_around_the_block(secret_bytes: int) -> None:
    secret = bytes(range(secret_bytes % 256))[:secret_bytes]
    assert prf_sm3(secret, b"label", b"seed", 48) == p_sm3(secret, b"labelseed", 48)


def test_every_length_of_output() -> None:
    whole = p_sm3(b"secret", b"key expansion" + bytes(64), 200)
    for length in range(200):
        assert prf_sm3(b"secret", b"key expansion", bytes(64), length) == whole[:length]


def test_every_length_of_seed() -> None:
    for length in range(200):
        seed = bytes(range(length))
        assert prf_sm3(bytes(48), b"", seed, 70) == p_sm3(bytes(48), seed, 70)


def test_sha256_is_that_of_tls() -> None:
    """The test vector for P_SHA256 that was posted to the TLS working group's list in 2009."""
    secret = bytes.fromhex("9bbe436ba940f017b17652849a71db35")
    seed = bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    out = prf_sha256(secret, b"test label", seed, 100)
    assert out.hex().startswith("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a")
    assert out.hex().endswith("87347b66")
    assert [prf_sha256(secret, b"", seed, n) for n in (0, 1, 33)] == [
        prf_sha256(secret, b"", seed, 64)[:n] for n in (0, 1, 33)
    ]


def test_the_hash_is_chosen_by_name() -> None:
    arguments = (b"secret", b"label", b"seed", 48)
    assert prf("sm3", *arguments) == prf_sm3(*arguments)
    assert prf("sha256", *arguments) == prf_sha256(*arguments)
