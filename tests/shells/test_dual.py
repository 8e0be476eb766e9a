"""One port for TLCP and TLS: the first record tells."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shells.bios import Bios
from shells.pairs import in_thread
from shells.test_asyncio import dial as async_dial
from shells.test_asyncio import echo as async_echo
from shells.test_asyncio import hang_up, in_loop, serving
from support.ends import HOST, NOW, world
from support.sockets import LIMIT_S, client_context, dial, echo, served, server_context
from tlcp.context import TLCPContext
from tlcp.dual import DualObject
from tlcp.errors import TLCPError

IP = "127.0.0.1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed P-256 certificate with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "TLS")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    names: list[x509.GeneralName] = [
        x509.DNSName(HOST),
        x509.IPAddress(ipaddress.ip_address(IP)),
    ]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "tls.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def both(certificate: Path) -> TLCPContext:
    """A server of both protocols."""
    context = server_context()
    context.tls_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.tls_context.load_cert_chain(certificate)
    return context


def tls_client(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@contextlib.contextmanager
def tls_dial(address: tuple[str, int], certificate: Path) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(address, LIMIT_S) as sock,
        tls_client(certificate).wrap_socket(sock, server_hostname=IP) as stream,
    ):
        yield stream


# ---- the setting ---------------------------------------------------------------------------


def test_what_it_takes(both: TLCPContext) -> None:
    with pytest.raises(ValueError, match="for servers"):
        client_context().tls_context = ssl.create_default_context()
    for wrong in (server_context(), "tls", 3):
        with pytest.raises(TypeError):
            both.tls_context = wrong  # type: ignore[assignment]
    assert isinstance(both.tls_context, ssl.SSLContext)
    both.tls_context = None
    assert both.tls_context is None


# ---- sockets -------------------------------------------------------------------------------


def test_both_kinds_of_client(both: TLCPContext, certificate: Path) -> None:
    seen: list[tuple[Any, ...]] = []

    def handler(stream: Any) -> None:
        seen.append((stream.version(), stream.cipher()[1], stream.getpeercert()))
        echo(stream)

    with served(handler, both) as address:
        with dial(address) as near:
            near.sendall(b"tlcp")
            assert near.recv(4) == b"tlcp"
            assert near.version() == "TLCPv1.1"
        with tls_dial(address, certificate) as other:
            other.sendall(b"tls")
            assert other.recv(3) == b"tls"
            assert other.version() == "TLSv1.3"
            data, got = bytes(range(256)) * 10_000, b""
            with in_thread(lambda: other.sendall(data)):
                while len(got) < len(data):
                    got += other.recv(1 << 16)
            assert got == data
    assert [row[:2] for row in seen] == [("TLCPv1.1", "TLCPv1.1"), ("TLSv1.3", "TLSv1.3")]
    assert seen[0][2]["subject"][-1] == (("commonName", "client"),)
    assert seen[1][2] is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_ends_cleanly(both: TLCPContext, certificate: Path, version: ssl.TLSVersion) -> None:
    """close_notify of TLS goes both ways, and unwrap() leaves plain bytes where they are."""
    assert both.tls_context is not None
    both.tls_context.maximum_version = version
    one, other = socket.socketpair()
    for sock in (one, other):
        sock.settimeout(LIMIT_S)

    def there() -> Any:
        stream = both.wrap_socket(other, server_side=True, suppress_ragged_eofs=False)
        with stream:
            assert stream.recv(9) == b"hello"
            assert stream.recv(9) == b""
            stream.unwrap().sendall(b"plain words")
            return stream.context

    with (
        in_thread(there) as result,
        tls_client(certificate).wrap_socket(one, server_hostname=HOST) as near,
    ):
        near.sendall(b"hello")
        assert near.unwrap().recv(99) == b"plain words"
    assert result == [both]


def test_select_works_for_tls_clients(both: TLCPContext, certificate: Path) -> None:
    """What was not given out yet makes the descriptor readable, or is pending."""
    one, other = socket.socketpair()
    for sock in (one, other):
        sock.settimeout(LIMIT_S)

    def there() -> int:
        total = 0
        with both.wrap_socket(other, server_side=True) as stream:
            while True:
                if not stream.pending():
                    assert select.select([stream], [], [], LIMIT_S)[0], "it hangs"
                data = stream.recv(100)
                total += len(data)
                if not data:
                    return total

    with (
        in_thread(there) as result,
        tls_client(certificate).wrap_socket(one, server_hostname=HOST) as near,
    ):
        for size in (10, 20_000, 1, 999):
            near.sendall(bytes(size))
        with contextlib.suppress(OSError):
            near.settimeout(0.01)
            near.unwrap()
    assert result == [21_010]


@pytest.mark.parametrize("kind", ["tlcp", "tls"])
def test_bytes_one_at_a_time(both: TLCPContext, certificate: Path, kind: str) -> None:
    near = client_context() if kind == "tlcp" else tls_client(certificate)
    ends = Bios(near, both)
    assert isinstance(ends.server, DualObject)
    assert ends.server.version() is None
    for _ in range(20):
        for end in (ends.client, ends.server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
        for byte in ends._client_out.read():
            with contextlib.suppress(ssl.SSLWantReadError):
                ends.server.do_handshake()
            ends.to_server.write(bytes([byte]))
        ends.to_client.write(ends._server_out.read())
    assert ends.client.version() == ends.server.version()
    assert ends.server.version() == ("TLCPv1.1" if kind == "tlcp" else "TLSv1.3")
    ends.server.write(b"data")
    ends.carry()
    assert ends.client.read() == b"data"
    buffer = bytearray(4)
    ends.client.write(b"back")
    ends.carry()
    assert ends.server.read(4, buffer) == 4
    assert buffer == b"back"


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "plain HTTP request"),
        (b"\x16\x02\x00\x00\x05hello", "record"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "record|alert"),
        (b"SSH-2.0-x\r\n", "SSH"),
    ],
)
def test_neither_of_the_two(both: TLCPContext, first: bytes, reason: str) -> None:
    ends = Bios(server=both)
    ends.to_server.write(first)
    with pytest.raises(TLCPError, match=reason):
        ends.server.do_handshake()


def test_garbage_after_a_tls_beginning(both: TLCPContext) -> None:
    """OpenSSL refuses it, with its own error and its own alert."""
    ends = Bios(server=both)
    ends.to_server.write(b"\x16\x03\x01\x00\x05hello" + bytes(100))
    with pytest.raises(ssl.SSLError) as caught:
        ends.server.do_handshake()
    assert not isinstance(caught.value, TLCPError)
    assert ends._server_out.read(2) == b"\x15\x03"


@pytest.mark.parametrize("first", [b"", b"\x16"])
def test_the_end_before_it_is_told(both: TLCPContext, first: bytes) -> None:
    ends = Bios(server=both)
    ends.to_server.write(first)
    for _ in range(2):
        with pytest.raises(ssl.SSLWantReadError):
            ends.server.do_handshake()
    ends.to_server.write_eof()
    with pytest.raises(ssl.SSLEOFError):
        ends.server.do_handshake()


def test_alerts_of_tls_reach_both_sides(both: TLCPContext, certificate: Path) -> None:
    one, other = socket.socketpair()
    for sock in (one, other):
        sock.settimeout(LIMIT_S)
    with (
        in_thread(lambda: both.wrap_socket(other, server_side=True)) as result,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(one, server_hostname=HOST)
    assert isinstance(result[0], ssl.SSLError)
    assert result[0].reason == "TLSV1_ALERT_UNKNOWN_CA"


def test_settings_that_cannot_work_are_told_before_a_client_comes(both: TLCPContext) -> None:
    both.identity = None
    with pytest.raises(TLCPError, match="two certificates"):
        Bios(server=both)


def test_only_tlcp_clients_count(both: TLCPContext, certificate: Path) -> None:
    Bios(tls_client(certificate), both).handshake()
    assert both.session_stats()["accept"] == 0
    Bios(server=both).handshake()
    assert both.session_stats()["accept_good"] == 1


def test_contexts_and_callbacks_of_each_kind(both: TLCPContext, certificate: Path) -> None:
    other = server_context(identity=world().ca.issue_pair("other", [HOST], now=NOW).identity)
    asked: list[str] = []

    def tlcp_choice(end: Any, name: str | None, _: Any) -> None:
        asked.append(f"TLCP {name}")
        end.context = other

    def tls_choice(end: Any, name: str | None, _: Any) -> None:
        asked.append(f"TLS {name}")

    assert both.tls_context is not None
    both.sni_callback, both.tls_context.sni_callback = tlcp_choice, tls_choice
    ends = Bios(server=both).handshake()
    assert ends.server.context is other
    assert ends.client.getpeercert()["subject"][-1] == (("commonName", "other"),)
    ends = Bios(tls_client(certificate), both).handshake()
    assert ends.server.context is both.tls_context
    assert asked == [f"TLCP {HOST}", f"TLS {HOST}"]
    assert ends.server.session is not None
    with pytest.raises(ValueError, match="handshake not done"):
        Bios(server=both).server.getpeercert()


# ---- asyncio -------------------------------------------------------------------------------


@in_loop
async def _both_under_asyncio(both: TLCPContext, certificate: Path) -> None:
    versions: list[str] = []

    async def handler(reader: Any, writer: Any) -> None:
        end = writer.get_extra_info("ssl_object")
        assert writer.get_extra_info("cipher") == end.cipher()
        versions.append(end.version())
        await async_echo(reader, writer)

    async with serving(handler, both) as address:
        for context in (client_context(), tls_client(certificate)) * 3:
            reader, writer = await async_dial(address, ssl=context)
            writer.write(b"hello" * 50_000)
            assert await reader.readexactly(250_000) == b"hello" * 50_000
            await hang_up(writer)
        reader, writer = await async_dial(address, ssl=None, server_hostname=None)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    assert versions == ["TLCPv1.1", "TLSv1.3"] * 3


def test_both_under_asyncio(both: TLCPContext, certificate: Path) -> None:
    run: Callable[[TLCPContext, Path], None] = _both_under_asyncio
    run(both, certificate)
