"""What a user reads who got something wrong: one line, the cause and the remedy.

Two libraries give the text of nobody. asyncio reports a server that hangs up during the handshake
by an empty ``ConnectionResetError`` of its own and asks the TLS object nothing; anyio (under httpx)
wraps an end of the stream into an empty error, and so does trio with whatever its TLS stream meets.
The cause is then one step down the chain of exceptions, if there is one at all.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests

import tlcp
from libraries import servers
from libraries.clients import CLIENTS
from libraries.contexts import client_context, server_context, tls_pair
from peers.pki import PKI
from tlcp.context import TLCPContext
from tlcp.errors import ConfigError, TLCPError

#: what each library's users are told to catch
ERRORS: dict[str, type[Exception]] = {
    "requests": requests.exceptions.SSLError,
    "httpx": httpx.ConnectError,
    "httpx-asyncio": httpx.ConnectError,
    "aiohttp": aiohttp.ClientConnectorError,
}
EACH = pytest.mark.parametrize("client", ERRORS)


def failure(client: str, url: str, context: TLCPContext) -> str:
    """The text of the error that a request ends in."""
    with pytest.raises(ERRORS[client]) as caught:
        CLIENTS[client](url, context, None)
    text = str(caught.value)
    assert "\n" not in text
    return text


def pair_files(files: Any, kind: str) -> tuple[Path, Path]:
    return getattr(files, f"{kind}_cert"), getattr(files, f"{kind}_key")


@pytest.fixture(scope="module")
def url(pki: PKI) -> Iterator[str]:
    with servers.uvicorn_server(server_context(pki)) as port:
        yield f"https://localhost:{port}/"


def test_the_pairs_are_in_each_others_place(pki: PKI) -> None:
    context = tlcp.create_default_context(cafile=pki.client_files.ca)
    sign, enc = pair_files(pki.client_files, "sign"), pair_files(pki.client_files, "enc")
    with pytest.raises(ConfigError) as caught:
        context.load_cert_chain(sign=enc, enc=sign)
    assert "signing and encryption certificates look swapped" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_encryption_pair_is_given_to_sign(pki: PKI) -> None:
    context = tlcp.create_default_context(cafile=pki.client_files.ca)
    with pytest.raises(ConfigError) as caught:
        context.load_cert_chain(sign=pair_files(pki.client_files, "enc"))
    text = str(caught.value)
    assert "the signing certificate CN=a client has keyUsage" in text
    assert "expected digitalSignature or nonRepudiation" in text
    assert "\n" not in text


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@EACH
def test_no_ca(client: str, url: str) -> None:
    """``wrap_bio`` raises, and asyncio forgets the socket then, whatever the context."""
    text = failure(client, url, TLCPContext(tlcp.PROTOCOL_TLCP_CLIENT))
    gc.collect()
    assert "no trusted CA is configured, so the server cannot be verified" in text
    assert "give the CA that issued its certificates" in text


@EACH
def test_another_ca(client: str, url: str, pki: PKI) -> None:
    text = failure(client, url, client_context(pki, ca=pki.other_ca))
    assert "the server's signing certificate CN=a server does not lead to a trusted CA" in text
    assert "Add the CA to the trusted certificates" in text


@EACH
def test_another_host(client: str, pki: PKI) -> None:
    bank = pki.authority.issue_pair("a bank", ["bank.example"])
    context = server_context(pki)
    context.identity = bank.identity
    with servers.uvicorn_server(context) as port:
        text = failure(client, f"https://localhost:{port}/", client_context(pki))
    assert "localhost" in text
    assert "bank.example" in text


@EACH
def test_no_client_certificate(client: str, pki: PKI) -> None:
    anonymous = tlcp.create_default_context(cafile=pki.client_files.ca)
    with servers.stdlib_server(server_context(pki)) as server:
        text = failure(client, f"https://localhost:{server.server_port}/", anonymous)
        assert server.failed.wait(servers.LIMIT_S)
    assert "handshake_failure(40)" in text
    assert "If the server demands a client certificate, give this client its pair" in text
    assert "the client sent no certificate" in str(server.errors[0])


def test_no_client_certificate_at_an_asyncio_server(url: str, pki: PKI) -> None:
    """asyncio drops a server's alert (python/cpython#98078): the client sees an end alone."""
    anonymous = tlcp.create_default_context(cafile=pki.client_files.ca)
    text = failure("requests", url, anonymous)
    assert "in the middle of the handshake" in text
    assert "it refused our certificates, or that we sent none" in text


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[int]:
    """A server that speaks TLS; OpenSSL hangs up without an alert, as it does in nginx."""
    context, _ = tls_pair(tmp_path)

    def handle(sock: socket.socket) -> None:
        # to its end, not a reset: what was sent in answer, if anything, can be read
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        incoming.write(sock.recv(1 << 16))
        with pytest.raises(ssl.SSLError):
            context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
        sock.sendall(outgoing.read())

    with servers.threaded(handle) as port:
        yield port


@pytest.mark.parametrize("client", ["requests", "httpx"])
def test_the_server_speaks_tls(client: str, tls_port: int, pki: PKI) -> None:
    text = failure(client, f"https://localhost:{tls_port}/", client_context(pki))
    assert "the server ended the connection in the middle of the handshake" in text
    assert "this port speaks TLS or something else, not TLCP" in text


def test_the_server_speaks_tls_httpx_on_asyncio(tls_port: int, pki: PKI) -> None:
    with pytest.raises(httpx.ConnectError) as caught:
        CLIENTS["httpx-asyncio"](f"https://localhost:{tls_port}/", client_context(pki), None)
    assert "this port speaks TLS or something else, not TLCP" in text_of_ours(caught.value)


def test_the_server_speaks_tls_aiohttp(tls_port: int, pki: PKI) -> None:
    """asyncio's own error; aiohttp shows our context beside it, and that says the likely cause."""
    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        CLIENTS["aiohttp"](f"https://localhost:{tls_port}/", client_context(pki), None)
    assert "TLCP only: a port that speaks TLS hangs up on it" in str(caught.value)
    assert isinstance(caught.value.os_error, ConnectionResetError)


def text_of_ours(error: BaseException | None) -> str:
    """The text of our error among the causes of one."""
    while error is not None and not isinstance(error, TLCPError):
        error = error.__cause__ or error.__context__
    return str(error)


@EACH
def test_the_server_speaks_plain_http(client: str, pki: PKI) -> None:
    def handle(sock: socket.socket) -> None:
        sock.recv(1 << 16)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with servers.threaded(handle) as port:
        text = failure(client, f"https://localhost:{port}/", client_context(pki))
    assert "this looks like a plain HTTP answer" in text
    assert "Check that the peer speaks TLCP on this port" in text


TLS_CLIENTS: dict[str, Callable[[str, ssl.SSLContext], Any]] = {
    "httpx": lambda url, context: httpx.get(url, verify=context, timeout=servers.LIMIT_S),
    "aiohttp": lambda url, context: asyncio.run(_aiohttp_get(url, context)),
}


async def _aiohttp_get(url: str, context: ssl.SSLContext) -> None:
    async with aiohttp.ClientSession() as session, session.get(url, ssl=context):
        pass


@pytest.mark.parametrize("client", TLS_CLIENTS)
def test_a_tls_client_at_our_server(client: str, pki: PKI) -> None:
    """The server's log has the line; the client's OpenSSL sees an alert of the wrong version."""
    with servers.stdlib_server(server_context(pki)) as server:
        with pytest.raises((httpx.ConnectError, aiohttp.ClientConnectorError)):
            TLS_CLIENTS[client](
                f"https://localhost:{server.server_port}/", ssl.create_default_context()
            )
        assert server.failed.wait(servers.LIMIT_S)
        assert "which is TLS" in str(server.errors[0])
