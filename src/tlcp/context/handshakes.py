"""The handshakes that clients have begun with a server's context and not ended.

Whoever opens connections and goes no further costs memory and a thread or a task each. So they are
counted, and when there is one too many the oldest goes: it is slow or silent, while an honest
client is through within a second.
"""

from __future__ import annotations

import threading
import weakref
from typing import Protocol

from tlcp.forking import renew_lock_in_children

__all__ = ["Handshakes"]


class _End(Protocol):
    def evict(self) -> None:
        """Fail, soon."""


class Handshakes:
    """Those of one context, in the order in which they began. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        renew_lock_in_children(self)
        self._open: dict[int, weakref.ref[_End]] = {}  # by id(), oldest first

    def __len__(self) -> int:
        with self._lock:
            return len(self._open)

    def begun(self, end: _End, most: int) -> None:
        """Count one; beyond ``most``, the oldest must go."""
        oldest = None
        with self._lock:
            key = id(end)
            self._open[key] = weakref.ref(end, lambda _: self._open.pop(key, None))
            if len(self._open) > most:
                found = self._open.pop(next(iter(self._open)), None)
                oldest = found() if found is not None else None
        if oldest is not None:
            oldest.evict()

    def over(self, end: _End) -> None:
        """It succeeded or failed."""
        with self._lock:
            self._open.pop(id(end), None)
