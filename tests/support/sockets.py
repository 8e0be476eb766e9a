"""Contexts over the tests' PKI, and servers in threads."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

from support.ends import config
from tlcp.context import PROTOCOL_TLCP_CLIENT, PROTOCOL_TLCP_SERVER, TLCPContext
from tlcp.socket import TLCPSocket

LIMIT_S = 30.0


def client_context(**changes: Any) -> TLCPContext:
    """A client that believes the tests' CA and has a pair."""
    return TLCPContext(PROTOCOL_TLCP_CLIENT, config("client", **changes))


def server_context(*, verify_mode: int = ssl.CERT_REQUIRED, **changes: Any) -> TLCPContext:
    """A server that verifies its clients."""
    context = TLCPContext(PROTOCOL_TLCP_SERVER, config("server", **changes))
    context.verify_mode = ssl.VerifyMode(verify_mode)
    return context


@contextlib.contextmanager
def served(
    handler: Callable[[TLCPSocket], None], context: TLCPContext | None = None, **options: Any
) -> Iterator[tuple[str, int]]:
    """A server on 127.0.0.1 that runs ``handler`` for each client in a thread; its address.

    Errors of handlers end their thread alone: the client's side is what the test looks at.
    """
    context = context if context is not None else server_context()
    over = threading.Event()

    def work(sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            sock.settimeout(LIMIT_S)
            with context.wrap_socket(sock, server_side=True, **options) as stream:
                handler(stream)

    def accept(listener: socket.socket) -> None:
        while not over.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=work, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[:2]
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(LIMIT_S)


def echo(stream: TLCPSocket) -> None:
    """Send back whatever comes, until the client closes."""
    while data := stream.recv(1 << 16):
        stream.sendall(data)


def dial(
    address: tuple[str, int], context: TLCPContext | None = None, **options: Any
) -> TLCPSocket:
    """Connect and shake hands."""
    context = context if context is not None else client_context()
    sock = socket.create_connection(address, LIMIT_S)
    options.setdefault("server_hostname", "127.0.0.1")
    stream: TLCPSocket = context.wrap_socket(sock, **options)
    return stream
