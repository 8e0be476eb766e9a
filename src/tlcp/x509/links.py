"""The rules of single certificates in a chain, and of a CA over what is below it.

What needs the whole path is elsewhere: name constraints in ``constraints.py``, policies in
``policies.py``; who issued whom is found in ``chain.py``.

Spec: GB/T 38636-2020 6.4.5.3; RFC 5280 6.1.3 (a), 6.1.4 (k) to (o), 6.1.5
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from cryptography.x509.oid import ExtendedKeyUsageOID

from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.x509.algorithms import family_of
from tlcp.x509.certificate import Certificate

__all__ = ["CA", "Purpose", "Rules"]

Purpose = Literal["server", "client"]

_PURPOSE_OIDS: Final = {
    "server": (ExtendedKeyUsageOID.SERVER_AUTH, "serverAuth"),
    "client": (ExtendedKeyUsageOID.CLIENT_AUTH, "clientAuth"),
}
_ANY_PURPOSE: Final = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
CA: Final = "CA certificate"
_NAMED: Final = 3  # how many of anything an error lists


class Rules(NamedTuple):
    """What the certificates of one chain are measured by.

    Attributes:
        now: the moment at which all must be valid; aware.
        purpose: what the end certificate's owner is.
        which: the end certificate's role for error texts, such as "signing certificate".
        sm2_alone: every CA signs with SM2.
    """

    now: datetime.datetime
    purpose: Purpose
    which: str
    sm2_alone: bool

    @property
    def owner(self) -> str:
        """Whose chain, and which one, for error texts."""
        return f"the {self.purpose}'s {self.which}"

    @property
    def chain(self) -> str:
        """Which chain this is about, to end an error text."""
        return f"in the chain of {self.owner}"

    def check_end(self, leaf: Certificate) -> None:
        """Check what holds for the end certificate alone.

        Raises:
            CertificateVerifyError: EXPIRED, NOT_YET_VALID, UNHANDLED_CRITICAL_EXTENSION,
                UNSUPPORTED_CONSTRAINT, UNSUPPORTED_KEY, MALFORMED (the key), WRONG_USAGE.
        """
        self._check_common(leaf, self.which)
        self._check_purpose(leaf, self.which)

    def check_ca(self, issuer: Certificate, path: Sequence[Certificate]) -> None:
        """Check whether ``issuer`` may vouch for the top of ``path``, but for the signature.

        Raises:
            CertificateVerifyError: as for ``check_end``, and INVALID_CA, PATH_LENGTH_EXCEEDED.
        """
        self._check_common(issuer, CA)
        self._check_authority(issuer, path[-1])
        self._check_path_length(issuer, path)
        self._check_purpose(issuer, CA)
        self._check_family(issuer, path[-1])

    def _check_common(self, certificate: Certificate, which: str) -> None:
        """Times, critical extensions, and the key."""
        fine = (
            certificate.not_before <= self.now <= certificate.not_after
            and not certificate.critical_unknown
            and (certificate.is_ca or not certificate.has_name_constraints)
        )
        if not fine:
            raise self._uncommon(certificate, which)
        try:
            _ = certificate.verifying_key
        except CertificateVerifyError as error:
            raise self.told(error, which) from None

    def told(self, error: CertificateVerifyError, which: str) -> CertificateVerifyError:
        """The same error, which now says whose chain it is about, and where in it."""
        return CertificateVerifyError(
            error.problem,
            f"{error.what}, {self.chain}",
            which=which,
            expected=error.expected,
            hint=error.hint,
        )

    def _uncommon(self, certificate: Certificate, which: str) -> CertificateVerifyError:
        subject = f"the CA {certificate}" if which == CA else f"{self.owner} {certificate}"
        place = f", {self.chain}" if which == CA else ""
        clock = f"the clock says {self.now:%Y-%m-%d %H:%M:%S %Z}{place}"
        if self.now > certificate.not_after:
            return CertificateVerifyError(
                CertificateProblem.EXPIRED,
                f"{subject} expired on {certificate.not_after:%Y-%m-%d %H:%M:%S} UTC; {clock}",
                which=which,
                hint="Renew the certificate, or set the clock right",
            )
        if self.now < certificate.not_before:
            return CertificateVerifyError(
                CertificateProblem.NOT_YET_VALID,
                f"{subject} is valid from {certificate.not_before:%Y-%m-%d %H:%M:%S} UTC; {clock}",
                which=which,
                hint="Set the clock right, or wait",
            )
        if certificate.critical_unknown:
            return CertificateVerifyError(
                CertificateProblem.UNHANDLED_CRITICAL_EXTENSION,
                f"{subject} has critical extensions that are not understood: "
                + ", ".join(certificate.critical_unknown[:_NAMED])
                + place,
                which=which,
                expected="only known critical extensions (RFC 5280 4.2)",
                hint="Issue the certificate with these extensions not critical",
            )
        return CertificateVerifyError(
            CertificateProblem.UNSUPPORTED_CONSTRAINT,
            f"{subject} has name constraints and is not a CA",
            which=which,
            expected="nameConstraints in CA certificates only (RFC 5280 4.2.1.10)",
            hint="Issue the certificate without them",
        )

    def _check_authority(self, issuer: Certificate, below: Certificate) -> None:
        if not issuer.is_ca:
            raise CertificateVerifyError(
                CertificateProblem.INVALID_CA,
                f"{issuer} issued {below} but is not a CA, {self.chain}",
                which=CA,
                expected="basicConstraints with CA:TRUE (RFC 5280 4.2.1.9)",
                hint="Issue from a CA certificate, or replace this one",
            )
        if issuer.key_usage is not None and "keyCertSign" not in issuer.key_usage:
            raise CertificateVerifyError(
                CertificateProblem.INVALID_CA,
                f"the CA {issuer} may not sign certificates, {self.chain}",
                which=CA,
                expected="keyUsage with keyCertSign (RFC 5280 4.2.1.3)",
                hint="Replace the CA certificate",
            )
        if issuer.subject_der == _NO_NAME:
            raise CertificateVerifyError(
                CertificateProblem.INVALID_CA,
                f"the CA that issued {below} has no name, {self.chain}",
                which=CA,
                expected="a subject that is not empty (RFC 5280 4.1.2.6)",
                hint="Replace the CA certificate",
            )

    def _check_path_length(self, issuer: Certificate, path: Sequence[Certificate]) -> None:
        if issuer.path_length is None:
            return
        below = sum(not certificate.self_issued for certificate in path[1:])
        if below > issuer.path_length:
            raise CertificateVerifyError(
                CertificateProblem.PATH_LENGTH_EXCEEDED,
                f"the CA {issuer} allows {issuer.path_length} CAs below it, not {below}, "
                + self.chain,
                which=CA,
                expected="no more CAs than pathLenConstraint says (RFC 5280 4.2.1.9)",
                hint="Issue from a higher CA, or give this CA a larger pathLenConstraint",
            )

    def _check_purpose(self, certificate: Certificate, which: str) -> None:
        """The extended key usage; that of a CA binds all below it, as verifiers in use have it."""
        allowed = certificate.extended_key_usage
        if allowed is None:
            return
        oid, name = _PURPOSE_OIDS[self.purpose]
        if oid in allowed or _ANY_PURPOSE in allowed:
            return
        found = ", ".join(sorted(item.dotted_string for item in allowed)[:_NAMED])
        subject = f"{self.owner} {certificate} is not for a {self.purpose}"
        if which == CA:
            subject = f"the CA {certificate} is not for {self.purpose}s, {self.chain}"
        raise CertificateVerifyError(
            CertificateProblem.WRONG_USAGE,
            f"{subject}: its extended key usage is {found}",
            which=which,
            expected=f"{name} or no extendedKeyUsage",
            hint=f"Issue the certificate with {name}",
        )

    def _check_family(self, issuer: Certificate, below: Certificate) -> None:
        if not self.sm2_alone:
            return
        if family_of(issuer.verifying_key) == "SM2" and below.scheme in (None, _SM2):
            return
        raise CertificateVerifyError(
            CertificateProblem.UNSUPPORTED_KEY,
            f"the certificate {below} is signed with {below.signature_algorithm} by the CA "
            f"{issuer}, {self.chain}",
            which=CA,
            expected="SM2 with SM3 (1.2.156.10197.1.501) all the way above an SM2 certificate",
            hint="Issue SM2 certificates from SM2 CAs",
        )


_NO_NAME: Final = b"\x30\x00"
_SM2: Final = ("SM2", "sm3")
