"""Identities from files of every form, in any order, and from keys that live elsewhere."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tlcp.crypto.envelope import seal_envelope
from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.keys import PrivateKey
from tlcp.crypto.pbes2 import FOR_GMSSL, Protection
from tlcp.crypto.pem import split_pem
from tlcp.crypto.pkcs12 import Entry, dump_pkcs12
from tlcp.errors import ConfigError
from tlcp.pki.build import certificate_pem
from tlcp.x509.files import load_identity
from tlcp.x509.identity import Identity
from unit.x509.minting import Party, key, mint_world
from unit.x509.test_identity import ElsewhereKey

WORLD = mint_world()
PASSWORD = b"password"
FAST = Protection(iterations=10)
SIGN_KEY, ENC_KEY = dump_private_key(WORLD.sign.key), dump_private_key(WORLD.enc.key)
CERTS = certificate_pem(WORLD.sub.der, WORLD.enc.der, WORLD.sign.der)  # the CA first
ENVELOPE = seal_envelope(WORLD.enc.key, WORLD.sign.key.public_key)
ENTRIES = [Entry(WORLD.sign.key, WORLD.sign.der), Entry(WORLD.enc.key, WORLD.enc.der)]
NOBODYS = ElsewhereKey(Party(WORLD.sign.cert, key("another")))
P12 = dump_pkcs12(ENTRIES, PASSWORD, cas=[WORLD.sub.der], protection=FAST)


def check(identity: Identity) -> None:
    assert (identity.sign_cert, identity.enc_cert) == (WORLD.sign.cert, WORLD.enc.cert)
    assert isinstance(identity.sign_key, PrivateKey)
    assert isinstance(identity.enc_key, PrivateKey)
    assert identity.sign_key.public_point == WORLD.sign.key.public_point
    assert identity.enc_key.public_point == WORLD.enc.key.public_point
    assert identity.chain == (WORLD.sub.cert,)


SEALED = dump_private_key(WORLD.sign.key, password=PASSWORD, protection=FOR_GMSSL)
KEYS = {
    "both keys in one file": (ENC_KEY + SIGN_KEY, ENC_KEY + SIGN_KEY),
    "one encrypted": (SEALED, ENC_KEY),
    "SEC1 and DER": (dump_private_key(WORLD.sign.key, "sec1"), split_pem(ENC_KEY)[0].der),
    "PKCS#12": (P12, P12),
    "envelope": (SIGN_KEY, ENVELOPE),
    "envelope in base64": (SIGN_KEY, base64.encodebytes(ENVELOPE)),
}


@pytest.mark.parametrize("form", KEYS)
@pytest.mark.parametrize("certificates", [CERTS, P12], ids=["PEM", "PKCS#12"])
def test_keys_find_their_certificates(form: str, certificates: bytes, tmp_path: Path) -> None:
    sign_key, enc_key = KEYS[form]
    check(Identity.from_pem(certificates, sign_key, certificates, enc_key, PASSWORD))
    paths = [tmp_path / name for name in ("certificates", "sign.key", "enc.key")]
    for path, data in zip(paths, (certificates, sign_key, enc_key), strict=True):
        path.write_bytes(data)
    certificate, sign, enc = paths
    check(Identity.load(certificate, sign, certificate, enc, PASSWORD))
    check(load_identity(None, None, PASSWORD, (certificate, sign), (str(certificate), enc)))


def test_keys_that_live_elsewhere_with_certificates_from_files(tmp_path: Path) -> None:
    path = tmp_path / "certificates"
    path.write_bytes(CERTS)
    sign, enc = ElsewhereKey(WORLD.sign), ElsewhereKey(WORLD.enc)
    identity = load_identity(None, None, None, (path, sign), (path, enc))
    check(identity)
    assert (identity.sign_key, identity.enc_key) == (sign, enc)
    check(Identity.from_pem(CERTS, sign, CERTS, enc))
    # a signing key in a device opens the envelope of the encryption key
    check(Identity.from_pem(CERTS, sign, CERTS, ENVELOPE))
    with pytest.raises(ConfigError, match="signing key does not match"):
        load_identity(None, None, None, (path, NOBODYS), None)


BUNDLES: dict[str, list[bytes]] = {
    "PKCS#12": [P12],
    "PEM with an envelope beside it": [CERTS + SIGN_KEY, ENVELOPE],
    "DER of everything": [
        WORLD.enc.der,
        split_pem(ENC_KEY)[0].der,
        WORLD.sub.der,
        split_pem(SIGN_KEY)[0].der,
        WORLD.sign.der,
    ],
    "encrypted": [SEALED + CERTS + ENC_KEY],
}


@pytest.mark.parametrize("name", BUNDLES)
def test_bundles(name: str, tmp_path: Path) -> None:
    paths = []
    for number, data in enumerate(BUNDLES[name]):
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(data)
    check(Identity.from_bundle(*paths, password=PASSWORD))


def test_a_password_function_is_asked_for_a_pkcs12_file(tmp_path: Path) -> None:
    path = tmp_path / "pair.p12"
    path.write_bytes(P12)
    check(load_identity(path, None, lambda: "password", None, None))
    with pytest.raises(ConfigError, match="none is given"):
        load_identity(path, None, None, None, None)
    with pytest.raises(ConfigError, match=r"pair\.p12.*password is wrong"):
        load_identity(path, None, "wrong", None, None)


def refused(
    sign_cert: bytes, sign_key: bytes, enc_cert: bytes | None = None, enc_key: bytes | None = None
) -> str:
    with pytest.raises(ConfigError) as caught:
        Identity.from_pem(sign_cert, sign_key, enc_cert, enc_key, PASSWORD)
    return str(caught.value)


def test_what_does_not_fit() -> None:
    other = seal_envelope(key("another"), WORLD.sign.key.public_key)
    wrong = seal_envelope(WORLD.enc.key, WORLD.enc.key.public_key)
    assert "does not match the encryption certificate" in refused(CERTS, SIGN_KEY, CERTS, other)
    assert "does not open with this signing key" in refused(CERTS, SIGN_KEY, CERTS, wrong)
    assert "signing key: it is an envelope" in refused(CERTS, ENVELOPE, CERTS, ENC_KEY)
    assert "signing key does not match" in refused(CERTS, dump_private_key(key("another")))
    only_cas = dump_pkcs12([], PASSWORD, cas=[WORLD.sub.der], protection=FAST)
    assert "PKCS#12 file holds none" in refused(CERTS, only_cas)
    empty = dump_pkcs12([], PASSWORD, protection=FAST)
    assert "signing certificate: expected a certificate" in refused(empty, SIGN_KEY)


def test_bundles_with_an_envelope_that_does_not_open(tmp_path: Path) -> None:
    path, envelope = tmp_path / "pem", tmp_path / "envelope"
    envelope.write_bytes(ENVELOPE)
    path.write_bytes(CERTS)
    with pytest.raises(ConfigError, match="no signing key to open the envelope"):
        Identity.from_bundle(path, envelope)
    path.write_bytes(CERTS + dump_private_key(key("another")))
    with pytest.raises(ConfigError, match="does not open with this signing key"):
        Identity.from_bundle(path, envelope)
