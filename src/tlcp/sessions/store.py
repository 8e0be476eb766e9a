"""Sessions in the memory of one process.

Spec: GB/T 38636-2020 6.4.5.1 leaves to the server how long and where it keeps sessions
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable

from tlcp.errors import ConfigError
from tlcp.forking import renew_lock_in_children

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps the sessions that were used last; for servers of one process.

    A session whose time is over goes at the next call of any method, so that its master secret
    does not stay behind.

    Args:
        most: how many sessions; beyond it, the one that was not used for longest goes.
        clock: seconds that only go up, ``time.monotonic`` but in tests.

    Raises:
        ConfigError: ``most`` is below 1.
    """

    def __init__(self, most: int = 20_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        if most < 1:
            raise ConfigError(f"a store for {most} sessions: it must hold at least 1")
        self._most, self._clock = most, clock
        self._lock = threading.Lock()
        renew_lock_in_children(self)
        self._entries: dict[bytes, tuple[float, bytes]] = {}  # in the order of their last use
        self._ends: list[tuple[float, bytes]] = []  # a heap; may name entries that have gone

    def get(self, session_id: bytes) -> bytes | None:
        """The state kept under an id; None if there is none or it has expired."""
        with self._lock:
            self._drop_expired()
            entry = self._entries.pop(session_id, None)
            if entry is None:
                return None
            self._entries[session_id] = entry
            return entry[1]

    def put(self, session_id: bytes, state: bytes, lifetime_s: int) -> None:
        """Keep a state for so many seconds, in place of one that was kept under the same id."""
        with self._lock:
            self._drop_expired()
            self._entries.pop(session_id, None)
            if lifetime_s <= 0:
                return
            end = self._clock() + lifetime_s
            self._entries[session_id] = end, state
            heapq.heappush(self._ends, (end, session_id))
            if len(self._entries) > self._most:
                del self._entries[next(iter(self._entries))]
            if len(self._ends) > 2 * self._most:  # half of them, at least, have gone before
                self._ends = [(end, key) for key, (end, _) in self._entries.items()]
                heapq.heapify(self._ends)

    def remove(self, session_id: bytes) -> None:
        """Forget a session; no error if it is not there."""
        with self._lock:
            self._drop_expired()
            self._entries.pop(session_id, None)

    def clear(self) -> None:
        """Forget every session."""
        with self._lock:
            self._entries.clear()
            self._ends.clear()

    def _drop_expired(self) -> None:
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            end, session_id = heapq.heappop(self._ends)
            entry = self._entries.get(session_id)
            if entry is not None and entry[0] == end:  # not one put later under the same id
                del self._entries[session_id]

    def __len__(self) -> int:
        with self._lock:
            self._drop_expired()
            return len(self._entries)

    def __repr__(self) -> str:
        return f"<MemoryStore, {len(self)} of {self._most} sessions>"
