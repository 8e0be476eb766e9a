"""Connections that are kept, large bodies, many at once, and what is broken off."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import http.client
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3

from libraries import apps, servers
from libraries.contexts import client_context, server_context
from peers.pki import PKI
from tlcp.context import TLCPContext
from tlcp.http import TLCPAdapter

LIMIT_S = 30.0
SHORT_S = 0.2  # for what must time out
LARGE = 100 << 20


@pytest.fixture(scope="module")
def port(pki: PKI) -> Iterator[int]:
    with servers.uvicorn_server(server_context(pki), http="httptools") as port:
        yield port


@pytest.fixture
def context(pki: PKI) -> TLCPContext:
    return client_context(pki)


@contextlib.contextmanager
def session(context: TLCPContext, **options: int) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.mount("https://", TLCPAdapter(context, **options))
        yield session


# ---- connections that are kept -------------------------------------------------------------------


def requests_twice(url: str, context: TLCPContext) -> list[str]:
    with session(context) as s:
        return [s.get(url, timeout=LIMIT_S).text for _ in range(2)]


def httpx_twice(url: str, context: TLCPContext) -> list[str]:
    with httpx.Client(verify=context, timeout=LIMIT_S) as client:
        return [client.get(url).text for _ in range(2)]


def urllib3_twice(url: str, context: TLCPContext) -> list[str]:
    with urllib3.PoolManager(ssl_context=context) as pool:
        return [pool.request("GET", url).data.decode() for _ in range(2)]


def http_client_twice(url: str, context: TLCPContext) -> list[str]:
    host = url.split("/")[2]
    connection = http.client.HTTPSConnection(host, context=context, timeout=LIMIT_S)
    answers = []
    for _ in range(2):
        connection.request("GET", "/connection")
        answers.append(connection.getresponse().read().decode())
    connection.close()
    return answers


def httpx_asyncio_twice(url: str, context: TLCPContext) -> list[str]:
    async def run() -> list[str]:
        async with httpx.AsyncClient(verify=context, timeout=LIMIT_S) as client:
            return [(await client.get(url)).text for _ in range(2)]

    return asyncio.run(run())


def aiohttp_twice(url: str, context: TLCPContext) -> list[str]:
    async def run() -> list[str]:
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector) as client:
            return [await (await client.get(url)).text() for _ in range(2)]

    return asyncio.run(run())


TWICE = [
    requests_twice,
    httpx_twice,
    urllib3_twice,
    http_client_twice,
    httpx_asyncio_twice,
    aiohttp_twice,
]


@pytest.mark.parametrize("server", ["uvicorn", "http.server", "tongsuo"])
@pytest.mark.parametrize("twice", TWICE)
def test_two_requests_over_one_connection(
    server: str, twice: Callable[[str, TLCPContext], list[str]], pki: PKI
) -> None:
    with contextlib.ExitStack() as stack:
        if server == "uvicorn":
            port = stack.enter_context(servers.uvicorn_server(server_context(pki)))
        elif server == "tongsuo":
            port = stack.enter_context(servers.tongsuo_server(pki))
        else:
            port = stack.enter_context(servers.stdlib_server(server_context(pki))).server_port
        first, second = twice(f"https://localhost:{port}/connection", client_context(pki))
    assert first == second


# ---- large bodies --------------------------------------------------------------------------------


def test_large_download_and_upload_with_requests(port: int, context: TLCPContext) -> None:
    digest, url = hashlib.sha256(), f"https://localhost:{port}"
    with session(context) as s:
        with s.get(f"{url}/bytes/{LARGE}", stream=True, timeout=LIMIT_S) as response:
            for piece in response.iter_content(1 << 18):
                digest.update(piece)
        answer = s.post(f"{url}/sha256", data=apps.pattern(LARGE), timeout=LIMIT_S).text
    assert (digest.hexdigest(), answer) == (apps.pattern_sha256(LARGE),) * 2


def test_large_download_and_upload_with_aiohttp(port: int, context: TLCPContext) -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in apps.pattern(LARGE):
            yield piece

    async def run() -> tuple[str, str]:
        digest, url = hashlib.sha256(), f"https://localhost:{port}"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as s:
            async with s.get(f"{url}/bytes/{LARGE}") as response:
                async for piece in response.content.iter_any():
                    digest.update(piece)
            async with s.post(f"{url}/sha256", data=body()) as response:
                return digest.hexdigest(), await response.text()

    assert asyncio.run(run()) == (apps.pattern_sha256(LARGE),) * 2


# ---- many at once --------------------------------------------------------------------------------


def test_200_requests_at_once(port: int, context: TLCPContext) -> None:
    async def one(client: httpx.AsyncClient, size: int) -> bytes:
        response = await client.get(f"https://localhost:{port}/bytes/{size}")
        return response.content

    async def run() -> list[bytes]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(verify=context, limits=limits, timeout=LIMIT_S) as client:
            return list(await asyncio.gather(*(one(client, size) for size in range(200))))

    answers = asyncio.run(run())
    assert answers == [b"".join(apps.pattern(size)) for size in range(200)]
    assert context.session_stats()["connect_good"] > 100  # not one after the other


# ---- time ----------------------------------------------------------------------------------------


@pytest.fixture
def silent() -> Iterator[int]:
    """A server that reads and never answers."""

    def handle(sock: socket.socket) -> None:
        while sock.recv(1 << 16):
            pass

    with servers.threaded(handle) as port:
        yield port


def test_requests_times_out_in_the_handshake(silent: int, context: TLCPContext) -> None:
    with session(context) as s, pytest.raises(requests.exceptions.Timeout):
        s.get(f"https://localhost:{silent}/", timeout=SHORT_S)


def test_httpx_times_out_in_the_handshake(silent: int, context: TLCPContext) -> None:
    with (
        httpx.Client(verify=context, timeout=SHORT_S) as client,
        pytest.raises(httpx.ConnectTimeout),
    ):
        client.get(f"https://localhost:{silent}/")


def test_httpx_on_asyncio_times_out_in_the_handshake(silent: int, context: TLCPContext) -> None:
    async def run() -> None:
        async with httpx.AsyncClient(verify=context, timeout=SHORT_S) as client:
            with pytest.raises(httpx.ConnectTimeout):
                await client.get(f"https://localhost:{silent}/")

    asyncio.run(run())


def test_aiohttp_times_out_in_the_handshake(silent: int, context: TLCPContext) -> None:
    async def run() -> None:
        timeout = aiohttp.ClientTimeout(total=SHORT_S)
        async with aiohttp.ClientSession(timeout=timeout) as s:
            with pytest.raises(TimeoutError):
                await s.get(f"https://localhost:{silent}/", ssl=context)

    asyncio.run(run())


def test_requests_times_out_in_the_body(port: int, context: TLCPContext) -> None:
    with session(context) as s, pytest.raises(requests.exceptions.ConnectionError, match="timed"):
        s.get(f"https://localhost:{port}/stuck", timeout=(LIMIT_S, SHORT_S))


def test_httpx_times_out_in_the_body(port: int, context: TLCPContext) -> None:
    timeout = httpx.Timeout(LIMIT_S, read=SHORT_S)
    with (
        httpx.Client(verify=context, timeout=timeout) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.get(f"https://localhost:{port}/stuck")


# ---- cancellation --------------------------------------------------------------------------------


Get = Callable[[str, TLCPContext], Awaitable[object]]


async def httpx_get(url: str, context: TLCPContext) -> object:
    async with httpx.AsyncClient(verify=context, timeout=LIMIT_S) as client:
        return await client.get(url)


async def aiohttp_get(url: str, context: TLCPContext) -> object:
    async with aiohttp.ClientSession() as client, client.get(url, ssl=context) as response:
        return await response.read()


async def streams_get(url: str, context: TLCPContext) -> object:
    _, _, host, path = url.split("/", 3)
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port), ssl=context)
    try:
        writer.write(f"GET /{path} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        return await reader.read(-1)
    finally:
        writer.transport.abort()


ASYNC = pytest.mark.parametrize("get", [httpx_get, aiohttp_get, streams_get])


async def cancelled_when(event: threading.Event, coroutine: Awaitable[object]) -> None:
    """Run until the server has seen what the test waits for, and break off there."""
    task = asyncio.ensure_future(coroutine)
    assert await asyncio.to_thread(event.wait, LIMIT_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
def watched() -> Iterator[tuple[int, threading.Event, threading.Event]]:
    """A server that never answers: its port, whether a client has spoken, whether it has gone."""
    began, gone = threading.Event(), threading.Event()

    def handle(sock: socket.socket) -> None:
        with contextlib.suppress(ConnectionResetError):
            while sock.recv(1 << 16):
                began.set()
        gone.set()

    with servers.threaded(handle) as port:
        yield port, began, gone


Watched = tuple[int, threading.Event, threading.Event]


@pytest.mark.parametrize("get", [aiohttp_get, streams_get])
def test_cancelled_in_the_handshake(get: Get, watched: Watched, context: TLCPContext) -> None:
    port, began, gone = watched
    asyncio.run(cancelled_when(began, get(f"https://localhost:{port}/", context)))
    assert gone.wait(LIMIT_S)  # the connection has been closed


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_httpx_cancelled_in_the_handshake(watched: Watched, context: TLCPContext) -> None:
    """httpcore 1.0.9 forgets the socket of a cancelled handshake, with standard TLS as well."""
    port, began, gone = watched
    asyncio.run(cancelled_when(began, httpx_get(f"https://localhost:{port}/", context)))
    gc.collect()
    assert gone.wait(LIMIT_S)


@ASYNC
def test_cancelled_in_the_body(get: Get, pki: PKI, context: TLCPContext) -> None:
    began, gone = threading.Event(), threading.Event()

    async def stuck(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"beginning", "more_body": True})
        began.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    with servers.uvicorn_server(server_context(pki), app=stuck) as port:
        asyncio.run(cancelled_when(began, get(f"https://localhost:{port}/", context)))
        assert gone.wait(LIMIT_S)
