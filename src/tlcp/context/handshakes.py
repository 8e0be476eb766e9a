"""The handshakes that clients have begun with a server's context and not ended.

Whoever opens connections and goes no further costs memory and a thread or a task each. So they are
counted, and when there is one too many, one goes. Those that have not said hello, which costs them
nothing, and those that have are two groups: the oldest of the larger one goes. So a crowd that is
silent drives out itself, and not a client on a long way that is in the middle of its handshake; a
crowd that says hello is slowed down by what the answers cost. Those that wait for us are spared:
it is not their fault that they are old.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple, Protocol

from tlcp.forking import renew_lock_in_children

__all__ = ["Handshakes"]


_LOOK = 64  # how many are asked whether they wait for us


class _End(Protocol):
    def evict(self) -> None:
        """Fail, soon."""

    @property
    def awaits_peer(self) -> bool:
        """Whether we have done our part."""


class _Entry(NamedTuple):
    since: float
    end: weakref.ref[_End]


class Handshakes:
    """Those of one context. Threads may share it.

    Args:
        clock: seconds that only go up, ``time.monotonic`` but in tests.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock, self._clock = threading.Lock(), clock
        renew_lock_in_children(self)
        self._silent: dict[int, _Entry] = {}  # by id(), oldest first; who was spared is last
        self._greeted: dict[int, _Entry] = {}  # the same, from their hello on
        # Of ends that are no more. They may go at any moment, such as while this thread looks
        # through the others; no new one has the same id before it is noted here.
        self._gone: deque[int] = deque()

    def __len__(self) -> int:
        with self._lock:
            self._drop_gone()
            return len(self._silent) + len(self._greeted)

    def begun(self, end: _End, most: int) -> None:
        """Count one, once; beyond ``most``, one that was there before must go."""
        key, found = id(end), None
        entry = _Entry(self._clock(), weakref.ref(end, lambda _: self._gone.append(key)))
        with self._lock:
            self._drop_gone()
            if key in self._silent:
                return
            if len(self._silent) + len(self._greeted) >= most:
                found = self._take(None)
            self._silent[key] = entry
        if found is not None:
            found.evict()

    def greeted(self, end: _End) -> None:
        """Its hello has been taken."""
        with self._lock:
            self._drop_gone()
            entry = self._silent.pop(id(end), None)
            if entry is not None:
                self._greeted[id(end)] = entry

    def over(self, end: _End) -> None:
        """It succeeded or failed."""
        with self._lock:
            self._drop(id(end))

    def evict(self, *, older_than_s: float | None = None) -> bool:
        """Make room: one must go, if there is one, and if it began so long ago.

        Returns:
            Whether one goes.
        """
        with self._lock:
            self._drop_gone()
            found = self._take(older_than_s)
        if found is not None:
            found.evict()
        return found is not None

    def _take(self, older_than_s: float | None) -> _End | None:
        born = math.inf if older_than_s is None else self._clock() - older_than_s
        busy: list[tuple[float, int, _End]] = []
        silent_first = len(self._silent) >= len(self._greeted)
        groups = (self._silent, self._greeted) if silent_first else (self._greeted, self._silent)
        for group in groups:
            for key in list(islice(group, _LOOK)):
                since, end = group[key].since, group[key].end()
                if since >= born or end is None:
                    continue
                if end.awaits_peer:
                    self._drop(key)
                    return end
                group[key] = group.pop(key)  # behind the others: the next look begins with them
                busy.append((since, key, end))
        if not busy:
            return None
        _, key, end = min(busy, key=lambda one: one[0])
        self._drop(key)
        return end

    def _drop_gone(self) -> None:
        while self._gone:
            self._drop(self._gone.popleft())

    def _drop(self, key: int) -> None:
        self._silent.pop(key, None)
        self._greeted.pop(key, None)
