"""CRLs that we build: as RFC 5280 5 wants them, read by other parsers, verified by other code."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support.openssl import openssl, run_openssl
from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.pki.build import build_name
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.crl import REASONS, Revocation, build_crl, crl_pem
from tlcp.pki.signing import ECDSASigner
from tlcp.x509.der import CertificateDer

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
KEY = SM2PrivateKey((7).to_bytes(32))
NAME = build_name("A CA", organization="O", country="CN")


def build(
    *revoked: Revocation,
    next_update: datetime.datetime | None = NOW + DAY,
    crl_number: int | None = 5,
    issuer_key_id: bytes | None = b"k" * 20,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    null_parameters: bool = False,
) -> bytes:
    return build_crl(
        issuer=NAME,
        signer=KEY,
        this_update=NOW,
        next_update=next_update,
        revoked=revoked,
        crl_number=crl_number,
        issuer_key_id=issuer_key_id,
        extensions=extensions,
        null_parameters=null_parameters,
    )


def test_library_reads_what_we_write() -> None:
    crl = x509.load_der_x509_crl(
        build(
            Revocation(77, NOW - DAY, x509.ReasonFlags.key_compromise),
            Revocation(1 << 125, NOW - 2 * DAY),
        )
    )
    assert crl.issuer == NAME
    assert (crl.last_update_utc, crl.next_update_utc) == (NOW, NOW + DAY)
    assert [(entry.serial_number, entry.revocation_date_utc) for entry in crl] == [
        (77, NOW - DAY),
        (1 << 125, NOW - 2 * DAY),
    ]
    reason = crl[0].extensions.get_extension_for_class(x509.CRLReason).value
    assert reason.reason is x509.ReasonFlags.key_compromise
    assert not list(crl[1].extensions)
    assert [(extension.value, extension.critical) for extension in crl.extensions] == [
        (x509.AuthorityKeyIdentifier(b"k" * 20, None, None), False),
        (x509.CRLNumber(5), False),
    ]


def test_sm2_signature_is_over_the_list() -> None:
    der = build(Revocation(77, NOW))
    outer = asn1.decode_der(CertificateDer, der)
    KEY.public_key.verify(outer.signature.as_bytes(), asn1.encode_der(outer.tbs))
    assert x509.load_der_x509_crl(der).signature_algorithm_oid.dotted_string.endswith(".501")


def test_an_empty_list_leaves_the_entries_out() -> None:
    """RFC 5280 5.1.2.6: revokedCertificates MUST be absent, and never an empty SEQUENCE."""
    der = build()
    assert len(x509.load_der_x509_crl(der)) == 0
    assert b"\x30\x00" not in der


def test_without_extensions_the_list_is_of_version_1() -> None:
    plain = build(crl_number=None, issuer_key_id=None)
    assert not list(x509.load_der_x509_crl(plain).extensions)
    # The version is written for 2 alone (RFC 5280 5.1.2.1).
    assert b"\x02\x01\x01\x30" not in plain[:12]
    assert b"\x02\x01\x01\x30" in build()[:12]
    entry_only = build(
        Revocation(1, NOW, x509.ReasonFlags.superseded), crl_number=None, issuer_key_id=None
    )
    assert b"\x02\x01\x01\x30" in entry_only[:12]


def test_next_update_may_be_left_out_and_null_may_be_written() -> None:
    assert x509.load_der_x509_crl(build(next_update=None)).next_update_utc is None
    with_null = bytes.fromhex("300c06082a811ccf550183750500")
    assert build(null_parameters=True).count(with_null) == 2
    assert with_null not in build()


@pytest.mark.parametrize("name", sorted(REASONS))
def test_every_reason_is_the_one_read(name: str) -> None:
    crl = x509.load_der_x509_crl(build(Revocation(9, NOW, REASONS[name])))
    if name == "unspecified":  # RFC 5280 5.3.1: left out rather than said
        assert not list(crl[0].extensions)
        return
    reason = crl[0].extensions.get_extension_for_class(x509.CRLReason).value
    assert reason.reason.value == name


def test_lists_of_the_kinds_to_refuse_can_be_made() -> None:
    indirect = x509.IssuingDistributionPoint(None, None, False, False, None, True, False)
    other = x509.CertificateIssuer([x509.DirectoryName(build_name("Another CA"))])
    crl = x509.load_der_x509_crl(
        build(
            Revocation(3, NOW, extensions=((other, True),)),
            extensions=[(indirect, True), (x509.DeltaCRLIndicator(4), True)],
        )
    )
    assert crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).critical
    assert crl.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number == 4
    assert crl[0].extensions.get_extension_for_class(x509.CertificateIssuer).value == other


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_ecdsa_lists_verify_elsewhere(curve: ec.EllipticCurve, tmp_path: Path) -> None:
    key = ec.generate_private_key(curve)
    authority = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key, hashes.SHA256())
    )
    der = build_crl(
        issuer=NAME, signer=ECDSASigner(key), this_update=NOW, next_update=NOW + DAY, crl_number=1
    )
    public: ec.EllipticCurvePublicKey = key.public_key()
    assert x509.load_der_x509_crl(der).is_signature_valid(public)
    (tmp_path / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "crl.pem").write_bytes(crl_pem(der))
    said = openssl("crl", "-in", tmp_path / "crl.pem", "-CAfile", tmp_path / "ca.pem", "-noout")
    assert "verify OK" in said
    broken = bytearray(der)
    broken[-1] ^= 1
    (tmp_path / "crl.pem").write_bytes(crl_pem(bytes(broken)))
    refused = run_openssl(
        "crl", "-in", tmp_path / "crl.pem", "-CAfile", tmp_path / "ca.pem", "-noout"
    )
    assert "verify failure" in refused.stdout + refused.stderr


def test_no_ecdsa_on_a_curve_that_nobody_uses_here() -> None:
    with pytest.raises(ValueError, match="secp256k1"):
        ECDSASigner(ec.generate_private_key(ec.SECP256K1()))


def test_openssl_reads_our_sm2_list(tmp_path: Path) -> None:
    """OpenSSL 3.0 cannot be told the SM2 ID of a CRL, so it reads it and no more."""
    ca = CertificateAuthority.create(now=NOW)
    der = build_crl(
        issuer=ca.certificate.subject,
        signer=ca.key,
        this_update=NOW,
        next_update=NOW + DAY,
        revoked=[Revocation(0xABCDEF, NOW, x509.ReasonFlags.cessation_of_operation)],
        crl_number=12,
    )
    (tmp_path / "crl.pem").write_bytes(crl_pem(der))
    text = openssl("crl", "-in", tmp_path / "crl.pem", "-noout", "-text")
    for word in ("SM2-with-SM3", "ABCDEF", "Cessation Of Operation", "CN = TLCP Root CA"):
        assert word in text
