"""Clients that mean harm, a thousand at a time, in a process of their own.

Each does its one thing until the server ends the connection, and comes again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe
from typing import Final

from support.ends import HOST, world
from support.mutants import record
from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.errors import TLCPError
from tlcp.registry import ContentType
from tlcp.wire.messages import ClientHello, Extension

__all__ = ["KINDS", "attack"]

_PAUSE_S: Final = 0.5  # before one comes again
_DRIP_S: Final = 0.2
_FRAGMENT: Final = 1 << 14

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Deed = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _hello(*extensions: Extension) -> bytes:
    hello = ClientHello(0x0101, os.urandom(32), b"", (0xE053,), b"\0", extensions or None)
    raw = hello.encode()
    pieces = (raw[at : at + _FRAGMENT] for at in range(0, len(raw), _FRAGMENT))
    return b"".join(record(ContentType.HANDSHAKE, piece) for piece in pieces)


async def _silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Not a byte."""


async def _slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A hello, a byte at a time."""
    for byte in _hello():
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(_DRIP_S)


async def _garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes that are no record."""
    writer.write(os.urandom(512))


async def _half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A hello, which costs the server a signature, and no more."""
    writer.write(_hello())


async def _hoarder(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The longest hello, and half of the longest list of certificates."""
    writer.write(_hello(Extension(0xFFFE, bytes((1 << 16) - 200))))
    writer.write(record(ContentType.HANDSHAKE, b"\x0b\0\xff\xfc" + bytes(16000)))
    for _unused in range(2):
        writer.write(record(ContentType.HANDSHAKE, bytes(_FRAGMENT)))


async def _stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A whole handshake with certificates that are not believed."""
    now = world().ca.certificate.not_before
    config = Config(identity=_STRANGERS[0], dangerous_skip_verification=True, now=lambda: now)
    end = Connection.client(config, server_name=HOST)
    writer.write(end.data_to_send())
    with contextlib.suppress(TLCPError):
        while data := await reader.read(1 << 16):
            end.receive_data(data)
            end.next_event()
            writer.write(end.data_to_send())


async def _leaver(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A hello, and a reset before the answer."""
    writer.write(_hello())
    await writer.drain()
    writer.transport.abort()


_STRANGERS = [world().stranger.issue_pair("stranger").identity]

#: What they do, in equal parts.
KINDS: Final[tuple[Deed, ...]] = (
    _silent, _slow, _garbage, _half, _hoarder, _stranger, _leaver,
)  # fmt: skip


def attack(pipe: Pipe, port: int, count: int) -> None:
    """Attack until the pipe ends; says "there" when all have connected, and answers with sums."""
    asyncio.run(_attack(pipe, port, count))


async def _attack(pipe: Pipe, port: int, count: int) -> None:
    loop, over, there = asyncio.get_running_loop(), asyncio.Event(), 0
    connections = 0

    async def one(number: int) -> None:
        nonlocal there, connections
        deed, first = KINDS[number % len(KINDS)], True
        while not over.is_set():
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                connections += 1
                if first:
                    there, first = there + 1, False
                    if there == count:
                        pipe.send("there")
                try:
                    await deed(reader, writer)
                    while await reader.read(1 << 16):
                        pass
                finally:
                    writer.transport.abort()
            await asyncio.sleep(_PAUSE_S)

    def answer() -> None:
        try:
            pipe.recv()
        except EOFError:
            over.set()
            return
        pipe.send(connections)

    loop.add_reader(pipe.fileno(), answer)
    tasks = [asyncio.create_task(one(number)) for number in range(count)]
    await over.wait()
    for task in tasks:
        task.cancel()
