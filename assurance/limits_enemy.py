"""One hostile client: what all kinds of them have in common."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import ClassVar, Final

from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.errors import TLCPError
from tlcp.events import HandshakeCompleted

__all__ = ["Enemy", "Guest"]

_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT, or the ports would run out


class Enemy(asyncio.Protocol):
    """A connection that does one thing until it ends. Kinds say what, in ``begin``.

    Args:
        config: of a client that the server believes; who is no insider makes no use of it.

    Attributes:
        WINDOW_BYTES: what the system may hold that was not read; 0 = what it likes.
        gone: done when the connection has ended.
    """

    WINDOW_BYTES: ClassVar[int] = 0

    transport: asyncio.Transport

    def __init__(self, config: Config) -> None:
        self.config = config
        self.loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self.loop.create_future()

    def begin(self) -> None:
        """The connection is there."""

    def heard(self, data: bytes) -> None:
        """The server has said something."""

    def send(self, data: bytes) -> None:
        """Send bytes, unless the connection has ended."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def drip(self, data: bytes, pause_s: float) -> None:
        """Send the first byte now, and each other after a pause."""
        if data and not self.gone.done():
            self.send(data[:1])
            self.loop.call_later(pause_s, self.drip, data[1:], pause_s)

    def leave(self) -> None:
        """End the connection by a reset."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    # ---- what the loop calls ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.begin()

    def data_received(self, data: bytes) -> None:
        self.heard(data)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.gone.done():
            self.gone.set_result(None)


class Guest(Enemy):
    """One that shakes hands; kinds say what follows, in ``welcome``.

    Attributes:
        end: its end of the connection.
    """

    def begin(self) -> None:
        self.end = Connection.client(self.config, server_name="127.0.0.1")
        self.send(self.end.data_to_send())

    def heard(self, data: bytes) -> None:
        self.end.receive_data(data)
        try:
            while (event := self.end.next_event()) is not None:
                if isinstance(event, HandshakeCompleted):
                    self.send(self.end.data_to_send())
                    self.welcome()
        except TLCPError:
            pass  # the server ends it
        self.send(self.end.data_to_send())

    def welcome(self) -> None:
        """The handshake is through."""
