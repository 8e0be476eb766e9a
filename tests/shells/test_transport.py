"""The socket under a hostile or busy transport: what waits for what, and for how long."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import tlcp.socket.transport
from support.sockets import LIMIT_S, client_context, echo, server_context
from tlcp.errors import AlertReceived, TruncatedError
from tlcp.socket import TLCPSocket

NAME = "127.0.0.1"


@contextlib.contextmanager
def streams() -> Iterator[tuple[TLCPSocket, TLCPSocket]]:
    """A client and a server over a pair of sockets with small buffers."""
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(LIMIT_S)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
    lazy: dict[str, Any] = {"do_handshake_on_connect": False, "suppress_ragged_eofs": False}
    with (
        client_context().wrap_socket(ends[0], server_hostname=NAME, **lazy) as near,
        server_context().wrap_socket(ends[1], server_side=True, **lazy) as far,
    ):
        yield near, far


def test_a_reader_goes_on_while_a_writer_is_blocked() -> None:
    """The peer reads only after we have read: a lock held by the writer must not stop that."""
    sent, received = bytes(4 << 20), bytearray()
    with streams() as (near, far):
        server = threading.Thread(target=echo, args=(far,), daemon=True)
        server.start()
        near.do_handshake()

        def write() -> None:
            near.sendall(sent)
            near.close_notify()

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        while len(received) < len(sent) and (data := near.recv(1 << 18)):
            received += data
        writer.join(LIMIT_S)
        assert not writer.is_alive()
        server.join(LIMIT_S)
    assert received == sent


def test_a_handshake_has_one_deadline_however_the_bytes_dribble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    near, far = socket.socketpair()
    near.settimeout(15)
    stream = server_context().wrap_socket(near, server_side=True, do_handshake_on_connect=False)
    clock = itertools.count(0, 14.99)  # seconds fly between one look at it and the next
    module = tlcp.socket.transport.time  # type: ignore[attr-defined]
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    with far, stream:
        far.sendall(b"\x16\x01\x01")  # there is something to read, and never enough
        with pytest.raises(TimeoutError):
            stream.do_handshake()


@pytest.mark.parametrize(
    ("words", "error"), [(b"\x15\x01\x01\x00\x02\x02\x28", AlertReceived), (b"", TruncatedError)]
)
def test_the_alert_of_a_peer_that_hung_up_is_still_read(
    words: bytes, error: type[Exception]
) -> None:
    near, far = socket.socketpair()
    far.sendall(words)
    far.close()  # sending fails from here on
    near.settimeout(LIMIT_S)
    with pytest.raises(error):
        client_context().wrap_socket(near, server_hostname=NAME)
