"""Options of ``tlcp serve`` about sessions, and what becomes of them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from tlcp.cli.output import Printer
from tlcp.cli.places import Writes
from tlcp.sessions.redis_store import RedisStore
from tlcp.sessions.session import SessionStore, TicketKeys
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import FileTicketKeys, RedisTicketKeys, RotatingTicketKeys

__all__ = ["SECRET_VARIABLE", "SessionOptions", "session_options"]

#: Of the environment, because everybody on the machine can read a command line.
SECRET_VARIABLE = "TLCP_REDIS_SECRET"  # noqa: S105 (its name, not a secret)


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The values of the options, by their names."""

    tickets: bool
    ticket_keys_file: Path | None
    redis: str | None
    no_sessions: bool

    def store(self, printer: Printer) -> SessionStore | None:
        """Where sessions are kept; None keeps and names none.

        Raises:
            click.UsageError: the options contradict each other.
            ConfigError: redis-py is missing, the URL is none, or Redis does not let us in.
        """
        if self.no_sessions and self.redis is not None:
            raise click.UsageError("give either --no-sessions or --redis, not both")
        if self.no_sessions:
            return None
        if self.redis is None:
            return MemoryStore()
        store = RedisStore(self.redis, secret=_secret())
        try:
            store.check()
        except ConnectionError as error:
            printer.say(
                f"WARNING: {error}; until it answers, no session is resumed from it",
                style="bold yellow",
            )
        if _secret() is None:
            what = "sessions and ticket keys lie" if self._keys_in_redis else "sessions lie"
            printer.say(
                f"WARNING: {what} in Redis in clear: whoever reads it can read connections; "
                f"set {SECRET_VARIABLE} to seal them",
                style="bold yellow",
            )
        return store

    @property
    def _keys_in_redis(self) -> bool:
        return self.redis is not None and self.tickets and self.ticket_keys_file is None

    def ticket_keys(self) -> TicketKeys | None:
        """The keys of tickets; None gives and takes none.

        Raises:
            ConfigError: the file cannot be used, or the URL of the Redis.
        """
        if self.ticket_keys_file is not None:
            return FileTicketKeys(self.ticket_keys_file)
        if self.redis is not None and self._keys_in_redis:
            return RedisTicketKeys(self.redis, secret=_secret())
        return RotatingTicketKeys() if self.tickets else None


def _secret() -> str | None:
    return os.environ.get(SECRET_VARIABLE) or None


_OPTIONS = (
    click.option(
        "--tickets", is_flag=True, help="Give session tickets; keys in memory, or in --redis."
    ),
    click.option(
        "--ticket-keys",
        "ticket_keys_file",
        type=Writes(None, beside={".lock": None}),
        metavar="FILE",
        help="Give session tickets; keys in this file, for several servers of one machine.",
    ),
    click.option(
        "--redis",
        metavar="URL",
        help="Keep sessions in this Redis, for several servers, and with --tickets the keys of "
        "tickets (unless --ticket-keys has them); needs tlcp[redis]. "
        f"{SECRET_VARIABLE} in the environment seals them.",
    ),
    click.option(
        "--no-sessions", is_flag=True, help="Keep no sessions: none is resumed but by a ticket."
    ),
)


def session_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: add the options; the function gets them as ``sessions``."""

    @functools.wraps(function)
    def wrapper(*args: Any, **values: Any) -> Any:
        names = (field.name for field in fields(SessionOptions))
        sessions = SessionOptions(**{name: values.pop(name) for name in names})
        return function(*args, sessions=sessions, **values)

    decorated: Callable[..., Any] = wrapper
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
