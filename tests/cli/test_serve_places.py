"""``tlcp serve`` when all its places are taken: who goes for a new client."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

from cli.tools import LIMIT_S, serving
from peers.pki import PKI
from tlcp.config import Config
from tlcp.context import PROTOCOL_TLCP_CLIENT, TLCPContext
from tlcp.defaults import create_connection


def test_clients_that_are_through_leave_places_to_handshakes(pki: PKI, folder: Path) -> None:
    """However many shake hands and then are silent: one goes, and not who shakes hands slowly."""
    config = Config(identity=pki.client.identity, trust=pki.trust)
    context = TLCPContext(PROTOCOL_TLCP_CLIENT, config)
    words = ("--pki", folder, "--name", "server", "--max-clients", "5")
    with serving(*words) as server, contextlib.ExitStack() as stack:
        address = "localhost", server.port
        idle = [
            stack.enter_context(create_connection(address, context, timeout=LIMIT_S))
            for _ in range(4)
        ]
        for stream in idle:  # in this order, so that the first is silent for longest
            stream.sendall(b"x")
            assert stream.recv(1) == b"x"
        slow = stack.enter_context(
            context.wrap_socket(
                socket.create_connection(("127.0.0.1", server.port)),
                server_hostname="localhost",
                do_handshake_on_connect=False,
            )
        )
        slow.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError):
            slow.do_handshake()  # a hello, and no more
        with create_connection(address, context, timeout=LIMIT_S) as new:
            new.sendall(b"new")
            assert new.recv(3) == b"new"
        slow.settimeout(LIMIT_S)
        slow.do_handshake()
        slow.sendall(b"slow")
        assert slow.recv(4) == b"slow"
        with contextlib.suppress(ssl.SSLError):
            assert idle[0].recv(1) == b""
