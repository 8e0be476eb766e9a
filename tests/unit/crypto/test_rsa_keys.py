"""RSA keys: signatures, encryption, sizes, and what they look like in files."""

from __future__ import annotations

import copy
import pickle

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from support.rsa_pki import rsa_key, rsa_key_pem
from tlcp.crypto.der import encode_element
from tlcp.crypto.keyfile import load_any_private_key, load_private_key, load_private_keys
from tlcp.crypto.keys import PrivateKey, PrivateRSAKey
from tlcp.crypto.pem import to_pem
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


@pytest.mark.parametrize("pkcs8", [True, False])
def test_an_overlong_key_is_refused_before_it_is_checked(
    pkcs8: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its primes are primes takes half a minute to find out."""
    inner = sequence(0, (1 << 16383) + 1, *[65537] * 7)
    algorithm = sequence(bytes.fromhex("06092a864886f70d010101 0500"))
    outer = sequence(0, algorithm, encode_element(4, inner))

    def unasked(*_: object) -> None:
        raise AssertionError("it was loaded")

    monkeypatch.setattr(serialization, "load_der_private_key", unasked)
    with pytest.raises(ConfigError, match="an RSA key of 16384 bits; want 2048 to 8192"):
        load_any_private_key(outer if pkcs8 else inner)


def test_long_keys_of_other_kinds_are_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a DSA key the public one is computed, in a group of whatever size."""
    dsa = bytes.fromhex("06072a8648ce380401")
    group = sequence((1 << 40_000) + 1, 3, 2)
    whole = sequence(0, sequence(dsa, group), encode_element(4, b"\2\1\5"))
    monkeypatch.delattr(serialization, "load_der_private_key")
    with pytest.raises(ConfigError, match="got a PKCS#8 key of another kind"):
        load_any_private_key(whole)


@pytest.mark.parametrize("label", ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
def test_very_many_long_keys_are_not_read(label: str) -> None:
    few, many = (to_pem(label, bytes(4700)) * count for count in (3, 100))
    with pytest.raises(ConfigError, match="costs too much to read"):
        load_private_keys(many)
    with pytest.raises(ConfigError, match="private key"):
        load_private_keys(few)


def sequence(*items: int | bytes) -> bytes:
    """DER of a SEQUENCE of integers, and of what is encoded already."""
    return encode_element(
        0x30,
        b"".join(
            encode_element(2, item.to_bytes(item.bit_length() // 8 + 1, "big"))
            if isinstance(item, int)
            else item
            for item in items
        ),
    )
