"""Files told apart, and read whatever their form and order."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from tlcp.crypto.envelope import seal_envelope
from tlcp.crypto.keyfile import dump_private_key, encode_private_key
from tlcp.crypto.pbes2 import Protection
from tlcp.crypto.pem import split_pem, to_pem
from tlcp.crypto.pkcs12 import Entry, dump_pkcs12
from tlcp.errors import ConfigError
from tlcp.pki.build import certificate_pem
from tlcp.x509.contents import may_need_password, read_parts
from tlcp.x509.identity import Identity
from unit.crypto.test_envelope import SCALAR, blob
from unit.x509.minting import mint_world

WORLD = mint_world()
PASSWORD = b"password"
FAST = Protection(iterations=10)
CLEAR = dump_private_key(WORLD.sign.key)
SEALED = dump_private_key(WORLD.sign.key, password=PASSWORD, protection=FAST)
ENVELOPE = seal_envelope(WORLD.enc.key, WORLD.sign.key.public_key)
P12 = dump_pkcs12([Entry(WORLD.sign.key, WORLD.sign.der)], PASSWORD, protection=FAST)


def der(pem: bytes) -> bytes:
    (block,) = split_pem(pem)
    return block.der


@pytest.mark.parametrize(
    ("data", "kind", "form", "encoding"),
    [
        (certificate_pem(WORLD.sign.der), "certificate", "X.509", "PEM"),
        (WORLD.sign.der, "certificate", "X.509", "DER"),
        (CLEAR, "private key", "PKCS#8", "PEM"),
        (der(CLEAR), "private key", "PKCS#8", "DER"),
        (dump_private_key(WORLD.sign.key, "sec1"), "private key", "SEC1", "PEM"),
        (encode_private_key(WORLD.sign.key, "sec1")[1], "private key", "SEC1", "DER"),
        (SEALED, "private key", "PKCS#8", "PEM"),
        (der(SEALED), "private key", "PKCS#8", "DER"),
        (ENVELOPE, "envelope", "SM2EnvelopedKey", "DER"),
        (base64.encodebytes(ENVELOPE), "envelope", "SM2EnvelopedKey", "base64"),
        (blob(bytes(32) + SCALAR), "envelope", "ENVELOPEDKEYBLOB", "binary"),
        (to_pem("ANY LABEL", ENVELOPE), "envelope", "SM2EnvelopedKey", "PEM"),
        (to_pem("PUBLIC KEY", b"0"), "other", "PUBLIC KEY", "PEM"),
    ],
)
def test_one_thing(data: bytes, kind: str, form: str, encoding: str) -> None:
    (part,) = read_parts(data, PASSWORD)
    assert (part.kind, part.form, part.encoding, part.problem) == (kind, form, encoding, "")
    if kind == "certificate":
        assert part.certificate == WORLD.sign.cert
    if kind == "private key":
        assert part.key is not None
        assert encode_private_key(part.key) == encode_private_key(WORLD.sign.key)
        assert WORLD.sign.key.dangerous_scalar().hex() not in repr(part)
    encrypted = data in (SEALED, der(SEALED))
    assert part.encryption.startswith("AES-256-CBC under a password") == encrypted
    assert may_need_password(data) == encrypted


def test_a_bundle_opened_and_not() -> None:
    key, certificate = read_parts(P12, PASSWORD)
    assert (key.kind, certificate.kind, key.form) == ("private key", "certificate", "PKCS#12")
    assert certificate.certificate == WORLD.sign.cert
    (shut,) = read_parts(P12)
    assert shut.kind == "bundle"
    assert "AES-256-CBC" in shut.encryption
    assert "none is given" in shut.problem
    assert may_need_password(P12)


def test_a_part_that_cannot_be_read_does_not_hide_the_others() -> None:
    pem = SEALED + certificate_pem(WORLD.sign.der, b"\x30\x00") + CLEAR
    sealed, good, bad, clear = read_parts(pem)
    assert "no password is given" in sealed.problem
    assert "does not decode" in bad.problem or bad.problem
    assert (good.problem, clear.problem, bad.certificate) == ("", "", None)


def test_the_old_encryption_is_named() -> None:
    lines = b"Proc-Type: 4,ENCRYPTED\nDEK-Info: SM4-CBC,00\n\n"
    begin = b"-----BEGIN EC PRIVATE KEY-----\n"
    pem = dump_private_key(WORLD.sign.key, "sec1").replace(begin, begin + lines)
    (part,) = read_parts(pem, PASSWORD)
    assert "DEK-Info" in part.encryption
    assert "DEK-Info" in part.problem


@pytest.mark.parametrize("encode", [bytes, base64.b64encode, lambda der: to_pem("PKCS7", der)])
def test_messages_are_named(encode: Callable[[bytes], bytes]) -> None:
    """In which some CAs deliver keys: GM/T 0010-2012 6."""
    oid = bytes.fromhex("060a2a811ccf550601040204")
    body = oid + b"\xa0\x81\x83\x04\x81\x80" + bytes(128)
    data = encode(b"\x30\x81" + bytes([len(body)]) + body)
    (part,) = read_parts(data)
    assert part.form == "SignedAndEnvelopedData of GM/T 0010"
    assert "ask the CA for an SM2EnvelopedKey" in part.problem
    if b"BEGIN" not in data:
        with pytest.raises(ConfigError, match="signing key: a SignedAndEnvelopedData of GM/T 0010"):
            Identity.from_pem(certificate_pem(WORLD.sign.der), data)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x30\x00", bytes(100), der(CLEAR)[:-1]])
def test_what_is_nothing_known(data: bytes) -> None:
    with pytest.raises(ConfigError, match="nothing that is known"):
        read_parts(data)
