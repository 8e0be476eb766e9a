"""The adversary: a scripted peer that is honest but for one thing.

It is built on the scripted peers of the tests, which share the message declarations and the
algorithms with ``tlcp``, and neither its records nor its handshake. What it lies about is part of
its own transcript, so that no lie is found out by a Finished that fits the truth.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

from peers.scripted.client import ScriptedClient
from peers.scripted.manners import Habits, Stack
from peers.scripted.peer import CCS, DATA, HANDSHAKE, Ended, Flow, Remembered, ScriptedPeer
from peers.scripted.records import Record, Sealer, as_record
from peers.scripted.server import ScriptedServer
from support.ends import HOST, world
from tlcp.alerts import AlertLevel
from tlcp.registry import ExtensionType
from tlcp.suites import CipherSuite
from tlcp.wire.messages import (
    MESSAGES,
    Certificate,
    ClientHello,
    Extension,
    Finished,
    ServerHello,
)
from tlcp.x509.identity import Identity

__all__ = [
    "CCS_NAME",
    "ChangeCipher",
    "Forger",
    "Item",
    "Offender",
    "OffendingClient",
    "OffendingServer",
    "Raw",
    "Said",
    "Ways",
    "Wire",
    "honest_stack",
]

CCS_NAME: Final = "ChangeCipherSpec"
_LONGEST: Final = 1 << 14
#: What protected records begin with: read in clear it is an empty message of type 20, Finished.
_FIRST: Final = b"\x14\0\0\0"


@dataclass(frozen=True)
class Said:
    """Handshake messages, which the transcript takes.

    Attributes:
        messages: with their headers.
        fragments: the records that they go in; None = as few as may be.
    """

    messages: tuple[bytes, ...]
    fragments: tuple[bytes, ...] | None = None


@dataclass(frozen=True)
class Raw:
    """A record that no transcript takes: protected where keys are in use, or in clear."""

    kind: int
    text: bytes
    clear: bool = False
    version: int = 0x0101


@dataclass(frozen=True)
class Wire:
    """Bytes for the transport, as they are."""

    data: bytes


@dataclass(frozen=True)
class ChangeCipher:
    """ChangeCipherSpec, and the new keys from then on.

    Attributes:
        told: whether the record is sent at all.
        switches: whether the keys change.
    """

    told: bool = True
    switches: bool = True


Item = Said | Raw | Wire | ChangeCipher


def _as_it_is(_: Offender, __: str, item: Item) -> Iterable[Item]:
    return (item,)


@dataclass
class Ways:
    """Where the peer is not honest; one of these for each connection.

    Attributes:
        say: gets each message by its name before it is sent, and gives what is sent instead.
        then: what is done when the handshake is through.
        jump: the number that both ends give the next record, before ``then``: nobody waits for
            2^64 of them.
        asks: it asks for a session, and should not.
    """

    say: Callable[[Offender, str, Item], Iterable[Item]] = _as_it_is
    then: Callable[[Offender], None] | None = None
    jump: int | None = None
    asks: bool = False


class Forger(Sealer):
    """Protection that can do wrong in one record."""

    @property
    def is_gcm(self) -> bool:
        """Whether the suite has GCM."""
        return self._gcm

    @property
    def sequence(self) -> int:
        """The number of the next record."""
        return self._count

    def like_it(self) -> Self:
        """Another one with the same keys, at the beginning."""
        other = copy.copy(self)
        other._count = 0
        return other

    def skip(self, count: int = 1) -> None:
        """Leave numbers out, or use them again."""
        self._count += count

    def seal(self, kind: int, text: bytes) -> bytes:
        """As it should be, with a first half of the nonce or IV that we know."""
        if self._gcm:
            number = (self._count % 2**32).to_bytes(4, "big")
            return self.gcm(kind, text, nonce=_FIRST + number)
        return self.cbc(kind, text)

    def gcm(self, kind: int, text: bytes, *, nonce: bytes, size: int | None = None) -> bytes:
        """With this explicit nonce; ``size`` is what the authenticated length says."""
        header = self._header(kind, len(text) if size is None else size)
        return nonce + self._key.gcm_encrypt(self._iv + nonce, text, header)

    def cbc(
        self,
        kind: int,
        text: bytes,
        *,
        padding: int | None = None,
        spoil: Callable[[bytes], bytes] = bytes,
        mac: Callable[[bytes], bytes] = bytes,
        size: int | None = None,
    ) -> bytes:
        """With so much padding, and with changes of the MAC and of the padded text."""
        header = self._header(kind, len(text) if size is None else size)
        body = text + mac(self._mac(header, text))
        if padding is None:
            padding = 15 - len(body) % 16
        return self.encrypt(spoil(body + bytes((padding,)) * (padding + 1)))

    def encrypt(self, padded: bytes) -> bytes:
        """The last step of CBC alone: any whole blocks."""
        iv = _FIRST + self._count.to_bytes(12, "big")
        return iv + self._key.cbc_encrypt(iv, padded)


def honest_stack(suite: CipherSuite, *, tickets: bool = False) -> Stack:
    """One suite, and server_name as the one extension; with tickets, their extension, too."""
    ticket = (ExtensionType.SESSION_TICKET,) if tickets else ()
    habits = Habits(suites=(suite,), offers=(ExtensionType.SERVER_NAME, *ticket), answers=ticket)
    return Stack(name="adversary", preset="auto", habits=habits)


def _without_session(raw: bytes) -> bytes:
    """A ClientHello that asks for no session, by id or by ticket."""
    hello = ClientHello.from_bytes(raw[4:])
    tickets = ExtensionType.SESSION_TICKET
    kept = tuple(
        Extension(tickets, b"") if e.type == tickets else e for e in hello.extensions or ()
    )
    return dataclasses.replace(hello, session_id=b"", extensions=kept or None).encode()


def _listed(identity: Identity) -> tuple[bytes, ...]:
    """The certificates of a Certificate message, as a scripted peer lists them."""
    enc = () if identity.enc_cert is None else (identity.enc_cert,)
    return tuple(c.der for c in (identity.sign_cert, *enc, *identity.chain))


class Offender(ScriptedPeer):
    """What the offending client and server share.

    Beside what it sends, it notes what an honest peer would have: record by record, under the same
    keys. Where both are the same bytes it has done nothing.

    Attributes:
        ways: where it is not honest.
        said: what an honest peer would have sent, by name.
        usual: whose certificates it has where they are not what is wrong; None without any.
    """

    sealer = Forger
    ways: Ways
    said: dict[str, bytes]
    usual: Identity | None

    def _begin(self, ways: Ways, usual: Identity | None) -> None:
        self.ways, self.said, self.usual = ways, {}, usual
        self._gone, self._due = b"", b""
        self._honest_keys: Forger | None = None
        self._honest_writes: Forger | None = None

    @property
    def writes(self) -> Forger:
        """The protection of what it sends."""
        if not isinstance(self._writes, Forger):
            raise AssertionError("nothing is protected yet")
        return self._writes

    @property
    def keys(self) -> dict[str, Sealer]:
        """The protection of both directions, by sender."""
        return self._keys

    @property
    def transcript(self) -> bytes:
        """All messages so far, in both directions."""
        return self._transcript

    def mistake_master(self) -> None:
        """From now on all keys come of another master secret."""
        super()._agree(self.suite, bytes(48), self._randoms)

    def _agree(self, suite: CipherSuite, master: bytes, randoms: tuple[bytes, bytes]) -> None:
        self._randoms = randoms
        super()._agree(suite, master, randoms)
        own = self._keys[self.role]
        self._honest_keys = own.like_it() if isinstance(own, Forger) else None

    @property
    def randoms(self) -> bytes:
        """Both hellos' random values, as a server signs them."""
        if self.role == "client":
            return self.said["ClientHello"][6:38] + self.heard.one(ServerHello).random
        return self.heard.one(ClientHello).random + self.said["ServerHello"][6:38]

    def verify_data(self, sender: str) -> bytes:
        """What a Finished would have to say now."""
        return self._verify_data(sender, self._transcript)

    def _record(self) -> Flow[Record]:
        """The next record of the victim: its warnings end nothing, nor does its close_notify.

        What it says behind that is heard, too.
        """
        while True:
            try:
                return (yield from super()._record())
            except Ended:
                if self.heard.alerts[-1][0] == AlertLevel.FATAL or not self.done:
                    raise
                self.heard.alert = None

    def _say_raw(self, raw: bytes) -> None:
        self._utter(MESSAGES[raw[0]].__name__, Said((raw,)))

    def _finish(self) -> None:
        self._utter(CCS_NAME, ChangeCipher())
        self._say(Finished(self.verify_data(self.role)))

    def _utter(self, name: str, item: Item) -> None:
        if isinstance(item, Said):
            self.said[name] = b"".join(item.messages)
        begin = len(self._sent)
        for one in tuple(self.ways.say(self, name, item)):
            self.emit(one)
        self._gone += b"".join(self._sent[begin:])
        self._due += self._honest(name, item)

    def _honest(self, name: str, item: Item) -> bytes:
        """The records in which an honest peer would have sent that."""
        if isinstance(item, ChangeCipher):
            record = as_record(CCS, b"\1")
            self._honest_writes = self._honest_keys
            return record
        if not isinstance(item, Said):
            raise TypeError(item)
        raw = b"".join(item.messages)
        if name == "Certificate" and raw == self._message_of(self.identity):
            raw = self._message_of(self.usual)
        if name == "ClientHello" and self.ways.asks:
            raw = _without_session(raw)
        return self._as_records(HANDSHAKE, raw)

    def _message_of(self, identity: Identity | None) -> bytes:
        ders = () if identity is None else _listed(identity)
        return Certificate(ders).encode()

    def _as_records(self, kind: int, text: bytes) -> bytes:
        keys = self._honest_writes
        pieces = [text[at : at + _LONGEST] for at in range(0, len(text), _LONGEST)]
        return b"".join(as_record(kind, keys.seal(kind, p) if keys else p) for p in pieces)

    @property
    def acted(self) -> bool:
        """Whether anything went out that an honest peer would not have sent."""
        return self._gone != self._due

    def misbehave(self, data: bytes | None) -> None:
        """Do what is to be done when the handshake is through.

        Args:
            data: the one record of data that an honest peer would have sent; None for nothing.
        """
        if self.ways.then is None:
            return
        if self._writes is not None and self._honest_writes is not None:
            self._honest_writes.skip(self.writes.sequence - self._honest_writes.sequence)
        begin = len(self._sent)
        self.ways.then(self)
        self._gone += b"".join(self._sent[begin:])
        if data:
            self._due += self._as_records(DATA, data)

    def emit(self, item: Item) -> None:
        """Send one thing."""
        if isinstance(item, Said):
            self._transcript += b"".join(item.messages)
            raw = b"".join(item.messages)
            whole = [raw[at : at + _LONGEST] for at in range(0, len(raw), _LONGEST)]
            for fragment in whole if item.fragments is None else item.fragments:
                self._send(HANDSHAKE, fragment)
        elif isinstance(item, Raw):
            sealed = item.text
            if self._writes is not None and not item.clear:
                sealed = self._writes.seal(item.kind, item.text)
            self._sent.append(as_record(item.kind, sealed, item.version))
        elif isinstance(item, Wire):
            self._sent.append(item.data)
        else:
            if item.told:
                self._send(CCS, b"\1")
            if item.switches:
                self._writes = self._keys[self.role]


class OffendingClient(Offender, ScriptedClient):
    """A client that does wrong."""

    def __init__(self, ways: Ways, suite: CipherSuite, usual: Identity | None, **more: Any) -> None:
        self._begin(ways, usual)
        more.setdefault("identity", usual)
        more.setdefault("name", HOST)
        more.setdefault("ca", world().ca.certificate)
        stack = honest_stack(suite, tickets=more.pop("tickets", False))
        super().__init__(stack, **more)


class OffendingServer(Offender, ScriptedServer):
    """A server that does wrong."""

    def __init__(self, ways: Ways, suite: CipherSuite, usual: Identity | None, **more: Any) -> None:
        self._begin(ways, usual)
        more.setdefault("identity", usual)
        more.setdefault("ca", world().ca.certificate)
        self._renews = more.pop("renews", False)
        stack = honest_stack(suite, tickets=more.pop("tickets", False))
        super().__init__(stack, **more)

    def _extensions(
        self, hello: ClientHello, suite: CipherSuite, *, resumed: bool
    ) -> tuple[Extension, ...]:
        return super()._extensions(hello, suite, resumed=resumed and not self._renews)

    def _resume(self, hello: ClientHello, session: Remembered) -> Flow[None]:
        """With a new ticket, if it renews them.  Spec: RFC 5077 3.3"""
        self.resumed = True
        self._agree(session.suite, session.master, self._answer(hello, session.suite, session))
        if self._renews:
            self._give_ticket(hello)
        self._finish()
        yield from self._finished()
