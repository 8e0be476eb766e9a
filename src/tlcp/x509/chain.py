"""From a peer's certificate up to one that we trust.

What is done here.  ``verify_chain`` searches, depth first, for a path

    leaf  <-  intermediate(s) that the peer sent  <-  anchor in the trust store

and checks every link: the issuer's name, the SM2-SM3 signature, the validity of every certificate
at one moment, basicConstraints and its path length, keyCertSign, unknown critical extensions, and
the leaf's extended key usage.  Key identifiers only decide which candidate is tried first: they
are not signed promises about the issuer, and a wrong one must not hide a right path.  The order of
the peer's list means nothing (deployed stacks disagree on it), and a root in it is no more trusted
than anything else in it.

What is an anchor.  Any certificate that the user put into the store: a root, an intermediate, or
the peer's very own certificate (byte for byte).  A path ends at the first anchor it meets.  An
anchor that issues must be a CA like any other, so a pinned end certificate vouches for itself
alone; anchors expire too.

What bounds the work.  The peer chooses the list, so it may try to make the search explode with
many certificates of one name.  Signatures are the only dear step: at most ``MAX_SIGNATURE_CHECKS``
of them are made, a path goes only through links whose signature held, and it is never longer than
``max_depth`` CA certificates.

What is not done yet.  Name constraints (a CA that carries them is refused, critical or not, since
to ignore them would widen what it may vouch for), certificate policies, extended key usage of CAs
as a constraint, and revocation.  They all belong behind ``verify_chain``: callers hand over the
leaf, the rest, the store, the moment and the purpose, and get the path or one error.

Which error.  A search can fail in several places.  The one reported is the first broken rule of
a certificate whose signature held; then a wrong signature; "unknown CA" only when nobody of the
issuer's name was there to be refused.

Spec: GB/T 38636-2020 6.4.5.3; RFC 5280 6.1
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final, Literal

from cryptography.x509.oid import ExtendedKeyUsageOID

from tlcp.errors import CertificateProblem, CertificateVerifyError
from tlcp.x509.certificate import Certificate
from tlcp.x509.trust import TrustStore

__all__ = ["MAX_SIGNATURE_CHECKS", "Purpose", "verify_chain"]

Purpose = Literal["server", "client"]

MAX_SIGNATURE_CHECKS: Final = 64

_PURPOSE_OIDS: Final = {
    "server": (ExtendedKeyUsageOID.SERVER_AUTH, "serverAuth"),
    "client": (ExtendedKeyUsageOID.CLIENT_AUTH, "clientAuth"),
}
_CA = "CA certificate"
_CHAIN = "chain"
_NAMED = 3  # how many of anything an error lists


def verify_chain(
    leaf: Certificate,
    intermediates: Sequence[Certificate],
    trust: TrustStore,
    *,
    now: datetime.datetime,
    purpose: Purpose,
    which: str = "certificate",
    max_depth: int = 8,
) -> tuple[Certificate, ...]:
    """Find and check a path from an end certificate to a trust anchor.

    Args:
        leaf: the certificate to prove.
        intermediates: what else the peer sent, in any order.
        trust: our anchors.
        now: the moment at which all must be valid; aware.
        purpose: what the leaf's owner is in this connection, "server" or "client".
        which: the leaf's role for error texts, such as "signing certificate".
        max_depth: the most CA certificates that a path may have above the leaf.

    Returns:
        The path, leaf first, anchor last; one certificate when the leaf itself is an anchor.

    Raises:
        CertificateVerifyError: no path holds; ``problem`` is the first rule broken.
        ValueError: ``now`` has no time zone.

    Spec: GB/T 38636-2020 6.4.5.3; RFC 5280 6.1
    """
    if now.tzinfo is None:
        raise ValueError("now must be an aware datetime, such as datetime.now(UTC)")
    search = _Search(leaf, intermediates, trust, now, f"the {purpose}'s", which, max_depth)
    search.check_common(leaf, which)
    _check_purpose(leaf, purpose, which)
    path = search.extend((leaf,))
    if path is None:
        raise search.failure or search.unknown_ca(leaf)
    return path


class _Search:
    """One run of the depth-first search, with its budget and its first refusal."""

    def __init__(
        self,
        leaf: Certificate,
        intermediates: Sequence[Certificate],
        trust: TrustStore,
        now: datetime.datetime,
        whose: str,
        which: str,
        max_depth: int,
    ) -> None:
        self.trust, self.now, self.whose, self.which = trust, now, whose, which
        self.leaf, self.max_depth = leaf, max_depth
        self.checks_left = MAX_SIGNATURE_CHECKS
        self.failure: CertificateVerifyError | None = None
        self.by_subject: dict[bytes, list[Certificate]] = {}
        for certificate in dict.fromkeys(intermediates):
            self.by_subject.setdefault(certificate.subject_der, []).append(certificate)

    def extend(self, path: tuple[Certificate, ...]) -> tuple[Certificate, ...] | None:
        """Complete a path whose links all hold, or return None and leave ``failure``."""
        top = path[-1]
        if top in self.trust:
            return path
        for issuer in self.candidates(path):
            try:
                self.check_issuer(issuer, path)
            except CertificateVerifyError as error:
                self.note(error)
                if self.checks_left < 0:
                    return None
                continue
            found = self.extend((*path, issuer))
            if found is not None or self.checks_left < 0:
                return found
        return None

    def note(self, error: CertificateVerifyError) -> None:
        """Keep the refusal worth reporting."""
        # A wrong signature is the weakest: a namesake of the issuer was tried.  An exhausted
        # budget is the strongest: it ends the search.
        known = self.failure
        weak = known is None or known.problem is CertificateProblem.BAD_SIGNATURE
        if weak or self.checks_left < 0:
            self.failure = error

    def candidates(self, path: tuple[Certificate, ...]) -> list[Certificate]:
        """Who may have issued the top of the path: anchors first, best key identifier first."""
        top = path[-1]
        name = top.issuer_der
        found = dict.fromkeys((*self.trust.named(name), *self.by_subject.get(name, ())))
        hint = top.authority_key_id

        def rank(issuer: Certificate) -> bool:
            return None not in (hint, issuer.subject_key_id) and hint != issuer.subject_key_id

        return sorted((issuer for issuer in found if issuer not in path), key=rank)

    def check_issuer(self, issuer: Certificate, path: tuple[Certificate, ...]) -> None:
        """Check that ``issuer`` may vouch for the top of ``path``, and did.

        Spec: RFC 5280 6.1.3, 6.1.4 (k) to (o)
        """
        if len(path) > self.max_depth:
            raise self.too_long(f"needs more than {self.max_depth} CA certificates")
        self.checks_left -= 1
        if self.checks_left < 0:
            raise self.too_long(f"took more than {MAX_SIGNATURE_CHECKS} signature checks to search")
        try:
            path[-1].verify_signed_by(issuer)
        except CertificateVerifyError as error:
            error.which = self.which if len(path) == 1 else _CA
            raise
        self.check_common(issuer, _CA)
        self.check_ca(issuer, path)

    def check_ca(self, issuer: Certificate, path: tuple[Certificate, ...]) -> None:
        """Check the rules of a certificate that issues."""
        if not issuer.is_ca:
            raise CertificateVerifyError(
                CertificateProblem.INVALID_CA,
                f"{issuer} issued {path[-1]} but is not a CA, {self.chain}",
                which=_CA,
                expected="basicConstraints with CA:TRUE (RFC 5280 4.2.1.9)",
                hint="Issue from a CA certificate, or replace this one",
            )
        if issuer.key_usage is not None and "keyCertSign" not in issuer.key_usage:
            raise CertificateVerifyError(
                CertificateProblem.INVALID_CA,
                f"the CA {issuer} may not sign certificates, {self.chain}",
                which=_CA,
                expected="keyUsage with keyCertSign (RFC 5280 4.2.1.3)",
                hint="Replace the CA certificate",
            )
        if issuer.path_length is None:
            return
        below = sum(not certificate.self_issued for certificate in path[1:])
        if below > issuer.path_length:
            raise CertificateVerifyError(
                CertificateProblem.PATH_LENGTH_EXCEEDED,
                f"the CA {issuer} allows {issuer.path_length} CAs below it, not {below}, "
                + self.chain,
                which=_CA,
                expected="no more CAs than pathLenConstraint says (RFC 5280 4.2.1.9)",
                hint="Issue from a higher CA, or give this CA a larger pathLenConstraint",
            )

    @property
    def chain(self) -> str:
        """Which chain this is about, for error texts."""
        return f"in the chain of {self.whose} {self.which}"

    def check_common(self, certificate: Certificate, which: str) -> None:
        """Check what holds for every certificate of a path: times and critical extensions."""
        if (
            certificate.not_before <= self.now <= certificate.not_after
            and not certificate.has_name_constraints
            and not certificate.critical_unknown
        ):
            return
        subject = f"{self.whose} {which} {certificate}" if which != _CA else f"the CA {certificate}"
        clock = f"the clock says {self.now:%Y-%m-%d %H:%M:%S %Z}"
        if self.now > certificate.not_after:
            raise CertificateVerifyError(
                CertificateProblem.EXPIRED,
                f"{subject} expired on {certificate.not_after:%Y-%m-%d %H:%M:%S} UTC; {clock}",
                which=which,
                hint="Renew the certificate, or set the clock right",
            )
        if self.now < certificate.not_before:
            raise CertificateVerifyError(
                CertificateProblem.NOT_YET_VALID,
                f"{subject} is valid from {certificate.not_before:%Y-%m-%d %H:%M:%S} UTC; {clock}",
                which=which,
                hint="Set the clock right, or wait",
            )
        if certificate.has_name_constraints:
            raise CertificateVerifyError(
                CertificateProblem.UNHANDLED_CRITICAL_EXTENSION,
                f"{subject} has name constraints, which this version does not check",
                which=which,
                hint="Trust a CA below it directly, one without name constraints",
            )
        raise CertificateVerifyError(
            CertificateProblem.UNHANDLED_CRITICAL_EXTENSION,
            f"{subject} has critical extensions that are not understood: "
            + ", ".join(certificate.critical_unknown[:_NAMED]),
            which=which,
            expected="only known critical extensions (RFC 5280 4.2)",
            hint="Issue the certificate with these extensions not critical",
        )

    def too_long(self, why: str) -> CertificateVerifyError:
        return CertificateVerifyError(
            CertificateProblem.CHAIN_TOO_LONG,
            f"the chain of {self.whose} {self.which} {self.leaf} {why}",
            which=_CHAIN,
            hint="Send only the certificates between this one and the root",
        )

    def unknown_ca(self, leaf: Certificate) -> CertificateVerifyError:
        """Say where the path broke off for want of an issuer."""
        subject = f"{self.whose} {self.which} {leaf}"
        if leaf.self_signed:
            return CertificateVerifyError(
                CertificateProblem.SELF_SIGNED,
                f"{subject} is self-signed and not among the trusted certificates",
                which=self.which,
                hint="Add this very certificate to the CA file, or issue it from a trusted CA",
            )
        top, seen = leaf, {leaf}
        while (issuers := self.by_subject.get(top.issuer_der)) and issuers[0] not in seen:
            top = issuers[0]
            seen.add(top)
        store = f"the trusted CAs ({self._trusted()})"
        gap = f"its root {top} is not among {store}"
        if not top.self_issued:
            gap = f"the issuer of {top}, {top.issuer_text}, is neither sent nor among {store}"
        return CertificateVerifyError(
            CertificateProblem.UNKNOWN_CA,
            f"{subject} does not lead to a trusted CA: {gap}",
            which=self.which,
            expected="a chain up to a certificate in the trust store",
            hint="Add the CA to the trusted certificates, or let the peer send the intermediate",
        )

    def _trusted(self) -> str:
        names = [str(anchor) for anchor in self.trust.anchors[:_NAMED]]
        more = len(self.trust) - len(names)
        return ", ".join(names) + (f" and {more} more" if more else "") or "none is loaded"


def _check_purpose(leaf: Certificate, purpose: Purpose, which: str) -> None:
    """Check the leaf's extended key usage, if it has one.  Spec: RFC 5280 4.2.1.12"""
    oid, name = _PURPOSE_OIDS[purpose]
    allowed = leaf.extended_key_usage
    if allowed is None or allowed & {oid, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
        return
    raise CertificateVerifyError(
        CertificateProblem.WRONG_USAGE,
        f"the {purpose}'s {which} {leaf} is not for a {purpose}: its extended key usage is "
        + ", ".join(sorted(item.dotted_string for item in allowed)),
        which=which,
        expected=f"{name} or no extendedKeyUsage",
        hint=f"Issue the certificate with {name}",
    )
