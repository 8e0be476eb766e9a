"""Damaged requests, lists, answers and certificates: an error of ours, or words, and never more."""

from __future__ import annotations

import contextlib
import datetime
import random

import pytest

from tlcp.crypto.keyfile import dump_private_key
from tlcp.errors import ConfigError
from tlcp.pki.build import build_name, certificate_pem
from tlcp.pki.ca import CertificateAuthority
from tlcp.pki.crl import REASONS, Revocation, build_crl
from tlcp.pki.csr import build_csr, read_csr
from tlcp.pki.describe import describe
from tlcp.pki.lint import lint
from tlcp.pki.ocsp import OcspAnswer, build_ocsp_response
from tlcp.x509.ocsp import OcspCertId, build_ocsp_request, read_ocsp_request

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
# The same keys each time, so that a damage that was found can be found again.
SAME = random.Random(1).randbytes  # noqa: S311
CA = CertificateAuthority.create(now=NOW, crl_url="http://c/", ocsp_url="http://o/", random=SAME)
PAIR = CA.issue_pair("server", ["localhost", "::1"], now=NOW)
CSR = build_csr(
    subject=build_name("server", organization="机构", country="CN"),
    public_point=PAIR.sign_key.public_point,
    signer=PAIR.sign_key,
    hosts=["localhost", "::1"],
)
ID = OcspCertId.of(5, CA.certificate, "sm3")
REQUEST = build_ocsp_request([ID, OcspCertId.of(6, CA.certificate)], b"n" * 16)
CRL = build_crl(
    issuer=CA.certificate.subject,
    signer=CA.key,
    this_update=NOW,
    next_update=NOW,
    revoked=[Revocation(5, NOW, REASONS["superseded"])],
    crl_number=1,
    issuer_key_id=b"k" * 20,
)
RESPONSE = build_ocsp_response(
    responder=CA.certificate,
    signer=CA.key,
    produced_at=NOW,
    nonce=b"n" * 16,
    answers=[OcspAnswer(ID, "revoked", NOW, NOW, NOW, REASONS["keyCompromise"])],
)
COUNT = 1500


def mutants(der: bytes) -> list[bytes]:
    """Each with one to three places changed: a byte, a run of bytes gone, or one doubled."""
    draw = random.Random(der)  # noqa: S311  (the same in every process)
    made = []
    for _ in range(COUNT):
        data = bytearray(der)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(data))
            way = draw.randrange(3)
            if way == 0:
                data[at] = draw.randrange(256)
            elif way == 1:
                del data[at : at + draw.randint(1, 8)]
            else:
                data[at:at] = data[at : at + draw.randint(1, 8)]
        made.append(bytes(data))
    return [data for data in made if data != der]


def test_requests_for_certificates() -> None:
    read_csr(CSR)
    for data in mutants(CSR):  # the signature covers every byte
        with pytest.raises(ConfigError):
            read_csr(data)


def test_requests_for_answers() -> None:
    for data in mutants(REQUEST):
        with contextlib.suppress(ConfigError):
            assert read_ocsp_request(data).ids


@pytest.mark.parametrize(
    "der",
    [CSR, REQUEST, CRL, RESPONSE, PAIR.sign_cert.der, CA.certificate.der],
    ids=["csr", "ocsp request", "crl", "ocsp response", "certificate", "root"],
)
def test_describe_and_its_words(der: bytes) -> None:
    for data in mutants(der):
        with contextlib.suppress(ConfigError):
            for thing in describe(data, now=NOW):
                assert list(thing.rows("en"))
                assert thing.as_dict()["type"] == thing.kind


def test_lint() -> None:
    key = dump_private_key(PAIR.enc_key)
    for data in mutants(PAIR.enc_cert.der):
        with contextlib.suppress(ConfigError):
            report = lint(
                [
                    ("sign.pem", certificate_pem(PAIR.sign_cert.der)),
                    ("enc.pem", certificate_pem(data)),
                    ("enc.key", key),
                ],
                trusted=("ca.pem", certificate_pem(CA.certificate.der)),
                now=NOW,
            )
            # Whatever was changed: its signature does not hold any more.
            assert any(finding.severity == "error" for finding in report.findings)
            assert all(finding.text("zh") and finding.remedy("en") for finding in report.findings)
