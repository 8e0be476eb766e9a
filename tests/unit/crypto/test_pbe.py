"""The older encryption under a password, that of PKCS#12."""

from __future__ import annotations

import pytest
from cryptography.hazmat import asn1

from tlcp.crypto.keyfile import load_private_key
from tlcp.crypto.pbe import (
    EncryptedPrivateKeyInfo,
    bmp_password,
    decrypt,
    describe,
    pkcs12_kdf,
)
from tlcp.crypto.pem import split_pem
from tlcp.errors import ConfigError
from unit.crypto.test_pbes2 import KEY, topk8

SMEG = bytes.fromhex("0073006d006500670000")
SALT = bytes.fromhex("0a58cf64530d823f")


def test_known_answers_of_the_kdf() -> None:
    """The example that implementers of RFC 7292 B share."""
    assert bmp_password(b"smeg") == SMEG
    key = pkcs12_kdf("sha1", 1, SMEG, SALT, 1, 24)
    assert key.hex() == "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"
    assert pkcs12_kdf("sha1", 2, SMEG, SALT, 1, 8).hex() == "79993dfe048d3b76"


def test_passwords_beyond_ascii() -> None:
    assert bmp_password("密".encode()) == b"\x5b\xc6\0\0"
    assert bmp_password(b"\xe4") == b"\0\xe4\0\0"  # not UTF-8: Latin-1


def old() -> bytes:
    (block,) = split_pem(topk8("-v1", "PBE-SHA1-3DES"))
    return block.der


def test_triple_des() -> None:
    der = old()
    assert load_private_key(der, b"x").public_point == KEY.public_point
    with pytest.raises(ConfigError, match="the password is wrong"):
        load_private_key(der, b"y")
    info = asn1.decode_der(EncryptedPrivateKeyInfo, der)
    algorithm = asn1.encode_der(info.algorithm)
    assert describe(algorithm, "key").startswith("triple DES under a password")
    for size in range(len(info.data)):
        with pytest.raises(ConfigError, match="is damaged"):
            decrypt(algorithm, info.data[:size], b"x", "private key")
    for size in range(len(algorithm)):
        with pytest.raises(ConfigError, match=r"damaged|supported"):
            decrypt(algorithm[:size], info.data, b"x", "private key")


def test_iterations_are_bounded() -> None:
    info = asn1.decode_der(EncryptedPrivateKeyInfo, old())
    algorithm = bytearray(asn1.encode_der(info.algorithm))
    number = algorithm.index(b"\x02\x02\x08\x00")
    algorithm[number:] = b"\x02\x04\x7f\xff\xff\xff"
    algorithm[1] += 2
    algorithm[15] += 2
    with pytest.raises(ConfigError, match="asks for 2147483647 iterations"):
        decrypt(bytes(algorithm), info.data, b"x", "private key")


def test_what_is_too_old_is_named() -> None:
    oid = bytes.fromhex("060a2a864886f70d010c0106")  # RC2-40
    algorithm = b"\x30\x0e" + oid + b"\x05\x00"
    assert "RC2-40" in describe(algorithm, "key")
    with pytest.raises(ConfigError, match="RC2-40, an old scheme"):
        decrypt(algorithm, bytes(16), b"x", "private key")
