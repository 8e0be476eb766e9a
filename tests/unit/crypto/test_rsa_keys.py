"""RSA keys: signatures, encryption, sizes, and what they look like in files."""

from __future__ import annotations

import copy
import pickle

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from support.rsa_pki import rsa_key, rsa_key_pem
from tlcp.crypto.keyfile import load_any_private_key, load_private_key
from tlcp.crypto.keys import PrivateKey, PrivateRSAKey
from tlcp.crypto.rsa import RSAPrivateKey, RSAPublicKey
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError

RAW = rsa_key("one")
KEY = RSAPrivateKey(RAW)


def test_signatures_are_pkcs1_with_sha256() -> None:
    signature = KEY.sign(b"message")
    RAW.public_key().verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())
    KEY.public_key.verify(signature, b"message")
    for bad in (b"", signature[1:], b"\0" + signature, bytes(256), b"\xff" * 256):
        with pytest.raises(InvalidSignature):
            KEY.public_key.verify(bad, b"message")
    with pytest.raises(InvalidSignature):
        KEY.public_key.verify(signature, b"massage")
    with pytest.raises(InvalidSignature):
        KEY.public_key.verify(signature, b"message", hash_name="sha384")


def test_encryption_round_trip() -> None:
    secret = bytes(range(48))
    assert KEY.decrypt(KEY.public_key.encrypt(secret)) == secret


def test_a_wrong_padding_gives_the_same_random_bytes_each_time() -> None:
    assert KEY.rejects_implicitly
    wrong = b"\0" + bytes(range(255))
    assert KEY.decrypt(wrong) == KEY.decrypt(wrong)
    with pytest.raises(ValueError, match=r"^the ciphertext does not decrypt$"):
        KEY.decrypt(b"short")


def test_an_old_openssl_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        key_size = 2048

        def public_key(self) -> rsa.RSAPublicKey:
            return RAW.public_key()

        def decrypt(self, *_: object) -> bytes:
            raise ValueError("Decryption failed")

    assert not RSAPrivateKey(Old()).rejects_implicitly  # type: ignore[arg-type]


def test_short_and_odd_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="1024 bits; want 2048 to 8192"):
        RSAPrivateKey(rsa_key("short", 1024))
    numbers = RAW.public_key().public_numbers()
    huge = rsa.RSAPublicNumbers(2**64 + 13, numbers.n).public_key()
    with pytest.raises(ValueError, match="more than 64 bits"):
        RSAPublicKey(huge)


def test_it_keeps_its_secret() -> None:
    assert repr(KEY) == "<RSAPrivateKey of 2048 bits>"
    assert repr(KEY.public_key) == "<RSAPublicKey of 2048 bits>"
    assert copy.copy(KEY) is KEY
    assert copy.deepcopy(KEY) is KEY
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(KEY)


def test_public_keys_compare() -> None:
    again = RSAPublicKey(RAW.public_key())
    assert again == KEY.public_key
    assert hash(again) == hash(KEY.public_key)
    assert again != RSAPublicKey(rsa_key("two").public_key())
    assert again != "key"


def test_the_two_kinds_of_keys_are_told_apart() -> None:
    sm2 = SM2PrivateKey.generate()
    assert isinstance(KEY, PrivateRSAKey)
    assert not isinstance(KEY, PrivateKey)
    assert isinstance(sm2, PrivateKey)
    assert not isinstance(sm2, PrivateRSAKey)


PASSWORD = b"secret"
FORMATS = serialization.PrivateFormat


@pytest.mark.parametrize("form", [FORMATS.PKCS8, FORMATS.TraditionalOpenSSL])
@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_key_files(form: serialization.PrivateFormat, encoding: serialization.Encoding) -> None:
    data = RAW.private_bytes(encoding, form, serialization.NoEncryption())
    loaded = load_any_private_key(data)
    assert isinstance(loaded, RSAPrivateKey)
    assert loaded.public_der == KEY.public_der
    with pytest.raises(ConfigError, match="an SM2 private key, got an RSA key of 2048 bits"):
        load_private_key(data)


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_encrypted_key_files(encoding: serialization.Encoding) -> None:
    lock = serialization.BestAvailableEncryption(PASSWORD)
    data = RAW.private_bytes(encoding, FORMATS.PKCS8, lock)
    loaded = load_any_private_key(data, PASSWORD)
    assert isinstance(loaded, RSAPrivateKey)
    assert loaded.public_der == KEY.public_der


def test_a_short_key_in_a_file_says_so() -> None:
    with pytest.raises(ConfigError, match="cannot be used: an RSA key of 1024 bits"):
        load_any_private_key(rsa_key_pem(rsa_key("short", 1024)))
