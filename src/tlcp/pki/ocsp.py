"""Build OCSP responses: the files that servers staple, and answers to requests.

Nothing is checked for sense, as in ``build.py``: tests need stale and contradictory ones too.

Spec: RFC 6960 4.2
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from cryptography import x509
from cryptography.hazmat import asn1

from tlcp.pki.build import Extension, extension_der
from tlcp.pki.signing import Signer, signature_algorithm, tlv
from tlcp.x509.certificate import Certificate
from tlcp.x509.der import ExtensionDer
from tlcp.x509.ocsp import CertIdDer, OcspCertId

__all__ = ["OcspAnswer", "OcspFailure", "build_ocsp_failure", "build_ocsp_response"]

_BASIC: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.1")
_SUCCESSFUL: Final = 0

# CRLReason, which is ENUMERATED.  Spec: RFC 5280 5.3.1
_REASON_CODES: Final = {
    x509.ReasonFlags.unspecified: 0,
    x509.ReasonFlags.key_compromise: 1,
    x509.ReasonFlags.ca_compromise: 2,
    x509.ReasonFlags.affiliation_changed: 3,
    x509.ReasonFlags.superseded: 4,
    x509.ReasonFlags.cessation_of_operation: 5,
    x509.ReasonFlags.certificate_hold: 6,
    x509.ReasonFlags.remove_from_crl: 8,
    x509.ReasonFlags.privilege_withdrawn: 9,
    x509.ReasonFlags.aa_compromise: 10,
}


class OcspFailure(enum.IntEnum):
    """Why a responder gives no answer.  Spec: RFC 6960 4.2.1"""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    SIG_REQUIRED = 5
    UNAUTHORIZED = 6


@dataclass(frozen=True, slots=True)
class OcspAnswer:
    """The status of one certificate.

    Attributes:
        cert_id: which one, as the request named it.
        status: "good", "revoked" or "unknown".
        this_update: when this was known to be so, aware.
        next_update: until when it may be relied upon; None leaves it out.
        revoked_at: since when; needed with "revoked".
        reason: why; None leaves it out.
        extensions: (value, critical) of this answer.

    Spec: RFC 6960 4.2.1
    """

    cert_id: OcspCertId
    status: Literal["good", "revoked", "unknown"]
    this_update: datetime.datetime
    next_update: datetime.datetime | None = None
    revoked_at: datetime.datetime | None = None
    reason: x509.ReasonFlags | None = None
    extensions: tuple[Extension, ...] = ()

    def __post_init__(self) -> None:
        if (self.status == "revoked") != (self.revoked_at is not None):
            raise ValueError("revoked_at goes with the status 'revoked', and with no other")


@asn1.sequence
class _Revoked:
    revocation_time: asn1.GeneralizedTime


@asn1.sequence
class _RevokedWhy:
    revocation_time: asn1.GeneralizedTime
    reason: Annotated[asn1.TLV, asn1.Explicit(0)]


_Status = (
    Annotated[asn1.Variant[asn1.Null, Literal["good"]], asn1.Implicit(0)]
    | Annotated[asn1.Variant[_Revoked, Literal["revoked"]], asn1.Implicit(1)]
    | Annotated[asn1.Variant[_RevokedWhy, Literal["revoked why"]], asn1.Implicit(1)]
    | Annotated[asn1.Variant[asn1.Null, Literal["unknown"]], asn1.Implicit(2)]
)


@asn1.sequence
class _SingleResponse:
    """Spec: RFC 6960 4.2.1"""

    cert_id: CertIdDer
    status: _Status
    this_update: asn1.GeneralizedTime
    next_update: Annotated[asn1.GeneralizedTime | None, asn1.Explicit(0)]
    extensions: Annotated[list[ExtensionDer] | None, asn1.Explicit(1)]


@asn1.sequence
class _ResponseData:
    """Spec: RFC 6960 4.2.1"""

    responder: (
        Annotated[asn1.Variant[asn1.TLV, Literal["name"]], asn1.Explicit(1)]
        | Annotated[asn1.Variant[bytes, Literal["key"]], asn1.Explicit(2)]
    )
    produced_at: asn1.GeneralizedTime
    responses: list[_SingleResponse]
    extensions: Annotated[list[ExtensionDer] | None, asn1.Explicit(1)]


@asn1.sequence
class _BasicResponse:
    """Spec: RFC 6960 4.2.1"""

    data: asn1.TLV
    algorithm: asn1.TLV
    signature: asn1.BitString
    certificates: Annotated[list[asn1.TLV] | None, asn1.Explicit(0)]


@asn1.sequence
class _ResponseBytes:
    type: x509.ObjectIdentifier
    response: bytes


@asn1.sequence
class _Response:
    """Spec: RFC 6960 4.2.1"""

    status: asn1.TLV
    response_bytes: Annotated[_ResponseBytes | None, asn1.Explicit(0)]


def build_ocsp_response(
    *,
    responder: Certificate,
    signer: Signer,
    answers: Sequence[OcspAnswer],
    produced_at: datetime.datetime,
    nonce: bytes | None = None,
    certificates: Sequence[Certificate] = (),
    by_name: bool = False,
    extensions: Sequence[Extension] = (),
    null_parameters: bool = False,
) -> bytes:
    """Build and sign one response.

    Args:
        responder: whose key signs: the issuer, or a certificate of the issuer's with the purpose
            OCSPSigning (RFC 6960 4.2.2.2).
        signer: its key, SM2 or ECDSA.
        answers: at least one.
        produced_at: when it is signed, aware; fractions of a second are dropped.
        nonce: the request's, if it had one.
        certificates: what the client needs to verify it; the delegated responder's.
        by_name: name the responder, instead of hashing its key.
        extensions: more (value, critical) of the response.
        null_parameters: write NULL after the signature algorithm.

    Returns:
        DER.

    Spec: RFC 6960 4.2.1; signature GB/T 32918.2 6.1
    """
    algorithm = signature_algorithm(signer, null_parameters=null_parameters)
    every = [*([(x509.OCSPNonce(nonce), False)] if nonce is not None else []), *extensions]
    key_hash = OcspCertId.of(0, responder).issuer_key_hash
    data = _ResponseData(
        responder=(
            asn1.Variant(tlv(responder.subject_der), "name")
            if by_name
            else asn1.Variant(key_hash, "key")
        ),
        produced_at=_time(produced_at),
        responses=[_single(answer) for answer in answers],
        extensions=[extension_der(*extension) for extension in every] or None,
    )
    data_der = asn1.encode_der(data)
    basic = _BasicResponse(
        data=tlv(data_der),
        algorithm=tlv(asn1.encode_der(algorithm)),
        signature=asn1.BitString(signer.sign(data_der), 0),
        certificates=[tlv(certificate.der) for certificate in certificates] or None,
    )
    body = _ResponseBytes(type=_BASIC, response=asn1.encode_der(basic))
    return asn1.encode_der(_Response(status=_enumerated(_SUCCESSFUL), response_bytes=body))


def build_ocsp_failure(failure: OcspFailure) -> bytes:
    """Build the response of a responder that gives no answer; it is not signed.

    Spec: RFC 6960 4.2.1, 2.3
    """
    return asn1.encode_der(_Response(status=_enumerated(failure), response_bytes=None))


def _single(answer: OcspAnswer) -> _SingleResponse:
    return _SingleResponse(
        cert_id=answer.cert_id.encoded(),
        status=_status(answer),
        this_update=_time(answer.this_update),
        next_update=None if answer.next_update is None else _time(answer.next_update),
        extensions=[extension_der(*extension) for extension in answer.extensions] or None,
    )


def _status(answer: OcspAnswer) -> asn1.Variant[Any, Any]:
    if answer.revoked_at is None:
        return asn1.Variant(asn1.Null(), answer.status)
    when = _time(answer.revoked_at)
    if answer.reason is None:
        return asn1.Variant(_Revoked(revocation_time=when), "revoked")
    reason = _enumerated(_REASON_CODES[answer.reason])
    return asn1.Variant(_RevokedWhy(revocation_time=when, reason=reason), "revoked why")


def _enumerated(value: int) -> asn1.TLV:
    return tlv(bytes((0x0A, 1, value)))


def _time(moment: datetime.datetime) -> asn1.GeneralizedTime:
    return asn1.GeneralizedTime(moment.astimezone(datetime.UTC).replace(microsecond=0))
