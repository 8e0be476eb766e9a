"""Commands to a Redis that may be slow or down, without making every handshake wait for it.

Needs the package ``redis``, but not before a link is made.

Spec: none
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from tlcp.errors import ConfigError
from tlcp.sessions.breaker import Breaker

if TYPE_CHECKING:
    import redis

__all__ = ["PAUSE_S", "RedisLink"]

T = TypeVar("T")

PAUSE_S: Final = 5.0
_TIMEOUT_S: Final = 0.2
_COMPLAIN_EVERY_S: Final = 60.0
_DATABASE: Final = re.compile("/?|/[0-9]+")  # the path of a URL
_PORT: Final = 6379
_log = logging.getLogger("tlcp.sessions")


class RedisLink:
    """A Redis client behind a circuit breaker.

    Errors are logged, once per outage, by place and reason, never by their text: that may hold
    parts of a command.

    Args:
        client_or_url: a client of redis-py, with timeouts and retries as its owner set them; or a
            URL (``redis://``, ``rediss://``, ``unix://``), for a client that waits 0.2 s for
            a connection and for an answer and does not try twice. A URL may say otherwise:
            ``?socket_timeout=1&socket_connect_timeout=1``.
        pause_s: seconds between two attempts while Redis is down.
        clock: seconds that only go up, ``time.monotonic`` but in tests.

    Attributes:
        name: "Redis at HOST:PORT", for messages.

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
        self._settings = self._client.get_connection_kwargs()
        self.name = _name(self._settings, default_host="localhost" if self._ours else "")
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
            raise ConnectionError(f"{self.name} is down; it is asked again in a few seconds")
        try:
            answer = command(self._client)
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            # All connections of the pool in use: that says nothing about Redis
            if type(error).__name__ != "MaxConnectionsError" and self._breaker.failed():
                _log.warning("%s is down (%s): going on without it", self.name, self._why(error))
            raise
        except exceptions.RedisError as error:
            self._complain(error)
            raise
        if self._breaker.succeeded():
            _log.warning("%s answers again", self.name)
        return answer

    def check(self, command: Callable[[redis.Redis], object]) -> None:
        """Run a command once, to tell early what would go wrong later.

        Raises:
            ConnectionError: Redis is down, which may pass.
            ConfigError: it does not let us in or refuses the command, which will not.
        """
        from redis import exceptions

        try:
            command(self._client)
        except (exceptions.RedisError, OSError) as error:
            what = f"{self.name} cannot be used: {self._why(error)}"
            down = exceptions.ConnectionError, exceptions.TimeoutError, OSError
            no_entry = exceptions.AuthenticationError, exceptions.AuthorizationError
            if isinstance(error, down) and not isinstance(error, no_entry):
                self._breaker.failed()
                raise ConnectionError(what) from None
            raise ConfigError(what) from None

    def _why(self, error: Exception) -> str:
        """The reason in our words: the error's own may show what is secret."""
        from redis import exceptions

        if isinstance(error, exceptions.AuthenticationError):
            if self._settings.get("password") is None:
                return "it wants a password"
            return "it does not take the user name and the password"
        if isinstance(error, exceptions.NoPermissionError):
            return "the user has no permission"
        if isinstance(error, exceptions.ResponseError) and "DB index" in str(error):
            return f"it has no database {self._settings.get('db')}"
        if isinstance(error, exceptions.TimeoutError | TimeoutError):
            return "no answer in time"
        cause = error.__cause__ or error.__context__ or error
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        return type(error).__name__

    def _complain(self, error: Exception) -> None:
        self._breaker.succeeded()  # whoever refuses is there
        now = self._clock()
        with self._lock:
            last = self._complained
            if last is not None and now - last < _COMPLAIN_EVERY_S:
                return
            self._complained = now
        _log.warning("%s refuses a command (%s)", self.name, self._why(error))

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
        parts = urlsplit(client_or_url)
        if parts.scheme != "unix" and not _DATABASE.fullmatch(parts.path):
            raise ValueError  # redis-py would take database 0
        client = redis.Redis.from_url(
            client_or_url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # fewer questions on a new connection, and older servers know it
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing, but knows settings
    except (ValueError, TypeError):  # their text may show a password
        raise ConfigError(
            "not a URL of a Redis: expected redis://, rediss:// or unix://, after the host nothing "
            "but the number of a database, and known settings: redis://127.0.0.1:6379/0, "
            "redis://:PASSWORD@redis.example/0?socket_timeout=1. In a password, / is %2F"
        ) from None
    return client


def _name(settings: Mapping[str, Any], default_host: str) -> str:
    """What to call a Redis with these settings; those of a cluster or a sentinel name no host."""
    if path := settings.get("path"):
        return f"Redis at {path}"
    host = settings.get("host", default_host)
    if not host:
        return "Redis"
    host = f"[{host}]" if ":" in host else host
    return f"Redis at {host}:{settings.get('port', _PORT)}"
