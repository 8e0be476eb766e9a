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


def in_asyncio(pipe: Pipe, context: TLCPContext, handshake_s: float) -> None:
    """Say the port; then answer "memory" with KiB, all else with a ``State``, until the end."""
    asyncio.run(_serve(pipe, context, handshake_s))


async def _serve(pipe: Pipe, context: TLCPContext, handshake_s: float) -> None:
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
            while data := await reader.read(_READ_BYTES):
                writer.write(data)
                await writer.drain()
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
        gc.collect()
        if what == "memory":
            pipe.send(memory_of(os.getpid()))
            return
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


def in_threads(pipe: Pipe, context: TLCPContext, idle_s: float) -> None:
    """The same with a thread for each client; the handshake is bounded by the context's limits."""
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
        if pipe.recv() == "memory":
            gc.collect()
            pipe.send(memory_of(os.getpid()))
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
