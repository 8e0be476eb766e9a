"""The two certificates of a peer: told apart, checked together, and turned into a proof.

TLCP authenticates with a pair.  The signing certificate proves who is there; the encryption
certificate gets the pre-master secret.  An attacker who could put one of his own in either place
would win, so both are verified alike, and they must speak of one subject.

``VerifiedPair`` is that proof: whoever holds one has it from ``verify_pair``, or has asked for
``accept_unverified_pair`` by name.

Spec: GB/T 38636-2020 6.4.5.3
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import InitVar, dataclass

from tlcp.errors import CertificateProblem, CertificateVerifyError, MisuseError
from tlcp.suites import KeyKind
from tlcp.x509 import signatures
from tlcp.x509.certificate import Certificate
from tlcp.x509.chain import ChainPolicy, Purpose, Revocation, verify_chain
from tlcp.x509.dn import canonical_name, is_readable
from tlcp.x509.names import match_host
from tlcp.x509.recent import Recent
from tlcp.x509.trust import TrustStore
from tlcp.x509.usage import check_usages, is_authority

__all__ = [
    "VerifiedPair",
    "accept_unverified_pair",
    "forget",
    "split_certificates",
    "verify_pair",
]

_SIGNING = "signing certificate"
_ENCRYPTION = "encryption certificate"

# Certificates of pairs that were verified lately: who comes again is not parsed again, and idle
# connections of one peer share them. Only the parsing is saved, every check is made every time.
_MAX_KEPT = 256
_MAX_KEPT_BYTES = 4096  # a parsed certificate takes ten times its size: 10 MiB at the very most
_proven: Recent[bytes, Certificate] = Recent(_MAX_KEPT)

_TOKEN = object()  # held by the two functions that may make a VerifiedPair


@dataclass(frozen=True, slots=True)
class VerifiedPair:
    """A peer's certificates after the checks; made by this module's functions only.

    Who the peer is, ``sign`` says: its key has signed in this handshake. In the ECC suites a client
    proves nothing with the key of ``enc``.

    Attributes:
        sign: the signing certificate.
        enc: the encryption certificate; None only where none was needed and none was sent.
        intermediates: the other certificates of the list, as sent.
        sign_chain, enc_chain: leaf to anchor; empty when not verified (or no ``enc``).
        verified: False when the checks of trust were turned off.

    Spec: GB/T 38636-2020 6.4.5.3
    """

    sign: Certificate
    enc: Certificate | None
    intermediates: tuple[Certificate, ...]
    sign_chain: tuple[Certificate, ...]
    enc_chain: tuple[Certificate, ...]
    verified: bool
    token: InitVar[object] = None

    def __post_init__(self, token: object) -> None:
        if token is not _TOKEN:
            raise MisuseError("a VerifiedPair comes from verify_pair or accept_unverified_pair")

    def to_keep(self) -> tuple[bytes, ...]:
        """DER of what the same pair can be verified by again: the two, and the CAs on their paths.

        What else the peer sent is left out, so that nobody fills a store with it.
        """
        enc = (self.enc,) if self.enc is not None and self.enc is not self.sign else ()
        above = dict.fromkeys((*self.sign_chain[1:], *self.enc_chain[1:]))
        needed = (c for c in above if c in self.intermediates)
        return tuple(c.der for c in (self.sign, *enc, *needed))

    def describe(self) -> str:
        """Say in one line who the peer is and what was checked."""
        who = self.sign.subject_text or "(no subject)"
        kind = "signing and encryption certificate" if self.enc else "signing certificate"
        if not self.verified:
            return f"{who}: {kind}, NOT VERIFIED"
        return f"{who}: {kind}, verified up to {self.sign_chain[-1]}"


def split_certificates(
    certificates: Sequence[bytes], *, allow_single: bool = False
) -> tuple[Certificate, Certificate | None, tuple[Certificate, ...]]:
    """Tell signing certificate, encryption certificate and the rest of a list apart.

    The first is the signing certificate.  The encryption certificate is the second, or, when that
    is a CA's, the last: both SIGN|ENC|CA and SIGN|CA|ENC are deployed.

    Args:
        certificates: DER, in the order of the Certificate message; not empty.
        allow_single: a list of one certificate stands for both roles.

    Returns:
        (sign, enc or None, rest in the order sent).

    Raises:
        CertificateVerifyError: MALFORMED, a certificate cannot be read.
        ValueError: the list is empty; what that means is the caller's to say.

    Spec: GB/T 38636-2020 6.4.5.3.  Interop: old TASSL sends SIGN|CA|ENC
    """
    if not certificates:
        raise ValueError("the certificate list is empty")
    sign, *others = [
        _proven.get(der) or _read(der, at, len(certificates)) for at, der in enumerate(certificates)
    ]
    if not others:
        return sign, sign if allow_single else None, ()
    for place in (0, -1):
        if not is_authority(others[place]):
            enc = others.pop(place)
            return sign, enc, tuple(others)
    return sign, None, tuple(others)


def verify_pair(
    certificates: Sequence[bytes],
    *,
    role: Purpose,
    trust: TrustStore,
    now: datetime.datetime,
    host: str | None,
    need_enc: bool,
    kind: KeyKind = KeyKind.SM2,
    allow_single: bool = False,
    allow_two_subjects: bool = False,
    chain_policy: ChainPolicy = ChainPolicy(),  # noqa: B008 -- it is frozen
    revocation: Revocation | None = None,
) -> VerifiedPair:
    """Check a peer's certificate list in full.

    Args:
        certificates: DER, in the order of the Certificate message; not empty.
        role: what the peer is, "server" or "client".
        trust: our anchors.
        now: the moment at which all must be valid; aware.
        host: the name or address that both certificates must have; None = not checked.
        need_enc: the suite uses the peer's encryption certificate.
        kind: of the keys that the suite uses.
        allow_single: accept one certificate for both roles.
        allow_two_subjects: accept a pair whose subjects differ.  Only sound when ``host`` is
            checked or the CA issues to one owner: nothing else ties the two together.
        chain_policy: what else is asked of both chains.
        revocation: is asked about every certificate of both chains but the anchors.

    Raises:
        CertificateVerifyError: a certificate, the pair or a chain is refused.
        ConfigError: ``host`` is not a host name.
        ValueError: the list is empty, or ``now`` has no time zone.

    Spec: GB/T 38636-2020 6.4.5.3.  Interop: the pairs that Tongsuo's and TASSL's scripts make are
    named "server sign" and "server enc"
    """
    sign, enc, rest = _take_pair(certificates, role, need_enc, kind, allow_single)
    check_usages(sign, enc, f"{role}'s")
    if not allow_two_subjects:
        _check_one_subject(sign, enc, role)

    def chain_of(certificate: Certificate, which: str) -> tuple[Certificate, ...]:
        return verify_chain(
            certificate,
            rest,
            trust,
            now=now,
            purpose=role,
            which=which,
            max_depth=chain_policy.max_depth,
            mixed=chain_policy.mixed,
            policies=chain_policy.oids,
            strict=chain_policy.strict,
            revocation=revocation,
        )

    sign_chain = chain_of(sign, _SIGNING)
    enc_chain = () if enc is None else chain_of(enc, _ENCRYPTION)
    if host is not None:
        _match_both(sign, enc, host)
    for certificate in (*sign_chain[:-1], *enc_chain[:-1]):  # the store has the anchor
        if len(certificate.der) <= _MAX_KEPT_BYTES:
            _proven.put(certificate.der, certificate)
    return VerifiedPair(sign, enc, rest, sign_chain, enc_chain, verified=True, token=_TOKEN)


def forget() -> None:
    """Forget the certificates seen lately and their signatures, as if the program had started.

    For measuring what a first contact costs.
    """
    _proven.clear()
    signatures.forget()


def accept_unverified_pair(
    certificates: Sequence[bytes],
    *,
    role: Purpose,
    need_enc: bool,
    kind: KeyKind = KeyKind.SM2,
    allow_single: bool = False,
) -> VerifiedPair:
    """Take a peer's certificate list without asking whether to trust it.

    What the handshake cannot do without still holds: the certificates can be read, the ones it
    needs are there, and their keys can be used in the suite.

    Args:
        certificates: DER, in the order of the Certificate message; not empty.
        role: what the peer is, "server" or "client".
        need_enc: the suite uses the peer's encryption certificate.
        kind: of the keys that the suite uses.
        allow_single: accept one certificate for both roles.

    Raises:
        CertificateVerifyError: MALFORMED, NOT_A_PAIR or UNSUPPORTED_KEY.
        ValueError: the list is empty.

    Spec: GB/T 38636-2020 6.4.5.3
    """
    sign, enc, rest = _take_pair(certificates, role, need_enc, kind, allow_single)
    return VerifiedPair(sign, enc, rest, (), (), verified=False, token=_TOKEN)


def _take_pair(
    certificates: Sequence[bytes],
    role: Purpose,
    need_enc: bool,
    kind: KeyKind,
    allow_single: bool,
) -> tuple[Certificate, Certificate | None, tuple[Certificate, ...]]:
    sign, enc, rest = split_certificates(certificates, allow_single=allow_single)
    if enc is None and need_enc:
        raise _no_enc(role, len(certificates))
    for certificate, which in ((sign, _SIGNING), (enc, _ENCRYPTION)):
        if certificate is not None:
            _check_key(certificate, which, kind)
    return sign, enc, rest


def _read(der: bytes, at: int, count: int) -> Certificate:
    try:
        return Certificate.from_der(der)
    except CertificateVerifyError as error:
        raise CertificateVerifyError(
            error.problem,
            f"certificate {at + 1} of {count} in the peer's list: {error.what}",
            which=_SIGNING if at == 0 else "chain",
            expected=error.expected,
            hint="Look at it with `openssl asn1parse`; the peer must send other bytes",
        ) from error


def _check_key(certificate: Certificate, which: str, kind: KeyKind) -> None:
    try:
        found = certificate.key_kind
    except CertificateVerifyError as error:
        error.which = which
        raise
    if found is not kind:
        raise CertificateVerifyError(
            CertificateProblem.UNSUPPORTED_KEY,
            f"the {which} {certificate} has an {found.value} key, and the cipher suite is for "
            f"{kind.value} keys",
            which=which,
            expected=f"an {kind.value} key",
            hint="TLCP's ECC and ECDHE suites need SM2 certificates, its RSA suites RSA ones; "
            "change the certificates or the suites",
        )


def _no_enc(role: Purpose, count: int) -> CertificateVerifyError:
    what = f"the {role} sent 1 certificate; TLCP needs 2 (signing, encryption)"
    if count > 1:
        what = (
            f"the {role} sent {count} certificates, but the encryption certificate is not "
            "among them: all after the first are CA certificates"
        )
    return CertificateVerifyError(
        CertificateProblem.NOT_A_PAIR,
        what,
        which=_ENCRYPTION,
        expected="signing certificate, encryption certificate, then the CAs",
        hint=f"Configure the {role} with both certificates and both keys",
    )


def _match_both(sign: Certificate, enc: Certificate | None, host: str) -> None:
    match_host(sign, host, which=_SIGNING)
    if enc is not None:
        match_host(enc, host, which=_ENCRYPTION)


def _check_one_subject(sign: Certificate, enc: Certificate | None, role: Purpose) -> None:
    if enc is None or sign.subject_der == enc.subject_der or _is_one_name(sign, enc):
        return
    names = [certificate.subject_text for certificate in (sign, enc)]
    raise CertificateVerifyError(
        CertificateProblem.NOT_A_PAIR,
        f"the {role}'s signing certificate is for {names[0]}, "
        f"but its encryption certificate is for {names[1]}",
        which=_ENCRYPTION,
        expected="one subject in both",
        hint="Issue both with one subject; scripts that name them apart make no TLCP pair",
    )


def _is_one_name(one: Certificate, other: Certificate) -> bool:
    """Two CAs, or one with two programs, may write a subject in two ways.  Spec: RFC 5280 7.1"""
    pair = (one, other)
    if not all(is_readable(certificate.subject, certificate.subject_der) for certificate in pair):
        return False
    return canonical_name(one.subject) == canonical_name(other.subject)
