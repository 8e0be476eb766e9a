from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tlcp.crypto.sm2 import SM2PrivateKey
from tlcp.pki.build import (
    Extension,
    authority_key_id,
    build_certificate,
    build_name,
    key_identifier,
    key_usage,
    subject_alternative_name,
)
from tlcp.pki.signing import ECDSASigner
from tlcp.x509.certificate import Certificate

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
KEY = SM2PrivateKey((7).to_bytes(32))


def build(
    *extensions: Extension, not_after: datetime.datetime = NOW, null_parameters: bool = False
) -> bytes:
    name = build_name("x", organization="O", country="CN")
    return build_certificate(
        subject=name,
        subject_point=KEY.public_point,
        issuer=name,
        signer=KEY,
        serial_number=128,
        not_before=NOW,
        not_after=not_after,
        extensions=extensions,
        null_parameters=null_parameters,
    )


def test_no_extensions_make_version_1() -> None:
    der = build()
    assert Certificate.from_der(der).version == 1
    assert Certificate.from_der(der).key_usage is None
    # The serial number stands first: no version field is written for its default.
    assert der[7:11] == bytes.fromhex("02020080")


def test_with_extensions_it_is_version_3() -> None:
    der = build(key_usage("digitalSignature"))
    assert der[7:16] == bytes.fromhex("a00302010202020080")
    # Default values are left out, as DER wants: critical is written only when true.
    assert bytes.fromhex("0603551d0f0101ff0404030207 80") in der
    assert b"\x01\x01\x00" not in der


def test_library_reads_what_we_write_back_to_the_same_bytes() -> None:
    parsed = x509.load_der_x509_certificate(build(key_usage("digitalSignature")))
    assert parsed.version is x509.Version.v3
    assert parsed.serial_number == 128
    assert parsed.not_valid_before_utc == parsed.not_valid_after_utc == NOW


@pytest.mark.parametrize(
    "name",
    ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement",
     "keyCertSign", "cRLSign"],
)  # fmt: skip
def test_each_key_usage_is_the_one_read(name: str) -> None:
    assert Certificate.from_der(build(key_usage(name))).key_usage == frozenset({name})


def test_null_parameters_stand_in_both_places() -> None:
    with_null = bytes.fromhex("300c06082a811ccf550183750500")
    assert build(null_parameters=True).count(with_null) == 2
    assert build().count(bytes.fromhex("300a06082a811ccf55018375")) == 2


def test_old_and_far_times() -> None:
    for year, tag in ((1949, 0x18), (1950, 0x17), (2049, 0x17), (2050, 0x18), (9999, 0x18)):
        moment = NOW.replace(year=year)
        der = build(not_after=moment)
        assert Certificate.from_der(der).not_after == moment
        text = moment.strftime("%Y%m%d%H%M%SZ")[0 if tag == 0x18 else 2 :].encode()
        assert bytes([tag, len(text)]) + text in der


def test_an_ecdsa_key_may_sign() -> None:
    """For mixed chains: an SM2 certificate below an ECDSA CA."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = build_name("x")
    der = build_certificate(
        subject=name,
        subject_point=KEY.public_point,
        issuer=name,
        signer=ECDSASigner(key),
        serial_number=1,
        not_before=NOW,
        not_after=NOW,
    )
    parsed = x509.load_der_x509_certificate(der)
    assert parsed.signature_algorithm_oid.dotted_string == "1.2.840.10045.4.3.3"
    key.public_key().verify(
        parsed.signature, parsed.tbs_certificate_bytes, ec.ECDSA(hashes.SHA384())
    )


def test_key_identifier_is_sm3_cut_to_20_bytes() -> None:
    assert len(key_identifier(KEY.public_point).digest) == 20
    other = SM2PrivateKey((8).to_bytes(32)).public_point
    assert key_identifier(other) != key_identifier(KEY.public_point)


def test_nothing_to_write_gives_no_extension() -> None:
    assert subject_alternative_name([]) is None
    assert authority_key_id(None) is None
