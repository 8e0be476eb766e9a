"""Echo servers of the lists, each for a process of its own: on asyncio, and with threads."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import threading
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final, NamedTuple

from assurance.children import memory_of
from tlcp.context import TLCPContext
from tlcp.sslobject import TLCPObject

__all__ = ["State", "in_asyncio", "in_threads"]

_BACKLOG: Final = 1024
_READ_BYTES: Final = 1 << 16


class State(NamedTuple):
    """How a server is.

    Attributes:
        memory_kib: what its process holds.
        clients: that are served.
        errors: of handlers and of the loop, since the beginning.
        files: open descriptors.
        objects: ends of connections that exist.
    """

    memory_kib: int
    clients: int
    errors: int
    files: int
    objects: int


def in_asyncio(
    pipe: Pipe, context: TLCPContext, handshake_s: float, idle_s: float | None = None
) -> None:
    """Say the port; then answer "sessions" with their number, all else with a ``State``.

    Args:
        pipe: to the parent.
        context: of the server.
        handshake_s: that a handshake may take.
        idle_s: that a client may be silent, or leave unread what it is sent; None = any time.
    """
    asyncio.run(_serve(pipe, context, handshake_s, idle_s))


async def _serve(
    pipe: Pipe, context: TLCPContext, handshake_s: float, idle_s: float | None
) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    clients = errors = 0

    def complain(_: asyncio.AbstractEventLoop, __: dict[str, Any]) -> None:
        nonlocal errors
        errors += 1

    loop.set_exception_handler(complain)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal clients, errors
        clients += 1
        try:
            while True:
                async with asyncio.timeout(idle_s):
                    if not (data := await reader.read(_READ_BYTES)):
                        break
                    writer.write(data)
                    await writer.drain()
        except TimeoutError:
            writer.transport.abort()
        except OSError:
            errors += 1
        finally:
            clients -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def answer() -> None:
        try:
            what = pipe.recv()
        except EOFError:
            over.set()
            return
        if what == "sessions":
            pipe.send(context.session_stats()["number"])
            return
        gc.collect()
        objects = sum(isinstance(one, TLCPObject) for one in gc.get_objects())
        files = len(os.listdir("/proc/self/fd"))
        pipe.send(State(memory_of(os.getpid()), clients, errors, files, objects))

    server = await asyncio.start_server(
        echo,
        "127.0.0.1",
        0,
        ssl=context,
        ssl_handshake_timeout=handshake_s,
        ssl_shutdown_timeout=5.0,
        backlog=_BACKLOG,
    )
    loop.add_reader(pipe.fileno(), answer)
    pipe.send(server.sockets[0].getsockname()[1])
    await over.wait()


def in_threads(pipe: Pipe, context: TLCPContext, _: float, idle_s: float) -> None:
    """The same with a thread for each client; the context's limits bound the handshake.

    It answers all else with the number of its clients.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    pipe.send(listener.getsockname()[1])

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            try:
                threading.Thread(target=_echo, args=(sock, context, idle_s), daemon=True).start()
            except RuntimeError:  # no thread to be had
                sock.close()

    threading.Thread(target=accept, daemon=True).start()
    while True:
        if pipe.recv() == "sessions":
            pipe.send(context.session_stats()["number"])
        else:
            pipe.send(threading.active_count() - 2)


def _echo(sock: socket.socket, context: TLCPContext, idle_s: float) -> None:
    sock.settimeout(idle_s)
    with (
        contextlib.suppress(OSError, ValueError),
        context.wrap_socket(sock, server_side=True) as stream,
    ):
        while data := stream.recv(_READ_BYTES):
            stream.sendall(data)
