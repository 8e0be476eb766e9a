"""OCSP responses: read, and verified for one certificate.

``cryptography`` reads them; it cannot verify SM2, and knows no SM3 in what they name.

Spec: RFC 6960 3.2, 4.2; RFC 5019
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tlcp.errors import CertificateVerifyError, ConfigError, DecodeError
from tlcp.x509.algorithms import SIGNATURE_SCHEMES
from tlcp.x509.certificate import Certificate
from tlcp.x509.ocsp import HASHES, OcspCertId
from tlcp.x509.parsers import in_words
from tlcp.x509.signatures import holds

__all__ = ["CertificateStatus", "OcspResponse"]

_PURPOSE: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.9")  # id-kp-OCSPSigning
_MOST_BYTES: Final = 1 << 16
_MOST_ANSWERS: Final = 64  # in one response
_MOST_CERTIFICATES: Final = 8  # in one response
_STATUSES: Final = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}


class CertificateStatus(NamedTuple):
    """What a responder says of one certificate.

    Attributes:
        status: "good", "revoked" or "unknown".
        this_update: when that was known to be so.
        next_update: until when it may be relied upon; None if it does not say.
        revoked_at: since when it is revoked; None if it is not.
        reason: in the words of the standard, such as "keyCompromise"; "" if it says none.
    """

    status: str
    this_update: datetime.datetime
    next_update: datetime.datetime | None
    revoked_at: datetime.datetime | None
    reason: str


class _Named(NamedTuple):
    name_hash: bytes
    key_hash: bytes
    serial_number: int


@dataclass(frozen=True, eq=False, slots=True)
class OcspResponse:
    """The answers of a responder, not yet believed.

    Attributes:
        answers: certificate, as the response names it -> what it says.
    """

    answers: dict[_Named, CertificateStatus] = field(repr=False)
    _response: ocsp.OCSPResponse = field(repr=False)

    @classmethod
    def from_der(cls, der: bytes) -> OcspResponse:
        """Read a response.

        Raises:
            DecodeError: it is none, has too much in it, or is the responder's refusal to answer.
        """
        try:
            if len(der) > _MOST_BYTES:
                raise ValueError(f"it has {len(der)} bytes, more than {_MOST_BYTES}")
            response = ocsp.load_der_ocsp_response(der)
            if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                name = response.response_status.name.lower()
                raise DecodeError(f"the OCSP responder gave no answer, but the status {name}")
            answers = dict[_Named, CertificateStatus]()
            for single in response.responses:
                if len(answers) == _MOST_ANSWERS:
                    raise ValueError(f"it speaks of more than {_MOST_ANSWERS} certificates")
                named = _Named(
                    single.issuer_name_hash, single.issuer_key_hash, single.serial_number
                )
                answers.setdefault(named, _status(single))
            inner = response.single_extensions if len(answers) == 1 else ()
            for extension in (*response.extensions, *inner):
                if extension.critical:
                    oid = extension.oid.dotted_string
                    raise ValueError(f"it has the critical extension {oid}, which is not known")
        except DecodeError:
            raise
        except Exception as error:  # the parser raises ValueError, x509.* and more
            raise DecodeError(
                f"the OCSP response cannot be read: {in_words(error)}",
                expected="the DER of RFC 6960 4.2.1",
            ) from None
        return cls(answers, response)

    @classmethod
    def of_our_own(cls, der: bytes, source: str) -> OcspResponse:
        """Read a response that a server is to staple.

        Args:
            der: the response.
            source: where it is from, for the error.

        Raises:
            ConfigError: it cannot be read, so clients could not read it either.
        """
        try:
            return cls.from_der(der)
        except DecodeError as error:
            raise ConfigError(
                f"{source}: {error.what}; expected an OCSP response in DER, of `tlcp pki ocsp` or "
                "of the CA's responder"
            ) from error

    def doubts(
        self, certificates: Iterable[tuple[str, Certificate]], now: datetime.datetime
    ) -> Iterator[str]:
        """Why clients may not believe it of a server's certificates, one sentence each.

        Args:
            certificates: the server's own, each with its role.
            now: aware.
        """
        told = {named.serial_number: status for named, status in self.answers.items()}
        for which, certificate in certificates:
            status = told.get(certificate.serial_number)
            if status is None:
                yield f"the OCSP response says nothing of our {which} certificate {certificate}"
            elif status.status != "good":
                yield f"the OCSP response says of our {which} certificate: {status.status}"
            elif status.next_update is not None and now > status.next_update:
                ended = f"{status.next_update:%Y-%m-%d %H:%M} UTC"
                yield f"the OCSP response about our {which} certificate expired {ended}"

    def about(self, certificate: Certificate, issuer: Certificate) -> CertificateStatus | None:
        """What it says of a certificate, by whatever hash it names it; None if nothing."""
        for hash_name in HASHES:
            one = OcspCertId.of(certificate.serial_number, issuer, hash_name)
            named = _Named(one.issuer_name_hash, one.issuer_key_hash, one.serial_number)
            if named in self.answers:
                return self.answers[named]
        return None

    def is_by(self, issuer: Certificate, now: datetime.datetime) -> bool:
        """Whether the issuer made it, or one whom the issuer has let make them.

        That is: a certificate in the response that the issuer's key signed, valid now, with the
        purpose OCSPSigning.  Whether such a responder is itself revoked is not asked.

        Spec: RFC 6960 4.2.2.2
        """
        response = self._response
        scheme = SIGNATURE_SCHEMES.get(response.signature_algorithm_oid)
        signature, signed = response.signature, response.tbs_response_bytes
        try:
            if holds(issuer.verifying_key, scheme, signature, signed):
                return True
        except CertificateVerifyError:
            return False
        for inside in self._certificates():
            try:
                if _may_answer(inside, issuer, now) and holds(
                    inside.verifying_key, scheme, signature, signed
                ):
                    return True
            except CertificateVerifyError:
                continue
        return False

    def _certificates(self) -> list[Certificate]:
        found = list[Certificate]()
        try:
            for one in self._response.certificates[:_MOST_CERTIFICATES]:
                found.append(Certificate(one.public_bytes(Encoding.DER)))
        except (ValueError, CertificateVerifyError):
            return found  # those up to the one that cannot be read
        return found


def _may_answer(responder: Certificate, issuer: Certificate, now: datetime.datetime) -> bool:
    """Whether a certificate lets its owner answer for the issuer.

    Raises:
        CertificateVerifyError: the issuer did not sign it.
    """
    if not responder.not_before <= now <= responder.not_after or responder.critical_unknown:
        return False
    if responder.issuer_der != issuer.subject_der:
        return False
    purposes, usage = responder.extended_key_usage, responder.key_usage
    if purposes is None or _PURPOSE not in purposes:
        return False
    if usage is not None and not usage & {"digitalSignature", "nonRepudiation"}:
        return False
    responder.verify_signed_by(issuer)
    return True


def _status(single: ocsp.OCSPSingleResponse) -> CertificateStatus:
    reason = single.revocation_reason
    return CertificateStatus(
        _STATUSES[single.certificate_status],
        single.this_update_utc,
        single.next_update_utc,
        single.revocation_time_utc,
        reason.value if reason is not None else "",
    )
