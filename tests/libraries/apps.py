"""One small site, for each kind of server.

``/`` says who the client is, ``/connection`` which TCP connection this is, ``/bytes/N`` sends the
first N bytes of ``pattern``, ``/sha256`` takes any body and answers its digest, ``/moved`` points
to ``/``, ``/stuck`` begins an answer and never ends it.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from aiohttp import web
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

CHUNK = bytes(range(256)) * 1024  # 256 KiB


def pattern(size: int) -> Iterator[bytes]:
    """The bytes of ``/bytes/SIZE`` in pieces."""
    while size > 0:
        yield CHUNK[:size]
        size -= len(CHUNK)


def pattern_sha256(size: int) -> str:
    """Digest of those bytes."""
    digest = hashlib.sha256()
    for piece in pattern(size):
        digest.update(piece)
    return digest.hexdigest()


def common_name(certificate: Any) -> str | None:
    """Common name in what ``getpeercert()`` gives."""
    subject = dict(entry[0] for entry in (certificate or {}).get("subject", ()))
    return subject.get("commonName")


# ---- ASGI: uvicorn, hypercorn --------------------------------------------------------------------


async def _who(request: Request) -> Response:
    tls = request.scope.get("extensions", {}).get("tls", {})
    return PlainTextResponse(f"hello {tls.get('client_cert_name')}")


async def _extension(request: Request) -> Response:
    return JSONResponse(request.scope["extensions"]["tls"])


async def _connection(request: Request) -> Response:
    assert request.client is not None
    return PlainTextResponse(str(request.client.port))


async def _bytes(request: Request) -> Response:
    size = int(request.path_params["size"])
    return StreamingResponse(pattern(size), headers={"content-length": str(size)})


async def _sha256(request: Request) -> Response:
    digest = hashlib.sha256()
    async for piece in request.stream():
        digest.update(piece)
    return PlainTextResponse(digest.hexdigest())


async def _moved(_: Request) -> Response:
    return RedirectResponse("/")


async def _stuck(_: Request) -> Response:
    async def begin() -> AsyncIterator[bytes]:
        yield b"beginning"
        await asyncio.Event().wait()  # until the client goes away

    return StreamingResponse(begin())


async def _echo_socket(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    name = scope["extensions"]["tls"]["client_cert_name"]
    await send({"type": "websocket.accept"})
    message = await receive()
    await send({"type": "websocket.send", "text": f"{name} said {message['text']}"})
    await send({"type": "websocket.close"})


_site = Starlette(
    routes=[
        Route("/", _who),
        Route("/extension", _extension),
        Route("/connection", _connection),
        Route("/bytes/{size}", _bytes),
        Route("/sha256", _sha256, methods=["POST"]),
        Route("/moved", _moved),
        Route("/stuck", _stuck),
    ]
)


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """The site for ASGI servers, with an echo for WebSocket."""
    if scope["type"] == "websocket":
        await _echo_socket(scope, receive, send)
    else:
        await _site(scope, receive, send)


# ---- http.server ---------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    """The site for ``http.server``; the handshake runs in the thread of the connection."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.request.settimeout(30)
        self.request.do_handshake()
        super().setup()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path.startswith("/bytes/"):
            size = int(self.path.rpartition("/")[2])
            self._begin(200, size)
            for piece in pattern(size):
                self.wfile.write(piece)
        elif self.path == "/moved":
            self._begin(302, 0, location="/")
        elif self.path == "/stuck":
            self._begin(200, 1000)
            self.wfile.write(b"beginning")
            self.rfile.read(1)  # until the client goes away
        elif self.path == "/connection":
            self._answer(str(self.client_address[1]))
        else:
            self._answer(f"hello {common_name(self.request.getpeercert())}")

    def do_POST(self) -> None:
        digest, left = hashlib.sha256(), int(self.headers["content-length"])
        while left and (piece := self.rfile.read(min(left, 1 << 16))):
            digest.update(piece)
            left -= len(piece)
        self._answer(digest.hexdigest())

    def _answer(self, text: str) -> None:
        self._begin(200, len(text))
        self.wfile.write(text.encode())

    def _begin(self, status: int, size: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(size))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class QuietServer(http.server.ThreadingHTTPServer):
    """Keeps the errors of its connections, for tests to look at."""

    daemon_threads = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.errors: list[BaseException] = []
        self.failed = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        error = sys.exception()
        if error is not None:
            self.errors.append(error)
        self.failed.set()


# ---- aiohttp -------------------------------------------------------------------------------------


async def _aio_who(request: web.Request) -> web.Response:
    assert request.transport is not None
    name = common_name(request.transport.get_extra_info("peercert"))
    return web.Response(text=f"hello {name}")


async def _aio_connection(request: web.Request) -> web.Response:
    assert request.transport is not None
    return web.Response(text=str(request.transport.get_extra_info("peername")[1]))


async def _aio_sha256(request: web.Request) -> web.Response:
    digest = hashlib.sha256()
    async for piece in request.content.iter_any():
        digest.update(piece)
    return web.Response(text=digest.hexdigest())


async def _aio_moved(_: web.Request) -> web.Response:
    raise web.HTTPFound("/")


def aiohttp_site() -> web.Application:
    """The site for ``aiohttp.web``."""
    site = web.Application()
    site.add_routes(
        [
            web.get("/", _aio_who),
            web.get("/connection", _aio_connection),
            web.post("/sha256", _aio_sha256),
            web.get("/moved", _aio_moved),
        ]
    )
    return site


def as_json(text: bytes) -> Any:
    """Parse an answer."""
    return json.loads(text)
