"""Where a server's ticket keys come from: one process, one machine, or many.

Spec: RFC 5077 5.5
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from tlcp.forking import renew_lock_in_children
from tlcp.sessions.file_ticket_keys import FileTicketKeys
from tlcp.sessions.key_ring import KEEP, LIFETIME_S, Ring, Schedule, new_key
from tlcp.sessions.redis_ticket_keys import RedisTicketKeys
from tlcp.sessions.session import TicketKey

__all__ = ["FileTicketKeys", "RedisTicketKeys", "RotatingTicketKeys"]


class RotatingTicketKeys:
    """Keys in memory, changed regularly; for servers of one process.

    Args:
        lifetime_s: seconds for which a key seals tickets.
        keep: for how many lifetimes more it opens them.
        clock: seconds that only go up, ``time.monotonic`` but in tests.
        random: source of keys, ``os.urandom`` but in tests.

    Raises:
        ConfigError: a lifetime below one second, or a negative ``keep``.
    """

    def __init__(
        self,
        lifetime_s: int = LIFETIME_S,
        keep: int = KEEP,
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._schedule = Schedule(lifetime_s, keep)
        self._clock, self._random = clock, random
        self._lock = threading.Lock()
        renew_lock_in_children(self)
        self._ring: Ring = ()

    def newest(self) -> TicketKey:
        """The key to seal new tickets with."""
        with self._lock:
            now = self._clock()
            key = self._schedule.sealing(self._ring, now)
            if key is None:
                fresh = new_key(self._random, now)
                self._ring = (fresh, *self._schedule.living(self._ring, now))
                key = fresh.key
            return key

    def named(self, name: bytes) -> TicketKey | None:
        """The key of that name, as long as its tickets are still taken."""
        with self._lock:
            return self._schedule.named(self._ring, name, self._clock())

    def __repr__(self) -> str:
        return f"<RotatingTicketKeys, {self._schedule}>"
