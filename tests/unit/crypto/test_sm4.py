"""SM4 alone: the standards' examples, and other code, on every path.

Spec: GB/T 32907-2016 A; RFC 8998 A.1
"""

from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from native.paths import AVAILABLE, each_path, forced
from tlcp._native import ffi, lib
from tlcp.crypto.sm4 import SM4Key

KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
ONCE = bytes.fromhex("681edf34d206965e86b3e94f536e4246")
MILLION = bytes.fromhex("595298c7c6fd271f0402f804c33d3f66")
SIZES = [*range(0, 1100), 16383, 16384, 16385]


@each_path
def test_the_standards_example(path: int) -> None:
    with forced(path):
        assert SM4Key(KEY).cbc_encrypt(bytes(16), KEY) == ONCE
        assert SM4Key(KEY).cbc_decrypt(bytes(16), ONCE) == KEY


@each_path
def test_the_standards_long_example(path: int) -> None:
    """A block encrypted a million times."""
    with forced(path):
        key = SM4Key(KEY)
        # CBC with a text of zeros encrypts the IV over and over.
        block = KEY
        for _ in range(100):
            block = key.cbc_encrypt(block, bytes(16 * 10_000))[-16:]
    assert block == MILLION


@each_path
def test_the_rfcs_example_of_gcm(path: int) -> None:
    nonce = bytes.fromhex("00001234567800000000abcd")
    aad = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    text = b"".join(bytes([b]) * 8 for b in b"\xaa\xbb\xcc\xdd\xee\xff\xee\xaa")
    sealed = bytes.fromhex(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec"
    )
    with forced(path):
        assert SM4Key(KEY).gcm_encrypt(nonce, text, aad) == sealed
        assert SM4Key(KEY).gcm_decrypt(nonce, sealed, aad) == text


def test_every_length_in_gcm() -> None:
    source = random.Random(4)  # noqa: S311
    for size in SIZES:
        key, nonce, aad = source.randbytes(16), source.randbytes(12), source.randbytes(size % 50)
        data = bytearray(source.randbytes(size + 3))
        other = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
        other.authenticate_additional_data(aad)
        text = memoryview(data)[3:]  # not aligned
        sealed = other.update(text) + other.finalize() + other.tag
        for path in AVAILABLE:
            with forced(path):
                assert SM4Key(key).gcm_encrypt(nonce, text, aad) == sealed
                assert SM4Key(key).gcm_decrypt(nonce, sealed, aad) == bytes(text)


def test_every_number_of_blocks_in_cbc() -> None:
    source = random.Random(5)  # noqa: S311
    for size in (16 * (n // 16) for n in SIZES if n % 16 == 0):
        key, iv, text = source.randbytes(16), source.randbytes(16), source.randbytes(size)
        other = Cipher(algorithms.SM4(key), modes.CBC(iv)).encryptor()
        sealed = other.update(text)
        for path in AVAILABLE:
            with forced(path):
                assert SM4Key(key).cbc_encrypt(iv, text) == sealed
                assert SM4Key(key).cbc_decrypt(iv, memoryview(sealed)) == text


@each_path
def test_every_byte_of_a_sealed_text_counts(path: int) -> None:
    with forced(path):
        key = SM4Key(KEY)
        sealed = key.gcm_encrypt(bytes(12), b"some text of twenty-", b"aad")
        for at in range(len(sealed)):
            bad = bytearray(sealed)
            bad[at] ^= 0x10
            assert key.gcm_decrypt(bytes(12), bad, b"aad") is None
        assert key.gcm_decrypt(bytes(12), sealed, b"aae") is None
        assert key.gcm_decrypt(bytes(11) + b"\1", sealed, b"aad") is None
        for size in range(len(sealed)):
            assert key.gcm_decrypt(bytes(12), sealed[:size], b"aad") is None


@each_path
def test_no_plaintext_of_a_text_with_a_wrong_tag(path: int) -> None:
    with forced(path):
        key = ffi.new("tlcp_sm4_key *")
        lib.tlcp_sm4_start(key, KEY)
        for size in (1, 16, 600, 5000):
            out = ffi.new("uint8_t[]", b"\xff" * size)
            text = bytes(range(256)) * 20
            assert lib.tlcp_sm4_gcm_open(key, out, bytes(16), bytes(12), b"", 0, text, size) == 0
            assert bytes(ffi.buffer(out, size)) == bytes(size)


@each_path
@pytest.mark.parametrize("count", [1, 2, 4, 5, 15, 16, 17, 31, 32, 33, 70])
def test_many_texts_at_once(path: int, count: int) -> None:
    source = random.Random(count)  # noqa: S311
    texts = [source.randbytes(16 * 9) for _ in range(count)]
    with forced(path):
        key, data = ffi.new("tlcp_sm4_key *"), ffi.new("uint8_t[]", b"".join(texts))
        lib.tlcp_sm4_start(key, KEY)
        assert lib.tlcp_sm4_cbc_encrypt(key, data, 16 * 9, count) == 1
        one = SM4Key(KEY)
        wanted = [text[:16] + one.cbc_encrypt(text[:16], text[16:]) for text in texts]
        assert bytes(ffi.buffer(data))[:-1] == b"".join(wanted)
        assert lib.tlcp_sm4_cbc_decrypt(key, data, 16 * 9, count) == 1
        assert bytes(ffi.buffer(data))[:-1] == b"".join(texts)


def test_wrong_lengths() -> None:
    key = SM4Key(KEY)
    with pytest.raises(ValueError, match="key has 15 bytes, expected 16"):
        SM4Key(KEY[:15])
    with pytest.raises(ValueError, match="IV has 12"):
        key.cbc_encrypt(bytes(12), bytes(16))
    with pytest.raises(ValueError, match="17 bytes in CBC mode"):
        key.cbc_decrypt(bytes(16), bytes(17))
    with pytest.raises(ValueError, match="nonce has 13"):
        key.gcm_encrypt(bytes(13), b"", b"")
    assert "0123" not in repr(key)
