"""What was seen lately and is worth keeping: a bounded, thread-safe map.

Spec: none; this only saves work
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from tlcp.forking import renew_lock_in_children

__all__ = ["Recent"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps the entries that were used last.

    Args:
        most: how many, 1 or more.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        renew_lock_in_children(self)
        self._entries: dict[K, V] = {}  # in the order of their last use

    def get(self, key: K) -> V | None:
        """The value, if it is still there."""
        if key not in self._entries:
            return None
        with self._lock:
            value = self._entries.pop(key, None)
            if value is not None:
                self._entries[key] = value
            return value

    def put(self, key: K, value: V) -> None:
        """Keep a value; the one that was not used for longest may go."""
        with self._lock:
            self._entries.pop(key, None)
            # room is made first: whoever counts the entries, with no lock, never sees too many
            if len(self._entries) >= self._most:
                del self._entries[next(iter(self._entries))]
            self._entries[key] = value

    def drop(self, key: K) -> None:
        """Forget an entry; no error if it is not there."""
        with self._lock:
            self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
