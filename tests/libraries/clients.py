"""One request with each client library: (URL, context, body to POST or None) -> (status, body)."""

from __future__ import annotations

import asyncio
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp
import httpx
import requests
import tornado.httpclient
import tornado.simple_httpclient
import trio
import urllib3

from tlcp.context import TLCPContext
from tlcp.http import TLCPAdapter

LIMIT_S = 30.0
Answer = tuple[int, bytes]
Fetch = Callable[[str, TLCPContext, bytes | None], Answer]


def _method(body: bytes | None) -> str:
    return "GET" if body is None else "POST"


def with_requests(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    with requests.Session() as session:
        session.mount("https://", TLCPAdapter(context))
        response = session.request(_method(body), url, data=body, timeout=LIMIT_S)
        return response.status_code, response.content


def with_httpx(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    with httpx.Client(verify=context, timeout=LIMIT_S, follow_redirects=True) as client:
        response = client.request(_method(body), url, content=body)
        return response.status_code, response.content


async def httpx_request(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    async with httpx.AsyncClient(verify=context, timeout=LIMIT_S, follow_redirects=True) as client:
        response = await client.request(_method(body), url, content=body)
        return response.status_code, response.content


def with_httpx_asyncio(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    return asyncio.run(httpx_request(url, context, body))


def with_httpx_trio(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    answer: Answer = trio.run(httpx_request, url, context, body)
    return answer


def with_aiohttp(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    async def run() -> Answer:
        timeout = aiohttp.ClientTimeout(total=LIMIT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(_method(body), url, data=body, ssl=context) as response,
        ):
            return response.status, await response.read()

    return asyncio.run(run())


def with_urllib3(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    with urllib3.PoolManager(ssl_context=context, timeout=LIMIT_S) as pool:
        response = pool.request(_method(body), url, body=body)
        return response.status, response.data


def with_http_client(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.netloc, context=context, timeout=LIMIT_S)
    try:
        connection.request(_method(body), parts.path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def with_urllib_request(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    with opener.open(url, body, timeout=LIMIT_S) as response:
        return response.status, response.read()


def with_streams(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    async def run() -> Answer:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
        head = f"{_method(body)} {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        writer.write(f"{head}Content-Length: {len(body or b'')}\r\n\r\n".encode() + (body or b""))
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        content = await reader.readexactly(size)
        writer.close()
        await writer.wait_closed()
        return int(head.split(" ")[1]), content

    return asyncio.run(asyncio.wait_for(run(), LIMIT_S))


def with_tornado(url: str, context: TLCPContext, body: bytes | None) -> Answer:
    async def run() -> Answer:
        client = tornado.simple_httpclient.SimpleAsyncHTTPClient(force_instance=True)
        request = tornado.httpclient.HTTPRequest(
            url, _method(body), body=body, ssl_options=context, request_timeout=LIMIT_S
        )
        response = await client.fetch(request)
        client.close()
        return response.code, response.body

    return asyncio.run(run())


CLIENTS: dict[str, Fetch] = {
    "requests": with_requests,
    "httpx": with_httpx,
    "httpx-asyncio": with_httpx_asyncio,
    "httpx-trio": with_httpx_trio,
    "aiohttp": with_aiohttp,
    "urllib3": with_urllib3,
    "http.client": with_http_client,
    "urllib.request": with_urllib_request,
    "asyncio-streams": with_streams,
    "tornado": with_tornado,
}

#: These follow redirects without being told, or were told above.
FOLLOWING = sorted(CLIENTS.keys() - {"http.client", "asyncio-streams"})
