"""Programs that wait with ``select`` or ``poll`` before they read, as websockets' threads do.

With ``ssl`` a read takes one record from the transport and no more, so that the transport stays
readable while there is something left; ``pending()`` is asked by few. A ``TLCPSocket`` has to be
the same, or such programs wait for bytes that have come long ago.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from libraries import servers
from libraries.contexts import client_context, server_context, tls_pair
from peers.pki import PKI

SIZE = 150_000  # fits into the buffers of the transport, not into one read
LIMIT_S = 30.0
STUCK_S = 2.0  # everything has been sent before the first read: nothing is waited for


def read_all(stream: Any, count: int) -> int:
    """Read, waiting before each read; no read is smaller than a record."""
    got = 0
    while got < count:
        ready, _, _ = select.select([stream], [], [], STUCK_S)
        if not ready:
            break
        got += len(stream.recv(1 << 14))
    return got


@pytest.mark.parametrize("protocol", ["tls", "tlcp"])
def test_what_is_left_can_be_waited_for(protocol: str, pki: PKI, tmp_path: Path) -> None:
    if protocol == "tls":
        server, certificate = tls_pair(tmp_path)
        client = ssl.create_default_context(cafile=certificate)
    else:
        server, client = server_context(pki), client_context(pki)

    sent = threading.Event()

    def handle(sock: socket.socket) -> None:
        with server.wrap_socket(sock, server_side=True) as stream:
            stream.sendall(bytes(SIZE))
            sent.set()
            stream.recv(1)  # until the client has read it all

    with (
        servers.threaded(handle) as port,
        socket.create_connection(("127.0.0.1", port)) as sock,
        client.wrap_socket(sock, server_hostname="localhost") as stream,
    ):
        assert sent.wait(LIMIT_S)
        assert read_all(stream, SIZE) == SIZE
