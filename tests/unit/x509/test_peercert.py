"""The dictionary of a certificate is the one that ``ssl`` makes of the same file."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from cryptography.x509.oid import NameOID

from tlcp.pki.build import Extension, build_certificate, build_name, certificate_pem
from tlcp.x509.certificate import Certificate
from tlcp.x509.peercert import as_dictionary
from unit.x509.minting import CAPTURED_PKI, NOW, key

SIMPLE = build_name("simple", organization="Test")
UTC = datetime.UTC
PATHS = sorted(CAPTURED_PKI.glob("*.crt"))


def make(*extensions: Extension, **changes: Any) -> Certificate:
    own = key("peer")
    parts: dict[str, Any] = {
        "subject": SIMPLE,
        "issuer": SIMPLE,
        "serial_number": 0x1234,
        "not_before": NOW,
        "not_after": NOW,
    }
    der = build_certificate(
        subject_point=own.public_point, signer=own, extensions=extensions, **(parts | changes)
    )
    return Certificate.from_der(der)


def theirs(certificate: Certificate, folder: Path) -> dict[str, Any]:
    path = folder / "certificate.pem"
    path.write_bytes(certificate_pem(certificate.der))
    decoded: dict[str, Any] = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]
    return decoded


def names(*entries: x509.GeneralName) -> Extension:
    return x509.SubjectAlternativeName(entries), False


def url(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


def access(*entries: tuple[x509.ObjectIdentifier, x509.GeneralName]) -> Extension:
    return x509.AuthorityInformationAccess(x509.AccessDescription(*e) for e in entries), False


def points(*groups: list[x509.GeneralName] | None) -> Extension:
    found = [
        x509.DistributionPoint(group, None, None, None if group else [x509.DirectoryName(SIMPLE)])
        for group in groups
    ]
    return x509.CRLDistributionPoints(found), False


def name(*attributes: tuple[str, str]) -> x509.Name:
    parts = [x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid, value in attributes]
    return x509.Name(parts)


NAMED = [
    getattr(NameOID, label).dotted_string
    for label in vars(NameOID)
    if label.isupper() and label not in ("COUNTRY_NAME", "JURISDICTION_COUNTRY_NAME")
    and label != "X500_UNIQUE_IDENTIFIER"  # a bit string, which ssl refuses
]  # fmt: skip

CASES = {
    "the least": make(),
    "long serial number": make(serial_number=(1 << 159) - 1),
    "serial number of odd length": make(serial_number=0xABC),
    "serial number with its top bit set": make(serial_number=0x80),
    "every attribute with a name": make(subject=name(*((oid, "value") for oid in NAMED))),
    "countries": make(subject=name(("2.5.4.6", "CN"), ("1.3.6.1.4.1.311.60.2.1.3", "HK"))),
    "attributes without a name": make(subject=name(("1.2.3.4.5", "x"), ("2.5.4.13", "y"))),
    "more attributes": make(subject=name(*((f"2.5.4.{n}", "1") for n in (13, 20, 41, 51, 97)))),
    "Chinese names": make(subject=name(("2.5.4.3", "密码服务"), ("2.5.4.10", "国密"))),
    "two attributes in one": make(
        subject=x509.Name(
            [
                x509.RelativeDistinguishedName(
                    [
                        x509.NameAttribute(NameOID.COMMON_NAME, "one"),
                        x509.NameAttribute(NameOID.USER_ID, "two"),
                    ]
                ),
                x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.TITLE, "three")]),
            ]
        )
    ),
    "empty subject": make(subject=x509.Name([])),
    "far future": make(not_after=datetime.datetime(2051, 1, 2, 3, 4, 5, tzinfo=UTC)),
    "single digits": make(not_before=datetime.datetime(2021, 2, 3, 4, 5, 6, tzinfo=UTC)),
    "year 9999": make(not_after=datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    "names of every kind": make(
        names(
            x509.DNSName("a.example"),
            x509.DNSName("*.b.example"),
            x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
            x509.IPAddress(ipaddress.ip_address("2001:db8::a:1")),
            x509.IPAddress(ipaddress.ip_address("::")),
            x509.RFC822Name("who@example.com"),
            url("https://example.com/x?y"),
            x509.DirectoryName(name(("2.5.4.3", "inside"), ("2.5.4.11", "unit"))),
            x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
            x509.RegisteredID(x509.ObjectIdentifier("2.5.4.3")),
            x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01x"),
        )
    ),
    "where to ask": make(
        access(
            (Access.OCSP, url("http://ocsp/1")),
            (Access.CA_ISSUERS, url("http://ca/1")),
            (Access.OCSP, url("http://ocsp/2")),
            (Access.OCSP, x509.DNSName("no.url")),
        )
    ),
    "nothing usable to ask": make(access((Access.OCSP, x509.DNSName("no.url")))),
    "lists of revoked ones": make(
        points(
            [url("http://crl/1"), x509.DirectoryName(SIMPLE), url("http://crl/2")],
            None,
            [url("http://crl/3")],
        )
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_ssl_makes_of_it(case: str, tmp_path: Path) -> None:
    assert as_dictionary(CASES[case]) == theirs(CASES[case], tmp_path)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_certificates_of_other_stacks(path: Path, tmp_path: Path) -> None:
    certificate = Certificate.from_pem(path.read_bytes())
    assert as_dictionary(certificate) == theirs(certificate, tmp_path)


def test_ssl_reads_our_dates() -> None:
    """``ssl.cert_time_to_seconds`` is what programs give them to."""
    found = as_dictionary(CASES["single digits"])
    moment = datetime.datetime(2021, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert ssl.cert_time_to_seconds(found["notBefore"]) == moment.timestamp()
    assert found["notBefore"] == "Feb  3 04:05:06 2021 GMT"


def test_there_are_captured_certificates() -> None:
    assert len(PATHS) >= 4
