"""Ticket keys that the servers of many machines share through Redis.

Time is cut into periods of one lifetime, the same for everybody whose clock is about right. Each
period has one Redis key, written by whoever needs it first (SET NX), read by the others, and
never changed. So there is nothing to lock, and no rotation can be half done.

Spec: RFC 5077 5.5
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tlcp.crypto.sm4 import KEY_BYTES
from tlcp.errors import ConfigError
from tlcp.sessions.key_ring import KEEP, LIFETIME_S, DatedKey, Ring, Schedule, new_key
from tlcp.sessions.redis_link import PAUSE_S, RedisLink
from tlcp.sessions.sealing import Sealer
from tlcp.sessions.session import TicketKey
from tlcp.sessions.ticket import NAME_BYTES

if TYPE_CHECKING:
    import redis

__all__ = ["RedisTicketKeys"]

_log = logging.getLogger("tlcp.sessions")
_CACHE_S: Final = 10.0
_UNKNOWN_NAME_S: Final = 1.0  # a stranger's tickets make us ask so often, at most


class RedisTicketKeys:
    """Keys that any number of servers share; their clocks must agree to within one lifetime.

    Keys are cached and read again every 10 seconds, and when a ticket names an unknown one. While
    Redis is down, the cached ones serve on until they no longer open; a server that has none
    raises, and does without tickets. What Redis forgets (a restart, an eviction) is written again
    by a server that still seals with it.

    With ``secret``, Redis does not see the keys. Without, they lie there in clear: whoever reads
    them can read the connections of every ticket.

    Args:
        client_or_url: a client of redis-py, or a URL; see ``RedisLink``.
        prefix: what Redis keys begin with; lifetime and number of the period follow.
        secret: seals what is stored, the same on all servers; at least 16 bytes that nobody can
            guess.
        lifetime_s: seconds for which a key seals tickets; the same on all servers.
        keep: for how many lifetimes more it opens them.
        pause_s: seconds between two attempts while Redis is down.
        clock: Unix time in seconds, ``time.time`` but in tests.
        monotonic: seconds that only go up, ``time.monotonic`` but in tests.
        random: source of keys, ``os.urandom`` but in tests.

    Raises:
        ConfigError: redis-py is not installed, or an argument cannot work.
    """

    def __init__(
        self,
        client_or_url: redis.Redis | str,
        prefix: str = "tlcp:ticket-key:",
        *,
        secret: bytes | str | None = None,
        lifetime_s: int = LIFETIME_S,
        keep: int = KEEP,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._schedule = Schedule(lifetime_s, keep)
        self._prefix = prefix
        self._sealer = Sealer(secret, b"tlcp ticket key in redis")
        self._clock, self._monotonic, self._random = clock, monotonic, random
        self._link = RedisLink(client_or_url, pause_s=pause_s, clock=monotonic)
        self._fetching = threading.Lock()
        self._ring: Ring = ()  # replaced as a whole, so that it is read without a lock
        self._fetched: float | None = None  # the last attempt
        self._told = False

    def newest(self) -> TicketKey:
        """The key to seal new tickets with.

        Raises:
            ConnectionError: Redis is down, and no key is at hand.
            redis.exceptions.RedisError: the same.
            ConfigError: Redis holds keys of another secret.
        """
        now = self._clock()
        self._refresh(now, _CACHE_S if self._schedule.sealing(self._ring, now) else 0)
        ring = self._schedule.living(self._ring, now)
        key = self._schedule.sealing(ring, now)
        if key is None:  # Redis is down: the last one that we know
            key = next(dated.key for dated in ring)
        return key

    def named(self, name: bytes) -> TicketKey | None:
        """The key of that name, as long as its tickets are still taken."""
        now = self._clock()
        key = self._schedule.named(self._ring, name, now)
        if key is None:
            self._refresh(now, _UNKNOWN_NAME_S)
            key = self._schedule.named(self._ring, name, now)
        return key

    def close(self) -> None:
        """Close the connections to Redis, unless the client was given."""
        self._link.close()

    def _refresh(self, now: float, every_s: float) -> None:
        """Read the keys if that was not done lately; raises only if none is at hand after all."""
        at_hand = bool(self._schedule.living(self._ring, now))
        if at_hand and not self._due(every_s):
            return
        # One thread waits for Redis; the others go on with what there is, if there is anything
        if not self._fetching.acquire(blocking=not at_hand):
            return
        try:
            if self._schedule.living(self._ring, now) and not self._due(every_s):
                return  # another thread has just done it
            self._fetched = self._monotonic()
            self._ring = self._fetch(now)
        except Exception:
            if not self._schedule.living(self._ring, now):
                raise
        finally:
            self._fetching.release()

    def _due(self, every_s: float) -> bool:
        return self._fetched is None or self._monotonic() - self._fetched >= every_s

    def _fetch(self, now: float) -> Ring:
        period = int(now // self._schedule.lifetime_s)
        current = self._load(period) or self._found(period, now)
        # The next period's, too: another server's clock may be ahead
        others = [period + 1, *range(period - 1, period - 1 - self._schedule.keep, -1)]
        found = [current, *filter(None, map(self._load, others))]
        names = {dated.key.name for dated in found}
        cached = [d for d in self._ring if d.key.name not in names]
        ring = sorted([*found, *cached], key=lambda dated: dated.created_s, reverse=True)
        return self._schedule.living(tuple(ring), now)

    def _found(self, period: int, now: float) -> DatedKey:
        """Write a period's key where Redis has none; somebody else may be faster."""
        created = float(period * self._schedule.lifetime_s)
        ours = next((d for d in self._ring if d.created_s == created), None)
        ours = ours or new_key(self._random, created)
        place = self._place(period)
        sealed = self._sealer.seal(place.encode(), ours.key.name + ours.key.key)
        # long enough for a server whose clock is a lifetime behind
        end = self._schedule.lifetime_s * (2 + self._schedule.keep)
        if self._link.call(lambda client: client.set(place, sealed, ex=end, nx=True)):
            return ours
        theirs = self._load(period)
        if theirs is None:
            error = ConfigError(
                f"the ticket keys in Redis under {self._prefix}* cannot be read: give all servers "
                f"the same secret, or this one another prefix"
            )
            if not self._told:  # a handshake just does without tickets: nobody would know why
                self._told = True
                _log.warning("%s", error)
            raise error
        return theirs

    def _load(self, period: int) -> DatedKey | None:
        place = self._place(period)
        kept = self._link.call(lambda client: client.get(place))
        value = self._sealer.open(place.encode(), kept) if isinstance(kept, bytes) else None
        if value is None or len(value) != NAME_BYTES + KEY_BYTES:
            return None
        key = TicketKey(value[:NAME_BYTES], value[NAME_BYTES:])
        return DatedKey(key, float(period * self._schedule.lifetime_s))

    def _place(self, period: int) -> str:
        return f"{self._prefix}{self._schedule.lifetime_s}:{period}"

    def __repr__(self) -> str:
        return f"<RedisTicketKeys {self._prefix}*, {self._schedule}>"
