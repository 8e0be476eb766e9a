"""Sockets shared by threads and processes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.client
import http.server
import random
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shells.pairs import in_thread, pair
from support.sockets import LIMIT_S, client_context, dial, echo, served, server_context
from tlcp.socket import TLCPSocket

IP = "127.0.0.1"


def until_waiting(stream: TLCPSocket) -> None:
    """Return when a thread is inside poll(): from then on only a wake-up gets it out."""
    end = time.monotonic() + LIMIT_S
    while not stream._waiting:
        assert time.monotonic() < end, "nobody waits"


@pytest.mark.parametrize("end", ["close", "shutdown", "peer"])
def test_a_blocked_reader_is_woken(end: str) -> None:
    with pair() as (near, far), in_thread(lambda: near.recv(1)) as result:
        near.settimeout(LIMIT_S)
        until_waiting(near)
        if end == "close":
            near.close()
        elif end == "shutdown":
            near.shutdown(socket.SHUT_RDWR)
        else:
            far.close()
    (found,) = result
    if end == "close":
        assert found == b"" or isinstance(found, OSError)
    else:
        assert found == b""


def test_a_blocked_writer_is_woken() -> None:
    with pair() as (near, _), in_thread(lambda: near.sendall(bytes(64 << 20))) as result:
        until_waiting(near)
        near.close()
    assert isinstance(result[0], OSError)


def test_a_blocked_handshake_is_woken() -> None:
    one, other = socket.socketpair()
    with other:
        near = client_context().wrap_socket(
            one, server_hostname="a.example", do_handshake_on_connect=False
        )
        with in_thread(near.do_handshake) as result:
            until_waiting(near)
            near.close()
        assert isinstance(result[0], OSError)


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_at_once(seed: int) -> None:
    """A reader and a writer on each side, with pieces of any size."""
    size = 8 << 20
    sums: dict[str, str] = {}

    def write(stream: TLCPSocket, name: str) -> None:
        pick = random.Random(f"{seed} {name}")  # noqa: S311
        digest, left = hashlib.sha256(), size
        while left:
            piece = pick.randbytes(min(left, pick.choice([1, 1000, 16384, 70_000, 300_000])))
            digest.update(piece)
            stream.sendall(piece)
            left -= len(piece)
        sums[f"{name} sent"] = digest.hexdigest()

    def read(stream: TLCPSocket, name: str) -> None:
        pick = random.Random(f"{seed} {name} r")  # noqa: S311
        digest, left = hashlib.sha256(), size
        while left:
            data = stream.recv(pick.choice([1, 999, 16384, 100_000]))
            assert data, "it ended early"
            digest.update(data)
            left -= len(data)
        sums[f"{name} received"] = digest.hexdigest()

    with (
        pair() as (near, far),
        in_thread(lambda: write(near, "there")),
        in_thread(lambda: read(far, "there")),
        in_thread(lambda: write(far, "back")),
        in_thread(lambda: read(near, "back")),
    ):
        pass
    assert sums["there sent"] == sums["there received"]
    assert sums["back sent"] == sums["back received"]


def test_many_writers() -> None:
    """Each send() arrives whole: lines of many threads never mix."""
    writers, lines = 16, 200

    def write(stream: TLCPSocket, number: int) -> None:
        for line in range(lines):
            stream.sendall(f"{number}:{line}:{'x' * (line % 50) * 10}\n".encode())

    with pair() as (near, far), contextlib.ExitStack() as stack:
        for number in range(writers):
            stack.enter_context(in_thread(functools.partial(write, near, number)))
        with far.makefile("rb") as file:
            got = [file.readline().decode().split(":") for _ in range(writers * lines)]
    for number in range(writers):
        mine = [(int(line), len(fill)) for who, line, fill in got if int(who) == number]
        assert mine == [(line, line % 50 * 10 + 1) for line in range(lines)]


def test_many_readers() -> None:
    """Every byte reaches exactly one of them."""
    sent = bytes(range(256)) * 4096
    with pair() as (near, far), contextlib.ExitStack() as stack:
        parts: list[bytes] = []

        def read() -> None:
            while data := near.recv(1000):
                parts.append(data)

        for _ in range(4):
            stack.enter_context(in_thread(read))
        far.sendall(sent)
        far.close()
    assert sum(map(len, parts)) == len(sent)
    assert sorted(b"".join(parts)) == sorted(sent)


# ---- the standard library's servers -------------------------------------------------------


@contextlib.contextmanager
def running(server: socketserver.BaseServer) -> Iterator[Any]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_address
        finally:
            server.shutdown()
            thread.join(LIMIT_S)


class Quiet(http.server.BaseHTTPRequestHandler):
    """Says whom it serves."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        peer = self.connection.getpeercert()["subject"][-1][0][1]
        body = f"{self.path} for {peer}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


def test_http_server_and_client() -> None:
    server = http.server.ThreadingHTTPServer((IP, 0), Quiet)
    server.socket = server_context().wrap_socket(server.socket, server_side=True)
    with running(server) as address:
        client = http.client.HTTPSConnection(
            IP, address[1], context=client_context(), timeout=LIMIT_S
        )
        with contextlib.closing(client):
            for path in ("/one", "/two"):
                client.request("GET", path)
                assert client.getresponse().read() == f"{path} for client".encode()


class Line(socketserver.StreamRequestHandler):
    """Sends lines back, in capitals."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


def test_socketserver() -> None:
    class Server(socketserver.ThreadingTCPServer):
        def get_request(self) -> tuple[Any, Any]:
            sock, address = super().get_request()
            context = server_context()
            return context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            ), address

    with (
        running(Server((IP, 0), Line)) as address,
        dial(address) as near,
        near.makefile("rw") as file,
    ):
        file.write("hello\nworld\n")
        file.flush()
        assert [file.readline(), file.readline()] == ["HELLO\n", "WORLD\n"]


FORKING = """
import os, socket, sys
sys.path[:0] = {path!r}
from support.sockets import dial, server_context

wait, go = os.pipe()
listener = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:  # the client, before there are threads
    with dial(listener.getsockname()) as near:
        near.sendall(b"hello")
        assert near.recv(99) == b"from the child", "from the child"
        near.sendall(b"bye")
        assert near.recv(99) == b"", "closed by the child"
        assert near.peer_closed
    os._exit(0)
sock, _ = listener.accept()
stream = server_context().wrap_socket(sock, server_side=True)
assert stream.recv(5) == b"hello"
if os.fork() == 0:
    os.read(wait, 1)  # until the parent has closed its copy
    stream.sendall(b"from the child")
    assert stream.recv(3) == b"bye"
    stream.shutdown(socket.SHUT_RDWR)
    os._exit(0)
stream.close()
os.write(go, b"!")
print([os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)])
"""


def test_a_forked_child_goes_on_when_its_parent_closes() -> None:
    """As socketserver's ForkingMixIn does it: the parent's close() says no goodbye."""
    path = [str(Path(__file__).parents[1]), *sys.path]
    code = FORKING.format(path=path)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.stdout.strip() == "[0, 0]", done.stderr


# ---- nothing is left behind -------------------------------------------------------------------


def test_no_resource_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with served(echo) as address:
            stream = dial(address)
            stream.sendall(b"x")
            assert stream.recv(1) == b"x"
            stream.close()
            stream.close()
            with pytest.raises(ssl.SSLError):
                dial(address, server_hostname="other.example")


def test_a_socket_that_is_dropped_warns() -> None:
    with served(echo) as address:
        stream: Any = dial(address)
        with pytest.warns(ResourceWarning, match="unclosed"):
            del stream
