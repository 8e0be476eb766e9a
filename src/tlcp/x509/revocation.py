"""Whether a CA has taken a certificate back: by its lists, a stapled answer, or by asking.

Everything that is at hand is looked at, and "revoked" beats "good": whoever has stolen a key
chooses what we are shown.  Only when nothing at hand tells is a responder asked, if that is wanted.
What cannot be used (stale, signed by somebody else) counts as nothing, and the error lists why; but
where nothing newer tells, a list or an answer of the issuer that has expired still refuses what it
says is revoked.

``hard-fail`` refuses a certificate of which nothing is known, ``soft-fail`` tells the program and
goes on: then whoever can keep the answers away from us can use a stolen key.

Spec: RFC 5280 6.3; RFC 6960 3.2, 4.2.2.1; GB/T 38636-2020 6.4.4 certificate_revoked
"""

from __future__ import annotations

import contextlib
import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from tlcp.errors import CertificateProblem, CertificateVerifyError, ConfigError, DecodeError
from tlcp.x509.certificate import Certificate, readable
from tlcp.x509.crl import RevocationList
from tlcp.x509.dn import CanonicalName, canonical_name
from tlcp.x509.links import CA
from tlcp.x509.ocsp import OcspCertId, build_ocsp_request
from tlcp.x509.ocsp_response import CertificateStatus, OcspResponse
from tlcp.x509.recent import Recent

__all__ = ["Checker", "FetchOcsp", "Mode", "RevocationPolicy", "Scope"]

Mode = Literal["hard-fail", "soft-fail"]
Scope = Literal["leaf", "chain"]
#: Gets the URL of a responder and the DER of a request, and returns the DER of the response; raises
#: OSError if there is none.  It must end, and bound what it takes.
FetchOcsp = Callable[[str, bytes], bytes]

_SKEW: Final = datetime.timedelta(minutes=5)  # how far our clock and a CA's may differ
_FRESH: Final = datetime.timedelta(days=1)  # how old an answer may be that names no end
_MOST_REMEMBERED: Final = 1024  # answers that were fetched
_MOST_URLS: Final = 2  # responders asked about one certificate
_MOST_QUESTIONS: Final = 16  # over the network in one handshake; each may take seconds


class RevocationPolicy:
    """How it is found out whether certificates are revoked, and what if that cannot be.

    Immutable, but for the answers that were fetched, which it remembers until they expire.

    Args:
        crls: lists, of any CAs; the newest that is valid for a certificate counts.
        mode: "hard-fail" refuses a certificate of which nothing is known; "soft-fail" accepts it.
        scope: "leaf" asks about the end certificates (both of a pair), "chain" about the CAs
            between them and the anchor, too.
        fetch: asks a responder whose URL is in the certificate, when nothing else tells; it blocks
            the handshake.  None asks nobody.
        on_unknown: for "soft-fail": gets what could not be found out.

    Raises:
        ConfigError: mode or scope is another word.
    """

    def __init__(
        self,
        *,
        crls: Iterable[RevocationList] = (),
        mode: Mode = "hard-fail",
        scope: Scope = "leaf",
        fetch: FetchOcsp | None = None,
        on_unknown: Callable[[CertificateVerifyError], None] | None = None,
    ) -> None:
        for value, known in ((mode, Mode), (scope, Scope)):
            if value not in get_args(known):
                raise ConfigError(f"{value!r} is none of {', '.join(get_args(known))}")
        self.crls = tuple(crls)
        self.mode, self.scope, self.fetch, self.on_unknown = mode, scope, fetch, on_unknown
        self._by_issuer = defaultdict[CanonicalName, list[RevocationList]](list)
        for crl in self.crls:
            self._by_issuer[crl.issuer].append(crl)
        self._fetched = Recent[tuple[bytes, int], OcspResponse](_MOST_REMEMBERED)

    def __repr__(self) -> str:
        fetches = ", fetches OCSP" if self.fetch is not None else ""
        return f"<RevocationPolicy {self.mode}, {self.scope}, {len(self.crls)} CRLs{fetches}>"

    @property
    def fingerprint(self) -> bytes:
        """What of it a session is bound to; certificates are checked anew on each connection."""
        return f"{self.mode} {self.scope}".encode()

    def changed(self, **changes: Any) -> RevocationPolicy:
        """The same with other arguments.

        Raises:
            ConfigError: as for making one.
        """
        return RevocationPolicy(
            **{
                "crls": self.crls,
                "mode": self.mode,
                "scope": self.scope,
                "fetch": self.fetch,
                "on_unknown": self.on_unknown,
                **changes,
            }
        )

    def checker(self, stapled: bytes | None = None) -> Checker:
        """What ``verify_pair`` asks in one handshake.

        Args:
            stapled: the DER of the OCSP response that the server sent along; None without one.
        """
        return Checker(self, stapled)

    def lists_of(self, certificate: Certificate) -> list[RevocationList]:
        """The lists with the name of a certificate's issuer that cover it, newest first."""
        named = self._by_issuer.get(canonical_name(certificate.issuer), [])
        fitting = [crl for crl in named if crl.covers(certificate)]
        return sorted(fitting, key=lambda crl: (crl.this_update, crl.number), reverse=True)

    def remembered(self, certificate: Certificate, issuer: Certificate) -> OcspResponse | None:
        """What a responder has said of it before."""
        return self._fetched.get((issuer.key_info, certificate.serial_number))

    def remember(
        self, certificate: Certificate, issuer: Certificate, response: OcspResponse
    ) -> None:
        """Keep what a responder has said, once it has been believed."""
        self._fetched.put((issuer.key_info, certificate.serial_number), response)


@dataclass(slots=True)
class _Unclear:
    """What did not tell of a certificate.

    Attributes:
        reasons: why, one for each thing that was looked at.
        revoked: what has expired said that it is revoked; counts if nothing newer tells.
    """

    reasons: list[str]
    revoked: CertificateVerifyError | None = None

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the error of what has expired."""
        try:
            yield
        except CertificateVerifyError as error:
            self.revoked = error


class _Asked(NamedTuple):
    """One certificate about which everything at hand is looked at."""

    certificate: Certificate
    issuer: Certificate
    now: datetime.datetime
    which: str
    unclear: _Unclear


class Checker:
    """Asks about the certificates of one handshake; see ``RevocationPolicy.checker``."""

    def __init__(self, policy: RevocationPolicy, stapled: bytes | None) -> None:
        self._policy = policy
        self._stapled: OcspResponse | None = None
        self._unreadable = ""
        self._questions = _MOST_QUESTIONS
        if stapled is not None:
            try:
                self._stapled = OcspResponse.from_der(stapled)
            except DecodeError as error:
                self._unreadable = f"stapled OCSP: {error.what}"

    def check(
        self, certificate: Certificate, issuer: Certificate, *, now: datetime.datetime, which: str
    ) -> None:
        """Check one certificate of a path in which all else holds.

        Raises:
            CertificateVerifyError: REVOKED; or REVOCATION_UNKNOWN under "hard-fail".

        Spec: RFC 5280 6.3; RFC 6960 3.2
        """
        policy = self._policy
        if policy.scope == "leaf" and which == CA:
            return
        unclear = _Unclear([self._unreadable] if self._unreadable else [])
        asked = _Asked(certificate, issuer, now, which, unclear)
        known = self._by_lists(asked)
        if self._stapled is not None:
            known |= self._by_answer(self._stapled, "stapled OCSP", asked)
        if known or self._by_asking(asked):
            return
        if unclear.revoked is not None:
            raise unclear.revoked
        unknown = CertificateVerifyError(
            CertificateProblem.REVOCATION_UNKNOWN,
            f"nothing tells whether the {which} {certificate} is revoked: "
            + (
                "; ".join(unclear.reasons)
                or f"there is no list of {certificate.issuer_text}, and no OCSP"
            ),
            which=which,
            expected="a valid CRL of its issuer, or an OCSP response",
            hint="Load the issuer's newest CRL, let the server staple OCSP, or accept it with "
            "soft-fail",
        )
        if policy.mode == "hard-fail":
            raise unknown
        if policy.on_unknown is not None:
            policy.on_unknown(unknown)

    def _by_lists(
        self,
        asked: _Asked,
    ) -> bool:
        """Whether a list tells, and not that it is revoked."""
        certificate, issuer, now, which, unclear = asked
        expired: RevocationList | None = None  # the newest
        for crl in self._policy.lists_of(certificate):
            why = _unfit(crl, issuer, now)
            if not why:
                _check_list(crl, certificate, which)
                return True
            unclear.reasons.append(f"the CRL of {crl.issuer_text} {why}")
            if expired is None and crl.next_update < now:
                expired = None if _unfit(crl, issuer, crl.next_update) else crl
        if expired is not None:
            with unclear.kept():
                _check_list(expired, certificate, which)
        return False

    def _by_answer(
        self,
        response: OcspResponse,
        source: str,
        asked: _Asked,
    ) -> bool:
        """Whether an OCSP response tells, and not that it is revoked."""
        certificate, issuer, now, which, unclear = asked
        status = response.about(certificate, issuer)
        if status is None:
            unclear.reasons.append(f"{source}: it says nothing of this certificate")
            return False
        why = _stale(status, now)
        if not why and not response.is_by(issuer, now):
            why = f"it is signed neither by {issuer} nor by whom that lets answer"
        if not why and status.status == "unknown":
            why = "the responder does not know this certificate"
        if why:
            unclear.reasons.append(f"{source}: {why}")
            if _has_expired(status, now) and response.is_by(issuer, _end(status)):
                with unclear.kept():
                    _check_status(status, certificate, source, which)
            return False
        _check_status(status, certificate, source, which)
        return True

    def _by_asking(
        self,
        asked: _Asked,
    ) -> bool:
        """Whether a responder tells, and not that it is revoked."""
        policy = self._policy
        if policy.fetch is None:
            return False
        certificate, issuer, unclear = asked.certificate, asked.issuer, asked.unclear
        before = policy.remembered(certificate, issuer)
        if before is not None and self._by_answer(before, "OCSP", asked):
            return True
        urls = _responders(certificate)
        if not urls:
            unclear.reasons.append("the certificate names no OCSP responder")
        request = build_ocsp_request([OcspCertId.of(certificate.serial_number, issuer)])
        for url in urls:
            place = readable(url)
            self._questions -= 1
            if self._questions < 0:
                unclear.reasons.append(
                    f"no more than {_MOST_QUESTIONS} questions are asked at once"
                )
                break
            try:
                response = OcspResponse.from_der(policy.fetch(url, request))
            except (OSError, DecodeError) as error:
                what = error.what if isinstance(error, DecodeError) else error
                unclear.reasons.append(f"OCSP of {place}: {what}")
                continue
            if self._by_answer(response, f"OCSP of {place}", asked):
                policy.remember(certificate, issuer, response)
                return True
        return False


def _unfit(crl: RevocationList, issuer: Certificate, now: datetime.datetime) -> str:
    """Why a list with the right name and scope is not to be used; "" if it is."""
    if crl.this_update > now + _SKEW:
        return f"is of the future: {crl.this_update:%Y-%m-%d %H:%M} UTC"
    if crl.next_update < now:
        return f"has expired: the next one was due {crl.next_update:%Y-%m-%d %H:%M} UTC"
    if issuer.key_usage is not None and "cRLSign" not in issuer.key_usage:
        return f"cannot count: its issuer's certificate {issuer} is without cRLSign"
    return "" if crl.is_by(issuer) else f"is not signed by {issuer}"


def _stale(status: CertificateStatus, now: datetime.datetime) -> str:
    """Why an answer is not to be used at this time; "" if it is.  Spec: RFC 6960 4.2.2.1."""
    if status.this_update > now + _SKEW:
        return f"it is of the future: {status.this_update:%Y-%m-%d %H:%M} UTC"
    end = _end(status)
    return "" if now <= end else f"it expired {end:%Y-%m-%d %H:%M} UTC"


def _has_expired(status: CertificateStatus, now: datetime.datetime) -> bool:
    return status.this_update <= now and _end(status) < now


def _end(status: CertificateStatus) -> datetime.datetime:
    """Until when an answer holds."""
    return status.next_update if status.next_update is not None else status.this_update + _FRESH


def _check_list(crl: RevocationList, certificate: Certificate, which: str) -> None:
    entry = crl.revoked.get(certificate.serial_number)
    if entry is not None:
        raise _revoked(certificate, "its CRL", entry.since, entry.reason, which)


def _check_status(
    status: CertificateStatus, certificate: Certificate, source: str, which: str
) -> None:
    if status.revoked_at is not None:
        raise _revoked(certificate, source, status.revoked_at, status.reason, which)


def _responders(certificate: Certificate) -> list[str]:
    """The URLs where a certificate says that its issuer answers."""
    access = certificate.extension(x509.AuthorityInformationAccess) or ()
    found = [
        one.access_location.value
        for one in access
        if one.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
        and one.access_location.value.startswith(("http://", "https://"))
    ]
    return found[:_MOST_URLS]


def _revoked(
    certificate: Certificate, source: str, since: datetime.datetime, reason: str, which: str
) -> CertificateVerifyError:
    why = f", reason {reason}" if reason else ""
    return CertificateVerifyError(
        CertificateProblem.REVOKED,
        f"the {which} {certificate} is revoked since {since:%Y-%m-%d %H:%M} UTC{why}, as "
        f"{source} says",
        which=which,
        hint="Its owner needs a new certificate; if the key was stolen, whoever sent this may be "
        "the thief",
    )
