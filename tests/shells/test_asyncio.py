"""asyncio drives ``TLCPContext`` through its own ``ssl=`` argument, on both ends."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from support.ends import NOW, world
from support.sockets import LIMIT_S, client_context, server_context
from tlcp.errors import AlertReceived, CertificateVerifyError, ConfigError, TruncatedError
from tlcp.sslobject import TLCPObject

IP = "127.0.0.1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in a loop of its own; what the loop complains of, and what it leaves, fails."""

    @functools.wraps(test)
    def run(*arguments: Any, **options: Any) -> None:
        complaints: list[Any] = []

        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: complaints.append(context))
            async with asyncio.timeout(LIMIT_S):
                await test(*arguments, **options)
            if left := asyncio.all_tasks() - {asyncio.current_task()}:
                _, left = await asyncio.wait(left, timeout=LIMIT_S / 10)
            assert not left, f"tasks are left: {left}"
            for _ in range(3):  # the transports that were closed in the last moment
                await asyncio.sleep(0)

        asyncio.run(main())
        gc.collect()
        assert not complaints, complaints

    return run


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back whatever comes."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(
    handler: Handler = echo, context: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[tuple[str, int]]:
    """A server; every handler has ended when the block ends."""
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await handler(reader, writer)
        finally:
            running.discard(task)

    secret = context if context is not None else server_context()
    server = await asyncio.start_server(handle, IP, 0, ssl=secret, **options)
    async with server:
        yield server.sockets[0].getsockname()[:2]
        server.close()
        if running:
            await asyncio.wait(running, timeout=LIMIT_S)


@contextlib.asynccontextmanager
async def silence() -> AsyncIterator[tuple[str, int]]:
    """A port whose backlog takes connections, and nobody else."""
    with socket.create_server((IP, 0)) as listener:
        yield listener.getsockname()[:2]


async def dial(address: tuple[str, int], **options: Any) -> Streams:
    chosen: dict[str, Any] = {"ssl": client_context(), "server_hostname": IP} | options
    return await asyncio.open_connection(*address, **chosen)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


# ---- streams --------------------------------------------------------------------------------


@in_loop
async def test_streams_on_both_ends() -> None:
    async with serving() as address:
        reader, writer = await dial(address)
        writer.writelines([b"hello ", b"world\n"])
        assert await reader.readline() == b"hello world\n"
        await hang_up(writer)
        assert await reader.read() == b""


@in_loop
async def test_what_is_known_of_the_connection() -> None:
    far_context, near_context = server_context(), client_context()
    told: dict[str, Any] = {}

    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told["peercert"] = writer.get_extra_info("peercert")
        told["context"] = writer.get_extra_info("sslcontext")
        await hang_up(writer)

    async with serving(handler, far_context) as address:
        reader, writer = await dial(address, ssl=near_context)
        info = writer.get_extra_info
        assert info("sslcontext") is near_context
        assert isinstance(info("ssl_object"), TLCPObject)
        assert info("ssl_object").version() == "TLCPv1.1"
        assert info("peercert") == info("ssl_object").getpeercert()
        assert info("peercert")["subject"][-1] == (("commonName", "server"),)
        assert info("cipher") == ("ECC_SM4_GCM_SM3", "TLCPv1.1", 128)
        assert info("compression") is None
        assert info("peername")[0] == IP
        assert await reader.read() == b""
        await hang_up(writer)
    assert told["peercert"]["subject"][-1] == (("commonName", "client"),)
    assert told["context"] is far_context


@in_loop
async def test_50_mib_both_ways_with_backpressure() -> None:
    size, piece = 50 << 20, bytes(range(256)) * 1024
    async with serving() as address:
        reader, writer = await dial(address)
        got, sent, most = hashlib.sha256(), hashlib.sha256(), 0

        async def write() -> None:
            nonlocal most
            for _ in range(size // len(piece)):
                sent.update(piece)
                writer.write(piece)
                most = max(most, writer.transport.get_write_buffer_size())
                await writer.drain()

        async def read() -> None:
            left = size
            while left:
                data = await reader.read(1 << 18)
                assert data, "it ended early"
                got.update(data)
                left -= len(data)

        await asyncio.gather(write(), read())
        await hang_up(writer)
        assert got.digest() == sent.digest()
        assert most < 2 << 20, "drain() holds the writer back"


@in_loop
async def test_200_connections_at_once() -> None:
    far_context, near_context = server_context(), client_context()
    async with serving(context=far_context, backlog=256) as address:

        async def one(number: int) -> bytes:
            reader, writer = await dial(address, ssl=near_context)
            writer.write(f"{number}".encode() * 100)
            await writer.drain()
            data = await reader.readexactly(len(f"{number}") * 100)
            await hang_up(writer)
            return data

        found = await asyncio.gather(*(one(number) for number in range(200)))
        assert found == [f"{number}".encode() * 100 for number in range(200)]
    assert far_context.session_stats()["accept_good"] == 200


@in_loop
async def test_the_server_goes_while_connections_are_open() -> None:
    begun = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        begun.set()
        await reader.read()
        await hang_up(writer)

    async with serving(handler) as address:
        reader, writer = await dial(address)
        await begun.wait()
        for one in writers:
            one.close()
        assert await reader.read() == b""
        await hang_up(writer)


@in_loop
async def test_starttls_with_streams() -> None:
    """A plain connection becomes TLCP on both ends."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"GO\n")
        await writer.drain()
        await writer.start_tls(server_context())
        await echo(reader, writer)

    server = await asyncio.start_server(handler, IP, 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"GO\n"
        await writer.start_tls(client_context(), server_hostname=IP)
        assert writer.get_extra_info("ssl_object").version() == "TLCPv1.1"
        writer.write(b"secret\n")
        assert await reader.readline() == b"secret\n"
        await hang_up(writer)


# ---- protocols ------------------------------------------------------------------------------


class Protocol(asyncio.Protocol):
    """Notes what happens to it."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.data, self.eof = bytearray(), 0
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.came = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.came.set()

    def eof_received(self) -> bool | None:
        self.eof += 1
        return None

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set_result(error)


class Buffered(asyncio.BufferedProtocol):
    """Takes data into a small buffer of its own and sends it back."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(1000))
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        self.transport.write(bytes(self.buffer[:count]))


@contextlib.asynccontextmanager
async def protocols(
    factory: Callable[[], asyncio.BaseProtocol], context: ssl.SSLContext | None = None, **more: Any
) -> AsyncIterator[tuple[str, int]]:
    loop = asyncio.get_running_loop()
    secret = context if context is not None else server_context()
    server = await loop.create_server(factory, IP, 0, ssl=secret, **more)
    async with server:
        yield server.sockets[0].getsockname()[:2]


async def connected(address: tuple[str, int], **options: Any) -> tuple[Any, Protocol]:
    chosen: dict[str, Any] = {"ssl": client_context(), "server_hostname": IP} | options
    loop = asyncio.get_running_loop()
    return await loop.create_connection(Protocol, *address, **chosen)


@in_loop
async def test_a_buffered_protocol() -> None:
    async with protocols(Buffered) as address:
        reader, writer = await dial(address)
        sent = bytes(range(256)) * 400
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent
        await hang_up(writer)


@in_loop
async def test_loop_start_tls_with_a_buffered_protocol() -> None:
    loop = asyncio.get_running_loop()
    plain = [await loop.connect_accepted_socket(Protocol, one) for one in socket.socketpair()]
    near, far = Protocol(), Buffered()
    back, there = await asyncio.gather(  # the server first, or it would read the ClientHello
        loop.start_tls(plain[1][0], far, server_context(), server_side=True),
        loop.start_tls(plain[0][0], near, client_context(), server_hostname=IP),
    )
    assert back is not None
    assert there is not None
    far.connection_made(back)
    there.write(b"ping")
    await near.came.wait()
    assert near.data == b"ping"
    there.close()
    assert await near.lost is None
    back.close()


@in_loop
async def test_eof_and_the_end() -> None:
    ends: list[Protocol] = []

    def factory() -> Protocol:
        ends.append(Protocol())
        return ends[-1]

    async with protocols(factory) as address:
        transport, near = await connected(address)
        assert not transport.can_write_eof()
        with pytest.raises(NotImplementedError):
            transport.write_eof()
        transport.write(b"last words")
        transport.close()
        assert await near.lost is None
        (far,) = ends
        assert await far.lost is None
        assert far.data == b"last words"
        assert far.eof == 1


@in_loop
async def test_abort() -> None:
    ends: list[Protocol] = []

    def factory() -> Protocol:
        ends.append(Protocol())
        return ends[-1]

    async with protocols(factory) as address:
        transport, near = await connected(address)
        transport.write(bytes(10 << 20))
        transport.abort()
        assert await near.lost is None
        error = await ends[0].lost
        assert error is None or isinstance(error, ConnectionResetError)


@in_loop
async def test_reading_can_be_paused() -> None:
    ends: list[Protocol] = []

    def factory() -> Protocol:
        ends.append(Protocol())
        return ends[-1]

    async with protocols(factory) as address:
        transport, near = await connected(address)
        transport.pause_reading()
        ends[0].transport.write(b"held back")
        await asyncio.sleep(0)
        assert not near.data
        transport.resume_reading()
        await near.came.wait()
        assert near.data == b"held back"
        transport.close()
        await near.lost
        await ends[0].lost


# ---- what goes wrong ------------------------------------------------------------------------


@in_loop
async def test_a_server_of_another_ca() -> None:
    """Both sides learn why; the server's program never hears of the connection."""
    stranger = world().stranger.issue_pair("server", [IP], now=NOW).identity
    ends: list[Protocol] = []

    def factory() -> Protocol:
        ends.append(Protocol())
        return ends[-1]

    async with protocols(factory, server_context(identity=stranger)) as address:
        with pytest.raises(CertificateVerifyError) as caught:
            await connected(address)
        assert isinstance(caught.value, ssl.SSLCertVerificationError)
        assert caught.value.verify_code in (18, 19, 20)
    assert all(end.transport is None for end in ends)


@in_loop
async def test_a_client_of_another_ca() -> None:
    stranger = world().stranger.issue_pair("client", now=NOW).identity
    async with serving() as address:
        with pytest.raises(OSError) as caught:  # noqa: PT011
            await dial(address, ssl=client_context(identity=stranger))
        # asyncio drops what is to be sent when the server's handshake fails, with ``ssl``, too
        assert isinstance(caught.value, AlertReceived | TruncatedError | ConnectionResetError)


@in_loop
async def test_a_wrong_name() -> None:
    async with serving() as address:
        with pytest.raises(ssl.SSLCertVerificationError):
            await dial(address, server_hostname="other.example")


@in_loop
async def test_settings_that_cannot_work_are_told_at_once() -> None:
    async with serving() as address:
        for context, text in (
            (client_context(trust=None), "no trusted CA"),
            (server_context(), "Cannot create a client socket"),
        ):
            with socket.create_connection(address, LIMIT_S) as sock:  # asyncio would not close it
                sock.setblocking(False)
                with pytest.raises(ConfigError, match=text):
                    await asyncio.open_connection(sock=sock, ssl=context, server_hostname=IP)


@in_loop
async def test_a_server_that_says_nothing() -> None:
    async with silence() as address:
        with pytest.raises(ConnectionAbortedError, match="handshake is taking longer"):
            await dial(address, ssl_handshake_timeout=0.01)


@in_loop
async def test_a_client_that_says_nothing() -> None:
    """The server drops it in its time, and serves others meanwhile."""
    async with serving(ssl_handshake_timeout=0.05) as address:
        reader, silent = await asyncio.open_connection(*address)
        _, writer = await dial(address)
        assert await reader.read() == b""
        await hang_up(silent)
        await hang_up(writer)


@in_loop
async def test_a_peer_that_never_answers_close_notify() -> None:
    """ssl_shutdown_timeout bounds the wait."""
    with socket.create_server((IP, 0)) as listener:
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        dialing = asyncio.create_task(connected(listener.getsockname(), ssl_shutdown_timeout=0.01))
        sock, _ = await loop.sock_accept(listener)
        with sock:  # its program does the handshake, and then no more
            bios = ssl.MemoryBIO(), ssl.MemoryBIO()
            end = server_context().wrap_bio(*bios, server_side=True)
            while not end.version():
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                await loop.sock_sendall(sock, bios[1].read())
                if not end.version():
                    bios[0].write(await loop.sock_recv(sock, 1 << 16))
            transport, near = await dialing
            transport.close()
            error = await near.lost
            assert isinstance(error, TimeoutError)
            assert "SSL shutdown timed out" in str(error)


@in_loop
async def test_a_peer_that_vanishes() -> None:
    """An end without close_notify reaches eof_received, as with ``ssl`` in asyncio."""
    ends: list[Protocol] = []

    def factory() -> Protocol:
        ends.append(Protocol())
        return ends[-1]

    async with protocols(factory) as address:
        _, near = await connected(address)
        under = ends[0].transport._ssl_protocol._transport
        under.abort()
        assert await near.lost is None or isinstance(near.lost.result(), OSError)
        await ends[0].lost


@in_loop
async def test_garbage_after_the_handshake() -> None:
    ends: list[Protocol] = []

    def factory() -> Protocol:
        ends.append(Protocol())
        return ends[-1]

    async with protocols(factory) as address:
        transport, near = await connected(address)
        under: Any = transport._ssl_protocol._transport
        under.write(b"\x17\x01\x01\x00\x20" + bytes(32))
        error = await ends[0].lost
        assert isinstance(error, ssl.SSLError)
        assert error.reason == "BAD_RECORD_MAC"
        await near.lost


@in_loop
async def test_cancelled_in_the_handshake() -> None:
    async with silence() as address:
        task = asyncio.create_task(dial(address))
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@in_loop
async def test_cancelled_in_a_transfer() -> None:
    async with serving() as address:
        _, writer = await dial(address)

        async def send() -> None:
            while True:
                writer.write(bytes(1 << 20))
                await writer.drain()

        task = asyncio.create_task(send())
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def test_truncation_in_the_handshake() -> None:
    @in_loop
    async def run() -> None:
        async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await hang_up(writer)

        server = await asyncio.start_server(handler, IP, 0)
        async with server:
            with pytest.raises((TruncatedError, ConnectionResetError)):
                await dial(server.sockets[0].getsockname()[:2])

    run()
