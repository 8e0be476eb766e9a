"""Build certificate revocation lists; nothing is checked for sense, as in ``build.py``.

A list may be complete, empty, expired, or of the kinds that verifiers must refuse: indirect and
delta ones are made by the extensions that say so.

Spec: RFC 5280 5; GB/T 20518-2018 6
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from cryptography import x509
from cryptography.hazmat import asn1

from tlcp.crypto.pem import to_pem
from tlcp.pki.build import Extension, authority_key_id, extension_der, time_der
from tlcp.pki.signing import Signer, sign_tbs, signature_algorithm, tlv
from tlcp.x509.der import ExtensionDer, SignatureAlgorithm

__all__ = ["REASONS", "Revocation", "build_crl", "crl_pem"]

_V2: Final = 1

#: Why a certificate may be revoked, by the names of the standard.  Spec: RFC 5280 5.3.1
REASONS: Final[dict[str, x509.ReasonFlags]] = {
    reason.value: reason
    for reason in (
        x509.ReasonFlags.unspecified,
        x509.ReasonFlags.key_compromise,
        x509.ReasonFlags.ca_compromise,
        x509.ReasonFlags.affiliation_changed,
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.cessation_of_operation,
        x509.ReasonFlags.certificate_hold,
        x509.ReasonFlags.privilege_withdrawn,
        x509.ReasonFlags.aa_compromise,
    )
}


@dataclass(frozen=True, slots=True)
class Revocation:
    """One revoked certificate.

    Attributes:
        serial_number: of the certificate.
        when: since when, aware.
        reason: why; None leaves it out, and so does "unspecified", as the standard wants.
        extensions: more (value, critical) for the entry, such as ``x509.CertificateIssuer``.

    Spec: RFC 5280 5.3
    """

    serial_number: int
    when: datetime.datetime
    reason: x509.ReasonFlags | None = None
    extensions: tuple[Extension, ...] = ()


@asn1.sequence
class _Entry:
    """Spec: RFC 5280 5.1.2.6"""

    serial_number: int
    revocation_date: asn1.UTCTime | asn1.GeneralizedTime
    extensions: list[ExtensionDer] | None


@asn1.sequence
class _TBSCertList:
    """Spec: RFC 5280 5.1.2"""

    version: int | None
    signature: SignatureAlgorithm
    issuer: asn1.TLV
    this_update: asn1.UTCTime | asn1.GeneralizedTime
    next_update: asn1.UTCTime | asn1.GeneralizedTime | None
    revoked: list[_Entry] | None
    extensions: Annotated[list[ExtensionDer] | None, asn1.Explicit(0)]


def build_crl(
    *,
    issuer: x509.Name,
    signer: Signer,
    this_update: datetime.datetime,
    next_update: datetime.datetime | None,
    revoked: Iterable[Revocation] = (),
    crl_number: int | None = None,
    issuer_key_id: bytes | None = None,
    extensions: Sequence[Extension] = (),
    null_parameters: bool = False,
) -> bytes:
    """Build and sign one list.

    Args:
        issuer: the name of who signs, as its certificate has it.
        signer: the issuer's key, SM2 or ECDSA.
        this_update: when it was made, aware; fractions of a second are dropped.
        next_update: when the next one will have come; None leaves it out.
        revoked: the entries, in the order to write.
        crl_number: grows by one with each list; None leaves it out.
        issuer_key_id: the issuer's subjectKeyIdentifier; None leaves authorityKeyIdentifier out.
        extensions: more (value, critical) of the list, written last. A list without any
            extension, its entries' included, is of version 1.
        null_parameters: write NULL after the signature algorithm.

    Returns:
        DER.

    Spec: RFC 5280 5.1; signature GB/T 32918.2 6.1
    """
    algorithm = signature_algorithm(signer, null_parameters=null_parameters)
    authority = authority_key_id(issuer_key_id)
    all_extensions = [
        *([authority] if authority else []),
        *([] if crl_number is None else [(x509.CRLNumber(crl_number), False)]),
        *extensions,
    ]
    entries = [_entry(revocation) for revocation in revoked]
    second = bool(all_extensions) or any(entry.extensions for entry in entries)
    tbs = _TBSCertList(
        version=_V2 if second else None,
        signature=algorithm,
        issuer=tlv(issuer.public_bytes()),
        this_update=time_der(this_update),
        next_update=None if next_update is None else time_der(next_update),
        revoked=entries or None,  # never an empty list: RFC 5280 5.1.2.6
        extensions=[extension_der(*extension) for extension in all_extensions] or None,
    )
    return sign_tbs(asn1.encode_der(tbs), algorithm, signer)


def crl_pem(*ders: bytes) -> bytes:
    """Write lists as one PEM file, in this order."""
    return b"".join(to_pem("X509 CRL", der) for der in ders)


def _entry(revocation: Revocation) -> _Entry:
    extensions = list(revocation.extensions)
    if revocation.reason not in (None, x509.ReasonFlags.unspecified):
        extensions.insert(0, (x509.CRLReason(revocation.reason), False))
    return _Entry(
        serial_number=revocation.serial_number,
        revocation_date=time_der(revocation.when),
        extensions=[extension_der(*extension) for extension in extensions] or None,
    )
