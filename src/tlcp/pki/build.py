"""Build any SM2 certificate, right or wrong: the workshop below ``ca.py``.

Nothing is checked here, so that tests and conformance tools can make expired, mislabelled and
otherwise broken certificates; ``ca.py`` is the one that makes good ones.

Spec: RFC 5280 4.1; GB/T 20518-2018
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from tlcp.crypto.keyfile import EC_PUBLIC_KEY, SM2_CURVE, EcAlgorithm
from tlcp.crypto.pem import to_pem
from tlcp.crypto.sm3 import sm3
from tlcp.errors import ConfigError
from tlcp.pki.signing import Signer, sign_tbs, signature_algorithm, tlv
from tlcp.x509.der import ExtensionDer, NewSubjectPublicKeyInfo, NewTBSCertificate, Validity
from tlcp.x509.names import to_a_labels

__all__ = [
    "Extension",
    "authority_key_id",
    "build_certificate",
    "build_name",
    "certificate_pem",
    "extension_der",
    "key_identifier",
    "key_usage",
    "public_key_info",
    "status_urls",
    "subject_alternative_name",
    "time_der",
]

# (value, critical), as every helper here returns it.
Extension = tuple[x509.ExtensionType, bool]

_USAGES: Final = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}
_V3: Final = 2
_LONGEST_NAME: Final = 64  # bytes: ub-common-name and ub-organization-name, RFC 5280 A.1
_LABEL: Final = re.compile(r"[A-Za-z0-9_*-]{1,63}")  # "*" anywhere: tests need wrong ones too


def build_certificate(
    *,
    subject: x509.Name,
    subject_point: bytes,
    issuer: x509.Name,
    signer: Signer,
    serial_number: int,
    not_before: datetime.datetime,
    not_after: datetime.datetime,
    extensions: Sequence[Extension] = (),
    null_parameters: bool = False,
) -> bytes:
    """Build and sign one certificate; nothing is checked for sense.

    Args:
        subject: whose certificate it is; see ``build_name``.
        subject_point: the public point, 65 bytes.
        issuer: the name of who signs.
        signer: the issuer's key; the subject's own for a self-signed one.
        serial_number: positive, up to 20 bytes.
        not_before: first moment, aware; fractions of a second are dropped.
        not_after: last moment, likewise.
        extensions: (value, critical) in the order to write; empty makes a version 1 certificate.
        null_parameters: write NULL after the signature algorithm, as some CAs do; ours does not.

    Returns:
        DER.

    Spec: RFC 5280 4.1; signature GB/T 32918.2 6.1
    """
    algorithm = signature_algorithm(signer, null_parameters=null_parameters)
    tbs = NewTBSCertificate(
        version=_V3 if extensions else 0,
        serial_number=serial_number,
        signature=algorithm,
        issuer=tlv(issuer.public_bytes()),
        validity=Validity(not_before=time_der(not_before), not_after=time_der(not_after)),
        subject=tlv(subject.public_bytes()),
        subject_public_key_info=public_key_info(subject_point),
        extensions=[extension_der(value, critical) for value, critical in extensions] or None,
    )
    return sign_tbs(asn1.encode_der(tbs), algorithm, signer)


def public_key_info(point: bytes) -> NewSubjectPublicKeyInfo:
    """Make the SubjectPublicKeyInfo of an SM2 point.  Spec: RFC 5480 2"""
    return NewSubjectPublicKeyInfo(
        algorithm=EcAlgorithm(algorithm=EC_PUBLIC_KEY, curve=SM2_CURVE),
        public_key=asn1.BitString(point, 0),
    )


def build_name(common_name: str, *, organization: str = "", country: str = "") -> x509.Name:
    """Make a name: C (PrintableString), O and CN (UTF8String), leaving out what is empty.

    Raises:
        ConfigError: a part is too long, or the country is not of two letters.

    Spec: RFC 5280 4.1.2.4
    """
    wrong = "cannot make a certificate name"
    if country and len(country) != 2:
        raise ConfigError(f"{wrong}: the country {country!r} is no code of two letters, such as CN")
    for what, text in (("organization", organization), ("common name", common_name)):
        if (size := len(text.encode())) > _LONGEST_NAME:
            raise ConfigError(
                f"{wrong}: the {what} has {size} bytes in UTF-8, more than {_LONGEST_NAME}"
            )
    parts = (
        (NameOID.COUNTRY_NAME, country),
        (NameOID.ORGANIZATION_NAME, organization),
        (NameOID.COMMON_NAME, common_name),
    )
    try:
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts if text])
    except ValueError as error:
        raise ConfigError(f"{wrong}: {error}") from error


def key_usage(*names: str) -> Extension:
    """Make a critical keyUsage from the standard's names.  Spec: RFC 5280 4.2.1.3"""
    chosen = {_USAGES[name] for name in names}
    usage = x509.KeyUsage(**{field: field in chosen for field in _USAGES.values()})
    return usage, True


def subject_alternative_name(hosts: Iterable[str]) -> Extension | None:
    """Make subjectAltName from host names and IP addresses; None for none, never an empty one.

    Raises:
        ConfigError: a host is neither an IP address nor a DNS name.

    Spec: RFC 5280 4.2.1.6
    """
    names = [_general_name(host) for host in dict.fromkeys(hosts)]
    return (x509.SubjectAlternativeName(names), False) if names else None


def status_urls(crl_url: str, ocsp_url: str) -> list[Extension]:
    """Make cRLDistributionPoints and authorityInfoAccess; nothing for an empty URL.

    Raises:
        ConfigError: a URL is not ASCII.

    Spec: RFC 5280 4.2.1.13, 4.2.2.1
    """
    made: list[Extension] = []
    try:
        if crl_url:
            uri = x509.UniformResourceIdentifier(crl_url)
            point = x509.DistributionPoint([uri], None, None, None)
            made.append((x509.CRLDistributionPoints([point]), False))
        if ocsp_url:
            uri = x509.UniformResourceIdentifier(ocsp_url)
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, uri)
            made.append((x509.AuthorityInformationAccess([access]), False))
    except ValueError as error:
        raise ConfigError(f"cannot put a URL into a certificate: {error}") from error
    return made


def key_identifier(public_point: bytes) -> x509.SubjectKeyIdentifier:
    """Make a subjectKeyIdentifier: the first 20 bytes of SM3 of the point.

    Spec: RFC 5280 4.2.1.2 ("other methods"), in the manner of RFC 7093 2
    """
    return x509.SubjectKeyIdentifier(sm3(public_point)[:20])


def authority_key_id(issuer_key_id: bytes | None) -> Extension | None:
    """Make authorityKeyIdentifier from the issuer's key identifier, if it has one."""
    if issuer_key_id is None:
        return None
    return x509.AuthorityKeyIdentifier(issuer_key_id, None, None), False


def certificate_pem(*ders: bytes) -> bytes:
    """Write certificates as one PEM file, in this order."""
    return b"".join(to_pem("CERTIFICATE", der) for der in ders)


def time_der(moment: datetime.datetime) -> asn1.UTCTime | asn1.GeneralizedTime:
    """A moment as certificates and CRLs write it: UTCTime until 2049.  Spec: RFC 5280 4.1.2.5"""
    utc = moment.astimezone(datetime.UTC).replace(microsecond=0)
    return asn1.UTCTime(utc) if 1950 <= utc.year < 2050 else asn1.GeneralizedTime(utc)


def extension_der(value: x509.ExtensionType, critical: bool) -> ExtensionDer:
    """An extension to write.  Spec: RFC 5280 4.2"""
    return ExtensionDer(oid=value.oid, critical=critical, value=value.public_bytes())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    try:
        name = to_a_labels(host).removesuffix(".")
    except ValueError:
        name = ""
    if not all(map(_LABEL.fullmatch, name.split("."))):
        raise ConfigError(
            f"{host!r} is neither an IP address nor a DNS name; give it without port and scheme"
        )
    return x509.DNSName(name)
