"""A client's sessions: the one that a program sees, and those that a context keeps by itself.

Spec: the Python documentation of ``ssl.SSLSession``; GB/T 38636-2020 6.4.5.1
"""

from __future__ import annotations

from typing import Final, NoReturn

from tlcp.sessions.session import Session
from tlcp.x509.recent import Recent

__all__ = ["MAX_KEPT", "ClientSessions", "Place", "TLCPSession", "check_session"]

MAX_KEPT: Final = 1024

Place = tuple[str, int | None, bytes]  # host, port, who we are


class TLCPSession:
    """A session as ``ssl.SSLSession`` shows it; give it to a later connection of the same context.

    Attributes:
        id: the session id, bytes.
        time: Unix time of the full handshake, in seconds.
        timeout: seconds after which it is dead.
        has_ticket: whether it is kept in a ticket (RFC 5077).
        ticket_lifetime_hint: seconds that the server gives the ticket; 0 without one.
    """

    __slots__ = ("_owner", "_session")

    def __init__(self, session: Session, owner: object) -> None:
        self._session, self._owner = session, owner

    @property
    def id(self) -> bytes:
        """The session id."""
        return self._session.id

    @property
    def time(self) -> int:
        """Unix time of the full handshake."""
        return self._session.state.created_s

    @property
    def timeout(self) -> int:
        """Seconds after which it is dead."""
        return self._session.state.lifetime_s

    @property
    def has_ticket(self) -> bool:
        """Whether it is kept in a ticket."""
        return bool(self._session.ticket)

    @property
    def ticket_lifetime_hint(self) -> int:
        """Seconds that the server gives the ticket."""
        return self._session.ticket_lifetime_s

    def for_owner(self, owner: object) -> Session:
        """The session, for the context that it belongs to.

        Raises:
            ValueError: it belongs to another one.
        """
        if owner is not self._owner:
            raise ValueError("Session refers to a different SSLContext.")
        return self._session

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TLCPSession):
            return NotImplemented
        return (self._session.id, self._session.ticket) == (
            other._session.id,
            other._session.ticket,
        )

    def __hash__(self) -> int:
        return hash((self._session.id, self._session.ticket))

    def __repr__(self) -> str:
        return f"<TLCPSession {self._session!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot pickle 'TLCPSession' object: it holds a secret")


def check_session(session: object, owner: object, *, server_side: bool) -> None:
    """Refuse what a connection cannot continue.

    Raises:
        TypeError: it is no ``TLCPSession``.
        ValueError: it belongs to another context, or this is a server.
    """
    if not isinstance(session, TLCPSession):
        raise TypeError("Value is not a TLCPSession.")
    if server_side:
        raise ValueError("Cannot set session for server-side SSLSocket.")
    session.for_owner(owner)


class ClientSessions:
    """The last session with each (host, port, identity); bounded, thread-safe.

    Whether one may be continued is found out each time, see ``handshake.resumption``.
    """

    def __init__(self, most: int = MAX_KEPT) -> None:
        self._sessions: Recent[Place, Session] = Recent(most)

    def find(self, place: Place) -> Session | None:
        """What was kept for this place."""
        return self._sessions.get(place)

    def keep(self, place: Place, session: Session) -> None:
        """Keep the session for the next connection."""
        self._sessions.put(place, session)

    def drop(self, place: Place) -> None:
        """Forget it: a connection of this session failed.  Spec: GB/T 38636-2020 6.4.4.2"""
        self._sessions.drop(place)

    def clear(self) -> None:
        """Forget all."""
        self._sessions.clear()

    def __len__(self) -> int:
        return len(self._sessions)
