"""Every client library, with mutual authentication, against our servers and Tongsuo's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from libraries import servers
from libraries.clients import CLIENTS, FOLLOWING
from libraries.contexts import client_context, server_context
from peers.pki import PKI

OURS: dict[str, tuple[Callable[..., AbstractContextManager[int]], str]] = {
    "uvicorn": (servers.uvicorn_server, "hello CN=a client,O=TLCP,C=CN"),
    "aiohttp": (servers.aiohttp_server, "hello a client"),
    "hypercorn": (servers.hypercorn_server, "hello None"),
}


@pytest.fixture(
    scope="module", params=["uvicorn", "aiohttp", "hypercorn", "http.server", "tongsuo"]
)
def site(request: pytest.FixtureRequest, pki: PKI) -> Iterator[tuple[str, bytes]]:
    """The URL of a server, and what it says to our client."""
    if request.param == "tongsuo":
        with servers.tongsuo_server(pki) as port:
            yield f"https://localhost:{port}", b"hello from Tongsuo"
    elif request.param == "http.server":
        with servers.stdlib_server(server_context(pki)) as server:
            yield f"https://localhost:{server.server_port}", b"hello a client"
    else:
        make, greeting = OURS[request.param]
        with make(server_context(pki)) as port:
            yield f"https://localhost:{port}", greeting.encode()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_page(client: str, site: tuple[str, bytes], pki: PKI) -> None:
    url, greeting = site
    assert CLIENTS[client](f"{url}/", client_context(pki), None) == (200, greeting)


@pytest.mark.parametrize("client", CLIENTS)
def test_an_upload(client: str, site: tuple[str, bytes], pki: PKI) -> None:
    body = bytes(range(256)) * 300  # more than one record
    answer = CLIENTS[client](f"{site[0]}/sha256", client_context(pki), body)
    assert answer == (200, hashlib.sha256(body).hexdigest().encode())


@pytest.mark.parametrize("client", FOLLOWING)
def test_a_redirect(client: str, site: tuple[str, bytes], pki: PKI) -> None:
    url, greeting = site
    assert CLIENTS[client](f"{url}/moved", client_context(pki), None) == (200, greeting)
