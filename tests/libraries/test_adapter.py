"""``TLCPAdapter``: what it takes, what it refuses, and what of ``requests`` still works."""

from __future__ import annotations

import contextlib
import copy
import pickle
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from urllib3.exceptions import InsecureRequestWarning
from urllib3.util.retry import Retry

import tlcp
from libraries import servers
from libraries.contexts import client_context, server_context, tls_pair
from peers.pki import PKI
from tlcp.context import TLCPContext
from tlcp.errors import ConfigError
from tlcp.http import TLCPAdapter

LIMIT_S = 30.0


@pytest.fixture(scope="module")
def url(pki: PKI) -> Iterator[str]:
    with servers.uvicorn_server(server_context(pki)) as port:
        yield f"https://localhost:{port}/"


@contextlib.contextmanager
def session(context: TLCPContext) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.mount("https://", TLCPAdapter(context))
        yield session


# ---- what is refused -----------------------------------------------------------------------------


def test_verify_false_is_refused(url: str, pki: PKI) -> None:
    with session(client_context(pki)) as s, pytest.raises(ConfigError) as caught:
        s.get(url, verify=False)
    assert str(caught.value) == (
        "TLCPAdapter takes no verify=False: to skip verification (for tests only), set "
        "context.check_hostname = False and context.verify_mode = ssl.CERT_NONE"
    )


def test_a_session_that_does_not_verify_is_refused(
    url: str, pki: PKI, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # these win over session.verify
        monkeypatch.delenv(name, raising=False)
    with session(client_context(pki)) as s:
        s.verify = False
        with pytest.raises(ConfigError, match="verify=False"):
            s.get(url)


def test_a_ca_file_is_refused(url: str, pki: PKI) -> None:
    path = str(pki.client_files.ca)
    with session(client_context(pki)) as s, pytest.raises(ConfigError) as caught:
        s.get(url, verify=path)
    assert f"call context.load_verify_locations({path!r})" in str(caught.value)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_file_of_the_environment_is_for_tls_alone(
    variable: str, url: str, pki: PKI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(pki.other_ca))
    with session(client_context(pki)) as s:
        assert s.get(url).text == "hello CN=a client,O=TLCP,C=CN"


def test_a_client_certificate_is_refused(url: str, pki: PKI) -> None:
    with session(client_context(pki)) as s, pytest.raises(ConfigError) as caught:
        s.get(url, cert=str(pki.client_files.sign_cert))
    assert "call context.load_cert_chain(sign=(certificate, key), enc=(certificate, key))" in str(
        caught.value
    )


@pytest.mark.parametrize("kind", ["standard", "server", "none"])
def test_other_contexts_are_refused(kind: str, pki: PKI) -> None:
    contexts = {
        "standard": ssl.create_default_context(),
        "server": server_context(pki),
        "none": None,
    }
    with pytest.raises(ConfigError, match="TLCPAdapter wants a TLCPContext for clients"):
        TLCPAdapter(contexts[kind])  # type: ignore[arg-type]


# ---- verification is the context's ---------------------------------------------------------------


def test_a_context_that_does_not_verify(url: str, pki: PKI) -> None:
    context = client_context(pki, ca=pki.other_ca)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with session(context) as s, pytest.warns(InsecureRequestWarning):
        assert s.get(url).status_code == 200
    assert context.verify_mode == ssl.CERT_NONE  # urllib3 has not set it


def test_a_context_that_verifies_stays_so(url: str, pki: PKI) -> None:
    context = client_context(pki, ca=pki.other_ca)
    with session(context) as s, pytest.raises(requests.exceptions.SSLError):
        s.get(url)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


# ---- pools, retries, other hosts -----------------------------------------------------------------


def test_two_contexts_do_not_share_connections(url: str, pki: PKI) -> None:
    other = pki.authority.issue_pair("another client")
    second = client_context(pki)
    second.identity = other.identity
    with requests.Session() as s:
        s.mount("https://localhost", TLCPAdapter(client_context(pki)))
        s.mount("https://127.0.0.1", TLCPAdapter(second))
        names = [s.get(u).text for u in (url, url.replace("localhost", "127.0.0.1"))]
    assert names == ["hello CN=a client,O=TLCP,C=CN", "hello CN=another client,O=TLCP,C=CN"]


def test_a_session_speaks_tls_elsewhere(url: str, pki: PKI, tmp_path: Path) -> None:
    tls, certificate = tls_pair(tmp_path)

    def answer(sock: socket.socket) -> None:
        with tls.wrap_socket(sock, server_side=True) as stream:
            stream.recv(1 << 16)
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntls")

    with servers.threaded(answer) as port, requests.Session() as s:
        s.mount(url, TLCPAdapter(client_context(pki)))
        assert s.get(url).text == "hello CN=a client,O=TLCP,C=CN"
        elsewhere = f"https://localhost:{port}/"
        assert s.get(elsewhere, verify=str(certificate)).text == "tls"


def test_failed_connections_are_tried_again(pki: PKI) -> None:
    """The first connection ends before its handshake; the next one works."""
    server, count = server_context(pki), iter(range(10))

    def handle(sock: socket.socket) -> None:
        if next(count) == 0:
            return
        with server.wrap_socket(sock, server_side=True) as stream:
            stream.recv(1 << 16)
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with servers.threaded(handle) as port, requests.Session() as s:
        retry = Retry(total=2, backoff_factor=0)
        s.mount("https://", TLCPAdapter(client_context(pki), max_retries=retry))
        assert s.get(f"https://localhost:{port}/", timeout=LIMIT_S).text == "ok"


def test_redirects_to_another_host_are_followed(pki: PKI) -> None:
    server = server_context(pki)

    def handle(sock: socket.socket) -> None:
        with server.wrap_socket(sock, server_side=True) as stream:
            head = stream.recv(1 << 16).decode()
            to = f"Location: https://127.0.0.1:{port}/\r\n" if "Host: localhost" in head else ""
            status = "302 Found" if to else "200 OK"
            stream.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n{to}\r\n".encode())

    with servers.threaded(handle) as port, session(client_context(pki)) as s:
        response = s.get(f"https://localhost:{port}/", timeout=LIMIT_S)
    assert (response.status_code, response.url) == (200, f"https://127.0.0.1:{port}/")


# ---- copies --------------------------------------------------------------------------------------


def test_a_session_cannot_be_pickled_for_its_keys(pki: PKI) -> None:
    """As with an adapter that holds an ``ssl.SSLContext``."""
    with session(client_context(pki)) as s, pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(s)


def test_a_copy_of_an_adapter_works(url: str, pki: PKI) -> None:
    adapter = copy.copy(TLCPAdapter(client_context(pki)))
    with requests.Session() as s:
        s.mount("https://", adapter)
        assert s.get(url).status_code == 200


def test_names_are_found_when_they_are_used() -> None:
    import tlcp.http

    assert tlcp.http.TLCPAdapter is TLCPAdapter
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = tlcp.http.Nothing


def test_the_default_context_is_taken(pki: PKI) -> None:
    assert TLCPAdapter(tlcp.create_default_context(cafile=pki.client_files.ca)).max_retries
