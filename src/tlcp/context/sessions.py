"""What a context keeps between connections: sessions, tickets, and the dialects of servers.

Spec: GB/T 38636-2020 6.4.5.1; RFC 5077; the Python documentation of ``ssl.SSLContext``
"""

from __future__ import annotations

import operator
import threading
import time
from typing import TYPE_CHECKING, Any

from tlcp.context.protocol import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, Protocol
from tlcp.context.tls_only import TLSOnlySettings
from tlcp.dialects import Dialect, dialect_named
from tlcp.sessions.client import ClientSessions, Place
from tlcp.sessions.session import SessionStore, TicketKeys
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.x509.recent import Recent

if TYPE_CHECKING:
    from tlcp.config import Config

__all__ = ["SessionSettings"]

_DIALECTS_KEPT = 1024  # servers whose dialect a client remembers
_DIALECT_SECONDS = 3600.0
_STATS = (
    "number", "connect", "connect_good", "connect_renegotiate", "accept", "accept_good",
    "accept_renegotiate", "hits", "misses", "timeouts", "cache_full",
)  # fmt: skip


class SessionSettings(TLSOnlySettings):
    """The part of ``TLCPContext`` that outlives a connection."""

    _protocol: Protocol
    _config: Config

    def _begin_sessions(self) -> None:
        self._stats, self._counting = dict.fromkeys(_STATS, 0), threading.Lock()
        self.client_sessions = ClientSessions()
        self._dialects_met: Recent[tuple[str, int | None], tuple[Dialect, float]] = Recent(
            _DIALECTS_KEPT
        )

    def _change(self, **settings: Any) -> None:
        """Replace settings; connections that have begun keep theirs."""
        raise NotImplementedError

    def count(self, event: str) -> None:
        """Count for ``session_stats``."""
        with self._counting:
            self._stats[event] += 1

    def place(self, server_hostname: str | None, port: int | None) -> Place | None:
        """Where a client's session with a server is kept; None if it is kept nowhere."""
        if server_hostname is None:
            return None
        identity = self._config.identity
        return server_hostname, port, identity.fingerprint if identity is not None else b""

    def met_dialect(self, server_hostname: str | None, port: int | None) -> Dialect | None:
        """The dialect that worked with this server lately; None for a server not met."""
        found = self._dialects_met.get((server_hostname or "", port))
        return found[0] if found is not None and time.monotonic() < found[1] else None

    def remember_dialect(self, server_hostname: str, port: int | None, dialect: Dialect) -> None:
        """Speak this dialect with this server for an hour.

        No longer: whoever can end connections could teach us to leave things out.
        """
        until = time.monotonic() + _DIALECT_SECONDS
        self._dialects_met.put((server_hostname, port), (dialect, until))

    def session_stats(self) -> dict[str, int]:
        """Counts of connections begun, completed and resumed ("hits"), and of sessions kept."""
        store = self._config.session_store
        kept = len(store) if isinstance(store, MemoryStore) else len(self.client_sessions)
        return dict(self._stats) | {"number": kept}

    @property
    def session_store(self) -> SessionStore | None:
        """Where a server keeps sessions: a ``MemoryStore`` at first; None keeps and names none."""
        return self._config.session_store

    @session_store.setter
    def session_store(self, store: SessionStore | None) -> None:
        self._server_only("session_store")
        if store is not None and not (hasattr(store, "get") and hasattr(store, "put")):
            raise TypeError(
                f"session_store takes an object with get, put and remove, not {store!r}; "
                "tlcp.sessions.redis_store.RedisStore(url) is one for Redis"
            )
        self._change(session_store=store)

    @property
    def session_timeout(self) -> int:
        """Seconds after its full handshake for which a session may be continued; 7200 at first."""
        return self._config.session_lifetime_s

    @session_timeout.setter
    def session_timeout(self, seconds: int) -> None:
        seconds = operator.index(seconds)
        if not 0 < seconds < 1 << 32:
            raise ValueError(f"session_timeout {seconds}: expected 1 second or more")
        self._change(session_lifetime_s=seconds)

    @property
    def session_tickets(self) -> bool:
        """Whether to use session tickets (RFC 5077), which are not in the standard; False at first.

        A client then asks for them. A server gives them, sealed with keys in its memory;
        ``ticket_keys`` sets keys that several processes share.
        """
        client = self._protocol is PROTOCOL_TLCP_CLIENT
        return self._config.tickets if client else self._config.ticket_keys is not None

    @session_tickets.setter
    def session_tickets(self, value: bool) -> None:
        if self._protocol is PROTOCOL_TLCP_CLIENT:
            self._change(tickets=bool(value))
        elif bool(value) != self.session_tickets:
            self._change(ticket_keys=RotatingTicketKeys() if value else None)

    @property
    def ticket_keys(self) -> TicketKeys | None:
        """Where a server's ticket keys come from; None gives and takes no tickets."""
        return self._config.ticket_keys

    @ticket_keys.setter
    def ticket_keys(self, keys: TicketKeys | None) -> None:
        self._server_only("ticket_keys")
        if keys is not None and not (hasattr(keys, "newest") and hasattr(keys, "named")):
            raise TypeError(
                f"ticket_keys takes an object with newest and named, not {keys!r}; "
                "tlcp.sessions.ticket_keys.FileTicketKeys(path) is one for a file"
            )
        self._change(ticket_keys=keys)

    @property
    def dialect(self) -> Dialect:
        """What is sent where stacks disagree; assign a ``Dialect`` or its name, such as "tassl".

        With "auto", a client begins with what most stacks accept; ``create_connection`` tries the
        dialect that a failure points to, and this context remembers what worked with each server.
        """
        return self._config.dialect

    @dialect.setter
    def dialect(self, dialect: str | Dialect) -> None:
        self._dialects_met.clear()
        self._change(dialect=dialect_named(dialect))

    def _server_only(self, what: str) -> None:
        if self._protocol is not PROTOCOL_TLCP_SERVER:
            raise ValueError(f"{what} is for servers; a client keeps its sessions itself")
