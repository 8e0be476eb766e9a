"""Servers on free ports of 127.0.0.1, each from ``with`` to its end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import select
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import hypercorn.asyncio
import hypercorn.config
import uvicorn
from aiohttp import web

from libraries import apps
from peers.pki import PKI
from peers.tongsuo import TongsuoContext, TongsuoError
from peers.tongsuo_tcp import TongsuoStream
from tlcp.http import UvicornConfig

LIMIT_S = 30.0  # a bound for what would hang, never a wait


@contextlib.contextmanager
def running(loop_main: Callable[[asyncio.Event], Awaitable[None]]) -> Iterator[None]:
    """An event loop in a thread that runs ``loop_main(stop)``, and ends it with ``stop``."""
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()
    errors: list[BaseException] = []

    async def main() -> None:
        stop = asyncio.Event()
        started.append((asyncio.get_running_loop(), stop))
        ready.set()
        await loop_main(stop)

    def work() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            errors.append(error)
            ready.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ready.wait(LIMIT_S)
    try:
        yield
    finally:
        loop, stop = started[0]
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(stop.set)
        thread.join(LIMIT_S)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


def _listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=256)


@contextlib.contextmanager
def uvicorn_server(context: ssl.SSLContext, **options: Any) -> Iterator[int]:
    """The ASGI site under uvicorn; its port."""
    options = {"http": "h11", "loop": "asyncio", "lifespan": "off", "log_config": None} | options
    app = options.pop("app", apps.asgi)
    server = uvicorn.Server(UvicornConfig(app, context, **options))
    with _listener() as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            thread.join(LIMIT_S)
    assert not thread.is_alive()


@contextlib.contextmanager
def aiohttp_server(context: ssl.SSLContext) -> Iterator[int]:
    """The site under ``aiohttp.web``; its port."""
    with _listener() as listener:

        async def serve(stop: asyncio.Event) -> None:
            runner = web.AppRunner(apps.aiohttp_site(), handle_signals=False)
            await runner.setup()
            await web.SockSite(runner, listener, ssl_context=context).start()
            await stop.wait()
            await runner.cleanup()

        with running(serve):
            yield listener.getsockname()[1]


class HypercornConfig(hypercorn.config.Config):
    """The hook of hypercorn: it has no option for a context, and two methods to override."""

    context: ssl.SSLContext
    ssl_enabled = True

    def create_ssl_context(self) -> ssl.SSLContext:
        return self.context


@contextlib.contextmanager
def hypercorn_server(context: ssl.SSLContext) -> Iterator[int]:
    """The ASGI site under hypercorn; its port."""
    with _listener() as listener:
        config = HypercornConfig()
        config.context = context
        config.bind = [f"fd://{listener.fileno()}"]
        config.graceful_timeout = 1

        async def serve(stop: asyncio.Event) -> None:
            app: Any = apps.asgi
            await hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait)

        port = listener.getsockname()[1]
        with running(serve):
            yield port
        listener.detach()  # hypercorn has closed it


@contextlib.contextmanager
def stdlib_server(context: ssl.SSLContext) -> Iterator[apps.QuietServer]:
    """The site under ``http.server``; the server object."""
    with apps.QuietServer(("127.0.0.1", 0), apps.Handler) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(LIMIT_S)


@contextlib.contextmanager
def threaded(handler: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server that runs ``handler`` in a thread for each connection; its port."""
    live: list[socket.socket] = []

    def work(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            handler(sock)

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(LIMIT_S)
            live.append(sock)
            threads.append(threading.Thread(target=work, args=(sock,), daemon=True))
            threads[-1].start()

    with _listener() as listener:
        threads = [threading.Thread(target=accept, args=(listener,), daemon=True)]
        threads[0].start()
        try:
            yield listener.getsockname()[1]
        finally:
            for sock in (listener, *live):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(LIMIT_S)


@contextlib.contextmanager
def tongsuo_server(pki: PKI) -> Iterator[int]:
    """A tiny HTTP/1.1 site over Tongsuo; its port."""
    with TongsuoContext("server", pki.server_files) as context:

        def handle(sock: socket.socket) -> None:
            with TongsuoStream(context, sock) as stream, contextlib.suppress(TongsuoError):
                stream.do_handshake()
                while _tongsuo_request(stream):
                    pass
                stream.shutdown()

        with threaded(handle) as port:
            yield port


def _tongsuo_request(stream: TongsuoStream) -> bool:
    """Answer one request; False if there is none."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        if not (piece := stream.read()):
            return False
        data += piece
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    body += stream.read_exactly(int(headers.get("content-length", 0)) - len(body))
    path, status, extra = lines[0].split(" ")[1], "200 OK", ""
    answer = b"hello from Tongsuo"
    if path == "/sha256":
        answer = hashlib.sha256(body).hexdigest().encode()
    elif path == "/connection":
        answer = str(stream.sock.getpeername()[1]).encode()
    elif path == "/moved":
        status, extra, answer = "302 Found", "Location: /\r\n", b""
    elif path.startswith("/bytes/"):
        answer = b"".join(apps.pattern(int(path[7:])))
    reply = f"HTTP/1.1 {status}\r\nContent-Length: {len(answer)}\r\n{extra}\r\n".encode()
    stream.write(reply + answer)
    return True


@contextlib.contextmanager
def connect_proxy(log: list[str], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """An HTTP proxy that knows CONNECT alone, in clear or over TLS.

    It notes what it is asked for; yields its port.
    """

    def handle(sock: socket.socket) -> None:
        with tls.wrap_socket(sock, server_side=True) if tls is not None else sock as client:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := client.recv(1)):  # not a byte of what follows the head
                    return
                head += data
            method, target, _ = head.decode().split(" ", 2)
            log.append(f"{method} {target}")
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port)), LIMIT_S) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with contextlib.suppress(OSError):
                    _relay(client, server)

    with threaded(handle) as port:
        yield port


def _relay(client: socket.socket, server: socket.socket) -> None:
    """Carry what each says to the other, until both have ended.

    In one thread: two that read from and write to one ``ssl.SSLSocket`` at the same time break it
    in Python before 3.13.
    """
    targets = {client: server, server: client}
    while targets:
        waiting = [s for s in targets if isinstance(s, ssl.SSLSocket) and s.pending()]
        for source in waiting or select.select(list(targets), [], [], LIMIT_S)[0]:
            if data := source.recv(1 << 16):
                targets[source].sendall(data)
            else:
                targets.pop(source).shutdown(socket.SHUT_WR)
