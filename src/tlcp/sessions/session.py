"""What is kept of a connection, as bytes, and what keeps it.

The state holds the master secret: whoever has it reads every connection of the session.

Spec: GB/T 38636-2020 6.4.5.1 (resumed handshake), 6.5.1; RFC 5077 4
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, NoReturn, Protocol

from tlcp.errors import DecodeError
from tlcp.wire.codec import U8, U16, U24, U32, Fixed, Opaque, Structure, Uint, Vector, structure

__all__ = [
    "BINDING_BYTES",
    "SESSION_ID_BYTES",
    "Session",
    "SessionStore",
    "State",
    "TicketKey",
    "TicketKeys",
]

SESSION_ID_BYTES = 32
BINDING_BYTES = 32
MASTER_SECRET_BYTES = 48
_FORMAT = 1


@structure
@dataclass(frozen=True, slots=True, repr=False)
class State(Structure):
    """What a session continues; its repr shows nothing of it.

    Attributes:
        format: version of this layout.
        suite: id of the cipher suite.
        master: the 48-byte master secret.
        created_s: Unix time of the full handshake, in seconds.
        lifetime_s: seconds after which it is dead.
        binding: 32 bytes, a hash over the settings under which the peer was believed; a session
            is continued under the same ones only.
        server_name: the host name in A-labels (SNI), empty for none.
        certificates: the peer's, DER, as its Certificate message had them.
    """

    format: Annotated[int, U8]
    suite: Annotated[int, U16]
    master: Annotated[bytes, Fixed(MASTER_SECRET_BYTES)]
    created_s: Annotated[int, Uint(8)]
    lifetime_s: Annotated[int, U32]
    binding: Annotated[bytes, Fixed(BINDING_BYTES)]
    server_name: Annotated[bytes, Opaque(U16, 0, 1024)]
    certificates: Annotated[
        tuple[bytes, ...], Vector(Opaque(U24, 1, 2**24 - 1), Opaque(U24, 0, 2**24 - 1))
    ]

    @classmethod
    def load(cls, data: bytes) -> State | None:
        """Read a state back; None if it is of another version of this library, or damaged."""
        if data[:1] != bytes((_FORMAT,)):
            return None
        try:
            return cls.from_bytes(data)
        except DecodeError:
            return None

    @classmethod
    def new(
        cls,
        *,
        suite: int,
        master: bytes,
        now: datetime,
        lifetime_s: int,
        binding: bytes,
        server_name: str | None,
        certificates: tuple[bytes, ...],
    ) -> State:
        """A state of this moment."""
        name = (server_name or "").encode("ascii")
        created = int(now.timestamp())
        return cls(_FORMAT, suite, master, created, lifetime_s, binding, name, certificates)

    def alive(self, now: datetime) -> bool:
        """Whether it may be continued; a state from the future (a wrong clock) may not."""
        return 0 <= int(now.timestamp()) - self.created_s < self.lifetime_s

    def __repr__(self) -> str:
        return f"<State of a session, suite {self.suite:04X}>"

    def __reduce__(self) -> NoReturn:
        raise _secret(self)


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """A client's session: give it to a later connection to continue it.

    Attributes:
        id: the session id to ask for, up to 32 bytes; public.
        state: what it continues.
        ticket: what the server gave to keep (RFC 5077), empty without one.
        ticket_lifetime_s: how long the server said the ticket is good, 0 = it did not say.
        received_s: Unix time at which the ticket came, in seconds.
    """

    id: bytes
    state: State
    ticket: bytes = field(default=b"")
    ticket_lifetime_s: int = 0
    received_s: int = 0

    def __repr__(self) -> str:
        kind = "ticket" if self.ticket else "id"
        return f"<Session {self.id.hex()[:16]}, by {kind}, suite {self.state.suite:04X}>"

    def __reduce__(self) -> NoReturn:
        raise _secret(self)


class SessionStore(Protocol):
    """Where a server keeps sessions by their id.

    Called by many threads. A store may raise whatever it likes: the server then does a full
    handshake.
    """

    def get(self, session_id: bytes) -> bytes | None:
        """The state kept under an id (1 to 32 bytes); None if there is none or it has expired."""

    def put(self, session_id: bytes, state: bytes, lifetime_s: int) -> None:
        """Keep a state for so many seconds."""

    def remove(self, session_id: bytes) -> None:
        """Forget a session; no error if it is not there."""


@dataclass(frozen=True, slots=True, repr=False)
class TicketKey:
    """A key that seals tickets.

    Attributes:
        name: 16 public bytes, in front of every ticket.
        key: 16 secret bytes, SM4.
    """

    name: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"<TicketKey {self.name.hex()}>"

    def __reduce__(self) -> NoReturn:
        raise _secret(self)


def _secret(kept: object) -> TypeError:
    return TypeError(f"cannot pickle {type(kept).__name__!r} object: it holds a secret")


class TicketKeys(Protocol):
    """Where a server's ticket keys come from.

    Called by many threads. It may raise whatever it likes: the server then does without tickets.
    """

    def newest(self) -> TicketKey:
        """The key to seal new tickets with."""

    def named(self, name: bytes) -> TicketKey | None:
        """The key of that name, as long as its tickets are still taken."""
