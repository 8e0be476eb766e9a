"""What a misdeed is, and the small changes that the tables are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from assurance.adversary_peer import Item, Offender, Raw, Said, Ways
from support.ends import ALL, ECC, ECDHE
from tlcp.alerts import AlertDescription as A
from tlcp.errors import (
    BadRecordMAC,
    CertificateProblem,
    CertificateVerifyError,
    DecodeError,
    DecryptError,
    IllegalParameter,
    PeerError,
    ProtocolVersionError,
    RecordOverflow,
    TLCPError,
    TruncatedError,
    UnexpectedMessage,
    UnsupportedExtension,
)
from tlcp.suites import BulkCipher, CipherSuite
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

__all__ = [
    "ALL",
    "BAD_MAC",
    "CBC",
    "CERTIFICATE",
    "DECODE",
    "DECRYPT",
    "ECC",
    "ECDHE",
    "EXTENSION",
    "FINE",
    "GCM",
    "ILLEGAL",
    "OVERFLOW",
    "ROLES",
    "TRUNCATED",
    "UNEXPECTED",
    "VERSION",
    "Act",
    "Expected",
    "Misdeed",
    "Role",
    "Sweep",
    "asking",
    "before",
    "body_of",
    "edited",
    "honest",
    "instead",
    "later",
    "numbered",
    "with_body",
]

Role = Literal["client", "server"]
ROLES: Final[tuple[Role, Role]] = ("client", "server")
CBC: Final = tuple(s for s in ALL if s.cipher is BulkCipher.SM4_CBC)
GCM: Final = tuple(s for s in ALL if s.cipher is BulkCipher.SM4_GCM)
_HEADER = 4


@dataclass(frozen=True)
class Expected:
    """How the victim ends.

    Attributes:
        error: its class; None = it does not fail, and goes on with the handshake and the data.
        alert: that it sends; None = none.
        problem: what is wrong with a certificate, where that is the error.
        warnings: that it sends before, one by one; close_notify is none of them.
    """

    error: type[TLCPError] | None
    alert: A | None = None
    problem: CertificateProblem | None = None
    warnings: tuple[A, ...] = ()


def _owed(error: type[PeerError]) -> Expected:
    return Expected(error, error.alert)


def CERTIFICATE(problem: CertificateProblem) -> Expected:
    """A certificate is refused for that reason."""
    return Expected(CertificateVerifyError, problem.alert, problem)


FINE: Final = Expected(None)
UNEXPECTED: Final = _owed(UnexpectedMessage)
DECODE: Final = _owed(DecodeError)
ILLEGAL: Final = _owed(IllegalParameter)
DECRYPT: Final = _owed(DecryptError)
BAD_MAC: Final = _owed(BadRecordMAC)
OVERFLOW: Final = _owed(RecordOverflow)
VERSION: Final = _owed(ProtocolVersionError)
EXTENSION: Final = _owed(UnsupportedExtension)
TRUNCATED: Final = Expected(TruncatedError)

Act = Callable[[], Ways]


@dataclass(frozen=True)
class Misdeed:
    """One thing that a peer does and should not, or need not.

    Attributes:
        id: who/what/where, unique.
        section: of GB/T 38636-2020, or another text, that it breaks or uses.
        by: the offender; the victim is the other end.
        act: gives the ways of one connection.
        end: how the victim ends.
        suites: in which it makes sense.
        only_these: and in none of RSA keys beside them.
        resumed: in a resumed handshake.
        late: the victim has completed its handshake.
        data: what the victim is to have got; None = what was sent before, if ``late``. Where
            nothing fails: what it gets besides.
        victim: settings of the victim.
        offender: arguments of the scripted peer.
        since: settings of the victim that have changed since the session that is to be resumed.
        offender_since: arguments of the offender that have.
        who: gives whom the victim trusts and whom the offender claims to be, where that is wrong.
        closed: the victim has sent its close_notify before, and says nothing more.
        continues: whether it is to be a resumed handshake in the end; None = as ``resumed`` says.
        long: only in the long form of the run.
        swept: it is one of a sweep.
    """

    id: str
    section: str
    by: Role
    act: Act
    end: Expected
    suites: tuple[CipherSuite, ...] = tuple(ALL)
    only_these: bool = False
    resumed: bool = False
    late: bool = False
    data: bytes | None = None
    victim: dict[str, Any] = field(default_factory=dict)
    offender: dict[str, Any] = field(default_factory=dict)
    since: dict[str, Any] = field(default_factory=dict)
    offender_since: dict[str, Any] = field(default_factory=dict)
    who: Callable[[CipherSuite], tuple[TrustStore, Identity]] | None = None
    closed: bool = False
    continues: bool | None = None
    long: bool = False
    swept: bool = False

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True)
class Sweep:
    """Misdeeds at every byte of a message, as long as it is in each suite; in the long form alone.

    Attributes:
        by, kind: who is the offender, in which kind of handshake.
        message: its name.
        rows: gives them for the message as an honest peer has sent it.
    """

    by: Role
    kind: str
    message: str
    rows: Callable[[bytes], Iterable[Misdeed]]


# ---- acts ----------------------------------------------------------------------------------


def honest() -> Ways:
    """Nothing wrong."""
    return Ways()


def asking() -> Ways:
    """Ask for a session that an honest client would not ask for."""
    return Ways(asks=True)


def body_of(item: Item) -> bytes:
    """The body of a message."""
    return b"".join(cast("Said", item).messages)[_HEADER:]


def with_body(item: Item, body: bytes) -> Said:
    """The same message with another body; its length field fits."""
    raw = b"".join(cast("Said", item).messages)
    return Said((raw[:1] + len(body).to_bytes(3, "big") + body,))


def instead(name: str, give: Callable[[Offender, Item], Iterable[Item]]) -> Act:
    """Send other things in place of one message."""

    def say(peer: Offender, said: str, item: Item) -> Iterable[Item]:
        return give(peer, item) if said == name else (item,)

    return lambda: Ways(say)


def before(name: str, *extra: Item) -> Act:
    """Send things in front of one message."""
    return instead(name, lambda _, item: (*extra, item))


def edited(name: str, edit: Callable[[Offender, bytes], bytes]) -> Act:
    """Send one message with another body."""
    return instead(name, lambda peer, item: (with_body(item, edit(peer, body_of(item))),))


def later(*things: Raw | Callable[[Offender], None]) -> Act:
    """Do things when the handshake is through."""

    def then(peer: Offender) -> None:
        for thing in things:
            if isinstance(thing, Raw):
                peer.emit(thing)
            else:
                thing(peer)

    return lambda: Ways(then=then)


def numbered(rows: Iterable[Misdeed]) -> Iterator[Misdeed]:
    """Refuse ids that come twice."""
    seen = set[str]()
    for row in rows:
        if row.id in seen:
            raise ValueError(f"two misdeeds are called {row.id}")
        seen.add(row.id)
        yield row
