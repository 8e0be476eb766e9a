"""What our verifier says of a test case.

The library decides; here its questions are put together from the case. What the library is never
asked (a purpose but that of servers and clients) is not judged, and where a verdict has another
reason than the chain, a note says so.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtendedKeyUsageOID, SignatureAlgorithmOID

from tlcp.crypto.pem import split_pem
from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import ChainPolicy, Purpose, verify_chain
from tlcp.x509.crl import read_crls
from tlcp.x509.names import match_host
from tlcp.x509.revocation import Checker, RevocationPolicy
from tlcp.x509.trust import TrustStore, read_cas

from .suite import PeerName, TestCase

__all__ = ["Verdict", "judge"]

_ROLES: Final[dict[str, Purpose]] = {
    "serverAuth": "server",
    ExtendedKeyUsageOID.SERVER_AUTH.dotted_string: "server",
    "clientAuth": "client",
    ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string: "client",
}
_ANY: Final = (
    "anyExtendedKeyUsage",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string,
)
_USAGES: Final = {  # the names of the standard are ours
    "contentCommitment": "nonRepudiation",
    "encipher_only": "encipherOnly",
    "decipher_only": "decipherOnly",
}
_MOST_SEARCHES: Final = 64  # for a path with few intermediates


class Verdict(NamedTuple):
    """What came of a case.

    Attributes:
        valid: accepted; None = not judged.
        why: the refusal, or why it was not judged.
        broke: by a bug of ours, which agrees with nothing.
        notes: what a reader should know of how it came about.
    """

    valid: bool | None
    why: str = ""
    broke: bool = False
    notes: tuple[str, ...] = ()


def judge(case: TestCase, *, strict: bool = False) -> Verdict:
    """Verify the peer of a case.

    Args:
        case: the case.
        strict: the form of certificates is asked for, as by VERIFY_X509_STRICT.
    """
    notes = list[str]()
    try:
        _judge(case, notes, strict=strict)
    except _NotJudged as reason:
        return Verdict(None, str(reason), notes=tuple(notes))
    except (CertificateVerifyError, ConfigError, _NotMet) as error:
        return Verdict(valid=False, why=str(error), notes=tuple(notes))
    except Exception as bug:  # one must not hide what comes of the others
        return Verdict(None, f"the verifier broke: {type(bug).__name__} {bug}", broke=True)
    return Verdict(valid=True, notes=tuple(notes))


class _NotMet(Exception):
    """The peer's certificate is good, but not what the case asks for."""


class _NotJudged(Exception):
    """The case asks for what the library is never asked."""


@dataclass(frozen=True)
class _Question:
    """What the library is asked."""

    peer: Certificate
    sent: tuple[Certificate, ...]
    trust: TrustStore
    now: datetime.datetime
    strict: bool
    revocation: Checker | None
    depth: int | None


def _judge(case: TestCase, notes: list[str], *, strict: bool) -> None:
    roles = _roles(case)
    allowed = _allowed_algorithms(case)
    peer = _peer(case, notes)
    question = _Question(
        peer=peer,
        sent=_sent(case, notes),
        trust=_trust(case, notes),
        now=case.moment or datetime.datetime.now(datetime.UTC),
        strict=strict,
        revocation=_revocation(case),
        depth=case.depth,
    )
    if allowed is not None:
        question = _of_these_algorithms(question, allowed)
    if roles:
        for role in roles:
            _path(question, role)
    else:
        _path_for_any_role(question)
    wanted = {_USAGES.get(one, one) for one in case.key_usage}
    if peer.key_usage is not None and not wanted <= peer.key_usage:
        raise _NotMet(f"its keyUsage lacks {', '.join(sorted(wanted - peer.key_usage))}")
    for name in case.names:
        _check_name(peer, name)


# ---- what the case has ---------------------------------------------------------------------------


@asn1.sequence
class _Outline:
    """Any certificate, whatever is in its parts."""

    tbs: asn1.TLV
    algorithm: asn1.TLV
    signature: asn1.BitString


def _peer(case: TestCase, notes: list[str]) -> Certificate:
    """The peer's; that it cannot be read is a refusal, that it is no certificate a broken case."""
    try:
        der = next(block.der for block in split_pem(case.peer) if block.label == "CERTIFICATE")
        asn1.decode_der(_Outline, der)
    except (StopIteration, ValueError) as error:
        raise _NotJudged("peer_certificate is no certificate at all") from error
    try:
        return Certificate.from_der(der)
    except CertificateVerifyError:
        notes.append("refused when the peer's certificate is read: no chain was looked for")
        raise


def _sent(case: TestCase, notes: list[str]) -> tuple[Certificate, ...]:
    """The intermediates; one that cannot be read spoils the message, needed or not."""
    read = list[Certificate]()
    for pem in case.intermediates:
        try:
            read.append(Certificate.from_pem(pem))
        except ConfigError:
            notes.append(
                "refused for an intermediate that cannot be read, whether a path needs it or not: "
                "a handshake reads the whole list"
            )
            raise
    return tuple(read)


def _trust(case: TestCase, notes: list[str]) -> TrustStore:
    """The trusted ones as the library loads them: what it cannot use it passes over."""
    trust, passed_over = TrustStore(), 0
    for pem in case.trusted:
        try:
            usable, others = read_cas(pem, "the case", rsa=True)
        except ConfigError:
            usable, others = [], 1
        passed_over += others
        for one in usable:
            trust.add(one)
    if passed_over:
        some = f"{passed_over} of {len(case.trusted)} trusted certificates"
        notes.append(f"{some} passed over: not readable, or with keys that are not supported")
    return trust


def _revocation(case: TestCase) -> Checker | None:
    """Where a case has CRLs, they must tell of the whole path."""
    if not case.crls:
        return None
    crls = [crl for text in case.crls for crl in read_crls(text.encode(), "the case")]
    return RevocationPolicy(crls=crls, mode="hard-fail", scope="chain").checker()


def _roles(case: TestCase) -> tuple[Purpose, ...]:
    """What the chain must be for, all of it; nothing = for either role."""
    asked = [one for one in sorted(case.extended_key_usage) if one not in _ANY]
    others = [one for one in asked if one not in _ROLES]
    if others:
        raise _NotJudged(f"asks for {', '.join(others)}; the library has servers and clients alone")
    if asked:
        return tuple(dict.fromkeys(_ROLES[one] for one in asked))
    if case.extended_key_usage:
        return ()
    return ("server" if case.peer_is_server else "client",)


def _allowed_algorithms(case: TestCase) -> frozenset[x509.ObjectIdentifier] | None:
    if not case.signature_algorithms:
        return None
    found = {name: getattr(SignatureAlgorithmOID, name, None) for name in case.signature_algorithms}
    unknown = sorted(name for name, oid in found.items() if oid is None)
    if unknown:
        raise _NotJudged(f"asks for the signature algorithms {', '.join(unknown)}")
    return frozenset(oid for oid in found.values() if oid is not None)


# ---- what is asked of the library ----------------------------------------------------------------


def _of_these_algorithms(
    question: _Question, allowed: frozenset[x509.ObjectIdentifier]
) -> _Question:
    """Without those that are signed otherwise; anchors' own signatures are not looked at."""

    def is_allowed(certificate: Certificate) -> bool:
        parsed = x509.load_der_x509_certificate(certificate.der)
        return parsed.signature_algorithm_oid in allowed

    if question.peer not in question.trust and not is_allowed(question.peer):
        raise _NotMet("it is signed with an algorithm that the case does not allow")
    return replace(question, sent=tuple(filter(is_allowed, question.sent)))


def _path_for_any_role(question: _Question) -> None:
    errors = list[CertificateVerifyError | _NotMet]()
    roles: tuple[Purpose, ...] = ("server", "client")
    for role in roles:
        try:
            _path(question, role)
        except (CertificateVerifyError, _NotMet) as error:
            errors.append(error)
        else:
            return
    problems = {getattr(error, "problem", None) for error in errors}
    if CertificateProblem.WRONG_USAGE in problems:
        raise _NotJudged("is for neither servers nor clients, which are all that we can ask of")
    raise errors[0]


def _path(question: _Question, role: Purpose) -> None:
    """Find a path; with no more intermediates than are allowed, self-issued ones not counted.

    The library counts all. So a path that is too long is looked for, and then again without one
    after the other of its intermediates: any path that is short enough lacks one of them.

    Spec: RFC 5280 4.2.1.9, which is what the format's max_chain_depth is about
    """
    most = ChainPolicy().max_depth
    if question.depth is None:
        _verify(question, question.sent, role, most)
        return
    self_issued = sum(one.self_issued for one in question.sent)
    first: Exception | None = None
    left, seen = [question.sent], {frozenset(question.sent)}
    for _ in range(_MOST_SEARCHES):
        if not left:
            raise first or _NotMet(f"its chain needs more than {question.depth} intermediates")
        sent = left.pop(0)
        try:
            path = _verify(question, sent, role, question.depth + 1 + self_issued)
        except CertificateVerifyError as error:
            first = first or error
            continue
        counted = [one for one in path[1:-1] if not one.self_issued]
        if len(counted) <= question.depth:
            return
        for one in counted:
            fewer = tuple(other for other in sent if other != one)
            if frozenset(fewer) not in seen:
                seen.add(frozenset(fewer))
                left.append(fewer)
    raise _NotJudged("has too many paths to look for a short one")


def _verify(
    question: _Question, sent: Sequence[Certificate], role: Purpose, depth: int
) -> tuple[Certificate, ...]:
    return verify_chain(
        question.peer,
        sent,
        question.trust,
        now=question.now,
        purpose=role,
        which="certificate",
        max_depth=depth,
        mixed=True,
        strict=question.strict,
        revocation=question.revocation,
    )


def _check_name(peer: Certificate, name: PeerName) -> None:
    if name.kind != "RFC822":
        match_host(peer, name.value)
        return
    names = peer.extension(x509.SubjectAlternativeName)
    local, _, host = name.value.rpartition("@")
    for entry in names.get_values_for_type(x509.RFC822Name) if names else ():
        entry_local, _, entry_host = entry.rpartition("@")
        if (entry_local, entry_host.lower()) == (local, host.lower()):
            return
    raise _NotMet(f"it has no e-mail address {name.value}")
