"""A server under a thousand hostile clients at once, and what it can give to the others."""

from __future__ import annotations

import contextlib
import statistics
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from assurance.children import Child, files_of, memory_of, need_files
from assurance.figures import Result, Tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from assurance import servers
from assurance.limits_far import WAY_S, relay
from assurance.limits_honest import Seen, visit
from assurance.limits_hostile import KINDS, Crowd, attack
from assurance.limits_serve import CLIENTS, Serve
from assurance.limits_sessions import MIB, full_store_bytes
from support import ends
from support.holding import BOUND_BYTES, LEFT, held_by_one
from support.sockets import client_context, server_context
from tlcp.config import Limits
from tlcp.context import TLCPContext
from tlcp.sessions.store import MemoryStore

__all__ = ["TITLE", "run"]

TITLE: Final = "Limits: a server under hostile clients still serves honest ones"

_HOSTILE: Final = 1000
_FILES: Final = 4 * _HOSTILE  # that one process may hold
_NEAR: Final = 4  # honest clients at a time
_FAR: Final = 8
_HANDSHAKE_S: Final = 10.0  # that a server gives to a handshake
_IDLE_S: Final = 5.0  # and to a client that says nothing, or reads nothing
_IN_HANDSHAKE: Final = 400  # of a server with a thread for each
_SESSIONS: Final = 500
_P99_MOST_MS: Final = 15_000.0  # on a machine of two cores, which the enemies share
_LONGEST_S: Final = (
    30.0  # that one hostile connection lasts: the sum of the times above, and waiting
)
_RUSH_S: Final = 0.01
_SAMPLE_S: Final = 0.2
_NOTES: Final = (
    "At once: connections, and attempts at one, for as soon as one ends the next begins. "
    "Connected: as the attackers see it; some of them wait in the server's backlog. Held: "
    "descriptors that the server has open beyond those in peace, for honest clients, too.",
    f"The server with threads has {_IN_HANDSHAKE} places for handshakes, and `tlcp serve` "
    f"{CLIENTS} for all clients: for each that comes one goes, so neither holds a thousand. "
    f"asyncio's has {Limits().concurrent_handshakes:,}.",
    f"Honest clients make a full handshake and have a kilobyte echoed: {_NEAR} at a time near the "
    f"server, {_FAR} with {2 * WAY_S * 1000:g} ms for each round trip, of which they need four.",
)


@dataclass(slots=True)
class _Watched:
    """What the system says of a server, again and again."""

    files: list[int] = field(default_factory=list)
    memory_kib: list[int] = field(default_factory=list)


def run(*, long: bool, tell: Tell) -> Result:
    """Attack a server on asyncio, one with threads, and the program ``tlcp serve``."""
    result = Result()
    try:
        need_files(_FILES)
    except OSError as error:
        result.failures.append(str(error))
        return result
    seconds = 60.0 if long else 2.5
    for name, work, most in (
        ("asyncio", servers.in_asyncio, Limits().concurrent_handshakes),
        ("threads", servers.in_threads, _IN_HANDSHAKE),
    ):
        tell(f"{name}: {_HOSTILE} hostile clients, {seconds:g} s")
        context = server_context(
            limits=Limits(handshake_s=_HANDSHAKE_S, concurrent_handshakes=most),
            session_store=MemoryStore(_SESSIONS),
        )
        with Child(work, context, _HANDSHAKE_S, _IDLE_S) as server:
            _attacked(result, name, server, client_context(), seconds)
            result.add(f"{name}: sessions kept", server.ask("sessions"), most=_SESSIONS)
    tell(f"tlcp serve: {_HOSTILE} hostile clients, {seconds:g} s")
    with Serve(_HANDSHAKE_S, _IDLE_S) as program:
        _attacked(result, "tlcp serve", program, program.context, seconds)
    result.notes += _NOTES
    result.add("kinds of hostile clients", len(KINDS))
    result.add("memory of a full store of sessions", full_store_bytes() / MIB, "MiB", most=64)
    for what, feed in LEFT.items():
        held = held_by_one(feed, ends.server) / 1024
        result.add(f"memory of a connection after {what}", held, "KiB", most=BOUND_BYTES / 1024)
    return result


def _attacked(
    result: Result, name: str, server: Child | Serve, context: TLCPContext, seconds: float
) -> None:
    port = server.hear()
    with Child(relay, port) as way:
        groups = {port: _NEAR, way.hear(): _FAR}
        visit({port: _NEAR}, context, 0.2)  # warm
        peace = visit(groups, context, 1.0)
        files, memory_kib = files_of(server.pid), memory_of(server.pid)
        with Child(attack, port, _HOSTILE, context.config_for(server_side=False)) as enemies:
            enemies.hear()
            rush = visit(groups, context, _RUSH_S)  # all have come at once
            enemies.ask("count from here")
            with _watching(server.pid) as watched:
                war = visit(groups, context, seconds)
            crowd = enemies.ask("how many")
        for before, seen in zip(rush, war, strict=True):
            seen.add(before)
        after = visit({port: _NEAR}, context, 0.5)[0]
    _tell_crowd(result, name, crowd, [max(0, one - files) for one in watched.files])
    _tell_honest(result, name, peace, war)
    grown = max(0, max(watched.memory_kib) - memory_kib) / 1024
    result.add(f"{name}: memory under attack", grown, "MiB", most=_HOSTILE * 1.5)
    result.add(f"{name}: served afterwards", after.success, "%", least=100)


def _tell_crowd(result: Result, name: str, crowd: Crowd, held: list[int]) -> None:
    """What the attackers saw, and what the server had open besides what it has in peace."""
    result.add(f"{name}: hostile at once, least", crowd.least_tried, least=_HOSTILE)
    result.add(f"{name}: of them connected, least", crowd.least_open)
    result.add(f"{name}: of them connected, median", crowd.median_open)
    result.add(f"{name}: held by the server, least", min(held))
    result.add(f"{name}: held by the server, median", round(statistics.median(held)))
    result.add(f"{name}: hostile connections that were new", crowd.connections)
    result.add(f"{name}: longest of them", crowd.longest_s, "s", most=_LONGEST_S)


def _tell_honest(result: Result, name: str, peace: list[Seen], war: list[Seen]) -> None:
    far = f"behind {2 * WAY_S * 1000:g} ms"
    for who, calm, seen, least in zip(("near", far), peace, war, (99.0, 95.0), strict=True):
        result.add(f"{name}: {who}, p50 in peace", calm.p50_ms, "ms")
        result.add(f"{name}: {who}, p99 in peace", calm.p99_ms, "ms")
        result.add(f"{name}: {who}, came under attack", seen.came, least=1)
        result.add(f"{name}: {who}, of them served", seen.success, "%", least=least)
        result.add(f"{name}: {who}, p50 under attack", seen.p50_ms, "ms")
        result.add(f"{name}: {who}, p99 under attack", seen.p99_ms, "ms", most=_P99_MOST_MS)
        result.notes += [
            f"{name}: {who}: {count} of {seen.came} were not served: {error}"
            for error, count in seen.errors.most_common(3)
        ]


@contextlib.contextmanager
def _watching(process: int) -> Iterator[_Watched]:
    watched, over = _Watched(), threading.Event()

    def watch() -> None:
        while not over.wait(_SAMPLE_S):
            watched.files.append(files_of(process))
            watched.memory_kib.append(memory_of(process))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield watched
    finally:
        over.set()
        thread.join()
