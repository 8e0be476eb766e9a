"""SM2EnvelopedKey: GB/T 35276-2017 7.4."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from peers.files import der
from tlcp.crypto.der import decode_ciphertext
from tlcp.crypto.envelope import (
    ENVELOPE_LABEL,
    Fill,
    envelope_form,
    envelope_point,
    is_envelope,
    open_envelope,
    seal_envelope,
)
from tlcp.crypto.pem import to_pem
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.errors import ConfigError

SIGN = SM2PrivateKey(bytes(range(1, 33)))
ENC = SM2PrivateKey(bytes(range(33, 65)))
SM4_KEY = bytes(range(16))
FILLS: tuple[Fill, ...] = ("plain", "padded", "device")
ECB, SM4, SM1, CBC = (
    bytes.fromhex(oid)
    for oid in ("2a811ccf55016801", "2a811ccf550168", "2a811ccf550166", "2a811ccf55016802")
)
NULL = b"\x05\x00"


def by_hand(
    plaintext: bytes,
    *,
    algorithm: bytes = der(0x06, ECB) + NULL,
    point: bytes = ENC.public_point,
    sm4_key: bytes = SM4_KEY,
) -> bytes:
    """An envelope put together byte by byte, not by the module that is tested."""
    context = Cipher(algorithms.SM4(SM4_KEY), modes.ECB()).encryptor()  # noqa: S305
    return der(
        0x30,
        der(0x30, algorithm),
        SIGN.public_key.encrypt(sm4_key),
        der(0x03, b"\0", point),
        der(0x03, b"\0", context.update(plaintext)),
    )


SCALAR = ENC.dangerous_scalar()


@pytest.mark.parametrize(
    "plaintext",
    [
        pytest.param(SCALAR, id="32 bytes"),
        pytest.param(SCALAR + bytes([16]) * 16, id="48 bytes, padded"),
        pytest.param(bytes(32) + SCALAR, id="64 bytes"),
        pytest.param(bytes(16) + SCALAR, id="48 bytes, zeros first"),
    ],
)
@pytest.mark.parametrize(
    "algorithm", [der(0x06, oid) + more for oid in (ECB, SM4) for more in (NULL, b"")]
)
def test_every_form_that_is_in_use(plaintext: bytes, algorithm: bytes) -> None:
    data = by_hand(plaintext, algorithm=algorithm)
    key = open_envelope(data, SIGN, public_point=ENC.public_point)
    assert key.dangerous_scalar() == SCALAR


@pytest.mark.parametrize("fill", FILLS)
def test_ours_opens(fill: Fill) -> None:
    data = seal_envelope(ENC, SIGN.public_key, fill=fill)
    assert is_envelope(data)
    for form in (data, base64.encodebytes(data), base64.b64encode(data) + b"\r\n"):
        assert open_envelope(form, SIGN).public_point == ENC.public_point
    assert open_envelope(to_pem(ENVELOPE_LABEL, data), SIGN).public_point == ENC.public_point


def test_two_envelopes_share_nothing_secret() -> None:
    one, two = (seal_envelope(ENC, SIGN.public_key) for _ in range(2))
    assert one[-32:] != two[-32:]  # a fresh SM4 key
    assert SCALAR not in one


def refused(data: bytes, key: SM2PrivateKey = SIGN, point: bytes | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        open_envelope(data, key, public_point=point)
    text = str(caught.value)
    assert SCALAR.hex() not in text
    return text


def test_what_does_not_belong_together() -> None:
    data = seal_envelope(ENC, SIGN.public_key)
    assert "does not open with this signing key" in refused(data, ENC)
    assert "another encryption certificate" in refused(data, point=SIGN.public_point)
    assert "does not belong to its public key" in refused(by_hand(SIGN.dangerous_scalar()))
    swapped = by_hand(SCALAR, point=SIGN.public_point)
    assert "does not belong to its public key" in refused(swapped, point=SIGN.public_point)


@pytest.mark.parametrize("scalar", [bytes(32), b"\xff" * 32], ids=["zero", "above the order"])
def test_a_number_that_is_no_key(scalar: bytes) -> None:
    assert "does not belong to its public key" in refused(by_hand(scalar))


def test_what_stands_before_the_key_is_zero() -> None:
    assert "does not belong" in refused(by_hand(b"\x01" + bytes(31) + SCALAR))


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (der(0x06, SM1) + NULL, "SM1, which is not public"),
        (der(0x06, CBC) + der(0x04, bytes(16)), "SM4 in CBC mode"),
        (der(0x06, bytes.fromhex("6086480165030401 01")), "2.16.840.1.101.3.4.1.1"),
    ],
)
def test_other_ciphers_are_named(algorithm: bytes, name: str) -> None:
    assert name in refused(by_hand(SCALAR, algorithm=algorithm))


def test_fields_of_wrong_length() -> None:
    assert "16 bytes of private key" in refused(by_hand(SCALAR[:16]))
    assert "80 bytes of private key" in refused(by_hand(bytes(48) + SCALAR))
    assert "not a point of 65 bytes" in refused(by_hand(SCALAR, point=ENC.public_point[1:]))
    assert "SM4 key has 15 bytes" in refused(by_hand(SCALAR, sm4_key=SM4_KEY[:15]))


@pytest.mark.parametrize("fill", FILLS)
def test_every_truncation_is_refused_and_any_byte_after(fill: Fill) -> None:
    data = seal_envelope(ENC, SIGN.public_key, fill=fill)
    for end in range(len(data)):
        refused(data[:end])
        assert not is_envelope(data[:end])
        refused(to_pem(ENVELOPE_LABEL, data[:end]))
    refused(data + b"\0")
    text = base64.b64encode(data)
    for end in range(len(text)):
        refused(text[:end])


def test_every_changed_byte_is_refused() -> None:
    """But for a NULL's place and the cipher's name, nothing can be changed unseen."""
    data = seal_envelope(ENC, SIGN.public_key)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        if at > data.index(NULL) + 1:
            refused(bytes(changed))


def test_files_of_another_kind() -> None:
    assert not is_envelope(b"")
    assert not is_envelope(to_pem("CERTIFICATE", b"0"))
    assert "2 PEM blocks" in refused(to_pem("A", b"0") + to_pem("B", b"0"))


# ---- the structure of devices, GM/T 0016-2012 6.4.10 ------------------------------------------


ZEROS_FIRST = bytes(32) + SCALAR


def blob(private: bytes, *, cipher: int = 0x401, after: bytes = b"", version: int = 1) -> bytes:
    """Field by field, from the C declarations."""
    context = Cipher(algorithms.SM4(SM4_KEY), modes.ECB()).encryptor()  # noqa: S305
    c1, c3, c2 = decode_ciphertext(SIGN.public_key.encrypt(SM4_KEY))
    zeros, little = bytes(32), (256).to_bytes(4, "little")
    fields = [
        version.to_bytes(4, "little"),
        cipher.to_bytes(4, "little"),
        little,
        context.update(private),
        little,
        zeros + ENC.public_point[1:33],
        zeros + ENC.public_point[33:],
        zeros + c1[:32],
        zeros + c1[32:],
        c3,
        (16).to_bytes(4, "little"),
        c2,
    ]
    return b"".join(fields) + after


def raw_zeros() -> bytes:
    """Zeros before the ciphertext instead of before the plaintext."""
    whole = bytearray(blob(ZEROS_FIRST))
    whole[12:44] = bytes(32)
    return bytes(whole)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(blob(ZEROS_FIRST), id="zeros encrypted, too"),
        pytest.param(raw_zeros(), id="zeros in the clear"),
        pytest.param(blob(ZEROS_FIRST, after=b"\0"), id="a byte of C's alignment"),
        pytest.param(blob(ZEROS_FIRST, after=bytes(240)), id="the rest of a buffer"),
        pytest.param(base64.b64encode(blob(ZEROS_FIRST)), id="base64"),
    ],
)
def test_the_structure_of_devices(data: bytes) -> None:
    assert is_envelope(data)
    assert envelope_point(data) == ENC.public_point
    assert open_envelope(data, SIGN, public_point=ENC.public_point).dangerous_scalar() == SCALAR


def test_the_structure_of_devices_when_it_is_wrong() -> None:
    assert "0x101 is SM1" in refused(blob(ZEROS_FIRST, cipher=0x101))
    assert "does not open with this signing key" in refused(blob(ZEROS_FIRST), ENC)
    assert "does not belong to its public key" in refused(blob(b"\1" * 32 + SCALAR))
    assert "got something else" in refused(blob(ZEROS_FIRST, version=2))
    assert "got something else" in refused(blob(ZEROS_FIRST, after=bytes(700)))
    data = blob(ZEROS_FIRST)
    for end in range(len(data)):
        refused(data[:end])


@pytest.mark.parametrize("data", [b"", b"x", b"\x30\x00", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_is_no_envelope_has_no_form(data: bytes) -> None:
    assert envelope_form(data) == ""
