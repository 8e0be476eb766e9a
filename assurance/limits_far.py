"""A long way between honest clients and a server: each segment takes its time, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final

__all__ = ["WAY_S", "relay"]

#: From one end to the other; a round trip takes twice as long.
WAY_S: Final = 0.1
_APART_S: Final = 1e-6  # what the loop needs to keep the order
_BACKLOG: Final = 128


def relay(pipe: Pipe, port: int) -> None:
    """Say the port of the far end; then carry until the pipe ends."""
    asyncio.run(_relay(pipe, port))


async def _relay(pipe: Pipe, port: int) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: _Near(port), "127.0.0.1", 0, backlog=_BACKLOG)
    loop.add_reader(pipe.fileno(), over.set)
    pipe.send(server.sockets[0].getsockname()[1])
    await over.wait()


class _Side(asyncio.Protocol):
    """One of two connections; what comes is said by the other one, later."""

    other: _Side

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unsaid, self._over = list[bytes](), False
        self._free_at = 0.0  # for what comes next

    def _later(self, call: Callable[..., None], *arguments: Any, ways: int = 1) -> None:
        self._free_at = max(self._loop.time() + ways * WAY_S, self._free_at + _APART_S)
        self._loop.call_at(self._free_at, call, *arguments)

    def say(self, data: bytes) -> None:
        """Send, or keep for when the connection is there."""
        if self._transport is None:
            self._unsaid.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)

    def end(self) -> None:
        """End the connection when all has been said."""
        self._over = True
        if self._transport is not None:
            self._transport.close()

    # ---- what the loop calls ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        for data in self._unsaid:
            transport.write(data)
        if self._over:
            transport.close()

    def data_received(self, data: bytes) -> None:
        self._later(self.other.say, data)

    def connection_lost(self, _: Exception | None) -> None:
        self._later(self.other.end)


class _Near(_Side):
    """A client's; SYN, its answer and the first segment each take the way.

    So the server sees a connection and the first segment at once, as from a client far away.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self.other, self.other.other = _Side(), self
        self._port = port
        self._connecting: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        if self._connecting is not None:
            super().data_received(data)
            return
        self._later(self.other.say, data, ways=3)
        self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        await asyncio.sleep(3 * WAY_S)
        try:
            await self._loop.create_connection(lambda: self.other, "127.0.0.1", self._port)
        except OSError:
            self.end()
