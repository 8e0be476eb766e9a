"""Two connected sockets, and work in another thread."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from support.ends import HOST
from support.sockets import LIMIT_S, client_context, server_context
from tlcp.socket import TLCPSocket


@contextlib.contextmanager
def pair(**options: Any) -> Iterator[tuple[TLCPSocket, TLCPSocket]]:
    """A client and a server over socketpair(), after their handshake; the same options for both."""
    one, other = socket.socketpair()
    one.settimeout(LIMIT_S)
    other.settimeout(LIMIT_S)
    later = options | {"do_handshake_on_connect": False}
    with (
        client_context().wrap_socket(one, server_hostname=HOST, **later) as near,
        server_context().wrap_socket(other, server_side=True, **later) as far,
    ):
        shake(near, far)
        yield near, far


def shake(near: TLCPSocket, far: TLCPSocket) -> None:
    with in_thread(far.do_handshake):
        near.do_handshake()


@contextlib.contextmanager
def in_thread(work: Callable[[], Any]) -> Iterator[list[Any]]:
    """Run it beside the block; its result, or its error, is in the list at the end."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        except (OSError, ValueError) as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        thread.join(LIMIT_S)
        assert not thread.is_alive(), "it hangs"
