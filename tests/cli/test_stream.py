"""The stream below the commands, the relay and the key log: what processes cannot show."""

from __future__ import annotations

import contextlib
import itertools
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import tlcp.socket
from cli.tools import LIMIT_S
from peers.pki import PKI
from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.errors import AlertReceived, ConfigError, TruncatedError
from tlcp.keylog import KeyLogFile
from tlcp.socket import TLCPSocket


@contextlib.contextmanager
def streams(pki: PKI) -> Iterator[tuple[TLCPSocket, TLCPSocket]]:
    """A client and a server over a pair of sockets with small buffers."""
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(LIMIT_S)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
    client = Connection.client(
        Config(identity=pki.client.identity, trust=pki.trust), server_name="localhost"
    )
    server = Connection.server(Config(identity=pki.server.identity, trust=pki.trust))
    with TLCPSocket(ends[0], client) as near, TLCPSocket(ends[1], server) as far:
        yield near, far


def echo(stream: TLCPSocket) -> None:
    while data := stream.recv(1 << 18):
        stream.sendall(data)
    stream.close()


def test_a_reader_goes_on_while_a_writer_is_blocked(pki: PKI) -> None:
    """The peer reads only after we have read: a lock held by the writer must not stop that."""
    sent, received = bytes(4 << 20), bytearray()
    with streams(pki) as (near, far):
        server = threading.Thread(target=echo, args=(far,), daemon=True)
        server.start()
        near.do_handshake()

        def write() -> None:
            near.sendall(sent)
            near.close_notify()

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        while data := near.recv(1 << 18):
            received += data
        writer.join(LIMIT_S)
        server.join(LIMIT_S)
    assert received == sent


def test_a_handshake_has_one_deadline_however_the_bytes_dribble(
    pki: PKI, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = socket.socketpair()
    clock = itertools.count(0, 10)
    monkeypatch.setattr(tlcp.socket.time, "monotonic", lambda: next(clock))  # type: ignore[attr-defined]
    server = Connection.server(Config(identity=pki.server.identity, trust=pki.trust))
    with far, TLCPSocket(near, server) as stream:
        far.sendall(b"\x16\x01\x01")  # there is always something to read, and never enough
        with pytest.raises(TimeoutError, match="took too long"):
            stream.do_handshake(timeout_s=15)


@pytest.mark.parametrize(
    ("words", "error"), [(b"\x15\x01\x01\x00\x02\x02\x28", AlertReceived), (b"", TruncatedError)]
)
def test_the_alert_of_a_peer_that_hung_up_is_still_read(
    pki: PKI, words: bytes, error: type[Exception]
) -> None:
    near, far = socket.socketpair()
    far.sendall(words)
    far.close()  # sending fails from here on
    client = Connection.client(Config(trust=pki.trust), server_name="localhost")
    with TLCPSocket(near, client) as stream, pytest.raises(error):
        stream.do_handshake()


def test_the_timeout_of_the_socket_is_back_after_the_handshake(pki: PKI) -> None:
    with streams(pki) as (near, far):
        server = threading.Thread(target=echo, args=(far,), daemon=True)
        server.start()
        near.do_handshake(timeout_s=5)
        assert near._sock.gettimeout() == LIMIT_S
        near.close()
        server.join(LIMIT_S)


def test_key_log_lines_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with KeyLogFile(path) as log:

        def write(number: int) -> None:
            for _ in range(50):
                log(str(number) * 200)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT_S)
    lines = path.read_text().splitlines()
    assert len(lines) == 400
    assert all(len(set(line)) == 1 and len(line) == 200 for line in lines)


def test_a_key_log_is_appended_to_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    for line in ("one", "two"):
        with KeyLogFile(path) as log:
            log(line)
        log.close()
        log("after the end")
    assert path.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_log_that_cannot_be_written_is_our_users_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="key log"):
        KeyLogFile(tmp_path / "no" / "keys")
