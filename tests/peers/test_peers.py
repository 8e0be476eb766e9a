"""The peers themselves, against each other: what the interop tests build on."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from peers import libtongsuo, tongsuo_tcp
from peers.files import read_pem
from peers.gmssl import GmSSLClient, GmSSLServer
from peers.pki import PKI
from peers.tongsuo import (
    ALL_CIPHERS,
    ECC_CBC,
    ECC_GCM,
    ECDHE_GCM,
    Alert,
    ClientAuthMode,
    TongsuoContext,
    TongsuoError,
    TongsuoPeer,
    run_handshake,
)
from peers.tongsuo_tcp import TongsuoEchoServer

CLOSE_NOTIFY = (1, 0)


@pytest.mark.parametrize("cipher", ALL_CIPHERS)
def test_tongsuo_talks_to_itself(pki: PKI, cipher: str) -> None:
    lines: list[str] = []
    with (
        TongsuoContext("server", pki.server_files, ciphers=[cipher]) as server_context,
        TongsuoContext(
            "client", pki.client_files, ciphers=[cipher], keylog=lines.append
        ) as context,
        TongsuoPeer(server_context) as server,
        TongsuoPeer(context) as client,
    ):
        run_handshake(client, server)
        assert client.cipher_name == server.cipher_name == cipher
        assert client.version == "NTLSv1.1"
        assert client.peer_certificate_der == read_pem(pki.server_files.sign_cert)
        assert server.peer_certificate_der == read_pem(pki.client_files.sign_cert)
        assert client.verify_result == (0, "ok")
        assert lines
        assert {len(line) for line in lines} == {len("CLIENT_RANDOM ") + 64 + 1 + 96}
        data = bytes(range(256)) * 400
        client.write(data)
        server.feed(client.take())
        assert server.read_all() == data
        assert server.read() is None
        assert not client.shutdown()
        server.feed(client.take())
        assert server.read() == b""
        assert server.shutdown()
        client.feed(server.take())
        assert client.shutdown()
        assert client.alerts == [("sent", *CLOSE_NOTIFY), ("received", *CLOSE_NOTIFY)]


def test_tongsuo_takes_bytes_one_by_one(pki: PKI) -> None:
    with (
        TongsuoContext("server", pki.server_files) as server_context,
        TongsuoContext("client", pki.client_files, ciphers=[ECC_GCM]) as context,
        TongsuoPeer(server_context) as server,
        TongsuoPeer(context) as client,
    ):
        assert not client.do_handshake()
        hello = client.take()
        for byte in hello[:-1]:
            server.feed(bytes([byte]))
            assert not server.do_handshake()
            assert server.take() == b""
        server.feed(hello[-1:])
        assert not server.do_handshake()
        assert server.take()[:3] == b"\x16\x01\x01"


def test_tongsuo_refuses_an_unknown_ca_and_leaves_no_error_behind(pki: PKI) -> None:
    distrusting = pki.client_files.trusting(pki.other_ca)
    with (
        TongsuoContext("server", pki.server_files, ciphers=[ECC_GCM]) as server_context,
        TongsuoContext("client", distrusting, ciphers=[ECC_GCM]) as context,
        TongsuoPeer(server_context) as server,
        TongsuoPeer(context) as client,
    ):
        with pytest.raises(TongsuoError, match="certificate verify failed"):
            run_handshake(client, server)
        assert "certificate verify failed" in client.error_text
        assert client.verify_result[0] != 0
        assert client.alerts == [Alert("sent", 2, 48)]
        assert server.alerts == [Alert("received", 2, 48)]
        assert libtongsuo.drain_errors(client.lib) == []


@pytest.mark.parametrize("auth", ["none", "optional", "required"])
def test_ecdhe_needs_client_certificates(pki: PKI, auth: ClientAuthMode) -> None:
    with (
        TongsuoContext(
            "server", pki.server_files, ciphers=[ECDHE_GCM], client_auth=auth
        ) as server_context,
        TongsuoContext(
            "client", pki.client_files, ciphers=[ECDHE_GCM], with_identity=False
        ) as context,
        TongsuoPeer(server_context) as server,
        TongsuoPeer(context) as client,
    ):
        with pytest.raises(TongsuoError):
            run_handshake(client, server)
        assert client.alerts
        assert server.alerts


def test_a_closed_peer_says_so(pki: PKI) -> None:
    with TongsuoContext("client", pki.client_files) as context:
        peer = TongsuoPeer(context)
        peer.close()
        peer.close()
        for use in (peer.take, peer.do_handshake, lambda: peer.feed(b"x")):
            with pytest.raises(ValueError, match="closed"):
                use()
    with pytest.raises(ValueError, match="closed"):
        TongsuoPeer(context)


def test_a_context_names_the_file_that_it_cannot_use(pki: PKI, tmp_path: Path) -> None:
    missing = tmp_path / "missing.crt"
    with pytest.raises(TongsuoError, match=r"missing\.crt.*No such file"):
        TongsuoContext("client", pki.client_files.trusting(missing))


def test_tongsuo_and_the_standard_librarys_ssl_share_a_process(pki: PKI) -> None:
    """Both carry OpenSSL's symbols: neither may call into the other."""
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert ours.get_ciphers()
    with TongsuoContext("client", pki.client_files) as context, TongsuoPeer(context) as client:
        client.do_handshake()
        assert client.take()[5] == 1
    assert b"BabaSSL" in libtongsuo.library().OpenSSL_version(6)
    assert "BabaSSL" not in ssl.OPENSSL_VERSION


def test_tongsuo_over_tcp_serves_threads(pki: PKI) -> None:
    results: dict[int, bytes] = {}

    def run(number: int, port: int) -> None:
        message = bytes([number]) * 50_000
        with tongsuo_tcp.connect(client_context, port) as stream:
            stream.write(message)
            results[number] = stream.read_exactly(len(message))
            stream.shutdown()
            assert stream.read() == b""

    with (
        TongsuoContext("server", pki.server_files) as server_context,
        TongsuoContext("client", pki.client_files, server_name="localhost") as client_context,
        TongsuoEchoServer(server_context) as first,
        TongsuoEchoServer(server_context) as second,
    ):
        threads = [
            threading.Thread(target=run, args=(number, (first, second)[number % 2].port))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(tongsuo_tcp.TIMEOUT)
    assert results == {number: bytes([number]) * 50_000 for number in range(4)}
    assert [len(server.sessions) for server in (first, second)] == [2, 2]
    assert all(session.clean for server in (first, second) for session in server.sessions)


def test_tongsuo_client_to_gmssl_server(pki: PKI, tmp_path: Path) -> None:
    with (
        GmSSLServer(pki.server_files, tmp_path, client_auth=False) as server,
        TongsuoContext(
            "client", pki.client_files, ciphers=[ECC_CBC], tickets=False, auto_chain=False
        ) as context,
    ):
        for _ in range(2):  # it goes on serving after a clean end
            with tongsuo_tcp.connect(context, server.port) as stream:
                message = bytes(range(256)) * 60
                stream.write(message)
                assert stream.read_exactly(len(message)) == message


@pytest.mark.parametrize("auth", ["none", "required"])
def test_gmssl_client_to_tongsuo_server(
    pki: PKI, workdirs: Iterator[Path], auth: ClientAuthMode
) -> None:
    with (
        TongsuoContext(
            "server",
            pki.server_files,
            ciphers=[ECC_CBC],
            client_auth=auth,
            auto_chain=False,
            empty_records=False,
        ) as context,
        TongsuoEchoServer(context) as server,
        GmSSLClient(pki.client_files, next(workdirs), server.port) as client,
    ):
        client.send_line(b"hello")
        assert client.receive(6) == b"hello\n"
        assert client.finish() == 0
        assert "Connection established" in client.trace
    (session,) = server.sessions
    assert session.received == b"hello\n"
    expected = read_pem(pki.client_files.sign_cert) if auth == "required" else None
    assert session.peer_certificate_der == expected
    # GmSSL 3.1.1 sends its close_notify in clear, which reads as a broken record
    assert session.alerts == [Alert("sent", 2, 20)]


@pytest.mark.parametrize(("client_auth", "certificates"), [(False, "none"), (True, "sign")])
def test_gmssl_talks_to_itself(
    pki: PKI, workdirs: Iterator[Path], client_auth: bool, certificates: Literal["none", "sign"]
) -> None:
    with (
        GmSSLServer(pki.server_files, next(workdirs), client_auth=client_auth) as server,
        GmSSLClient(
            pki.client_files, next(workdirs), server.port, certificates=certificates
        ) as client,
    ):
        client.send_line(b"hello")
        assert client.receive(6) == b"hello\n"


def test_gmssl_reports_why_it_does_not_start(pki: PKI, tmp_path: Path) -> None:
    swapped = replace(pki.server_files, sign_key=pki.client_files.sign_key)
    with pytest.raises(RuntimeError, match="did not start"):
        GmSSLServer(swapped, tmp_path, client_auth=False)
