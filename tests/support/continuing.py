"""What a server needs to go on with sessions, for tests: a ticket key, and a store, that stay."""

from __future__ import annotations

from typing import Final

from tlcp.sessions.session import TicketKey
from tlcp.sessions.store import MemoryStore

__all__ = ["FixedTicketKeys", "Kept"]


class FixedTicketKeys:
    """A ticket key that stays."""

    key: Final = TicketKey(b"n" * 16, b"k" * 16)

    def newest(self) -> TicketKey:
        """The one."""
        return self.key

    def named(self, name: bytes) -> TicketKey | None:
        """The one, if it is meant."""
        return self.key if name == self.key.name else None


class Kept:
    """A store of the sessions of the first connection: they stay, and nothing new comes."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def get(self, session_id: bytes) -> bytes | None:
        """One of the first connection."""
        return self._store.get(session_id)

    def put(self, session_id: bytes, state: bytes, lifetime_s: int) -> None:
        """Nothing is kept."""

    def remove(self, session_id: bytes) -> None:
        """Nothing is forgotten."""
