"""OCSP that we build: requests and responses, read by other parsers, verified by other code."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from support.openssl import openssl, run_openssl
from tlcp.errors import ConfigError
from tlcp.pki.build import build_name, certificate_pem
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.crl import REASONS
from tlcp.pki.ocsp import OcspAnswer, OcspFailure, build_ocsp_failure, build_ocsp_response
from tlcp.pki.signing import ECDSASigner
from tlcp.x509.certificate import Certificate
from tlcp.x509.ocsp import (
    HASHES,
    OcspCertId,
    OcspRequest,
    build_ocsp_request,
    read_ocsp_request,
)

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
CA = CertificateAuthority.create(now=NOW)


def answers(hash_name: str = "sha1") -> list[OcspAnswer]:
    ids = [OcspCertId.of(number, CA.certificate, hash_name) for number in (1, 2, 3, 4)]
    compromise = x509.ReasonFlags.key_compromise
    return [
        OcspAnswer(ids[0], "good", NOW, NOW + DAY),
        OcspAnswer(ids[1], "revoked", NOW, NOW + DAY, NOW - DAY, compromise),
        OcspAnswer(ids[2], "revoked", NOW, None, NOW - DAY),
        OcspAnswer(ids[3], "unknown", NOW, NOW + DAY),
    ]


@pytest.mark.parametrize("hash_name", HASHES)
def test_library_reads_the_response(hash_name: str) -> None:
    response = ocsp.load_der_ocsp_response(
        build_ocsp_response(
            responder=CA.certificate,
            signer=CA.key,
            answers=answers(hash_name),
            produced_at=NOW,
            nonce=b"n" * 16,
        )
    )
    assert response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    assert response.signature_algorithm_oid.dotted_string == "1.2.156.10197.1.501"
    CA.key.public_key.verify(response.signature, response.tbs_response_bytes)
    assert response.produced_at_utc == NOW
    assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16
    assert [
        (
            one.serial_number,
            one.certificate_status.name,
            one.this_update_utc,
            one.next_update_utc,
            one.revocation_time_utc,
            one.revocation_reason,
        )
        for one in response.responses
    ] == [
        (1, "GOOD", NOW, NOW + DAY, None, None),
        (2, "REVOKED", NOW, NOW + DAY, NOW - DAY, x509.ReasonFlags.key_compromise),
        (3, "REVOKED", NOW, None, NOW - DAY, None),
        (4, "UNKNOWN", NOW, NOW + DAY, None, None),
    ]


@pytest.mark.parametrize("by_name", [False, True])
def test_responder_is_named_by_key_or_name(by_name: bool) -> None:
    """RFC 6960 4.2.1: KeyHash is SHA-1 of the key, whatever names the certificates."""
    der = build_ocsp_response(
        responder=CA.certificate,
        signer=CA.key,
        answers=answers("sm3")[:1],
        produced_at=NOW,
        by_name=by_name,
    )
    response = ocsp.load_der_ocsp_response(der)
    if by_name:
        assert response.responder_name == CA.certificate.subject
        assert response.responder_key_hash is None
    else:
        digest = hashes.Hash(hashes.SHA1())  # noqa: S303  (what the standard says)
        digest.update(CA.certificate.public_point)
        assert response.responder_key_hash == digest.finalize()


@pytest.mark.parametrize("name", sorted(set(REASONS)))
def test_every_reason_is_the_one_read(name: str) -> None:
    cert_id = OcspCertId.of(1, CA.certificate)
    answer = OcspAnswer(cert_id, "revoked", NOW, None, NOW, REASONS[name])
    response = ocsp.load_der_ocsp_response(
        build_ocsp_response(
            responder=CA.certificate, signer=CA.key, answers=[answer], produced_at=NOW
        )
    )
    assert response.revocation_reason is REASONS[name]


@pytest.mark.parametrize("failure", OcspFailure)
def test_failures_carry_no_answer(failure: OcspFailure) -> None:
    response = ocsp.load_der_ocsp_response(build_ocsp_failure(failure))
    assert response.response_status.name == failure.name


def test_revoked_needs_its_time() -> None:
    cert_id = OcspCertId.of(1, CA.certificate)
    with pytest.raises(ValueError, match="revoked_at"):
        OcspAnswer(cert_id, "revoked", NOW)
    with pytest.raises(ValueError, match="revoked_at"):
        OcspAnswer(cert_id, "good", NOW, revoked_at=NOW)


# Requests


def test_a_request_reads_back_and_the_library_reads_it_too() -> None:
    ids = tuple(OcspCertId.of(5, CA.certificate, name) for name in HASHES)
    assert read_ocsp_request(build_ocsp_request(ids, b"n" * 32)) == OcspRequest(ids, b"n" * 32)
    assert read_ocsp_request(build_ocsp_request(ids[:1])) == OcspRequest(ids[:1])
    theirs = ocsp.load_der_ocsp_request(build_ocsp_request(ids[1:2], b"n" * 32))
    assert theirs.serial_number == 5
    assert isinstance(theirs.hash_algorithm, hashes.SHA256)
    assert theirs.issuer_key_hash == ids[1].issuer_key_hash


@pytest.mark.parametrize("hash_name", HASHES)
def test_an_id_is_its_issuers_alone(hash_name: str) -> None:
    other = CertificateAuthority.create(now=NOW)  # the same name, another key
    cert_id = OcspCertId.of(5, CA.certificate, hash_name)
    assert cert_id.is_by(CA.certificate)
    assert not cert_id.is_by(other.certificate)
    with pytest.raises(ConfigError, match="sm3"):
        OcspCertId.of(5, CA.certificate, "md5")


def test_what_is_no_request_is_refused_at_every_length() -> None:
    whole = build_ocsp_request([OcspCertId.of(5, CA.certificate)], b"n" * 16)
    for size in range(len(whole)):
        with pytest.raises(ConfigError, match="not the DER of an OCSP request"):
            read_ocsp_request(whole[:size])
    with pytest.raises(ConfigError, match="not the DER of an OCSP request"):
        read_ocsp_request(whole + b"\0")


def test_requests_for_nothing_too_much_or_with_a_strange_hash() -> None:
    cert_id = OcspCertId.of(5, CA.certificate)
    assert len(read_ocsp_request(build_ocsp_request([cert_id] * 64)).ids) == 64
    for count in (0, 65):
        with pytest.raises(ConfigError, match=f"asks for {count} certificates"):
            read_ocsp_request(build_ocsp_request([cert_id] * count))
    for size in (0, 129):
        with pytest.raises(ConfigError):
            read_ocsp_request(build_ocsp_request([cert_id], b"n" * size))
    sha1, md5 = bytes.fromhex("06052b0e03021a"), bytes.fromhex("06052b0e030219")
    strange = build_ocsp_request([cert_id]).replace(sha1, md5)
    with pytest.raises(ConfigError, match=r"1\.3\.14\.3\.2\.25"):
        read_ocsp_request(strange)


# With OpenSSL


@pytest.fixture
def ec_ca(tmp_path: Path) -> tuple[Certificate, ECDSASigner]:
    """An ECDSA CA: OpenSSL cannot be told the SM2 ID of an OCSP response."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = build_name("EC CA")
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    (tmp_path / "ca.pem").write_bytes(certificate_pem(der))
    return Certificate.from_der(der), ECDSASigner(key)


@pytest.mark.parametrize("hash_name", HASHES)
def test_openssl_verifies_an_ecdsa_response(
    hash_name: str, ec_ca: tuple[Certificate, ECDSASigner], tmp_path: Path
) -> None:
    certificate, signer = ec_ca
    now = datetime.datetime.now(datetime.UTC)
    ids = [OcspCertId.of(number, certificate, hash_name) for number in (10, 11)]
    response = build_ocsp_response(
        responder=certificate,
        signer=signer,
        answers=[
            OcspAnswer(ids[0], "good", now, now + DAY),
            OcspAnswer(ids[1], "revoked", now, now + DAY, now - DAY, REASONS["superseded"]),
        ],
        produced_at=now,
    )
    ca, file = tmp_path / "ca.pem", tmp_path / "response.der"
    file.write_bytes(response)
    ask = ("ocsp", "-respin", file, "-CAfile", ca, "-issuer", ca, f"-{hash_name}")
    said = openssl(*ask, "-serial", "10", "-serial", "11")
    assert "Response verify OK" in said
    assert "10: good" in said
    assert "11: revoked" in said
    assert "superseded" in said
    broken = bytearray(response)
    broken[-1] ^= 1
    file.write_bytes(broken)
    refused = run_openssl(*ask, "-serial", "10")
    assert "Response Verify Failure" in refused.stdout + refused.stderr


@pytest.mark.parametrize("hash_name", HASHES)
def test_requests_of_openssl_are_read(hash_name: str, tmp_path: Path) -> None:
    ca_crt, _ = CA.save(tmp_path)
    file = tmp_path / "request.der"
    openssl(
        *("ocsp", "-issuer", ca_crt, f"-{hash_name}"),
        *("-serial", "10", "-serial", "0x0b", "-reqout", file),
    )
    request = read_ocsp_request(file.read_bytes())
    assert request.ids == tuple(OcspCertId.of(n, CA.certificate, hash_name) for n in (10, 11))
    assert request.nonce is not None


def test_a_signed_request_is_read(ec_ca: tuple[Certificate, ECDSASigner], tmp_path: Path) -> None:
    certificate, signer = ec_ca
    key = tmp_path / "key.pem"
    key.write_bytes(
        signer.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    ca, file = tmp_path / "ca.pem", tmp_path / "request.der"
    openssl(
        *("ocsp", "-issuer", ca, "-serial", "10", "-reqout", file),
        *("-signer", ca, "-signkey", key),
    )
    assert read_ocsp_request(file.read_bytes()).ids == (OcspCertId.of(10, certificate),)


def test_openssl_reads_our_sm2_response_and_request(tmp_path: Path) -> None:
    file = tmp_path / "x.der"
    file.write_bytes(
        build_ocsp_response(
            responder=CA.certificate,
            signer=CA.key,
            answers=answers("sm3"),
            produced_at=NOW,
            certificates=[CA.certificate],
        )
    )
    text = openssl("ocsp", "-respin", file, "-noverify", "-resp_text")
    for word in ("SM2-with-SM3", "Cert Status: unknown", "keyCompromise", "TLCP Root CA"):
        assert word in text
    file.write_bytes(build_ocsp_request([OcspCertId.of(5, CA.certificate, "sm3")], b"n" * 16))
    assert "Hash Algorithm: sm3" in openssl("ocsp", "-reqin", file, "-req_text")
