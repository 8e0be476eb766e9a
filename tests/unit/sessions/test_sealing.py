"""Values sealed for a place that others can read."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tlcp.errors import ConfigError
from tlcp.sessions.sealing import Sealer

SECRET = b"a secret that nobody guesses"
ID, VALUE = b"\x42" * 32, b"the master secret"


def other_hmac(key: bytes, data: bytes) -> bytes:
    mac = hmac.HMAC(key, hashes.SM3())
    mac.update(data)
    return mac.finalize()


def test_a_value_is_sealed_as_another_implementation_would() -> None:
    nonce = b"twelve bytes"
    key = other_hmac(other_hmac(SECRET, b"purpose"), ID)[:16]
    other = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    other.authenticate_additional_data(ID)
    sealed = b"S1" + nonce + other.update(VALUE) + other.finalize() + other.tag
    ours = Sealer(SECRET, b"purpose", random=lambda size: nonce[:size])
    assert ours.seal(ID, VALUE) == sealed
    assert ours.open(ID, sealed) == VALUE


def test_a_str_is_its_utf_8() -> None:
    sealed = Sealer("机密机密机密", b"p").seal(ID, VALUE)
    assert Sealer("机密机密机密".encode(), b"p").open(ID, sealed) == VALUE


def test_a_damaged_value_is_none() -> None:
    sealer = Sealer(SECRET, b"p")
    sealed = sealer.seal(ID, VALUE)
    for place in range(len(sealed)):
        bad = bytearray(sealed)
        bad[place] ^= 1
        assert sealer.open(ID, bytes(bad)) is None, place
        assert sealer.open(ID, sealed[:place]) is None, place


@pytest.mark.parametrize(
    ("secret", "purpose", "place"),
    [(SECRET + b"!", b"p", ID), (SECRET, b"another", ID), (SECRET, b"p", b"another id")],
    ids=["secret", "purpose", "id"],
)
def test_a_value_of_another_is_none(secret: bytes, purpose: bytes, place: bytes) -> None:
    sealed = Sealer(SECRET, b"p").seal(ID, VALUE)
    assert Sealer(secret, purpose).open(place, sealed) is None


def test_with_a_secret_a_value_in_clear_is_none() -> None:
    assert Sealer(SECRET, b"p").open(ID, VALUE) is None


def test_without_a_secret_values_stay_as_they_are() -> None:
    sealer = Sealer(None, b"p")
    assert sealer.seal(ID, VALUE) == VALUE
    assert sealer.open(ID, VALUE) == VALUE


def test_two_sealings_are_not_alike() -> None:
    sealer = Sealer(os.urandom(32), b"p")
    assert sealer.seal(ID, VALUE) != sealer.seal(ID, VALUE)


@pytest.mark.parametrize("secret", [b"", "", b"fifteen bytes.."])
def test_a_secret_that_can_be_guessed_is_refused_and_not_shown(secret: bytes | str) -> None:
    with pytest.raises(ConfigError, match="token_bytes") as caught:
        Sealer(secret, b"p")
    assert "fifteen" not in str(caught.value)
