"""Connections that are over leave nothing behind."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import ssl
import sys
from collections.abc import Callable

import pytest

from shells.bios import Bios
from shells.pairs import in_thread
from support.ends import HOST
from support.sockets import LIMIT_S, client_context, server_context

CLIENT, SERVER = client_context(), server_context()
SERVER.sni_callback = lambda *_: None

MANY, WARM_UP = 1000, 500


def good() -> None:
    """From the first byte to both close_notify."""
    ends = Bios(CLIENT, SERVER).handshake()
    ends.client.write(bytes(100))
    ends.carry()
    assert ends.server.read() == bytes(100)
    with contextlib.suppress(ssl.SSLWantReadError):
        ends.client.unwrap()
    ends.carry()
    ends.server.unwrap()
    ends.carry()
    ends.client.unwrap()


def refused() -> None:
    """The client does not believe the server."""
    with pytest.raises(ssl.SSLCertVerificationError):
        Bios(CLIENT, SERVER, name="other.example").handshake()


def abandoned() -> None:
    """The client speaks once and never again."""
    ends = Bios(CLIENT, SERVER)
    for end in (ends.client, ends.server):
        with pytest.raises(ssl.SSLWantReadError):
            end.do_handshake()
        ends.carry()


def over_sockets() -> None:
    """Two sockets, closed on both sides."""
    one, other = socket.socketpair()
    for sock in (one, other):
        sock.settimeout(LIMIT_S)

    def there() -> None:
        with SERVER.wrap_socket(other, server_side=True) as stream:
            assert stream.recv(9) == b""

    with in_thread(there), CLIENT.wrap_socket(one, server_hostname=HOST):
        pass


def growth(life: Callable[[], None], count: int) -> tuple[int, int]:
    """Blocks of memory and descriptors that are left of so many lives, caches being full."""

    def figures() -> tuple[int, int]:
        gc.collect()
        return sys.getallocatedblocks(), len(os.listdir("/proc/self/fd"))

    for _ in range(WARM_UP if life is good else WARM_UP // 5):
        life()
    before = figures()
    for _ in range(count):
        life()
    after = figures()
    return after[0] - before[0], after[1] - before[1]


@pytest.mark.parametrize(
    ("life", "count"),
    [(good, MANY), (refused, MANY // 2), (abandoned, MANY), (over_sockets, MANY // 2)],
)
def test_nothing_grows(life: Callable[[], None], count: int) -> None:
    """Memory and descriptors are the same after many connections as after a few."""
    blocks, descriptors = growth(life, count)
    assert blocks < count // 2, f"{blocks} blocks of memory are left of {count} connections"
    assert descriptors == 0


def test_one_object_for_each_connection_would_be_seen() -> None:
    kept: list[object] = []

    def leaking() -> None:
        abandoned()
        kept.append((len(kept),))

    assert growth(leaking, MANY)[0] > MANY // 2


@pytest.mark.parametrize("life", [good, over_sockets])
def test_a_clean_life_needs_no_collector(life: Callable[[], None]) -> None:
    """Reference counts free everything at once: memory does not wait for the collector."""
    life()
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            life()
        garbage = gc.collect()
    finally:
        gc.enable()
    assert garbage < 50, f"{garbage / 50:.1f} objects of each connection wait for the collector"
