"""Commands to a Redis that may be slow or down, without making every handshake wait for it.

Needs the package ``redis``, but not before a link is made.

Spec: none
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from tlcp.errors import ConfigError
from tlcp.sessions.breaker import Breaker

if TYPE_CHECKING:
    import redis

__all__ = ["PAUSE_S", "RedisLink"]

T = TypeVar("T")

PAUSE_S: Final = 5.0
_TIMEOUT_S: Final = 0.2
_COMPLAIN_EVERY_S: Final = 60.0
_log = logging.getLogger("tlcp.sessions")


class RedisLink:
    """A Redis client behind a circuit breaker.

    Errors are logged, once per outage, by their kind: their text may hold parts of a command.

    Args:
        client_or_url: a client of redis-py, with timeouts and retries as its owner set them; or a
            URL (``redis://``, ``rediss://``, ``unix://``), for a client that waits 0.2 s for
            a connection and for an answer and does not try twice. A URL may say otherwise:
            ``?socket_timeout=1&socket_connect_timeout=1``.
        pause_s: seconds between two attempts while Redis is down.
        clock: seconds that only go up, ``time.monotonic`` but in tests.

    Raises:
        ConfigError: redis-py is not installed, the URL is none, or the client decodes answers.
    """

    def __init__(
        self,
        client_or_url: redis.Redis | str,
        *,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ours = isinstance(client_or_url, str)
        self._client = _client(client_or_url)
        self._breaker = Breaker(pause_s, clock)
        self._clock = clock
        self._complained: float | None = None
        self._lock = threading.Lock()

    def call(self, command: Callable[[redis.Redis], T]) -> T:
        """Run a command.

        Raises:
            ConnectionError: Redis was down a moment ago and was not asked.
            redis.exceptions.RedisError: it is down now, or it refuses the command.
        """
        from redis import exceptions

        if not self._breaker.admit():
            raise ConnectionError("Redis is down; it is asked again in a few seconds")
        try:
            answer = command(self._client)
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            # All connections of the pool in use: that says nothing about Redis
            if type(error).__name__ != "MaxConnectionsError" and self._breaker.failed():
                _log.warning("Redis is down (%s): going on without it", type(error).__name__)
            raise
        except exceptions.RedisError as error:
            self._complain(error)
            raise
        if self._breaker.succeeded():
            _log.warning("Redis answers again")
        return answer

    def _complain(self, error: Exception) -> None:
        self._breaker.succeeded()  # whoever refuses is there
        now = self._clock()
        with self._lock:
            last = self._complained
            if last is not None and now - last < _COMPLAIN_EVERY_S:
                return
            self._complained = now
        _log.warning("Redis refuses a command (%s)", type(error).__name__)

    def close(self) -> None:
        """Close the connections, unless the client is somebody else's."""
        if self._ours:
            self._client.close()


def _client(client_or_url: redis.Redis | str) -> redis.Redis:
    if not isinstance(client_or_url, str):
        if client_or_url.get_connection_kwargs().get("decode_responses"):
            raise ConfigError(
                "the Redis client decodes answers to str, but sessions are bytes: give one with "
                "decode_responses=False"
            )
        return client_or_url
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise ConfigError(
            "sessions in Redis need the package redis: pip install 'tlcp[redis]'"
        ) from None
    try:
        return redis.Redis.from_url(
            client_or_url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # fewer questions on a new connection, and older servers know it
        )
    except (ValueError, TypeError):  # their text may show a password
        raise ConfigError(
            "not a URL of a Redis: expected redis://, rediss:// or unix://, e.g. "
            "redis://127.0.0.1:6379/0"
        ) from None
