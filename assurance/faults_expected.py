"""By what a stream that the wire has damaged must be refused: another model of the record layer.

It reads what was given in place of what was sent.  Up to the first byte that differs all is well.
The record with that byte may announce itself wrongly; if it is protected, its check must fail; if
it is in clear, what can be wrong depends on the message in it, and its damage may also show later,
at either end.  A record that never comes to its end is waited for.

Spec: GB/T 38636-2020 6.3.3, 6.4.4, 6.4.5
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tlcp.errors import (
    BadRecordMAC,
    CertificateRequired,
    CertificateVerifyError,
    DecodeError,
    DecryptError,
    IllegalParameter,
    NegotiationError,
    PeerError,
    ProtocolVersionError,
    RecordOverflow,
    UnexpectedMessage,
    UnsupportedExtension,
)
from tlcp.registry import ContentType, HandshakeType

__all__ = ["Expected", "expect"]

_HEADER: Final = 5
_VERSION: Final = 0x0101
_MOST_CLEAR, _MOST_PROTECTED = 1 << 14, (1 << 14) + 2048
_TYPES: Final = frozenset(range(20, 24))
Errors = frozenset[type[PeerError]]

#: A message whose lengths, type or place are wrong, whichever it is.
_FORM: Final[Errors] = frozenset({DecodeError, UnexpectedMessage, RecordOverflow})
_SIGNED: Final[Errors] = frozenset({DecryptError})  # the ends have other transcripts
_KEYED: Final[Errors] = _SIGNED | {BadRecordMAC}  # or other keys
_KIND = HandshakeType
#: What else the receiver may say of a damaged message of this kind, and what its sender may: the
#: receiver's next message does not fit what it had said.
_SAID: Final[dict[int, tuple[Errors, Errors]]] = {
    _KIND.CLIENT_HELLO: (
        frozenset({ProtocolVersionError, NegotiationError, IllegalParameter}) | _KEYED,
        _KEYED | {UnexpectedMessage},  # another session is continued than it asked for
    ),
    _KIND.SERVER_HELLO: (
        frozenset({ProtocolVersionError, IllegalParameter, UnsupportedExtension}) | _KEYED,
        _KEYED,
    ),
    _KIND.NEW_SESSION_TICKET: (_SIGNED, frozenset()),
    _KIND.CERTIFICATE: (
        frozenset({CertificateVerifyError, CertificateRequired}) | _SIGNED,
        _SIGNED,
    ),
    _KIND.SERVER_KEY_EXCHANGE: (frozenset({IllegalParameter}) | _SIGNED, frozenset()),
    _KIND.CERTIFICATE_REQUEST: (frozenset({IllegalParameter, NegotiationError}), _SIGNED),
    _KIND.SERVER_HELLO_DONE: (frozenset(), frozenset()),
    _KIND.CLIENT_KEY_EXCHANGE: (frozenset({IllegalParameter}) | _KEYED, frozenset()),
    _KIND.CERTIFICATE_VERIFY: (_SIGNED, frozenset()),
}


class Record(NamedTuple):
    """One record, or its beginning.

    Attributes:
        at: where it begins.
        kind, version, size: of its header.
        body: what of it is there.
        protected: a ChangeCipherSpec came before it.
    """

    at: int
    kind: int
    version: int
    size: int
    body: bytes
    protected: bool

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.at + _HEADER + self.size

    @property
    def whole(self) -> bool:
        """Whether all of it is there."""
        return len(self.body) == self.size

    @property
    def announced(self) -> type[PeerError] | None:
        """What refuses it for its header alone."""
        if self.kind not in _TYPES:
            return UnexpectedMessage
        free = self.at == 0 and self.version >> 8 in (1, 3)
        if self.version != _VERSION and not free:
            return ProtocolVersionError
        most = _MOST_PROTECTED if self.protected else _MOST_CLEAR
        return RecordOverflow if self.size > most else None


@dataclass(slots=True)
class Expected:
    """How a connection may end whose stream was given in place of what was sent.

    Attributes:
        place: where the first byte that differs lies, for people.
        errors: by which the receiver may refuse.
        far: by which the sender may, who learns by the answer that it was misunderstood.
        waits: more may be waited for.
        harmless: nobody can tell.
        in_last: the difference lies in the record of close_notify.
    """

    place: str = "nowhere"
    errors: set[type[PeerError]] = field(default_factory=set)
    far: set[type[PeerError]] = field(default_factory=set)
    waits: bool = False
    harmless: bool = False
    in_last: bool = False


def records(stream: bytes) -> Iterator[Record]:
    """Records of a stream, the last one as far as it has come."""
    at, protected = 0, False
    while at + _HEADER <= len(stream):
        kind, version, size = (
            stream[at],
            int.from_bytes(stream[at + 1 : at + 3], "big"),
            int.from_bytes(stream[at + 3 : at + 5], "big"),
        )
        one = Record(at, kind, version, size, stream[at + 5 : at + 5 + size], protected)
        yield one
        protected = protected or (kind == ContentType.CHANGE_CIPHER_SPEC and one.body == b"\1")
        at = one.end


def expect(sent: bytes, given: bytes) -> Expected:
    """What may come of this."""
    first = _differs(sent, given)
    if first is None or (first == len(sent) and _closes(sent, len(sent) - 1)):
        return Expected(harmless=True)  # nobody reads what comes behind close_notify
    found = Expected(_place(sent, first), in_last=_closes(sent, first))
    if first == len(given):
        found.waits = True
    elif given[:1] == sent[:1] and given[3:] == sent[3:] and given[1] in (1, 3):
        found.harmless = True  # the version of the first record; nothing covers it
    else:
        _read(found, sent, given, first)
    return found


def _read(found: Expected, sent: bytes, given: bytes, first: int) -> None:
    """Go on from the record in which the first byte differs, until one must be refused."""
    message, in_clear = _message(sent, first), False
    for one in records(given):
        if one.end <= first and one.whole:
            continue
        if one.announced is not None:
            found.errors.add(one.announced)
        elif not one.whole:
            found.waits = True
        elif not one.protected:
            _add_clear(found, one, message)
            in_clear = True
            continue
        elif given[one.at : one.end] not in sent:
            found.errors.add(BadRecordMAC)
        break
    else:
        found.waits = True
    # a message that announces too much is waited for, whatever comes behind it
    found.waits = found.waits or in_clear


def _add_clear(found: Expected, one: Record, message: int) -> None:
    found.errors |= _FORM
    if one.kind == ContentType.HANDSHAKE:
        said, answered = _SAID.get(message, (frozenset(), frozenset()))
        found.errors |= said
        found.far |= answered
    else:  # a value of ChangeCipherSpec, or the level of what is no alert
        found.errors.add(IllegalParameter)


def _differs(sent: bytes, given: bytes) -> int | None:
    """The first place where they do."""
    for at, (one, other) in enumerate(zip(sent, given, strict=False)):
        if one != other:
            return at
    return None if len(sent) == len(given) else min(len(sent), len(given))


def _record_at(sent: bytes, at: int) -> Record | None:
    return next((one for one in records(sent) if one.at <= at < one.end), None)


def _closes(sent: bytes, at: int) -> bool:
    """Whether a byte lies in the protected alert that a stream ends with."""
    one = _record_at(sent, at)
    return (
        one is not None
        and one.protected
        and one.kind == ContentType.ALERT
        and one.whole
        and one.end == len(sent)
    )


def _message(sent: bytes, at: int) -> int:
    """The handshake message in clear in which a byte lies, or -1."""
    one = _record_at(sent, at)
    if one is None or one.protected or one.kind != ContentType.HANDSHAKE or not one.body:
        return -1
    return one.body[0]


def _place(sent: bytes, at: int) -> str:
    one = _record_at(sent, at)
    if one is None:
        return "behind all"
    what = ContentType(one.kind).name if one.kind in _TYPES else f"record {one.kind}"
    message = _message(sent, at)
    if message >= 0:
        what = HandshakeType(message).name
    part = "header" if at < one.at + _HEADER else "body"
    return f"{part} of {'protected ' if one.protected else ''}{what.lower()}"
