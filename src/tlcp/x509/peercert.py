"""A certificate as the dictionary that ``ssl.SSLSocket.getpeercert()`` gives.

Spec: the Python documentation of ``ssl``; RFC 5280 4.1, 4.2
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from tlcp.x509.certificate import Certificate

__all__ = ["as_dictionary"]

#: OpenSSL's long names, which ``ssl`` uses; other attributes stand under their dotted number.
_LONG_NAMES = {
    NameOID.COMMON_NAME: "commonName",
    NameOID.SURNAME: "surname",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.COUNTRY_NAME: "countryName",
    NameOID.LOCALITY_NAME: "localityName",
    NameOID.STATE_OR_PROVINCE_NAME: "stateOrProvinceName",
    NameOID.STREET_ADDRESS: "streetAddress",
    NameOID.ORGANIZATION_NAME: "organizationName",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "organizationalUnitName",
    NameOID.TITLE: "title",
    NameOID.GIVEN_NAME: "givenName",
    NameOID.INITIALS: "initials",
    NameOID.GENERATION_QUALIFIER: "generationQualifier",
    NameOID.DN_QUALIFIER: "dnQualifier",
    NameOID.PSEUDONYM: "pseudonym",
    NameOID.USER_ID: "userId",
    NameOID.DOMAIN_COMPONENT: "domainComponent",
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.BUSINESS_CATEGORY: "businessCategory",
    NameOID.POSTAL_CODE: "postalCode",
    NameOID.POSTAL_ADDRESS: "postalAddress",
    NameOID.UNSTRUCTURED_NAME: "unstructuredName",
    NameOID.JURISDICTION_COUNTRY_NAME: "jurisdictionCountryName",
    NameOID.JURISDICTION_LOCALITY_NAME: "jurisdictionLocalityName",
    NameOID.JURISDICTION_STATE_OR_PROVINCE_NAME: "jurisdictionStateOrProvinceName",
    NameOID.INN: "INN",
    NameOID.OGRN: "OGRN",
    NameOID.SNILS: "SNILS",
    x509.ObjectIdentifier("2.5.4.13"): "description",
    x509.ObjectIdentifier("2.5.4.20"): "telephoneNumber",
    x509.ObjectIdentifier("2.5.4.41"): "name",
    x509.ObjectIdentifier("2.5.4.51"): "houseIdentifier",
    x509.ObjectIdentifier("2.5.4.97"): "organizationIdentifier",
}

_ALWAYS = ("subject", "issuer")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def as_dictionary(certificate: Certificate) -> dict[str, Any]:
    """Subject, issuer, version, serial number, validity, names and where to look it up.

    Keys that the certificate has nothing for are left out, as ``ssl`` does.
    """
    names = certificate.extension(x509.SubjectAlternativeName) or ()
    found: dict[str, Any] = {
        "subject": _name(certificate.subject),
        "issuer": _name(certificate.issuer),
        "version": certificate.version,
        "serialNumber": _serial(certificate.serial_number),
        "notBefore": _time(certificate.not_before),
        "notAfter": _time(certificate.not_after),
        "subjectAltName": tuple(_general_name(name) for name in names),
        "OCSP": _access_urls(certificate, AuthorityInformationAccessOID.OCSP),
        "caIssuers": _access_urls(certificate, AuthorityInformationAccessOID.CA_ISSUERS),
        "crlDistributionPoints": _crl_urls(certificate),
    }
    return {key: value for key, value in found.items() if value != () or key in _ALWAYS}


def _access_urls(certificate: Certificate, method: x509.ObjectIdentifier) -> tuple[str, ...]:
    entries = certificate.extension(x509.AuthorityInformationAccess) or ()
    return _urls(entry.access_location for entry in entries if entry.access_method == method)


def _crl_urls(certificate: Certificate) -> tuple[str, ...]:
    points = certificate.extension(x509.CRLDistributionPoints) or ()
    return _urls(name for point in points for name in point.full_name or ())


def _urls(names: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    return tuple(n.value for n in names if isinstance(n, x509.UniformResourceIdentifier))


def _name(name: x509.Name) -> tuple[tuple[tuple[str, str], ...], ...]:
    return tuple(
        tuple((_LONG_NAMES.get(a.oid, a.oid.dotted_string), str(a.value)) for a in relative)
        for relative in name.rdns
    )


def _serial(number: int) -> str:
    digits = f"{abs(number):X}"
    return ("-" if number < 0 else "") + "0" * (len(digits) % 2) + digits


def _time(moment: datetime) -> str:
    """``Nov 23 12:00:00 2026 GMT``, whatever the locale."""
    m = moment.astimezone(UTC)
    return f"{_MONTHS[m.month - 1]} {m.day:2d} {m:%H:%M:%S} {m.year} GMT"


def _general_name(name: x509.GeneralName) -> tuple[str, Any]:
    match name:
        case x509.DNSName():
            return "DNS", name.value
        case x509.IPAddress():
            return "IP Address", _address(str(name.value))
        case x509.RFC822Name():
            return "email", name.value
        case x509.UniformResourceIdentifier():
            return "URI", name.value
        case x509.DirectoryName():
            return "DirName", _name(name.value)
        case x509.RegisteredID():
            return "Registered ID", _LONG_NAMES.get(name.value, name.value.dotted_string)
    return "othername", "<unsupported>"


def _address(text: str) -> str:
    """OpenSSL writes IPv6 in full, without leading zeros: ``0:0:0:0:0:0:0:1``."""
    if ":" not in text:
        return text
    groups = ipaddress.IPv6Address(text).exploded.split(":")
    return ":".join(f"{int(group, 16):X}" for group in groups)
