"""Ticket keys that the processes of one machine share through a file.

Spec: RFC 5077 5.5
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tlcp.errors import ConfigError
from tlcp.sessions.breaker import Breaker
from tlcp.sessions.key_file import KeyFile, Stamp
from tlcp.sessions.key_ring import KEEP, LIFETIME_S, Ring, Schedule, new_key
from tlcp.sessions.session import TicketKey

__all__ = ["FileTicketKeys"]

_PAUSE_S: Final = 5.0
_log = logging.getLogger("tlcp.sessions")


class FileTicketKeys:
    """Keys in a file, changed regularly by whichever process finds the newest one too old.

    The file is made if it is missing or empty, with mode 0600; its directory must be writable.
    What is in it counts: a key that is taken out is dead at once, and deleting the file ends all
    tickets. If it can no longer be read or written, that is logged once, and the keys known so far
    serve on until they no longer open. ``key_file`` says what it looks like.

    Args:
        path: the file; ``path.lock`` beside it keeps writers apart.
        lifetime_s: seconds for which a key seals tickets; the same in all processes.
        keep: for how many lifetimes more it opens them.
        clock: Unix time in seconds, ``time.time`` but in tests.
        monotonic: seconds that only go up, ``time.monotonic`` but in tests.
        random: source of keys, ``os.urandom`` but in tests.

    Raises:
        ConfigError: the file is damaged, is another user's, others may read it, or it cannot be
            made.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        lifetime_s: int = LIFETIME_S,
        keep: int = KEEP,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._schedule = Schedule(lifetime_s, keep)
        self._file = KeyFile(path)
        self._clock, self._random = clock, random
        self._lock = threading.Lock()
        self._writing = Breaker(_PAUSE_S, monotonic)
        self._ring: Ring = ()
        self._stamp: Stamp | None = None
        self._told = ""  # the last complaint about reading
        try:
            self._ring, self._stamp = self._file.read()
            if self._schedule.sealing(self._ring, self._clock()) is None:
                self._rotate(self._clock(), wait=True)
            if not self._ring:
                raise ConfigError(f"another process has held the lock {path}.lock for too long")
        except OSError as error:
            if isinstance(error, ConfigError):  # an OSError, too, as in ssl
                raise
            raise ConfigError(
                f"cannot keep ticket keys in {path}: {error.strerror}. The file must be "
                f"readable, and its directory writable"
            ) from error

    def newest(self) -> TicketKey:
        """The key to seal new tickets with.

        Raises:
            ConfigError: no key is left that opens, and none could be made.
        """
        with self._lock:
            now = self._clock()
            self._look()
            if self._schedule.sealing(self._ring, now) is None:
                self._try_to_rotate(now)
            key = self._schedule.sealing(self._ring, now)
            if key is None:  # it cannot be written, or another process is at it
                alive = self._schedule.living(self._ring, now)
                if not alive:
                    raise ConfigError(f"no ticket keys: {self._file.path} cannot be written")
                key = alive[0].key
            return key

    def named(self, name: bytes) -> TicketKey | None:
        """The key of that name, as long as its tickets are still taken."""
        with self._lock:
            self._look()
            return self._schedule.named(self._ring, name, self._clock())

    def _look(self) -> None:
        """Read the file again if it is another one now."""
        try:
            stamp = self._file.stamp()
            if stamp == self._stamp:
                return
            self._stamp = stamp  # also if reading fails: a bad file is read once
            self._ring, self._stamp = self._file.read()
            self._told = ""
        except OSError as error:
            if _text(error) != self._told:
                self._told = _text(error)
                _log.warning("ticket keys: going on with those known so far: %s", self._told)

    def _try_to_rotate(self, now: float) -> None:
        if not self._writing.admit():
            return
        try:
            # Who rotates is quick; while old keys open, nobody needs to wait for it
            wait = not self._schedule.living(self._ring, now)
            done = self._rotate(now, wait=wait)
        except OSError as error:
            if self._writing.failed():
                _log.warning("ticket keys: no new one can be written: %s", _text(error))
        else:
            if wait and not done:
                self._writing.failed()
            else:
                self._writing.succeeded()

    def _rotate(self, now: float, *, wait: bool) -> bool:
        with self._file.locked(wait=wait) as mine:
            if not mine:
                return False
            ring, stamp = self._file.read()
            if self._schedule.sealing(ring, now) is None:
                fresh = new_key(self._random, float(int(now)))
                ring = (fresh, *self._schedule.living(ring, now))
                stamp = self._file.write(ring)
            self._ring, self._stamp = ring, stamp
            return True

    def __repr__(self) -> str:
        return f"<FileTicketKeys {self._file.path}, {self._schedule}>"


def _text(error: OSError) -> str:
    return str(error) if isinstance(error, ConfigError) else str(error.strerror)
