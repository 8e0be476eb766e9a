"""Ours against GmSSL 3.1.1 over TCP, in its one suite.

What it cannot do, and what follows for us: no extension in either hello; a client sends its
signing certificate only; no record above 16363 bytes of data (its receive buffer overflows into
the length that it then checks); an alert after ChangeCipherSpec goes out in clear.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from interop.ours import TIMEOUT, OurSocket
from peers.gmssl import GmSSLClient, GmSSLServer
from peers.pki import PKI
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.errors import AlertReceived, CertificateVerifyError, TruncatedError
from tlcp.suites import parse_suites
from tlcp.x509.identity import Identity

ECC_CBC = parse_suites("ECC_SM4_CBC_SM3")
LONGEST = 16_363  # bytes of data in one record that GmSSL 3.1.1 can receive


def client_config(pki: PKI) -> Config:
    return Config(trust=pki.trust, suites=ECC_CBC, extensions=False)


def sign_only(pki: PKI) -> Identity:
    return replace(pki.client.identity, enc_cert=None, enc_key=None)


def dial(config: Config, server: GmSSLServer) -> OurSocket:
    sock = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
    return OurSocket(Connection.client(config, server_name="localhost"), sock)


@pytest.mark.parametrize("mutual", [False, True], ids=["oneway", "mutual"])
def test_our_client(pki: PKI, tmp_path: Path, mutual: bool) -> None:
    config = replace(client_config(pki), identity=sign_only(pki) if mutual else None)
    with GmSSLServer(pki.server_files, tmp_path, client_auth=mutual) as server:
        for _ in range(2):  # it goes on serving, so the first connection did it no harm
            ours = dial(config, server)
            with ours.sock:
                ours.handshake()
                completed = ours.end.completed
                assert completed is not None
                assert completed.suite == ECC_CBC[0]
                assert completed.peer is not None
                assert completed.peer.sign == pki.server.sign_cert
                for message in (b"x", bytes(range(256)) * 60, b"z" * LONGEST):
                    ours.send(message)
                    assert ours.read(len(message)) == message
        assert server.trace.count("Connection Established!") == 2


@pytest.mark.parametrize("client_auth", [False, True], ids=["oneway", "mutual"])
def test_our_server(pki: PKI, tmp_path: Path, client_auth: bool) -> None:
    config = Config(
        identity=pki.server.identity,
        trust=pki.trust,
        suites=ECC_CBC,
        client_auth=ClientAuth.REQUIRED if client_auth else ClientAuth.NONE,
    )
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        GmSSLClient(pki.client_files, tmp_path, listener.getsockname()[1]) as client,
    ):
        listener.settimeout(TIMEOUT)
        ours = OurSocket(Connection.server(config), listener.accept()[0])
        with ours.sock:
            ours.handshake()
            completed = ours.end.completed
            assert completed is not None
            assert (completed.peer is not None) == client_auth
            if completed.peer is not None:
                assert completed.peer.sign == pki.client.sign_cert
            for line in (b"hello", b"x" * 1000):
                client.send_line(line)
                assert ours.read(len(line) + 1) == line + b"\n"
                reply = line * 16
                ours.send(reply)
                assert client.receive(len(reply)) == reply
            ours.end.connection.close()
            ours.flush()
        assert "Connection established" in client.trace


@pytest.mark.parametrize("certificates", ["pair", "sign"])
def test_our_server_takes_either_certificate_list(
    pki: PKI, tmp_path: Path, certificates: Literal["pair", "sign"]
) -> None:
    config = Config(identity=pki.server.identity, trust=pki.trust, suites=ECC_CBC)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        port = listener.getsockname()[1]
        with GmSSLClient(pki.client_files, tmp_path, port, certificates=certificates) as client:
            ours = OurSocket(Connection.server(config), listener.accept()[0])
            with ours.sock:
                ours.handshake()
                ours.send(b"greeting")
                client.send_line(b"hello")
                assert ours.read(6) == b"hello\n"


def test_gmssl_closes(pki: PKI, tmp_path: Path) -> None:
    """Its close_notify comes in clear: nothing tells it from an attacker's cut."""
    config = Config(identity=pki.server.identity, suites=ECC_CBC, client_auth=ClientAuth.NONE)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        GmSSLClient(pki.client_files, tmp_path, listener.getsockname()[1]) as client,
    ):
        listener.settimeout(TIMEOUT)
        ours = OurSocket(Connection.server(config), listener.accept()[0])
        with ours.sock:
            ours.handshake()
            client.send_line(b"last words")
            assert ours.read(11) == b"last words\n"
            ours.send(b"bye")
            assert client.receive(3) == b"bye"
            assert client.process.stdin is not None
            client.process.stdin.close()
            ours.receive()
            assert not ours.end.peer_closed
            assert isinstance(ours.end.error, TruncatedError)
            assert "in clear" in str(ours.end.error)
        assert client.finish() == 0


def test_gmssl_refuses_extensions(pki: PKI, tmp_path: Path) -> None:
    config = replace(client_config(pki), extensions=True)
    with GmSSLServer(pki.server_files, tmp_path, client_auth=False) as server:
        ours = dial(config, server)
        with ours.sock, pytest.raises(AlertReceived) as caught:
            ours.handshake()
        assert caught.value.description == 10


def test_gmssl_takes_our_encryption_certificate_for_a_ca(pki: PKI, tmp_path: Path) -> None:
    config = replace(client_config(pki), identity=pki.client.identity)
    with GmSSLServer(pki.server_files, tmp_path, client_auth=True) as server:
        ours = dial(config, server)
        with ours.sock, pytest.raises(AlertReceived) as caught:
            ours.handshake()
        assert caught.value.description == 42


def test_our_client_does_not_know_the_ca(pki: PKI, tmp_path: Path) -> None:
    config = replace(client_config(pki), trust=pki.other_trust)
    with GmSSLServer(pki.server_files, tmp_path, client_auth=False) as server:
        ours = dial(config, server)
        with ours.sock:
            with pytest.raises(CertificateVerifyError):
                ours.handshake()
            ours.flush()
            ours.drain()  # GmSSL leaves when a handshake fails


def test_gmssl_does_not_know_our_ca(pki: PKI, workdirs: Iterator[Path]) -> None:
    config = Config(identity=pki.server.identity, suites=ECC_CBC, client_auth=ClientAuth.NONE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        port = listener.getsockname()[1]
        distrusting = pki.client_files.trusting(pki.other_ca)
        with GmSSLClient(distrusting, next(workdirs), port) as client:
            ours = OurSocket(Connection.server(config), listener.accept()[0])
            with ours.sock, pytest.raises(AlertReceived) as caught:
                ours.handshake()
            assert caught.value.description == 42
            assert client.process.wait(TIMEOUT) == 0
