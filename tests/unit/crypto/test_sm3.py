"""SM3 and HMAC-SM3.  Spec: GB/T 32905-2016"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from hypothesis import given
from hypothesis import strategies as st

from native.paths import AVAILABLE, each_path, forced
from tlcp._native import ffi, lib
from tlcp.crypto.sm3 import DIGEST_BYTES, SM3, hmac_sm3, sm3

ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
HMAC_JEFE = "2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882"
HMAC_LONG_KEY = "b4fd844e13342002f0b2e0690ea7741f1497d993a70494cea601e657bedf67a0"
ABCD_16 = "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


@pytest.mark.parametrize(("data", "digest"), [(b"abc", ABC), (b"abcd" * 16, ABCD_16)])
def test_known_answers(data: bytes, digest: str) -> None:
    assert sm3(data).hex() == digest
    assert len(sm3(data)) == DIGEST_BYTES


def test_pieces_copy_and_repeated_digest() -> None:
    whole = SM3(b"ab")
    branch = whole.copy()
    whole.update(b"c")
    assert whole.digest().hex() == ABC
    assert whole.digest().hex() == ABC
    branch.update(b"cd" + b"abcd" * 15)
    assert branch.digest().hex() == ABCD_16
    assert SM3().digest() == sm3(b"")


@pytest.mark.parametrize(
    ("key", "data", "mac"),
    [
        (b"Jefe", b"what do ya want for nothing?", HMAC_JEFE),
        (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First", HMAC_LONG_KEY),
    ],
)
def test_known_answers_of_hmac(key: bytes, data: bytes, mac: str) -> None:
    """Texts of RFC 4231; the answers were computed with OpenSSL 3."""
    for path in AVAILABLE:
        with forced(path):
            assert hmac_sm3(key, data).hex() == mac


def test_every_length_on_every_path() -> None:
    data = bytes(i * 7 + (i >> 8) & 0xFF for i in range(16386))
    for size in [*range(1101), 16383, 16384, 16385]:
        text = data[-size:] if size else b""
        other = hashes.Hash(hashes.SM3())
        other.update(text)
        mac = hmac.HMAC(data[: size % 150], hashes.SM3())
        mac.update(text)
        digest, tag = other.finalize(), mac.finalize()
        for path in AVAILABLE:
            with forced(path):
                assert sm3(text) == digest
                assert hmac_sm3(data[: size % 150], text) == tag


@each_path
def test_any_pieces(path: int) -> None:
    data = bytes(range(256)) * 3
    with forced(path):
        for step in (1, 3, 63, 64, 65, 128, 200):
            h = SM3()
            for at in range(0, len(data), step):
                h.update(data[at : at + step])
                h.update(b"")
            assert h.digest() == sm3(data)


@each_path
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 33])
@pytest.mark.parametrize("size", [0, 1, 55, 56, 64, 300])
def test_many_texts_at_once(path: int, count: int, size: int) -> None:
    data = b"".join(bytes([i]) * size for i in range(count))
    out = ffi.new("uint8_t[]", 32 * count)
    with forced(path):
        lib.tlcp_hmac_sm3(out, b"key", 3, data, size, count)
    macs = [hmac_sm3(b"key", bytes([i]) * size) for i in range(count)]
    assert bytes(ffi.buffer(out)) == b"".join(macs)


@given(key=st.binary(max_size=200), data=st.binary(max_size=200))
def test_hmac_is_that_of_the_rfc(key: bytes, data: bytes) -> None:
    block = (sm3(key) if len(key) > 64 else key).ljust(64, b"\0")
    inner = sm3(bytes(b ^ 0x36 for b in block) + data)
    assert hmac_sm3(key, data) == sm3(bytes(b ^ 0x5C for b in block) + inner)
