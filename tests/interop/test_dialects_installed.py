"""Dialects and sessions against the stacks that are installed here: Tongsuo and GmSSL 3.1.1.

``auto`` and the presets meant for them, ours as client and as server, every suite.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from interop.ours import TIMEOUT, OurEnd, OurSocket, meet
from peers.gmssl import GmSSLClient, GmSSLServer
from peers.pki import PKI
from peers.tongsuo import TongsuoContext, TongsuoError, TongsuoPeer
from tlcp import create_connection, create_default_context
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.dialects import DIALECTS, MAX_PLAINTEXT_OLD_GMSSL
from tlcp.errors import AlertReceived
from tlcp.quirks import Quirk
from tlcp.sessions.session import Session
from tlcp.sessions.store import MemoryStore
from tlcp.sessions.ticket_keys import RotatingTicketKeys
from tlcp.suites import DEFAULT_SUITES, CipherSuite, KeyExchangeKind, parse_suites

ECC_CBC = parse_suites("ECC_SM4_CBC_SM3")
BIG = bytes(range(256)) * 400  # 100 KiB
LONGEST = MAX_PLAINTEXT_OLD_GMSSL
By = Literal["id", "ticket"]


def is_ecdhe(suite: CipherSuite) -> bool:
    return suite.key_exchange is KeyExchangeKind.ECDHE


def rows() -> Iterator[Any]:
    for spoken in DIALECTS:
        for suite in DEFAULT_SUITES:
            for mutual in (True,) if is_ecdhe(suite) else (True, False):
                name = f"{spoken}-{suite.name}-{'mutual' if mutual else 'oneway'}"
                yield pytest.param(spoken, suite, mutual, id=name)


matrix = pytest.mark.parametrize(("spoken", "suite", "mutual"), [*rows()])
each_suite = pytest.mark.parametrize("suite", DEFAULT_SUITES, ids=lambda s: s.name)
both_ways = pytest.mark.parametrize("by", ["id", "ticket"])


def client_config(pki: PKI, spoken: str, suite: CipherSuite, **more: Any) -> Config:
    mutual = more.pop("mutual", True)
    identity = pki.client.identity if mutual else None
    return Config(
        identity=identity, trust=pki.trust, suites=(suite,), dialect=DIALECTS[spoken], **more
    )


def server_config(pki: PKI, spoken: str, suite: CipherSuite, **more: Any) -> Config:
    auth = ClientAuth.REQUIRED if more.pop("mutual", True) else ClientAuth.NONE
    return Config(
        identity=pki.server.identity, trust=pki.trust, suites=(suite,), client_auth=auth,
        dialect=DIALECTS[spoken], **more,
    )  # fmt: skip


def our_client(config: Config, session: Session | None = None) -> OurEnd:
    return OurEnd(Connection.client(config, server_name="localhost", session=session))


def our_server(config: Config) -> OurEnd:
    return OurEnd(Connection.server(config))


def talk(ours: OurEnd, theirs: TongsuoPeer) -> None:
    """100 KiB each way, and a clean end: Tongsuo forgets the sessions of others."""
    ours.connection.send_data(BIG)
    theirs.feed(ours.connection.data_to_send())
    assert theirs.read_all() == BIG
    theirs.write(BIG)
    ours.feed(theirs.take())
    assert ours.error is None
    assert ours.received == BIG
    ours.connection.close()
    theirs.feed(ours.connection.data_to_send())
    assert theirs.read() == b""
    theirs.shutdown()
    ours.feed(theirs.take())
    assert ours.peer_closed


# ---- Tongsuo -----------------------------------------------------------------------------------

#: what Tongsuo's server does not take: (dialect, kind of suite) -> its error
REFUSED_BY_TONGSUO = {
    ("gmssl-3.1", "ECC"): "peer did not return a certificate",
    ("gmssl-3.3", "ECC"): "peer did not return a certificate",
    ("gmssl-3.3", "ECDHE"): "length",
    ("standard", "ECDHE"): "length",
}


@matrix
def test_our_client_and_tongsuo(pki: PKI, spoken: str, suite: CipherSuite, mutual: bool) -> None:
    auth: Literal["required", "none"] = "required" if mutual else "none"
    with (
        TongsuoContext(
            "server", pki.server_files, ciphers=[suite.openssl_name], client_auth=auth
        ) as context,
        TongsuoPeer(context) as theirs,
    ):
        ours = our_client(client_config(pki, spoken, suite, mutual=mutual))
        failure = meet(ours, theirs)
        why = REFUSED_BY_TONGSUO.get((spoken, suite.key_exchange.value)) if mutual else None
        if why is not None:
            assert isinstance(failure, TongsuoError)
            assert why in str(failure)
            assert isinstance(ours.error, AlertReceived)
            return
        assert failure is None
        assert ours.completed is not None
        assert {Quirk.ROOT_SENT} <= set(ours.completed.quirks)
        talk(ours, theirs)


@matrix
def test_our_server_and_tongsuo(pki: PKI, spoken: str, suite: CipherSuite, mutual: bool) -> None:
    """Its client takes every form of ours."""
    with (
        TongsuoContext(
            "client", pki.client_files, ciphers=[suite.openssl_name], with_identity=mutual,
            server_name="localhost",
        ) as context,
        TongsuoPeer(context) as theirs,
    ):  # fmt: skip
        ours = our_server(server_config(pki, spoken, suite, mutual=mutual))
        assert meet(ours, theirs) is None
        assert ours.completed is not None
        assert {Quirk.SCSV, Quirk.ASKS_TICKET} <= set(ours.completed.quirks)
        talk(ours, theirs)


# ---- sessions with Tongsuo ---------------------------------------------------------------------


@each_suite
@both_ways
@pytest.mark.parametrize("spoken", ["auto", "tongsuo"])
def test_our_client_resumes(pki: PKI, spoken: str, by: By, suite: CipherSuite) -> None:
    config = client_config(pki, spoken, suite, tickets=by == "ticket")
    session = None
    with TongsuoContext(
        "server", pki.server_files, ciphers=[suite.openssl_name], tickets=by == "ticket"
    ) as context:
        for resumed in (False, True, True):
            ours = our_client(config, session)
            with TongsuoPeer(context) as theirs:
                assert meet(ours, theirs) is None
                assert ours.error is None
                assert ours.completed is not None
                assert ours.completed.resumed == theirs.resumed == resumed
                assert theirs.peer_certificate_der == pki.client.sign_cert.der
                assert ours.completed.peer is not None
                assert ours.completed.peer.sign == pki.server.sign_cert
                talk(ours, theirs)
                session = ours.completed.session
                assert session is not None
                assert bool(session.ticket) == (by == "ticket")


@each_suite
@both_ways
@pytest.mark.parametrize("spoken", ["auto", "tongsuo"])
def test_our_server_resumes(pki: PKI, spoken: str, by: By, suite: CipherSuite) -> None:
    keeps: dict[str, Any] = {"session_store": MemoryStore()}
    if by == "ticket":
        keeps = {"ticket_keys": RotatingTicketKeys()}
    config = server_config(pki, spoken, suite, **keeps)
    with TongsuoContext(
        "client", pki.client_files, ciphers=[suite.openssl_name], tickets=by == "ticket"
    ) as context:
        session = None
        for resumed in (False, True):
            ours = our_server(config)
            with TongsuoPeer(context, session) as theirs:
                assert meet(ours, theirs) is None
                assert ours.error is None
                assert ours.completed is not None
                assert ours.completed.resumed == theirs.resumed == resumed
                assert ours.completed.peer is not None
                assert ours.completed.peer.sign == pki.client.sign_cert
                talk(ours, theirs)
                if session is not None:
                    session.close()
                session = theirs.session()
                assert session.has_ticket == (by == "ticket")
        if session is not None:
            session.close()


def test_tongsuos_server_forgot_the_session(pki: PKI) -> None:
    """Another server, with another ticket key and an empty cache: a full handshake follows."""
    for by in ("id", "ticket"):
        config = client_config(pki, "auto", ECC_CBC[0], tickets=by == "ticket")
        session = None
        for _ in range(2):
            with (
                TongsuoContext("server", pki.server_files, tickets=by == "ticket") as context,
                TongsuoPeer(context) as theirs,
            ):
                ours = our_client(config, session)
                assert meet(ours, theirs) is None
                assert ours.completed is not None
                assert not ours.completed.resumed
                session = ours.completed.session
                assert session is not None


def test_our_server_forgot_the_session(pki: PKI) -> None:
    for keeps in ({"session_store": MemoryStore}, {"ticket_keys": RotatingTicketKeys}):
        by_ticket = "ticket_keys" in keeps
        session = None
        with TongsuoContext("client", pki.client_files, tickets=by_ticket) as context:
            for _ in range(2):
                fresh = {name: make() for name, make in keeps.items()}
                ours = our_server(server_config(pki, "auto", ECC_CBC[0], **fresh))
                with TongsuoPeer(context, session) as theirs:
                    assert meet(ours, theirs) is None
                    assert ours.completed is not None
                    assert not ours.completed.resumed
                    assert not theirs.resumed
                    if session is not None:
                        session.close()
                    session = theirs.session()
            if session is not None:
                session.close()


# ---- GmSSL 3.1.1 -------------------------------------------------------------------------------


def dial(config: Config, server: GmSSLServer) -> OurSocket:
    sock = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
    return OurSocket(Connection.client(config, server_name="localhost"), sock)


@pytest.mark.parametrize("mutual", [False, True], ids=["oneway", "mutual"])
def test_our_client_and_gmssl(pki: PKI, tmp_path: Path, mutual: bool) -> None:
    """The preset works, with 100 KiB both ways."""
    config = client_config(pki, "gmssl-3.1", ECC_CBC[0], mutual=mutual)
    with GmSSLServer(pki.server_files, tmp_path, client_auth=mutual) as server:
        ours = dial(config, server)
        with ours.sock:
            ours.handshake()
            assert ours.end.completed is not None
            assert ours.end.completed.session is None
            assert Quirk.NO_SESSION_ID in ours.end.completed.quirks
            # it echoes record by record: both directions at once, or both would wait
            sender = threading.Thread(target=ours.sock.sendall, args=(sealed(ours, BIG),))
            sender.start()
            assert ours.read(len(BIG)) == BIG
            sender.join(TIMEOUT)
            assert not sender.is_alive()


def sealed(ours: OurSocket, data: bytes) -> bytes:
    ours.end.connection.send_data(data)
    return ours.end.connection.data_to_send()


@pytest.mark.parametrize("spoken", [name for name in DIALECTS if name != "gmssl-3.1"])
def test_other_dialects_lead_to_the_right_one(pki: PKI, tmp_path: Path, spoken: str) -> None:
    """Any extension gets alert 10, and the error says which dialect to try."""
    config = client_config(pki, spoken, ECC_CBC[0], mutual=False)
    with GmSSLServer(pki.server_files, tmp_path, client_auth=False) as server:
        ours = dial(config, server)
        with ours.sock, pytest.raises(AlertReceived) as caught:
            ours.handshake()
        assert caught.value.description == 10
        assert caught.value.dialect == "gmssl-3.1"


@contextlib.contextmanager
def gmssl_client(
    pki: PKI, workdir: Path, config: Config
) -> Iterator[tuple[OurSocket, GmSSLClient]]:
    """Our server's end of a connection of its client, and that client."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        GmSSLClient(pki.client_files, workdir, listener.getsockname()[1]) as client,
    ):
        listener.settimeout(TIMEOUT)
        ours = OurSocket(Connection.server(config), listener.accept()[0])
        with ours.sock:
            yield ours, client


@pytest.mark.parametrize("mutual", [False, True], ids=["oneway", "mutual"])
@pytest.mark.parametrize("spoken", list(DIALECTS))
def test_our_server_and_gmssl(pki: PKI, tmp_path: Path, spoken: str, mutual: bool) -> None:
    config = server_config(pki, spoken, ECC_CBC[0], mutual=mutual, session_store=MemoryStore())
    with gmssl_client(pki, tmp_path, config) as (ours, client):
        if mutual and not config.dialect.ca_names:
            with pytest.raises(AlertReceived) as caught:  # it needs the names of CAs
                ours.handshake()
            assert caught.value.description == 43
            return
        ours.handshake()
        assert ours.end.completed is not None
        assert Quirk.NO_EXTENSIONS in ours.end.completed.quirks
        assert (ours.end.completed.peer is not None) == mutual
        ask(ours, client, b"x" * 1000, BIG[:LONGEST])


def ask(ours: OurSocket, client: GmSSLClient, line: bytes, reply: bytes) -> None:
    """It sends a line and reads one record."""
    client.send_line(line)
    assert ours.read(len(line) + 1) == line + b"\n"
    ours.send(reply)
    assert client.receive(len(reply)) == reply


def test_100_kib_both_ways_with_gmssls_client(pki: PKI, tmp_path: Path) -> None:
    with gmssl_client(pki, tmp_path, server_config(pki, "auto", ECC_CBC[0])) as (ours, client):
        ours.handshake()
        for at in range(0, len(BIG), LONGEST):
            ask(ours, client, b"more", BIG[at : at + LONGEST])
        for _ in range(0, len(BIG), 1022):
            ask(ours, client, b"y" * 1022, b"taken")


@contextlib.contextmanager
def serving_in_turn(pki: PKI, workdirs: Iterator[Path], turns: int) -> Iterator[int]:
    """A port behind which each connection meets a server of its own: one refusal ends GmSSL's."""

    def relay(listener: socket.socket) -> None:
        for _ in range(turns):
            near, _ = listener.accept()
            with GmSSLServer(pki.server_files, next(workdirs), client_auth=True) as server:
                far = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
                with near, far:
                    back = threading.Thread(target=pump, args=(far, near))
                    back.start()
                    pump(near, far)
                    server.close()  # it would wait for more, end of stream or not
                    back.join(TIMEOUT)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        thread = threading.Thread(target=relay, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Carry bytes one way until their end."""
    source.settimeout(TIMEOUT)
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_create_connection_finds_gmssl(pki: PKI, workdirs: Iterator[Path]) -> None:
    """Nothing is said of its dialect; with client authentication, over a new connection."""
    context = create_default_context(cafile=pki.server_files.ca)
    files = pki.client_files
    context.load_cert_chain(
        sign=(files.sign_cert, files.sign_key), enc=(files.enc_cert, files.enc_key)
    )
    with serving_in_turn(pki, workdirs, turns=2) as port:
        sock = create_connection(
            ("127.0.0.1", port), context, server_hostname="localhost", timeout=TIMEOUT
        )
        with sock:
            assert context.met_dialect("localhost", port) is DIALECTS["gmssl-3.1"]
            sock.sendall(b"hello")
            assert sock.recv(5) == b"hello"
