"""Clocks that jump between two connections, or while a server runs."""

from __future__ import annotations

import itertools
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from assurance.figures import Result, Tell
from support import ends
from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.errors import CertificateVerifyError
from tlcp.sessions.session import TicketKeys
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import FileTicketKeys, RotatingTicketKeys

__all__ = ["run"]

_JUMPS: Final = tuple(
    timedelta(seconds=sign * seconds)
    for sign, seconds in itertools.product(
        (1, -1), (1, 60, 3600, 7199, 7200, 86_400, 30 * 86_400, 366 * 86_400, 20 * 366 * 86_400)
    )
)
_WHO: Final = ("client", "server", "both")


class _Clock:
    def __init__(self) -> None:
        self.now = ends.NOW

    def __call__(self) -> Any:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()


def run(result: Result, tell: Tell) -> None:
    """Connections after a jump are resumed, or full, or refused for their dates; keys serve on."""
    tell(f"{len(_JUMPS)} jumps of the clock")
    counted = {"resumed": 0, "full": 0, "refused": 0}
    failures: list[str] = []
    for jump, who, tickets in itertools.product(_JUMPS, _WHO, (False, True)):
        try:
            counted[_jumped(jump, who, tickets=tickets)] += 1
        except Exception as error:
            failures.append(f"a jump of {jump} at {who}: {error!r}")
    cases = len(_JUMPS) * len(_WHO) * 2
    result.add("jumps of a clock between two connections survived", cases - len(failures),
               least=cases)  # fmt: skip
    for name, count in counted.items():
        result.add(f"jumps after which the connection was {name}", count)
    kept = 0
    for jump in _JUMPS:
        problem = _keys_after(jump)
        kept += not problem
        failures += [f"ticket keys after a jump of {jump}: {problem}"] if problem else []
    result.add("jumps of a clock that ticket keys survived", kept, least=len(_JUMPS))
    result.failures += failures[:10]


def _jumped(jump: timedelta, who: str, *, tickets: bool) -> str:
    """Connect, jump, and connect with the session; how that went."""
    clocks = {"client": _Clock(), "server": _Clock()}
    keys: TicketKeys | None = RotatingTicketKeys() if tickets else None
    client = ends.config("client", now=clocks["client"], tickets=tickets)
    server = ends.config(
        "server", now=clocks["server"], ticket_keys=keys, session_store=MemoryStore()
    )
    first, _ = ends.handshake(*_pair(client, server, None))
    if first.completed is None or first.completed.session is None:
        raise RuntimeError("the first connection gave no session")
    for role in ("client", "server") if who == "both" else (who,):
        clocks[role].now += jump
    near, far = _pair(client, server, first.completed.session)
    seen = ends.run(near, far)
    for side in seen:
        if isinstance(side.error, CertificateVerifyError):
            if "EXPIRED" not in side.error.problem.name and "YET" not in side.error.problem.name:
                raise side.error
            return "refused"
    for side in seen:
        if side.error is not None:
            raise side.error
    completed = seen[0].completed
    if completed is None:
        raise RuntimeError("it did not end")
    return "resumed" if completed.resumed else "full"


def _pair(client: Config, server: Config, session: Any) -> tuple[Connection, Connection]:
    near = Connection.client(client, server_name=ends.HOST, session=session)
    return near, Connection.server(server)


def _keys_after(jump: timedelta) -> str:
    """What is wrong with keys in a file after a jump, forth and back; "" if nothing is."""
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys"
        keys = FileTicketKeys(path, clock=clock.seconds, monotonic=clock.seconds)
        before = keys.newest()
        clock.now += jump
        after = keys.newest()
        if keys.named(after.name) != after:
            return "the newest key does not open"
        if FileTicketKeys(path, clock=clock.seconds).newest() != after:
            return "another process seals with another key"
        writes = path.stat().st_ino
        if keys.newest() != after or path.stat().st_ino != writes:
            return "keys are made again and again"
        clock.now -= jump
        again = keys.newest()
        if keys.named(again.name) != again:
            return "after the way back the newest key does not open"
        if abs(jump) < timedelta(hours=12) and keys.named(before.name) != before:
            return "a key in use is lost"
    return ""
