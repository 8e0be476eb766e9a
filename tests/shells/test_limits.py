"""The time that a handshake may take, and how many may be under way, on every kind of shell."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from shells.bios import Bios
from shells.pairs import in_thread, pair
from support.ends import HOST
from support.sockets import LIMIT_S, client_context, dial, echo, served, server_context
from tlcp.config import Limits
from tlcp.context import TLCPContext
from tlcp.context.handshakes import Handshakes
from tlcp.errors import HandshakeEvicted, HandshakeTimeout, TLCPError

SOON = Limits(handshake_s=0.05)


def until(what: Callable[[], bool]) -> None:
    """Wait for a thread to get as far."""
    late = time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < late
        os.sched_yield()


def hasty_server() -> TLCPContext:
    return server_context(limits=SOON)


@pytest.mark.parametrize("timeout", [None, LIMIT_S])
@pytest.mark.parametrize("role", ["client", "server"])
def test_a_silent_peer(role: str, timeout: float | None) -> None:
    """A socket without a timeout waits for ever, but not in a handshake."""
    one, other = socket.socketpair()
    one.settimeout(timeout)
    server = role == "server"
    context = hasty_server() if server else client_context(limits=SOON)
    with other, pytest.raises(HandshakeTimeout, match=r"not through after 0\.05 s") as caught:
        context.wrap_socket(one, server, server_hostname=None if server else HOST)
    assert caught.value.side == role
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, ssl.SSLError)
    assert one.fileno() == -1


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01\x40\x00"], ids=["", "1", "TLS"])
def test_a_silent_peer_on_a_port_of_both_protocols(said: bytes) -> None:
    context = hasty_server()
    context.tls_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    one, other = socket.socketpair()
    other.sendall(said)
    with other, pytest.raises(HandshakeTimeout):
        context.wrap_socket(one, server_side=True)


def test_the_socket_s_own_timeout_may_be_shorter() -> None:
    one, other = socket.socketpair()
    one.settimeout(0.01)
    with other, pytest.raises(TimeoutError) as caught:
        server_context().wrap_socket(one, server_side=True)
    assert not isinstance(caught.value, TLCPError)


def test_a_peer_that_dribbles() -> None:
    """A byte now and then buys no time: the whole handshake is bounded."""
    one, other = socket.socketpair()
    over = threading.Event()

    def dribble() -> None:
        hello = b"\x16\x01\x01\x40\x00\x01\x00\x3f\xfc" + bytes(1 << 14)
        for at in range(len(hello)):
            if over.wait(0.002):
                return
            other.send(hello[at : at + 1])

    with other, in_thread(dribble):
        begin = time.monotonic()
        with pytest.raises(HandshakeTimeout):
            hasty_server().wrap_socket(one, server_side=True)
        over.set()
        assert time.monotonic() - begin < LIMIT_S / 10


def test_a_record_that_dribbles() -> None:
    """Nor after the handshake: a byte of a record now and then is no data."""
    over = threading.Event()
    with pair() as (near, far):
        near._object.write(bytes(1 << 14))
        record = near._outgoing.read()

        def dribble() -> None:
            for at in range(len(record)):
                if over.wait(0.002):
                    return
                socket.socket.send(near, record[at : at + 1])

        far.settimeout(0.05)
        with in_thread(dribble):
            begin = time.monotonic()
            with pytest.raises(TimeoutError):
                far.recv(1)
            over.set()
            assert time.monotonic() - begin < LIMIT_S / 10


def test_each_call_of_a_non_blocking_handshake_has_what_is_left() -> None:
    """Whoever uses select() sees it when bytes come, however small the steps."""
    one, other = socket.socketpair()
    one.setblocking(False)
    with (
        other,
        server_context(limits=Limits(handshake_s=1e-6)).wrap_socket(
            one, server_side=True, do_handshake_on_connect=False
        ) as stream,
    ):
        with pytest.raises(ssl.SSLError):
            stream.do_handshake()
        other.send(b"\x16")
        with pytest.raises(HandshakeTimeout):
            stream.do_handshake()


def test_an_established_connection_has_all_the_time() -> None:
    with (
        served(echo, server_context(limits=Limits(handshake_s=0.5))) as address,
        dial(address, client_context(limits=Limits(handshake_s=0.5))) as stream,
    ):
        stream._until = 0.0  # as if it had been long ago
        stream.sendall(b"late")
        assert stream.recv(4) == b"late"


def test_between_bios() -> None:
    bios = Bios(server=server_context(limits=Limits(handshake_s=1e-6)))
    with pytest.raises(ssl.SSLWantReadError):
        bios.client.do_handshake()
    bios.carry()
    with pytest.raises(HandshakeTimeout) as caught:
        bios.server.do_handshake()
    assert caught.value.expected == "ClientHello"
    assert bios.carry() == 0, "no alert stands for it"


def test_asyncio_drops_a_client_that_dribbles() -> None:
    """Its own timeout is a minute; ours ends the connection when a byte comes after the time."""

    async def main() -> None:
        context = server_context(limits=Limits(handshake_s=1e-6))
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"\x16")
            async with asyncio.timeout(LIMIT_S):
                assert await reader.read() == b""
            writer.close()

    asyncio.run(main())


# ---- how many -----------------------------------------------------------------------------------


def test_the_oldest_goes_when_there_is_one_too_many() -> None:
    """A thread that waits for it is woken at once."""
    context = server_context(limits=Limits(concurrent_handshakes=2, handshake_s=None))
    waiting: list[tuple[Any, socket.socket]] = []
    begun = threading.Semaphore(0)
    original = context.handshakes.begun

    def count(*arguments: Any) -> None:
        original(*arguments)
        begun.release()

    context.handshakes.begun = count  # type: ignore[assignment, method-assign]

    def wait() -> None:
        ours, theirs = socket.socketpair()
        stream = context.wrap_socket(ours, server_side=True, do_handshake_on_connect=False)
        waiting.append((stream, theirs))
        stream.do_handshake()

    with in_thread(wait) as first:
        assert begun.acquire(timeout=LIMIT_S)
        until(waiting[0][0].awaits_peer)
        with in_thread(wait) as second:
            assert begun.acquire(timeout=LIMIT_S)
            assert len(context.handshakes) == 2
            with in_thread(wait) as third:
                assert begun.acquire(timeout=LIMIT_S)
                waiting[1][1].close()
                waiting[2][1].close()
    assert isinstance(first[0], HandshakeEvicted)
    assert "more than 2 clients" in first[0].what
    for result in (second[0], third[0]):
        assert isinstance(result, TLCPError)
        assert not isinstance(result, HandshakeEvicted)
    assert len(context.handshakes) == 0
    for stream, theirs in waiting:
        stream.close()
        theirs.close()


def begun(context: TLCPContext, *, hello: bool) -> Bios:
    """A client that has connected, or has said hello, too."""
    bios = Bios(server=context)
    if hello:
        with pytest.raises(ssl.SSLWantReadError):
            bios.client.do_handshake()
        bios.carry()
    with pytest.raises(ssl.SSLWantReadError):
        bios.server.do_handshake()
    return bios


def test_a_crowd_of_silent_clients_drives_out_itself() -> None:
    """Not one on a long way that is in the middle of its handshake."""
    context = server_context(limits=Limits(concurrent_handshakes=3))
    far = begun(context, hello=True)
    crowd = [begun(context, hello=False) for _ in range(10)]
    assert len(context.handshakes) == 3
    with pytest.raises(HandshakeEvicted, match="more than 3 clients"):
        crowd[7].server.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        crowd[8].server.do_handshake()
    far.handshake()
    assert len(context.handshakes) == 2


def test_a_crowd_that_says_hello_drives_out_its_oldest() -> None:
    """And not one that has just come, or nobody could come any more."""
    context = server_context(limits=Limits(concurrent_handshakes=4))
    new = begun(context, hello=False)
    crowd = [begun(context, hello=True) for _ in range(10)]
    with pytest.raises(HandshakeEvicted):
        crowd[6].server.do_handshake()
    crowd[7].handshake()
    new.handshake()


def test_who_comes_does_not_make_room_for_itself() -> None:
    context = server_context(limits=Limits(concurrent_handshakes=1))
    old, new = begun(context, hello=True), begun(context, hello=False)
    with pytest.raises(HandshakeEvicted):
        old.server.do_handshake()
    new.handshake()


def test_room_can_be_asked_for_among_old_handshakes_alone() -> None:
    clock = [0.0]
    context = server_context()
    context.handshakes = Handshakes(clock=lambda: clock[0])
    assert not context.handshakes.evict()
    end = begun(context, hello=False)
    clock[0] = 1.0
    assert not context.handshakes.evict(older_than_s=1.0)
    clock[0] = 1.1
    assert context.handshakes.evict(older_than_s=1.0)
    with pytest.raises(HandshakeEvicted):
        end.server.do_handshake()


class End:
    """As the list of handshakes sees one."""

    def __init__(self, *, awaits_peer: bool = True) -> None:
        self.awaits_peer, self.evicted = awaits_peer, False

    def evict(self) -> None:
        self.evicted = True


def test_who_waits_for_us_is_spared() -> None:
    """A busy server must not make honest clients old, and then drive them out for it."""
    handshakes = Handshakes()
    ends = [End(awaits_peer=False), End(awaits_peer=False), End(), End(), End()]
    for end in ends:
        handshakes.begun(end, 4)
    assert [end.evicted for end in ends] == [False, False, True, False, False]
    ends[3].awaits_peer = ends[4].awaits_peer = False
    assert handshakes.evict()
    assert [end.evicted for end in ends] == [True, False, True, False, False]
    assert len(handshakes) == 3


def test_a_crowd_that_waits_for_us_hides_nobody() -> None:
    """A few are asked each time; those that were spared are asked last the next time."""
    handshakes = Handshakes()
    busy = [End(awaits_peer=False) for _ in range(100)]
    hidden = End()
    for end in (*busy, hidden):
        handshakes.begun(end, 200)
    assert handshakes.evict()
    assert [end.evicted for end in busy] == [True] + [False] * 99, "none was seen that waits"
    assert handshakes.evict()
    assert hidden.evicted
    assert not any(end.evicted for end in busy[1:])


def test_a_socket_knows_whose_turn_it_is() -> None:
    one, other = socket.socketpair()
    with (
        other,
        server_context().wrap_socket(
            one, server_side=True, do_handshake_on_connect=False
        ) as stream,
    ):
        assert not stream.awaits_peer(), "no thread has asked for bytes yet"
        stream.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            stream.do_handshake()
        assert stream.awaits_peer()
        other.send(b"\x16")
        assert not stream.awaits_peer()
        with pytest.raises(ssl.SSLWantReadError):
            stream.do_handshake()
        assert stream.awaits_peer()
        stream.settimeout(LIMIT_S)
        with in_thread(stream.do_handshake):
            until(stream.awaits_peer)
            other.close()
            until(lambda: not stream.awaits_peer())


def test_a_peer_that_does_not_read_is_awaited() -> None:
    """Whatever it sends: what it was sent is in the way."""
    with pair() as (near, far):
        with in_thread(lambda: far.sendall(bytes(64 << 20))):
            until(lambda: bool(far._crowded))
            near.sendall(b"more")
            assert far.awaits_peer()
            far.hang_up()
        assert not far._crowded


def test_who_is_silent_on_a_port_of_both_protocols_is_counted() -> None:
    """Until it speaks TLS: then it is a matter of the other context."""
    context = server_context(limits=Limits(concurrent_handshakes=2))
    context.tls_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = [begun(context, hello=False) for _ in range(3)]
    ends[0].to_server.write(b"\x16\x01")
    with pytest.raises(HandshakeEvicted):
        ends[0].server.do_handshake()
    ends[1].to_server.write(b"\x16\x03")
    with pytest.raises(ssl.SSLWantReadError):
        ends[1].server.do_handshake()
    gc.collect()
    assert len(context.handshakes) == 1
    ends[2].handshake()
    assert len(context.handshakes) == 0


def test_who_is_through_keeps_its_place() -> None:
    """A connection is evicted from a handshake, never from its work."""
    context = server_context(limits=Limits(concurrent_handshakes=1))
    bios = Bios(server=context).handshake()
    assert len(context.handshakes) == 0
    others = [Bios(server=context) for _ in range(2)]
    for other in others:
        with pytest.raises(ssl.SSLWantReadError):
            other.server.do_handshake()
    bios.client.write(b"still here")
    bios.carry()
    assert bios.server.read(100) == b"still here"
    with pytest.raises(HandshakeEvicted):
        others[0].server.do_handshake()


def test_who_is_forgotten_is_not_counted() -> None:
    context = server_context()
    bios = Bios(server=context)
    with pytest.raises(ssl.SSLWantReadError):
        bios.server.do_handshake()
    assert len(context.handshakes) == 1
    del bios
    gc.collect()
    assert len(context.handshakes) == 0


def test_a_client_is_not_counted() -> None:
    context = client_context()
    bios = Bios(client=context)
    with pytest.raises(ssl.SSLWantReadError):
        bios.client.do_handshake()
    assert len(context.handshakes) == 0


def test_a_context_takes_limits() -> None:
    context = server_context()
    assert context.limits == Limits()
    context.limits = SOON
    assert context.config_for(server_side=True).limits is SOON
    with pytest.raises(TypeError, match=r"tlcp\.config\.Limits"):
        context.limits = 5  # type: ignore[assignment]
