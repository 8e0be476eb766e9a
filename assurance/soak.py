"""One server on asyncio, thousands of connections that are idle, and a thousand that work."""

from __future__ import annotations

import asyncio.sslproto
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Final

from assurance.children import Child
from assurance.figures import Result, Tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from assurance import servers
from assurance.soak_clients import hold, work
from support.ends import config
from support.sockets import client_context, server_context
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys

__all__ = ["TITLE", "run"]

TITLE: Final = "Soak: ten thousand idle connections, a thousand active ones, on one server"

_LONG: Final = (10_000, 1_000, 600.0)  # idle, active, seconds
_SHORT: Final = (300, 60, 12.0)
_SPARE_FILES: Final = 200
_SAMPLES: Final = 40
_GROWTH_MOST: Final = 1.03  # of memory, from the first quarter after warming up to the last
_GROWTH_FREE_KIB: Final = 8 << 10
#: asyncio allocates a buffer to read into for every TLS connection, whoever implements TLS.
_ASYNCIO_KIB: Final = asyncio.sslproto.SSLProtocol.max_size >> 10
_CONNECTION_MOST_KIB: Final = _ASYNCIO_KIB + 64
_MIB: Final = 1 << 20


def run(*, long: bool, tell: Tell) -> Result:
    """The long form takes twelve minutes."""
    result = Result()
    idle, active, seconds = _LONG if long else _SHORT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = hard - active - _SPARE_FILES
    if room < idle:
        result.notes.append(
            f"this machine allows {hard} open files: {room} idle connections instead of {idle}"
        )
        idle = room
    try:
        _soak(result, tell, idle, active, seconds)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return result


def _soak(result: Result, tell: Tell, idle: int, active: int, seconds: float) -> None:
    context = server_context(session_store=MemoryStore(), ticket_keys=RotatingTicketKeys())
    with Child(servers.in_asyncio, context, 60.0) as server:
        port = server.hear()
        with Child(hold, port, config("client"), 20) as few:
            few.hear()  # warm
        before = _settled(server)
        tell(f"opening {idle} connections")
        begin = time.monotonic()
        with Child(hold, port, config("client"), idle) as holders:
            held, errors = holders.hear(1200.0)
            opened_s = time.monotonic() - begin
            full: servers.State = server.ask("state")
            per_connection = (full.memory_kib - before.memory_kib) / max(1, held)
            result.add("idle connections held", held, least=idle)
            result.add("handshakes a second while they were opened", held / opened_s)
            result.add("memory of an idle connection", per_connection, "KiB",
                       most=_CONNECTION_MOST_KIB)  # fmt: skip
            result.add("of it asyncio's buffer for reading", _ASYNCIO_KIB, "KiB")
            tell(f"{active} connections work for {seconds:g} s")
            _busy(result, server, port, idle, active, seconds)
            answered, errors = holders.ask("ping", 600.0)
            result.add("idle connections that answered in the end", answered, least=idle)
            result.add("errors of idle connections", sum(errors.values()), most=0)
            result.failures += [f"idle: {what}" for what in sorted(errors)[:5]]
            quiet: servers.State = server.ask("state")
            result.add("errors of the server", quiet.errors, most=0)
        after = _settled(server)
        result.add("connections left in the end", after.objects, most=0)
        result.add("open files left over in the end", after.files - before.files, most=0)


def _busy(result: Result, server: Child, port: int, idle: int, active: int, seconds: float) -> None:
    contexts = [client_context(tickets=tickets) for tickets in (False, True)]
    memory, most = list[int](), 0
    with Child(work, port, contexts, active) as workers:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(seconds / _SAMPLES)
            state: servers.State = server.ask("state")
            memory.append(state.memory_kib)
            most = max(most, state.clients)
        done = workers.ask("end", 300.0)
    result.add("seconds of traffic", seconds, "s")
    # some of the active ones are just coming again
    result.add("connections at the same time", most, least=idle + active * 4 // 5)
    result.add("connections made", done["connections"], least=active)
    result.add("of them resumed", done["resumed"], least=done["connections"] // 4)
    result.add("messages echoed", done["messages"], least=active)
    result.add("data echoed", done["bytes"] / _MIB, "MiB")
    result.add("wrong checksums", done["wrong checksums"], most=0)
    errors = {what: count for what, count in done.items() if what.startswith("error ")}
    result.add("errors of active connections", sum(errors.values()), most=0)
    result.failures += [f"{count} times {what}" for what, count in list(errors.items())[:5]]
    quarter = _SAMPLES // 4
    early = statistics.median(memory[quarter : 2 * quarter])
    late = statistics.median(memory[-quarter:])
    result.add("memory of the server, second quarter", early / 1024, "MiB")
    result.add("memory of the server, last quarter", late / 1024, "MiB",
               most=(early * _GROWTH_MOST + _GROWTH_FREE_KIB) / 1024)  # fmt: skip


def _settled(server: Child) -> servers.State:
    """How the server is when those that left have gone."""
    for _ in range(100):
        state: servers.State = server.ask("state")
        if not state.clients and not state.objects:
            return state
        time.sleep(0.1)
    return state
