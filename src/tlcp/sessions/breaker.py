"""A circuit breaker: what is down is asked once per pause, not by everybody all the time.

Spec: none
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Breaker"]


class Breaker:
    """Counts nothing: one failure opens it, one success closes it. Any thread may call it.

    Args:
        pause_s: seconds between two attempts while it is open.
        clock: seconds that only go up, ``time.monotonic`` but in tests.
    """

    def __init__(self, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause_s, self._clock = pause_s, clock
        self._lock = threading.Lock()
        self._again: float | None = None  # when the next attempt is due; None: it is closed

    def admit(self) -> bool:
        """Whether to try now; while it is open, one caller per pause is told so."""
        with self._lock:
            if self._again is None:
                return True
            now = self._clock()
            if now < self._again:
                return False
            self._again = now + self._pause_s
            return True

    def failed(self) -> bool:
        """An attempt failed; True if that is new."""
        with self._lock:
            new = self._again is None
            self._again = self._clock() + self._pause_s
            return new

    def succeeded(self) -> bool:
        """An attempt succeeded; True if that is new."""
        with self._lock:
            new = self._again is not None
            self._again = None
            return new
