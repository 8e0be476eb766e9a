"""What applications see of the client, WebSocket, and clients that keep a server waiting."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import websockets
import websockets.sync.client
import websockets.sync.server

import tlcp
from libraries import apps, servers
from libraries.clients import with_httpx
from libraries.contexts import client_context, server_context, tls_pair
from peers.pki import PKI
from tlcp.config import Config
from tlcp.errors import ConfigError
from tlcp.http import UvicornConfig, tls_extension

LIMIT_S = 30.0
STUCK_S = 10.0
PROTOCOLS = pytest.mark.parametrize("http", ["h11", "httptools"])


def pem(path: Path) -> str:
    return path.read_text("ascii")


def same_certificate(one: str, other: str) -> bool:
    return ssl.PEM_cert_to_DER_cert(one) == ssl.PEM_cert_to_DER_cert(other)


def extension(context: ssl.SSLContext, pki: PKI, **options: Any) -> Any:
    with servers.uvicorn_server(context, **options) as port:
        url = f"https://localhost:{port}/extension"
        return apps.as_json(with_httpx(url, client_context(pki), None)[1])


@PROTOCOLS
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_asgi_application_sees_the_client(http: str, loop: str, pki: PKI) -> None:
    seen = extension(server_context(pki), pki, http=http, loop=loop)
    chain, enc = seen.pop("client_cert_chain"), seen.pop("client_enc_cert")
    assert seen == {
        "server_cert": None,
        "client_cert_name": "CN=a client,O=TLCP,C=CN",
        "client_cert_error": None,
        "tls_version": 0x0101,
        "cipher_suite": 0xE053,
    }
    assert same_certificate(chain[0], pem(pki.client_files.sign_cert))
    assert len(chain) == 1  # the root is not sent
    assert same_certificate(enc, pem(pki.client_files.enc_cert))


def test_an_asgi_application_sees_that_there_is_no_client_certificate(pki: PKI) -> None:
    import tlcp

    context = server_context(pki)
    context.verify_mode = ssl.CERT_NONE
    with servers.uvicorn_server(context) as port:
        anonymous = tlcp.create_default_context(cafile=pki.client_files.ca)
        response = httpx.get(
            f"https://localhost:{port}/extension", verify=anonymous, timeout=LIMIT_S
        )
    seen = response.json()
    assert (seen["client_cert_chain"], seen["client_cert_name"]) == ([], None)
    assert (seen["client_enc_cert"], seen["tls_version"]) == (None, 0x0101)


def test_both_protocols_on_one_port(pki: PKI, tmp_path: Path) -> None:
    tls, certificate = tls_pair(tmp_path)
    tls.load_verify_locations(certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    context = server_context(pki)
    context.tls_context = tls
    standard = ssl.create_default_context(cafile=certificate)
    standard.load_cert_chain(certificate)
    with servers.uvicorn_server(context) as port:
        url = f"https://localhost:{port}/extension"
        over_tlcp = httpx.get(url, verify=client_context(pki), timeout=LIMIT_S).json()
        over_tls = httpx.get(url, verify=standard, timeout=LIMIT_S).json()
    assert over_tlcp["tls_version"] == 0x0101
    assert over_tlcp["client_cert_name"] == "CN=a client,O=TLCP,C=CN"
    assert over_tls["tls_version"] == 0x0304
    assert over_tls["client_cert_name"] == "CN=localhost"
    assert same_certificate(over_tls["client_cert_chain"][0], _certificate_of(certificate))


def _certificate_of(path: Path) -> str:
    return "-----BEGIN CERT" + path.read_text("ascii").partition("-----BEGIN CERT")[2]


def test_uvicorn_alone_takes_the_context(pki: PKI) -> None:
    """Its own option is enough where the application does not ask who the client is."""

    async def hello(scope: Any, receive: Any, send: Any) -> None:
        found = "tls" in scope.get("extensions", {})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(found).encode()})

    context = server_context(pki)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            hello, ssl_context_factory=lambda *_: context, lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        response = httpx.get(
            f"https://localhost:{port}/", verify=client_context(pki), timeout=LIMIT_S
        )
        server.should_exit = True
        thread.join(LIMIT_S)
    assert (response.status_code, response.text) == (200, "False")


def test_uvicorn_options_of_tls_are_refused(pki: PKI) -> None:
    with pytest.raises(ConfigError, match="ssl_certfile: the context has the certificates"):
        UvicornConfig(apps.asgi, server_context(pki), ssl_certfile="server.pem")


def test_uvicorn_takes_a_function_that_makes_the_context(pki: PKI) -> None:
    config = UvicornConfig(apps.asgi, lambda: server_context(pki), log_config=None)
    config.load()
    assert config.ssl is not None
    assert config.ssl.verify_mode == ssl.CERT_REQUIRED


# ---- WebSocket -----------------------------------------------------------------------------------


async def ask(url: str, pki: PKI) -> str:
    async with asyncio.timeout(LIMIT_S), websockets.connect(url, ssl=client_context(pki)) as socket:
        await socket.send("hello")
        return str(await socket.recv())


def test_a_websocket_at_uvicorn(pki: PKI) -> None:
    with servers.uvicorn_server(server_context(pki), ws="websockets-sansio") as port:
        answer = asyncio.run(ask(f"wss://localhost:{port}/", pki))
    assert answer == "CN=a client,O=TLCP,C=CN said hello"


def test_a_websocket_on_asyncio(pki: PKI) -> None:
    async def echo(connection: websockets.ServerConnection) -> None:
        peer = connection.transport.get_extra_info("peercert")
        async for message in connection:
            await connection.send(f"{apps.common_name(peer)} said {message!s}")

    async def run() -> str:
        context = server_context(pki)
        async with websockets.serve(echo, "127.0.0.1", 0, ssl=context) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            return await ask(f"wss://localhost:{port}/", pki)

    assert asyncio.run(run()) == "a client said hello"


def echo(connection: websockets.sync.server.ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@contextlib.contextmanager
def threaded_websocket(**options: Any) -> Iterator[int]:
    with websockets.sync.server.serve(echo, **options) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join(LIMIT_S)


def ask_in_threads(port: int, message: bytes, pki: PKI) -> bytes:
    with websockets.sync.client.connect(
        f"wss://localhost:{port}/", ssl=client_context(pki), open_timeout=LIMIT_S
    ) as connection:
        connection.send(message)
        return bytes(connection.recv(STUCK_S, decode=False))


@pytest.mark.parametrize("size", [5, 1_000_000])
def test_a_websocket_in_threads(size: int, pki: PKI) -> None:
    message = os.urandom(size)
    listener = server_context(pki).wrap_socket(
        socket.create_server(("127.0.0.1", 0)), server_side=True, do_handshake_on_connect=False
    )
    with threaded_websocket(sock=listener) as port:
        assert ask_in_threads(port, message, pki) == message


@pytest.mark.xfail(
    strict=True,
    reason="websockets.sync.server asserts that the socket is an ssl.SSLSocket; give it sock=",
)
def test_a_websocket_in_threads_with_the_option_ssl(pki: PKI) -> None:
    context = server_context(pki)
    with threaded_websocket(host="127.0.0.1", port=0, ssl=context) as port:
        assert ask_in_threads(port, b"hello", pki) == b"hello"


def test_a_name_that_nobody_verified_is_not_reported(pki: PKI) -> None:
    """Without client authentication an ECDHE suite still brings a client's certificates."""
    stranger = pki.authority.create("Nobody trusts me").issue_pair("admin").identity
    client = tlcp.TLCPContext(tlcp.PROTOCOL_TLCP_CLIENT, Config(identity=stranger, trust=pki.trust))
    client.set_ciphers("ECDHE_SM4_GCM_SM3")
    server = server_context(pki)
    server.verify_mode = ssl.CERT_NONE
    seen: list[dict[str, Any]] = []

    def handle(sock: socket.socket) -> None:
        with server.wrap_socket(sock, server_side=True) as stream:
            seen.append(tls_extension(stream))
            stream.recv(1)

    with (
        servers.threaded(handle) as port,
        socket.create_connection(("127.0.0.1", port)) as sock,
        client.wrap_socket(sock, server_hostname="localhost") as stream,
    ):
        stream.sendall(b"x")
        assert stream.recv(1) == b""
    assert seen[0]["client_cert_name"] is None
    assert seen[0]["client_cert_chain"] == []
    assert seen[0]["client_enc_cert"] is None


# ---- http.server ---------------------------------------------------------------------------------


def test_a_client_that_says_nothing_does_not_block_others(pki: PKI) -> None:
    with servers.stdlib_server(server_context(pki)) as server:
        address = ("127.0.0.1", server.server_port)
        with socket.create_connection(address), socket.create_connection(address) as half:
            half.sendall(b"\x16\x01\x01")  # a record that never ends
            url = f"https://localhost:{server.server_port}/"
            assert with_httpx(url, client_context(pki), None) == (200, b"hello a client")
