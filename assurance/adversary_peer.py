"""The adversary: a scripted peer that is honest but for one thing.

It is built on the scripted peers of the tests, which share the message declarations and the
algorithms with ``tlcp``, and neither its records nor its handshake. What it lies about is part of
its own transcript, so that no lie is found out by a Finished that fits the truth.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from peers.scripted.client import ScriptedClient
from peers.scripted.manners import Habits, Stack
from peers.scripted.peer import CCS, HANDSHAKE, Ended, Flow, ScriptedPeer
from peers.scripted.records import Record, Sealer, as_record
from peers.scripted.server import ScriptedServer
from support.ends import HOST, world
from tlcp.alerts import AlertDescription as A
from tlcp.registry import ExtensionType
from tlcp.suites import CipherSuite
from tlcp.wire.messages import MESSAGES, ClientHello, Finished, ServerHello

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
        done: whether anything was sent otherwise than an honest peer would.
    """

    say: Callable[[Offender, str, Item], Iterable[Item]] = _as_it_is
    then: Callable[[Offender], None] | None = None
    jump: int | None = None
    done: bool = False


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
        iv = _FIRST + os.urandom(12)
        return iv + self._key.cbc_encrypt(iv, padded)


def honest_stack(suite: CipherSuite) -> Stack:
    """One suite, and server_name as the one extension."""
    habits = Habits(suites=(suite,), offers=(ExtensionType.SERVER_NAME,))
    return Stack(name="adversary", preset="auto", habits=habits)


class Offender(ScriptedPeer):
    """What the offending client and server share.

    Attributes:
        ways: where it is not honest.
        said: what an honest peer would have sent, by name.
    """

    sealer = Forger
    ways: Ways
    said: dict[str, bytes]

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
        self.ways.done = True
        self._agree(self.suite, bytes(48), self._randoms)

    def _agree(self, suite: CipherSuite, master: bytes, randoms: tuple[bytes, bytes]) -> None:
        self._randoms = randoms
        super()._agree(suite, master, randoms)

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
        """The next record of the victim; that it will not renegotiate ends nothing."""
        while True:
            try:
                return (yield from super()._record())
            except Ended:
                if self.heard.alert != A.NO_RENEGOTIATION:
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
        changed = tuple(self.ways.say(self, name, item))
        self.ways.done |= changed != (item,)
        for one in changed:
            self.emit(one)

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

    def __init__(self, ways: Ways, suite: CipherSuite, **more: Any) -> None:
        self.ways, self.said = ways, {}
        more.setdefault("identity", world().client)
        more.setdefault("name", HOST)
        more.setdefault("ca", world().ca.certificate)
        super().__init__(honest_stack(suite), **more)


class OffendingServer(Offender, ScriptedServer):
    """A server that does wrong."""

    def __init__(self, ways: Ways, suite: CipherSuite, **more: Any) -> None:
        self.ways, self.said = ways, {}
        more.setdefault("identity", world().server)
        more.setdefault("ca", world().ca.certificate)
        super().__init__(honest_stack(suite), **more)
