"""Two ends in memory, and what became of them."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tlcp.alerts import AlertDescription
from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.errors import AlertReceived, TLCPError
from tlcp.events import DataReceived, Event, HandshakeCompleted, PeerClosed, TracedMessage
from tlcp.pki.ca import CertificateAuthority
from tlcp.suites import DEFAULT_SUITES
from tlcp.x509.identity import Identity
from tlcp.x509.trust import TrustStore

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOST = "server.example"
ALL = DEFAULT_SUITES
ECC = [s for s in ALL if s.name.startswith("ECC_")]
ECDHE = [s for s in ALL if s.name.startswith("ECDHE_")]


def seeded(seed: str) -> Callable[[int], bytes]:
    """A random source that repeats: the same seed gives the same bytes; threads may share it."""
    stream, lock = _stream(seed), threading.Lock()

    def take(size: int) -> bytes:
        with lock:
            return bytes(next(stream) for _ in range(size))

    return take


def _stream(seed: str) -> Iterator[int]:
    count = 0
    while True:
        yield from hashlib.sha256(f"{seed} {count}".encode()).digest()
        count += 1


@dataclass(frozen=True)
class World:
    """A CA, a server's and a client's identity under it, and a CA that nobody trusts."""

    ca: CertificateAuthority
    stranger: CertificateAuthority
    server: Identity
    client: Identity

    @property
    def trust(self) -> TrustStore:
        """Believes the first CA only."""
        return TrustStore([self.ca.certificate])


@functools.cache
def world() -> World:
    """The PKI of the tests, made once."""
    ca = CertificateAuthority.create("Test CA", now=NOW, random=seeded("ca"))
    stranger = CertificateAuthority.create("Stranger CA", now=NOW, random=seeded("stranger"))
    server = ca.issue_pair("server", [HOST, "127.0.0.1"], now=NOW).identity
    client = ca.issue_pair("client", now=NOW).identity
    return World(ca, stranger, server, client)


def config(role: str, **changes: Any) -> Config:
    """Settings of a mutual handshake, with changes."""
    w = world()
    base: dict[str, Any] = {
        "identity": w.server if role == "server" else w.client,
        "trust": w.trust,
        "now": lambda: NOW,
    }
    return Config(**(base | changes))


def client(
    kind: type[Connection] = Connection, *, name: str | None = HOST, **changes: Any
) -> Connection:
    """A client's connection."""
    return kind.client(config("client", **changes), server_name=name)


def server(kind: type[Connection] = Connection, **changes: Any) -> Connection:
    """A server's connection."""
    return kind.server(config("server", **changes))


@dataclass
class Side:
    """What one end saw."""

    events: list[Event] = field(default_factory=list)
    error: TLCPError | None = None

    @property
    def data(self) -> bytes:
        """All application data received."""
        return b"".join(e.data for e in self.events if isinstance(e, DataReceived))

    @property
    def completed(self) -> HandshakeCompleted | None:
        """The handshake's result."""
        return next((e for e in self.events if isinstance(e, HandshakeCompleted)), None)

    @property
    def closed(self) -> bool:
        """Whether the peer's close_notify came."""
        return any(isinstance(e, PeerClosed) for e in self.events)

    @property
    def alert(self) -> AlertDescription | None:
        """The alert this end got."""
        if isinstance(self.error, AlertReceived):
            return AlertDescription(self.error.description)
        return None


def drain(end: Connection, side: Side) -> None:
    """Take events until more bytes are needed or the end fails."""
    try:
        while (event := end.next_event()) is not None:
            side.events.append(event)
    except TLCPError as error:
        side.error = error


Wire = Callable[[str, bytes], bytes]


def run(one: Connection, other: Connection, wire: Wire | None = None) -> tuple[Side, Side]:
    """Carry bytes between two ends until both are silent; returns what each saw, in that order.

    Args:
        one: the end that speaks first.
        other: the other end.
        wire: gets (sender's role, bytes) and returns what arrives instead.
    """
    sides = {one.role: Side(), other.role: Side()}
    quiet = 0
    while quiet < 2:
        for sender, receiver in ((one, other), (other, one)):
            data = sender.data_to_send()
            if wire is not None and data:
                data = wire(sender.role, data)
            if not data:
                quiet += 1
                continue
            quiet = 0
            receiver.receive_data(data)
            if sides[receiver.role].error is None:
                drain(receiver, sides[receiver.role])
    return sides[one.role], sides[other.role]


def handshake(one: Connection, other: Connection) -> tuple[Side, Side]:
    """A handshake that must succeed."""
    sides = run(one, other)
    for side in sides:
        if side.error is not None:
            raise side.error
    return sides


class Recorder:
    """Collects traced messages."""

    def __init__(self) -> None:
        self.messages: list[TracedMessage] = []

    def __call__(self, message: TracedMessage) -> None:
        self.messages.append(message)
