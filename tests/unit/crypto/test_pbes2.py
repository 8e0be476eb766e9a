"""Encrypted key files, as GmSSL and OpenSSL write them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat import asn1

from peers.files import encrypt_pkcs8 as by_hand
from peers.files import pkcs8
from tlcp.crypto.keyfile import dump_private_key, encode_private_key, load_private_key
from tlcp.crypto.pbe import (
    EncryptedPrivateKeyInfo,
    decrypt,
    decrypt_pkcs8,
    describe,
    encrypt_pkcs8,
)
from tlcp.crypto.pbes2 import CIPHER_NAMES, Protection
from tlcp.crypto.pem import split_pem, to_pem
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError

KEY = SM2PrivateKey(bytes(range(1, 33)))
PASSWORD = b"correct horse"
FAST = Protection(iterations=1000)


def topk8(*words: str) -> bytes:
    """The key encrypted by OpenSSL under "x"."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl: apt-get install openssl")
    command = ["openssl", "pkcs8", "-topk8", *words, "-passout", "pass:x"]
    clear = dump_private_key(KEY)
    return subprocess.run(command, input=clear, capture_output=True, check=True).stdout


def encrypted() -> bytes:
    """The key as GmSSL writes it, in PEM."""
    plain = pkcs8(KEY.dangerous_scalar(), KEY.public_point)
    return to_pem("ENCRYPTED PRIVATE KEY", by_hand(plain, PASSWORD.decode()))


def test_what_gmssl_writes() -> None:
    """PBKDF2 with HMAC-SM3, SM4-CBC; the helper makes keys that GmSSL itself reads."""
    pem = encrypted()
    assert load_private_key(pem, PASSWORD).public_point == KEY.public_point
    (block,) = split_pem(pem)
    assert load_private_key(block.der, PASSWORD).public_point == KEY.public_point


@pytest.mark.parametrize("prf", ["hmacWithSHA256", "hmacWithSHA1"])
@pytest.mark.parametrize("cipher", ["aes-256-cbc", "aes-128-cbc", "sm4-cbc"])
def test_what_openssl_writes(prf: str, cipher: str) -> None:
    pem = topk8("-v2", cipher, "-v2prf", prf)
    assert b"ENCRYPTED" in pem
    assert load_private_key(pem, b"x").public_point == KEY.public_point


def test_no_password() -> None:
    with pytest.raises(ConfigError, match="no password is given"):
        load_private_key(encrypted())


def test_no_wrong_password_is_taken_for_damage() -> None:
    """256 wrong ones: one of them leaves a good padding by chance."""
    (block,) = split_pem(encrypted())
    for number in range(256):
        with pytest.raises(ConfigError, match="the password is wrong"):
            decrypt_pkcs8(block.der, b"wrong %d" % number)


def sealed(**changes: object) -> bytes:
    """DER of the key under few iterations."""
    protection = replace(FAST, **changes)  # type: ignore[arg-type]
    _, der = encode_private_key(KEY)
    return encrypt_pkcs8(der, PASSWORD, protection)


@pytest.mark.parametrize("from_end", [1, 16, 17, 33])
def test_a_damaged_file_is_told_from_a_wrong_password(from_end: int) -> None:
    der = bytearray(sealed())
    der[-from_end] ^= 1
    with pytest.raises(ConfigError, match="is damaged"):
        load_private_key(bytes(der), PASSWORD)


def test_a_key_cut_off_at_a_block_is_damaged() -> None:
    info = asn1.decode_der(EncryptedPrivateKeyInfo, sealed())
    algorithm = asn1.encode_der(info.algorithm)
    for size in range(0, len(info.data), 16):
        with pytest.raises(ConfigError, match="is damaged"):
            decrypt(algorithm, info.data[:size], PASSWORD, "private key")


@pytest.mark.parametrize("cipher", CIPHER_NAMES)
def test_every_truncation_is_our_users_error(cipher: str) -> None:
    der = sealed(cipher=cipher)
    assert load_private_key(der, PASSWORD).public_point == KEY.public_point
    for size in range(len(der)):
        with pytest.raises(ConfigError):
            load_private_key(der[:size], PASSWORD)
        with pytest.raises(ConfigError, match=r"damaged|supported"):
            load_private_key(to_pem("ENCRYPTED PRIVATE KEY", der[:size]), PASSWORD)
    with pytest.raises(ConfigError):
        load_private_key(der + b"\0", PASSWORD)


def test_iterations_are_bounded() -> None:
    info = asn1.decode_der(EncryptedPrivateKeyInfo, sealed(iterations=1000))
    algorithm = bytearray(asn1.encode_der(info.algorithm))
    number = algorithm.index(b"\x02\x02" + (1000).to_bytes(2))
    algorithm[number : number + 4] = b"\x02\x04" + (2**31 - 1).to_bytes(4)
    for sequence in (0, 13, 15, 28):  # those around the number, which is two bytes longer now
        assert algorithm[sequence] == 0x30
        algorithm[sequence + 1] += 2
    with pytest.raises(ConfigError, match="asks for 2147483647 iterations of PBKDF2"):
        decrypt(bytes(algorithm), info.data, PASSWORD, "private key")


@pytest.mark.parametrize(
    "wrong", [{"cipher": "des"}, {"prf": "md5"}, {"iterations": 0}, {"iterations": 10**9}]
)
def test_a_protection_that_is_none(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="cannot encrypt with"):
        replace(FAST, **wrong)  # type: ignore[arg-type]


def test_what_is_not_supported_is_named() -> None:
    for prf, cipher in (("hmacWithSHA512", "aes-256-cbc"), ("hmacWithSHA256", "des3")):
        done = topk8("-v2", cipher, "-v2prf", prf)
        with pytest.raises(ConfigError, match="not supported"):
            load_private_key(done, b"x")


def test_how_it_is_encrypted_in_words() -> None:
    info = asn1.decode_der(EncryptedPrivateKeyInfo, sealed(cipher="sm4-cbc", prf="sm3"))
    text = describe(asn1.encode_der(info.algorithm), "private key")
    assert text == "SM4-CBC under a password (PBES2: PBKDF2 with HMAC-SM3, 1000 iterations)"
