"""What a client context remembers of servers' dialects, and what an attacker cannot teach it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shells.bios import Bios
from support.ends import HOST
from support.sockets import client_context, server_context
from tlcp import defaults
from tlcp.context import TLCPContext
from tlcp.defaults import create_connection
from tlcp.dialects import AUTO, DIALECTS
from tlcp.errors import AlertReceived, CertificateVerifyError
from tlcp.socket import TLCPSocket

UNEXPECTED_MESSAGE = bytes.fromhex("1501010002020a")


@contextmanager
def server(*behaviours: str, context: TLCPContext | None = None) -> Iterator[tuple[int, list[int]]]:
    """Serves one connection after the other: "alert", "stall" or "handshake"."""
    far = context if context is not None else server_context()
    seen = list[int]()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = list[socket.socket]()

        def serve() -> None:
            for behaviour in behaviours:
                sock, _ = listener.accept()
                held.append(sock)
                if behaviour == "alert":
                    seen.append(len(sock.recv(4096)))
                    sock.sendall(UNEXPECTED_MESSAGE)
                    sock.close()
                elif behaviour == "handshake":
                    try:
                        held.append(far.wrap_socket(sock, server_side=True))
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], seen
        finally:
            thread.join(30)
            for sock in held:
                sock.close()


def connect(port: int, context: TLCPContext, timeout: float = 20) -> None:
    create_connection(("127.0.0.1", port), context, server_hostname=HOST, timeout=timeout).close()


def test_a_refused_hello_is_tried_again_and_remembered() -> None:
    near = client_context()
    with server("alert", "handshake") as (port, _):
        connect(port, near)
        assert near.met_dialect(HOST, port) is DIALECTS["gmssl-3.1"]


def test_a_server_that_took_auto_gets_no_other_dialect() -> None:
    near = client_context()
    with server("handshake", "alert", "handshake") as (port, _):
        connect(port, near)
        assert near.met_dialect(HOST, port) is AUTO
        with pytest.raises(AlertReceived):
            connect(port, near)
        connect(port, near)
        assert near.met_dialect(HOST, port) is AUTO


def test_what_was_learned_is_forgotten_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    near = client_context()
    near.remember_dialect(HOST, 1, DIALECTS["tassl"])
    assert near.met_dialect(HOST, 1) is DIALECTS["tassl"]
    later = time.monotonic() + 3601
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert near.met_dialect(HOST, 1) is None


def test_memory_bios_remember_too() -> None:
    near = client_context()
    Bios(near).handshake()
    assert near.met_dialect(HOST, None) is AUTO


def test_another_context_setting_forgets() -> None:
    near = client_context()
    near.remember_dialect(HOST, 1, DIALECTS["tassl"])
    near.dialect = "tongsuo"
    assert near.met_dialect(HOST, 1) is None


def test_a_bad_certificate_in_a_retry_is_what_is_told() -> None:
    near = client_context()
    with server("alert", "handshake") as (port, _), pytest.raises(CertificateVerifyError):
        create_connection(
            ("127.0.0.1", port), near, server_hostname="other.example", timeout=20
        ).close()


def test_all_tries_share_one_timeout() -> None:
    """The second server says nothing: the time of the first try counts."""
    near = client_context()
    with server("alert", "stall") as (port, _), pytest.raises(AlertReceived):
        connect(port, near, timeout=0.5)


def test_a_name_in_other_letters_is_the_same_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The context knows hosts by their A-labels, whatever the program says."""
    tries, connect_once = list[object](), defaults._connect_once

    def counted(*arguments: Any) -> TLCPSocket:
        tries.append(arguments[0])
        return connect_once(*arguments)

    monkeypatch.setattr(defaults, "_connect_once", counted)
    near = client_context()
    near.check_hostname = False
    with server("handshake", "alert") as (port, _):
        address = ("127.0.0.1", port)
        create_connection(address, near, server_hostname="bücher.example", timeout=5).close()
        with pytest.raises(AlertReceived):
            create_connection(address, near, server_hostname="bücher.example", timeout=5)
    assert len(tries) == 2, "a server that took auto was asked in another dialect"
