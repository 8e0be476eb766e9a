"""A server under a thousand hostile clients, and what it can give to those that are not."""

from __future__ import annotations

import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from assurance.children import Child, percentile
from assurance.figures import Result, Tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from assurance import servers
from assurance.limits_hostile import KINDS, attack
from assurance.limits_serve import Serve
from support import ends
from support.holding import BOUND_BYTES, LEFT, held_by_one
from support.sockets import client_context, server_context
from tlcp.config import Limits
from tlcp.context import TLCPContext

__all__ = ["TITLE", "run"]

TITLE: Final = "Limits: a server under hostile clients still serves honest ones"

_HOSTILE: Final = 1000
_THREADS: Final = 4  # honest clients at a time
_HANDSHAKE_S: Final = 5.0
_MOST_S: Final = 10.0  # an honest client waits no longer
_P99_MOST_MS: Final = 5000.0  # on a machine of two cores, which the enemies share


@dataclass(slots=True)
class _Seen:
    """What honest clients met with."""

    times_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def success(self) -> float:
        return 100 * len(self.times_ms) / (len(self.times_ms) + len(self.errors))


def run(*, long: bool, tell: Tell) -> Result:
    """Attack a server on asyncio, one with threads, and the program ``tlcp serve``."""
    result = Result()
    seconds = 60.0 if long else 4.0
    for name, work, most in (
        ("asyncio", servers.in_asyncio, Limits().concurrent_handshakes),
        ("threads", servers.in_threads, 400),
    ):
        tell(f"{name}: {_HOSTILE} hostile clients, {seconds:g} s")
        limits = Limits(handshake_s=_HANDSHAKE_S, concurrent_handshakes=most)
        with Child(work, server_context(limits=limits), _HANDSHAKE_S) as server:
            _attacked(result, name, server, client_context(), seconds)
    tell(f"tlcp serve: {_HOSTILE} hostile clients, {seconds:g} s")
    with Serve() as program:
        _attacked(result, "tlcp serve", program, program.context, seconds)
    result.add("kinds of hostile clients", len(KINDS))
    for what, feed in LEFT.items():
        held = held_by_one(feed, ends.server) / 1024
        result.add(f"memory of a connection after {what}", held, "KiB", most=BOUND_BYTES / 1024)
    return result


def _attacked(
    result: Result, name: str, server: Child | Serve, context: TLCPContext, seconds: float
) -> None:
    port = server.hear()
    _honest(port, context, 0.5)  # warm
    calm, before_kib = _honest(port, context, 2.0), server.ask("memory")
    with Child(attack, port, _HOSTILE) as enemies:
        enemies.hear()
        seen = _honest(port, context, seconds)
        most_kib = server.ask("memory")
        connections = enemies.ask("how many")
    after = _honest(port, context, 1.0)
    result.add(f"{name}: hostile connections in {seconds:g} s", connections, least=_HOSTILE)
    result.add(f"{name}: honest connections meanwhile", len(seen.times_ms), least=1)
    result.add(f"{name}: of them served", seen.success, "%", least=100)
    result.add(f"{name}: p50 in peace", percentile(calm.times_ms, 50), "ms")
    result.add(f"{name}: p99 in peace", percentile(calm.times_ms, 99), "ms")
    result.add(f"{name}: p50 under attack", percentile(seen.times_ms, 50), "ms")
    p99 = percentile(seen.times_ms, 99)
    result.add(f"{name}: p99 under attack", p99, "ms", most=_P99_MOST_MS)
    grown = max(0, most_kib - before_kib) / 1024
    result.add(f"{name}: memory under attack", grown, "MiB", most=_HOSTILE * 0.75)
    result.add(f"{name}: served afterwards", after.success, "%", least=100)
    result.failures += [f"{name}: an honest client: {e}" for e in sorted(set(seen.errors))[:5]]


def _honest(port: int, context: TLCPContext, seconds: float) -> _Seen:
    """Clients that come, say a kilobyte and go, one after the other in each thread."""
    seen, until = _Seen(), time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < until:
            begin = time.monotonic()
            try:
                _once(port, context)
            except (OSError, ValueError) as error:
                seen.errors.append(f"{type(error).__name__}: {error}")
            else:
                seen.times_ms.append((time.monotonic() - begin) * 1000)

    threads = [threading.Thread(target=work) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def _once(port: int, context: TLCPContext) -> None:
    sock = socket.create_connection(("127.0.0.1", port), _MOST_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with context.wrap_socket(sock, server_hostname="127.0.0.1") as stream:
        stream.sendall(bytes(1024))
        got = 0
        while got < 1024:
            data = stream.recv(2048)
            if not data:
                raise ConnectionError("the server ended before it had answered")
            got += len(data)
