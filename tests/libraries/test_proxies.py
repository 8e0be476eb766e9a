"""TLCP through proxies that know CONNECT, in clear and over TLS."""

from __future__ import annotations

import asyncio
import http.client
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests
import urllib3

from libraries import servers
from libraries.contexts import client_context, server_context, tls_pair
from peers.pki import PKI
from tlcp.context import TLCPContext
from tlcp.http import TLCPAdapter

LIMIT_S = 30.0


@pytest.fixture(scope="module")
def port(pki: PKI) -> Iterator[int]:
    with servers.uvicorn_server(server_context(pki)) as port:
        yield port


@pytest.fixture
def context(pki: PKI) -> TLCPContext:
    return client_context(pki)


def through_requests(url: str, proxy: str, context: TLCPContext) -> str:
    with requests.Session() as s:
        s.mount("https://", TLCPAdapter(context))
        return s.get(url, proxies={"https": proxy}, timeout=LIMIT_S).text


def through_httpx(url: str, proxy: str, context: TLCPContext) -> str:
    with httpx.Client(verify=context, proxy=proxy, timeout=LIMIT_S) as client:
        return client.get(url).text


def through_httpx_asyncio(url: str, proxy: str, context: TLCPContext) -> str:
    async def run() -> str:
        async with httpx.AsyncClient(verify=context, proxy=proxy, timeout=LIMIT_S) as client:
            return (await client.get(url)).text

    return asyncio.run(run())


def through_aiohttp(url: str, proxy: str, context: TLCPContext) -> str:
    async def run() -> str:
        async with aiohttp.ClientSession() as s:
            return await (await s.get(url, proxy=proxy, ssl=context)).text()

    return asyncio.run(run())


def through_urllib3(url: str, proxy: str, context: TLCPContext) -> str:
    with urllib3.ProxyManager(proxy, ssl_context=context) as pool:
        return pool.request("GET", url).data.decode()


def through_http_client(url: str, proxy: str, context: TLCPContext) -> str:
    connection = http.client.HTTPSConnection(proxy[7:], context=context, timeout=LIMIT_S)
    name, port = url.split("/")[2].split(":")
    connection.set_tunnel(name, int(port))
    connection.request("GET", "/")
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


THROUGH = [
    through_requests,
    through_httpx,
    through_httpx_asyncio,
    through_aiohttp,
    through_urllib3,
    through_http_client,
]


@pytest.mark.parametrize("through", THROUGH)
def test_a_proxy(
    through: Callable[[str, str, TLCPContext], str], port: int, context: TLCPContext
) -> None:
    log: list[str] = []
    with servers.connect_proxy(log) as proxy:
        url = f"https://localhost:{port}/"
        assert through(url, f"http://127.0.0.1:{proxy}", context) == (
            "hello CN=a client,O=TLCP,C=CN"
        )
    assert log == [f"CONNECT localhost:{port}"]


def in_tls_urllib3(url: str, proxy: str, tls: ssl.SSLContext, context: TLCPContext) -> str:
    with urllib3.ProxyManager(proxy, proxy_ssl_context=tls, ssl_context=context) as pool:
        return pool.request("GET", url).data.decode()


def in_tls_httpx(url: str, proxy: str, tls: ssl.SSLContext, context: TLCPContext) -> str:
    with httpx.Client(
        verify=context, proxy=httpx.Proxy(proxy, ssl_context=tls), timeout=LIMIT_S
    ) as client:
        return client.get(url).text


def in_tls_httpx_asyncio(url: str, proxy: str, tls: ssl.SSLContext, context: TLCPContext) -> str:
    async def run() -> str:
        through = httpx.Proxy(proxy, ssl_context=tls)
        async with httpx.AsyncClient(verify=context, proxy=through, timeout=LIMIT_S) as client:
            return (await client.get(url)).text

    return asyncio.run(run())


@pytest.mark.parametrize("through", [in_tls_urllib3, in_tls_httpx, in_tls_httpx_asyncio])
def test_a_proxy_that_speaks_tls(
    through: Callable[[str, str, ssl.SSLContext, TLCPContext], str],
    port: int,
    context: TLCPContext,
    tmp_path: Path,
) -> None:
    """TLS to the proxy, and TLCP to the server within it."""
    server, certificate = tls_pair(tmp_path)
    log: list[str] = []
    with servers.connect_proxy(log, server) as proxy:
        tls = ssl.create_default_context(cafile=certificate)
        answer = through(f"https://localhost:{port}/", f"https://localhost:{proxy}", tls, context)
    assert answer == "hello CN=a client,O=TLCP,C=CN"
    assert log == [f"CONNECT localhost:{port}"]
