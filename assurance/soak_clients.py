"""Clients that hold connections, and clients that work, each kind in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
from collections import Counter
from multiprocessing.connection import Connection as Pipe
from typing import Final

from support.ends import HOST
from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.context import TLCPContext
from tlcp.errors import TLCPError
from tlcp.events import DataReceived, HandshakeCompleted

__all__ = ["hold", "work"]

_AT_A_TIME: Final = 64  # handshakes
_PATIENCE_S: Final = 60.0
_THINK_S: Final = 1.5  # between two messages of a client, on average
_SIZES: Final = (1, 16, 300, 1_400, 5_000, 16_384, 16_385, 60_000, 200_000)
_ODDS: Final = (4, 8, 8, 8, 8, 4, 4, 2, 1)
_MESSAGES: Final = 12  # before a client comes again, at most


# ---- those that hold ----------------------------------------------------------------------------


class _Holder(asyncio.Protocol):
    """One connection without asyncio's own buffers, so that many fit into a process."""

    def __init__(self, config: Config, counted: Counter[str]) -> None:
        self._end, self._counted = Connection.client(config, server_name=HOST), counted
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.echo: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._end.data_to_send())

    def data_received(self, data: bytes) -> None:
        self._end.receive_data(data)
        try:
            while (event := self._end.next_event()) is not None:
                if isinstance(event, HandshakeCompleted) and not self.ready.done():
                    self.ready.set_result(None)
                if isinstance(event, DataReceived) and self.echo is not None:
                    self.echo.set_result(event.data)
        except TLCPError as error:
            self._counted[f"{type(error).__name__}: {error.what}"] += 1
            if not self.ready.done():
                self.ready.set_exception(error)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("the server ended the connection"))
        elif self.echo is None or not self.echo.done():
            self._counted["lost"] += 1

    async def ping(self) -> bool:
        """Whether the connection still carries data, both ways."""
        said = os.urandom(16)
        self.echo = asyncio.get_running_loop().create_future()
        self._end.send_data(said)
        self._flush()
        return await asyncio.wait_for(self.echo, _PATIENCE_S) == said

    def _flush(self) -> None:
        if self._transport is not None and (data := self._end.data_to_send()):
            self._transport.write(data)


def hold(pipe: Pipe, port: int, config: Config, count: int) -> None:
    """Open connections and say how many; at each word ping all, and say how many answer."""
    asyncio.run(_hold(pipe, port, config, count))


async def _hold(pipe: Pipe, port: int, config: Config, count: int) -> None:
    loop, counted, turn = asyncio.get_running_loop(), Counter[str](), asyncio.Semaphore(_AT_A_TIME)
    held: list[_Holder] = []

    async def one() -> None:
        async with turn:
            try:
                _, end = await loop.create_connection(
                    lambda: _Holder(config, counted), "127.0.0.1", port
                )
                await asyncio.wait_for(end.ready, _PATIENCE_S)
            except OSError as error:
                counted[f"{type(error).__name__}: {error}"] += 1
            else:
                held.append(end)

    async def ping(end: _Holder) -> bool:
        async with turn:
            try:
                return await end.ping()
            except (OSError, TLCPError):
                return False

    await asyncio.gather(*(one() for _ in range(count)))
    pipe.send((len(held), dict(counted)))
    while await _heard(pipe) is not None:
        answers = await asyncio.gather(*map(ping, held))
        pipe.send((sum(answers), dict(counted)))


# ---- those that work ----------------------------------------------------------------------------


def work(pipe: Pipe, port: int, contexts: list[TLCPContext], count: int) -> None:
    """Work until the first word, then end in order and say what was done."""
    asyncio.run(_work(pipe, port, contexts, count))


async def _work(pipe: Pipe, port: int, contexts: list[TLCPContext], count: int) -> None:
    counted, over = Counter[str](), asyncio.Event()
    chance = random.Random(38636)  # noqa: S311  # sizes and pauses
    tasks = [
        asyncio.create_task(_worker(port, contexts[n % len(contexts)], counted, over, chance))
        for n in range(count)
    ]
    while (word := await _heard(pipe)) is not None:
        if word == "end":
            over.set()
            await asyncio.gather(*tasks)
        pipe.send(dict(counted))


async def _worker(
    port: int,
    context: TLCPContext,
    counted: Counter[str],
    over: asyncio.Event,
    chance: random.Random,
) -> None:
    await _pause(over, chance.uniform(0, 2 * _THINK_S))  # not all at once
    while not over.is_set():
        try:
            async with asyncio.timeout(_PATIENCE_S * 2):
                await _visit(port, context, counted, over, chance)
        except (OSError, TLCPError, asyncio.IncompleteReadError) as error:
            counted[f"error {type(error).__name__}: {error}"] += 1


async def _visit(
    port: int,
    context: TLCPContext,
    counted: Counter[str],
    over: asyncio.Event,
    chance: random.Random,
) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=HOST
    )
    counted["connections"] += 1
    counted["resumed"] += bool(writer.get_extra_info("ssl_object").session_reused)
    try:
        for _ in range(chance.randint(1, _MESSAGES)):
            (size,) = chance.choices(_SIZES, _ODDS)
            message = chance.randbytes(size)
            sending = asyncio.create_task(_send(writer, message))
            echo = await reader.readexactly(size)
            await sending
            same = hashlib.sha256(echo).digest() == hashlib.sha256(message).digest()
            counted["messages"] += 1
            counted["bytes"] += size
            counted["wrong checksums"] += not same
            if over.is_set():
                break
            await _pause(over, chance.expovariate(1 / _THINK_S))
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _send(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(message)
    await writer.drain()


async def _pause(over: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(over.wait(), seconds)


async def _heard(pipe: Pipe) -> object:
    """The next word; None at the end of the pipe."""
    loop = asyncio.get_running_loop()
    there: asyncio.Future[object] = loop.create_future()

    def take() -> None:
        loop.remove_reader(pipe.fileno())
        try:
            there.set_result(pipe.recv())
        except EOFError:
            there.set_result(None)

    loop.add_reader(pipe.fileno(), take)
    return await there
