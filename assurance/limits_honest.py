"""Honest clients of a server that is attacked: how many are served, and how fast."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from assurance.children import percentile
from tlcp.context import TLCPContext

__all__ = ["Seen", "visit"]

_MOST_S: Final = 20.0  # an honest client waits no longer
_SAID: Final = bytes(1024)


@dataclass(slots=True)
class Seen:
    """What honest clients met with.

    Attributes:
        times_ms: of each that was served, from before it connected to the last byte of its echo.
        errors: of the others, with their numbers.
    """

    times_ms: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, other: Seen) -> None:
        """Count others, too."""
        self.times_ms += other.times_ms
        self.errors += other.errors

    @property
    def came(self) -> int:
        """How many there were."""
        return len(self.times_ms) + self.errors.total()

    @property
    def success(self) -> float:
        """Per cent that were served."""
        return 100 * len(self.times_ms) / self.came if self.came else 0.0

    @property
    def p50_ms(self) -> float:
        """What half of those that were served did not exceed."""
        return percentile(self.times_ms, 50) if self.times_ms else float("inf")

    @property
    def p99_ms(self) -> float:
        """What 99 % of those that were served did not exceed."""
        return percentile(self.times_ms, 99) if self.times_ms else float("inf")


def visit(groups: dict[int, int], context: TLCPContext, seconds: float) -> list[Seen]:
    """Clients that come, say a kilobyte, hear it and go, one after the other in each thread.

    Args:
        groups: threads by the port that they go to.
        context: of all of them.
        seconds: after which no other begins.

    Returns:
        What each group met with.
    """
    until = time.monotonic() + seconds
    seen = {port: Seen() for port in groups}
    threads = [
        threading.Thread(target=_come_and_go, args=(port, context, until, seen[port]))
        for port, count in groups.items()
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(seen.values())


def _come_and_go(port: int, context: TLCPContext, until: float, seen: Seen) -> None:
    while time.monotonic() < until:
        begin = time.monotonic()
        try:
            _once(port, context)
        except (OSError, ValueError) as error:
            seen.errors[f"{type(error).__name__}: {error}"] += 1
        else:
            seen.times_ms.append((time.monotonic() - begin) * 1000)


def _once(port: int, context: TLCPContext) -> None:
    sock = socket.create_connection(("127.0.0.1", port), _MOST_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with context.wrap_socket(
        sock, server_hostname="127.0.0.1", do_handshake_on_connect=False
    ) as stream:
        stream.session = None  # a full handshake: the harder case
        stream.sendall(_SAID)
        got = 0
        while got < len(_SAID):
            data = stream.recv(2 * len(_SAID))
            if not data:
                raise ConnectionError("the server ended before it had answered")
            got += len(data)
