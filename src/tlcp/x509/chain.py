"""From a peer's certificate up to one that we trust.

What is done here.  ``verify_chain`` searches, depth first, for a path

    leaf  <-  intermediate(s) that the peer sent  <-  anchor in the trust store

and checks all of RFC 5280 6.1: in ``links.py`` what a certificate must have by itself and as the
issuer of another, in ``constraints.py`` the names that a CA may vouch for, in ``policies.py`` the
policies of the whole path, in ``strict.py`` the form of all of it if asked for, and last, once for
each certificate, revocation if asked for.  Key
identifiers only decide which candidate is tried first: they are not signed promises about the
issuer, and a wrong one must not hide a right path.  The order of the peer's list means nothing
(deployed stacks disagree on it), and a root in it is no more trusted than anything else in it.

What is an anchor.  Any certificate that the user put into the store: a root, an intermediate, or
the peer's very own certificate (byte for byte).  A path ends at the first anchor it meets.  An
anchor that issues must be a CA like any other, so a pinned end certificate vouches for itself
alone; anchors expire too, and their constraints bind.

What bounds the work.  The peer chooses the list, so it may try to make the search explode with
many certificates of one name.  ``work.py`` has the budgets: signatures, candidates, comparisons of
names, steps through policies.  A path goes only through links whose signature held, never through
one key of one name twice, and it is never longer than ``max_depth`` CA certificates.  What is
cheap to see (an expired alternative, a CA that is none) is seen before a signature is paid for.

Which error.  A search can fail in several places.  The one reported is a budget that ran out; then
the first broken rule of a certificate whose signature held; then an algorithm that is not
supported, then a wrong signature; "unknown CA" only when nobody of the issuer's name was there to
be refused.

Spec: GB/T 38636-2020 6.4.5.3; RFC 5280 6.1; RFC 4158 (the search)
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from cryptography import x509

from tlcp.crypto.sm3 import sm3
from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError
from tlcp.x509.algorithms import family_of
from tlcp.x509.certificate import Certificate
from tlcp.x509.constraints import check_name_constraints
from tlcp.x509.dn import CanonicalName, canonical_name, is_readable
from tlcp.x509.links import CA, Purpose, Rules
from tlcp.x509.policies import check_policies
from tlcp.x509.strict import check_strictly
from tlcp.x509.trust import TrustStore, by_canonical_name
from tlcp.x509.work import MAX_CANDIDATES, MAX_SIGNATURE_CHECKS, Work

__all__ = [
    "MAX_CANDIDATES",
    "MAX_SIGNATURE_CHECKS",
    "ChainPolicy",
    "Purpose",
    "Revocation",
    "verify_chain",
]

_NAMED: Final = 3  # how many of anything an error lists
_REFUSALS: Final = 32  # how many are kept to choose the error from


@dataclass(frozen=True, slots=True)
class ChainPolicy:
    """What a program asks of the chains of its peers.

    Attributes:
        max_depth: the most CA certificates above an end certificate.
        mixed: RSA and ECDSA CAs may vouch for SM2 certificates; for others all kinds may.
        policies: dotted object identifiers of certificate policies; a chain must be valid for one
            of them.  Empty: none is asked for.
        strict: certificates must have the form that RFC 5280 demands of CAs, as under
            VERIFY_X509_STRICT of ``ssl``; ``docs/verification.md`` lists what is refused then.

    Raises:
        ConfigError: ``max_depth`` is negative, or a policy is no object identifier.

    Spec: RFC 5280 6.1.1 (c)
    """

    max_depth: int = 8
    mixed: bool = False
    policies: tuple[str, ...] = ()
    strict: bool = False

    def __post_init__(self) -> None:
        if self.max_depth < 0:
            raise ConfigError(f"max_depth is {self.max_depth}; want 0 or more CA certificates")
        _ = self.oids

    @property
    def oids(self) -> frozenset[x509.ObjectIdentifier] | None:
        """The policies as ``verify_chain`` takes them."""
        try:
            return frozenset(map(x509.ObjectIdentifier, self.policies)) or None
        except ValueError as error:
            raise ConfigError(f"a certificate policy is no object identifier: {error}") from error

    @property
    def fingerprint(self) -> bytes:
        """32 bytes, a hash over all of it."""
        wanted = ",".join(sorted(self.policies))
        return sm3(f"{self.max_depth} {self.mixed} {self.strict} {wanted}".encode())


class Revocation(Protocol):
    """What knows whether a CA has taken a certificate back."""

    def check(
        self, certificate: Certificate, issuer: Certificate, *, now: datetime.datetime, which: str
    ) -> None:
        """Check one certificate of a path in which all else holds.

        Args:
            certificate: not the anchor.
            issuer: whose key signed it; trusted by now.
            now: the moment of the verification.
            which: the certificate's role, for the error.

        Raises:
            CertificateVerifyError: it is revoked, or nobody knows and that is not enough.
        """


def verify_chain(
    leaf: Certificate,
    intermediates: Sequence[Certificate],
    trust: TrustStore,
    *,
    now: datetime.datetime,
    purpose: Purpose,
    which: str = "certificate",
    max_depth: int = 8,
    mixed: bool = False,
    policies: Collection[x509.ObjectIdentifier] | None = None,
    strict: bool = False,
    revocation: Revocation | None = None,
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
        mixed: RSA and ECDSA CAs may vouch for an SM2 leaf.  For an RSA or ECDSA leaf CAs of all
            kinds may.
        policies: the path must be valid for one of them; None = not asked for.
        strict: the form of certificates is checked as well.
        revocation: is asked about every certificate of the path but the anchor, once for each; a
            path that it refuses is none.

    Returns:
        The path, leaf first, anchor last; one certificate when the leaf itself is an anchor.

    Raises:
        CertificateVerifyError: no path holds; ``problem`` is the first rule broken.
        ValueError: ``now`` has no time zone.

    Spec: GB/T 38636-2020 6.4.5.3; RFC 5280 6.1
    """
    if now.tzinfo is None:
        raise ValueError("now must be an aware datetime, such as datetime.now(UTC)")
    rules = Rules(now, purpose, which, sm2_alone=False)
    rules.check_end(leaf)
    if not mixed and family_of(leaf.verifying_key) == "SM2":
        rules = rules._replace(sm2_alone=True)
    search = _Search(leaf, intermediates, trust, rules, max_depth)
    search.policies, search.strict, search.revocation = policies, strict, revocation
    return search.run()


#: DER of the certificate; key, name and usage of its issuer.
_Asked = tuple[bytes, bytes, bytes, frozenset[str] | None]


class _Refusal(NamedTuple):
    """A link that was not taken."""

    certificate: Certificate
    issuer: Certificate
    error: CertificateVerifyError
    held: bool  # the signature was verified


class _Search:
    """One run of the depth-first search, with its budgets and its refusals."""

    policies: Collection[x509.ObjectIdentifier] | None = None
    strict: bool = False
    revocation: Revocation | None = None

    def __init__(
        self,
        leaf: Certificate,
        intermediates: Sequence[Certificate],
        trust: TrustStore,
        rules: Rules,
        max_depth: int,
    ) -> None:
        self.leaf, self.trust, self.rules, self.max_depth = leaf, trust, rules, max_depth
        self.work = Work(rules.owner, leaf)
        self.refusals: list[_Refusal] = []
        self.signed: dict[tuple[bytes, bytes], CertificateVerifyError | None] = {}
        self.asked: dict[_Asked, CertificateVerifyError | None] = {}
        self.sent = tuple(dict.fromkeys(intermediates))
        self.by_subject: dict[bytes, list[Certificate]] = {}
        for one in self.sent:
            self.by_subject.setdefault(one.subject_der, []).append(one)
        self._by_key: dict[tuple[bytes, bytes | None], list[Certificate]] | None = None
        self._by_name: dict[CanonicalName, list[Certificate]] | None = None
        self._alike: dict[Certificate, Sequence[Certificate]] = {}

    def run(self) -> tuple[Certificate, ...]:
        """The path, or the error worth reporting."""
        path = self.extend((self.leaf,))
        if path is None:
            raise self.failure()
        return path

    def extend(self, path: tuple[Certificate, ...]) -> tuple[Certificate, ...] | None:
        """Complete a path whose links all hold, or return None and leave refusals.

        Raises:
            CertificateVerifyError: a budget ran out.
        """
        if path[-1] in self.trust:
            return path if self.accepts(path) else None
        for issuer in self.candidates(path):
            if self.links(issuer, path):
                found = self.extend((*path, issuer))
                if found is not None:
                    return found
        return None

    # Candidates

    def candidates(self, path: tuple[Certificate, ...]) -> Iterator[Certificate]:
        """Who may have issued the top of the path: best key identifier first, then anchors."""
        top, seen = path[-1], set[Certificate]()
        for issuer in self.named_as_issuer(top):
            if issuer in seen:
                continue
            seen.add(issuer)
            self.work.look_at()
            if not _is_in(issuer, path):
                yield issuer

    def named_as_issuer(self, top: Certificate) -> Iterator[Certificate]:
        """Everybody of the issuer's name, some of them twice."""
        name = top.issuer_der
        anchors, sent = self.trust.named(name), self.by_subject.get(name, ())
        hint = top.authority_key_id if len(anchors) + len(sent) > 1 else None
        if hint is not None:
            fitting = (None, hint)
            yield from (anchor for anchor in anchors if anchor.subject_key_id in fitting)
            for key_id in fitting:
                yield from self.with_key_id(name, key_id)
        yield from anchors
        yield from sent
        yield from self.named_alike(top)

    def with_key_id(self, name: bytes, key_id: bytes | None) -> Sequence[Certificate]:
        """Those sent that have this name and this key identifier."""
        if self._by_key is None:
            self._by_key = {}
            for one in self.sent:
                key = one.subject_der, one.subject_key_id
                self._by_key.setdefault(key, []).append(one)
        return self._by_key.get((name, key_id), ())

    def named_alike(self, top: Certificate) -> Iterator[Certificate]:
        """Those whose name is written otherwise but is the same.  Spec: RFC 5280 7.1"""
        if top not in self._alike:
            self._alike[top] = self._find_alike(top)
        yield from self._alike[top]

    def _find_alike(self, top: Certificate) -> Sequence[Certificate]:
        if not is_readable(top.issuer, top.issuer_der):
            return ()
        wanted = canonical_name(top.issuer)
        if self._by_name is None:
            self._by_name = by_canonical_name(self.sent)
        return (*self.trust.named_alike(wanted), *self._by_name.get(wanted, ()))

    # Links and paths

    def links(self, issuer: Certificate, path: tuple[Certificate, ...]) -> bool:
        """Whether ``issuer`` may vouch for the top of ``path``, and did."""
        top, held = path[-1], False
        try:
            if len(path) > self.max_depth:
                raise self.too_long()
            self.rules.check_ca(issuer, path)
            error = self.signature_error(top, issuer)
            if error is not None:
                raise error
            held = True
            if issuer.has_name_constraints:
                check_name_constraints(issuer, path, self.work, self.rules.chain)
        except CertificateVerifyError as error:
            if self.work.is_spent:
                raise
            self.refuse(top, issuer, error, held=held)
            return False
        return True

    def signature_error(
        self, certificate: Certificate, issuer: Certificate
    ) -> CertificateVerifyError | None:
        """What is wrong with a signature; each is verified once in a search."""
        link = certificate.der, issuer.key_info
        if link not in self.signed:
            self.work.check_signature()
            try:
                certificate.verify_signed_by(issuer)
                self.signed[link] = None
            except CertificateVerifyError as error:
                self.signed[link] = self.rules.told(error, self.role(certificate))
        return self.signed[link]

    def accepts(self, path: tuple[Certificate, ...]) -> bool:
        """Whether the rules of whole paths hold for one that has reached an anchor."""
        try:
            if self.policies is not None or any(one.has_policy_rules for one in path[:-1]):
                check_policies(path, self.policies, self.work, self.rules.chain)
            if self.strict:
                check_strictly(path, self.rules.which, self.rules.chain)
            for certificate, issuer in itertools.pairwise(path):
                self.ask_about(certificate, issuer)
        except CertificateVerifyError as error:
            if self.work.is_spent:
                raise
            self.refuse(path[0], path[-1], error, held=True)
            return False
        return True

    def ask_about(self, certificate: Certificate, issuer: Certificate) -> None:
        """Ask once about each certificate whether it is revoked.

        Once more where its issuer may have another answer: one that may not sign lists has none.
        """
        if self.revocation is None:
            return
        link = certificate.der, issuer.key_info, issuer.subject_der, issuer.key_usage
        if link not in self.asked:
            which, now = self.role(certificate), self.rules.now
            try:
                self.revocation.check(certificate, issuer, now=now, which=which)
                self.asked[link] = None
            except CertificateVerifyError as error:
                self.asked[link] = error
        refused = self.asked[link]
        if refused is not None:
            raise refused

    def role(self, certificate: Certificate) -> str:
        """What a certificate of the path is called in an error."""
        return self.rules.which if certificate is self.leaf else CA

    # Errors

    def refuse(
        self,
        certificate: Certificate,
        issuer: Certificate,
        error: CertificateVerifyError,
        *,
        held: bool,
    ) -> None:
        """Keep a refusal for the error to report."""
        if len(self.refusals) < _REFUSALS:
            self.refusals.append(_Refusal(certificate, issuer, error, held))

    def failure(self) -> CertificateVerifyError:
        """The refusal worth reporting: see the head of this file."""
        weak: CertificateVerifyError | None = None
        for certificate, issuer, error, held in self.refusals:
            try:
                wrong = None if held else self.signature_error(certificate, issuer)
            except CertificateVerifyError as spent:
                return weak or spent
            if wrong is None:
                return error
            if weak is None or (
                weak.problem is CertificateProblem.BAD_SIGNATURE
                and wrong.problem is not CertificateProblem.BAD_SIGNATURE
            ):
                weak = wrong
        return weak or self.unknown_ca()

    def too_long(self) -> CertificateVerifyError:
        return CertificateVerifyError(
            CertificateProblem.CHAIN_TOO_LONG,
            f"the chain of {self.rules.owner} {self.leaf} needs more than {self.max_depth} CA "
            "certificates",
            which="chain",
            hint="Send only the certificates between this one and the root",
        )

    def unknown_ca(self) -> CertificateVerifyError:
        """Say where the path broke off for want of an issuer."""
        leaf = self.leaf
        subject = f"{self.rules.owner} {leaf}"
        if leaf.self_signed:
            return CertificateVerifyError(
                CertificateProblem.SELF_SIGNED,
                f"{subject} is self-signed and not among the trusted certificates",
                which=self.rules.which,
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
            which=self.rules.which,
            expected="a chain up to a certificate in the trust store",
            hint="Add the CA to the trusted certificates, or let the peer send the intermediate",
        )

    def _trusted(self) -> str:
        names = [str(anchor) for anchor in self.trust.anchors[:_NAMED]]
        more = len(self.trust) - len(names)
        return ", ".join(names) + (f" and {more} more" if more else "") or "none is loaded"


def _is_in(issuer: Certificate, path: Sequence[Certificate]) -> bool:
    """The path has it already, or its name with its key: to go there again leads nowhere new."""
    return issuer == path[0] or any(
        issuer.subject_der == one.subject_der and issuer.key_info == one.key_info
        for one in path[1:]
    )
