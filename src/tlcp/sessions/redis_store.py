"""Sessions in Redis, for servers of many processes or machines.

Spec: GB/T 38636-2020 6.4.5.1 leaves to the server how long and where it keeps sessions
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tlcp.sessions.redis_link import PAUSE_S, RedisLink
from tlcp.sessions.sealing import Sealer

if TYPE_CHECKING:
    import redis

__all__ = ["RedisStore"]


class RedisStore:
    """Keeps sessions in a Redis; each expires there by itself.

    A session holds a master secret, and what its peer was believed to be. With ``secret``, Redis
    sees neither, and whoever can write to it cannot make one up. Without, both lie in clear: use
    that only with a Redis that is as well protected as the private keys.

    While Redis is down, calls raise at once but for one attempt per ``pause_s``; a handshake then
    does without. An attempt may take 0.4 s (for a URL without other timeouts) and the time to look
    up the host's name; an event loop waits as long.

    Args:
        client_or_url: a client of redis-py, or a URL; see ``RedisLink``. A client should have short
            timeouts and no retries; ``redis.Redis()`` tries ten times.
        prefix: what keys begin with; the session id in hex follows.
        secret: seals what is stored, the same in all processes; at least 16 bytes that nobody can
            guess.
        pause_s: seconds between two attempts while Redis is down.
        clock: seconds that only go up, ``time.monotonic`` but in tests.

    Raises:
        ConfigError: redis-py is not installed, or an argument cannot work.
    """

    def __init__(
        self,
        client_or_url: redis.Redis | str,
        prefix: str = "tlcp:session:",
        *,
        secret: bytes | str | None = None,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sealer = Sealer(secret, b"tlcp session in redis")
        self._prefix = prefix
        self._link = RedisLink(client_or_url, pause_s=pause_s, clock=clock)

    def check(self) -> None:
        """Ask Redis once, for a server that wants to know at its start whether it will work.

        Raises:
            ConnectionError: Redis is down; handshakes do without until it answers.
            ConfigError: it does not let us in: a wrong password, no such database.
        """
        self._link.check(lambda client: client.get(self._prefix))

    def get(self, session_id: bytes) -> bytes | None:
        """The state kept under an id; None if there is none, or another secret sealed it."""
        kept = self._link.call(lambda client: client.get(self._key(session_id)))
        return self._sealer.open(session_id, kept) if isinstance(kept, bytes) else None

    def put(self, session_id: bytes, state: bytes, lifetime_s: int) -> None:
        """Keep a state for so many seconds."""
        if lifetime_s <= 0:
            self.remove(session_id)
            return
        sealed = self._sealer.seal(session_id, state)
        self._link.call(lambda client: client.set(self._key(session_id), sealed, ex=lifetime_s))

    def remove(self, session_id: bytes) -> None:
        """Forget a session; no error if it is not there."""
        self._link.call(lambda client: client.delete(self._key(session_id)))

    def close(self) -> None:
        """Close the connections to Redis, unless the client was given."""
        self._link.close()

    def _key(self, session_id: bytes) -> str:
        return self._prefix + session_id.hex()

    def __repr__(self) -> str:
        return f"<RedisStore {self._prefix}*>"
