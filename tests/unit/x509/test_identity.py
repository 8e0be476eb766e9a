from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tlcp.crypto.keyfile import dump_private_key
from tlcp.crypto.keys import KeyAgreement, PrivateKey
from tlcp.errors import ConfigError
from tlcp.pki.build import build_certificate, build_name, certificate_pem
from tlcp.x509.certificate import Certificate
from tlcp.x509.identity import Identity
from unit.x509.minting import ENC, NOW, SIGN, Party, captured, key, mint_ca, mint_leaf

ROOT = mint_ca("Root")
UPPER = mint_ca("Upper", ROOT)
LOWER = mint_ca("Lower", UPPER)
SIGN_LEAF = mint_leaf("localhost", LOWER)
ENC_LEAF = mint_leaf("localhost", LOWER, usages=ENC)


def pem(*parties: Party) -> bytes:
    return certificate_pem(*(party.der for party in parties))


def key_pem(party: Party) -> bytes:
    return dump_private_key(party.key)


GOOD = (pem(SIGN_LEAF), key_pem(SIGN_LEAF), pem(ENC_LEAF), key_pem(ENC_LEAF))


def refused(sign_cert: bytes, sign_key: bytes, enc_cert: bytes = b"", enc_key: bytes = b"") -> str:
    with pytest.raises(ConfigError) as caught:
        Identity.from_pem(sign_cert, sign_key, enc_cert or None, enc_key or None)
    return str(caught.value)


def test_good_identity() -> None:
    identity = Identity.from_pem(*GOOD)
    assert (identity.sign_cert, identity.enc_cert) == (SIGN_LEAF.cert, ENC_LEAF.cert)
    assert isinstance(identity.sign_key, PrivateKey)
    assert identity.sign_key.public_point == SIGN_LEAF.cert.public_point
    assert identity.enc_key is not None
    assert isinstance(identity.enc_key, PrivateKey)
    assert identity.enc_key.public_point == ENC_LEAF.cert.public_point
    assert identity.certificate_list() == (SIGN_LEAF.der, ENC_LEAF.der)


def test_client_that_only_signs() -> None:
    identity = Identity.from_pem(*GOOD[:2])
    assert (identity.enc_cert, identity.enc_key) == (None, None)
    assert identity.certificate_list() == (SIGN_LEAF.der,)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_list_goes_upwards_and_leaves_the_root_out(order: tuple[int, ...]) -> None:
    """GB/T 38636-2020 6.4.5.3; GmSSL refuses a list with the root."""
    above = [(LOWER, UPPER, ROOT)[place] for place in order]
    identity = Identity.from_pem(
        pem(SIGN_LEAF, *above), GOOD[1], pem(ENC_LEAF, *reversed(above)), GOOD[3]
    )
    wanted = (SIGN_LEAF.der, ENC_LEAF.der, LOWER.der, UPPER.der)
    assert identity.certificate_list() == wanted
    assert identity.certificate_list(include_enc=False) == (SIGN_LEAF.der, LOWER.der, UPPER.der)


def test_cas_of_the_encryption_certificate_alone_come_last() -> None:
    other = mint_ca("Other Sub", mint_ca("Other Root"))
    enc = mint_leaf("localhost", other, usages=ENC)
    identity = Identity.from_pem(
        pem(SIGN_LEAF, UPPER, LOWER), GOOD[1], pem(enc, other), key_pem(enc)
    )
    assert identity.certificate_list() == (
        SIGN_LEAF.der, enc.der, LOWER.der, UPPER.der, other.der
    )  # fmt: skip


def test_one_certificate_and_key_for_both() -> None:
    both = mint_leaf("localhost", ROOT, usages=(*SIGN, *ENC))
    identity = Identity(both.cert, both.key, both.cert, both.key)
    assert identity.certificate_list() == (both.der, both.der)


def test_repr_shows_subjects_only() -> None:
    text = repr(Identity.from_pem(*GOOD))
    assert text == "<Identity sign CN=localhost, enc CN=localhost, 0 CA certificates>"
    assert repr(Identity.from_pem(*GOOD[:2])).count("none") == 1


class ElsewhereKey:
    """A key that is not in this process: all that the protocol asks for."""

    def __init__(self, party: Party) -> None:
        self._key = party.key

    @property
    def public_point(self) -> bytes:
        return self._key.public_point

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def decrypt(self, ciphertext: bytes) -> bytes:
        return self._key.decrypt(ciphertext)

    def begin_key_exchange(self) -> KeyAgreement:
        return self._key.begin_key_exchange()


def test_keys_may_live_elsewhere() -> None:
    sign_key, enc_key = ElsewhereKey(SIGN_LEAF), ElsewhereKey(ENC_LEAF)
    assert isinstance(sign_key, PrivateKey)
    assert Identity(SIGN_LEAF.cert, sign_key, ENC_LEAF.cert, enc_key).sign_key is sign_key
    with pytest.raises(ConfigError, match="keys look swapped"):
        Identity(SIGN_LEAF.cert, enc_key, ENC_LEAF.cert, sign_key)


# What cannot work


def test_swapped_keys() -> None:
    sign, sign_key, enc, enc_key = GOOD
    text = "signing and encryption keys look swapped"
    assert text in refused(sign, enc_key, enc, sign_key)
    assert text in refused(sign, enc_key, enc, enc_key)
    assert text in refused(sign, sign_key, enc, sign_key)


def test_swapped_certificates() -> None:
    sign, sign_key, enc, enc_key = GOOD
    assert "certificates look swapped" in refused(enc, enc_key, sign, sign_key)
    assert "certificates look swapped" in refused(enc, sign_key, sign, enc_key)


def test_keys_of_others() -> None:
    sign, sign_key, enc, enc_key = GOOD
    other = dump_private_key(key("other"))
    text = "the signing key does not match the signing certificate CN=localhost"
    assert text in refused(sign, other, enc, enc_key)
    assert text in refused(sign, other)
    assert "the encryption key does not match" in refused(sign, sign_key, enc, other)


def test_half_an_encryption_side() -> None:
    sign, sign_key, enc, enc_key = GOOD
    assert "an encryption certificate but no encryption key" in refused(sign, sign_key, enc)
    assert "an encryption key but no encryption certificate" in refused(
        sign, sign_key, b"", enc_key
    )


def test_wrong_usages() -> None:
    sign, sign_key, enc, enc_key = GOOD
    assert "the signing certificate CN=localhost has keyUsage" in refused(enc, enc_key)
    assert "the encryption certificate CN=localhost has keyUsage" in refused(
        sign, sign_key, sign, sign_key
    )


def test_certificate_that_is_not_sm2() -> None:
    name = build_name("x")
    bad = build_certificate(
        subject=name,
        subject_point=b"\x04" + b"\x01" * 64,
        issuer=name,
        signer=key("any"),
        serial_number=1,
        not_before=NOW,
        not_after=NOW,
    )
    assert "the signing certificate cannot be used" in refused(certificate_pem(bad), GOOD[1])


def test_mixed_up_files() -> None:
    sign, sign_key, enc, enc_key = GOOD
    text = "are the certificate and key files mixed up?"
    assert text in refused(sign_key, sign)
    assert text in refused(sign, sign)
    assert text in refused(sign, sign_key, enc_key, enc)
    # No such advice for what is simply another kind of key.
    rsa_key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    told = refused(sign, rsa_key, enc, enc_key)
    assert "signing key: expected an SM2 private key, got an RSA key of 2048 bits" in told
    assert "mixed up" not in told
    assert "mixed up" not in refused(b"garbage", sign_key)
    assert "no END line" in refused(sign[:-30], sign_key)


def test_load_reads_files(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("s.crt", "s.key", "e.crt", "e.key")]
    for path, data in zip(paths, GOOD, strict=True):
        path.write_bytes(data)
    sign_crt, sign_key, enc_crt, enc_key = paths
    identity = Identity.load(sign_crt, sign_key, enc_crt, enc_key)
    assert identity.certificate_list() == (SIGN_LEAF.der, ENC_LEAF.der)
    assert Identity.load(str(sign_crt), str(sign_key)).enc_cert is None


@pytest.mark.parametrize(
    ("number", "role"),
    list(
        enumerate(
            ("signing certificate", "signing key", "encryption certificate", "encryption key")
        )
    ),
)
def test_load_names_the_file(tmp_path: Path, number: int, role: str) -> None:
    paths = [tmp_path / name for name in ("s.crt", "s.key", "e.crt", "e.key")]
    for path, data in zip(paths, GOOD, strict=True):
        path.write_bytes(data)
    (tmp_path / "bad").write_bytes(b"bad")
    for wrong, text in (
        (tmp_path / "missing", rf"cannot read the {role} .*missing: No such file"),
        (tmp_path, f"cannot read the {role}"),
        (tmp_path / "bad", rf"{role} .*bad: expected"),
    ):
        paths[number] = wrong
        with pytest.raises(ConfigError, match=text):
            Identity.load(paths[0], paths[1], paths[2], paths[3])


def test_captured_identity_matches_its_keys() -> None:
    scalars = (
        "f6b13cc22b5c5f10c083d5f9fc8c1ef65fd7d0e436c63d0933293242bb9df6c6",
        "4d3d39f76cdddec9bec2fa6664bd700dc90c619d3c4b9c5520a6d9c3009a3765",
    )
    sign_key, enc_key = (type(key("any"))(bytes.fromhex(scalar)) for scalar in scalars)
    identity = Identity(captured("server-sign"), sign_key, captured("server-enc"), enc_key)
    first = Certificate.from_der(identity.certificate_list()[0])
    assert first.common_name == "localhost"
