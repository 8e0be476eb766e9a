"""Tongsuo over TCP on 127.0.0.1: an echo server in a thread, and a client."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from peers.tongsuo import Alert, TongsuoContext, TongsuoError, TongsuoPeer

TIMEOUT = 30.0  # seconds; a bound for what would hang, never a wait


class TongsuoStream:
    """One Tongsuo peer on a connected socket, blocking."""

    def __init__(self, context: TongsuoContext, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(TIMEOUT)
        self.peer = TongsuoPeer(context)

    def _send(self) -> None:
        if data := self.peer.take():
            self.sock.sendall(data)

    def _receive(self) -> None:
        data = self.sock.recv(1 << 16)
        if not data:
            raise TongsuoError("the other side closed TCP without close_notify", [])
        self.peer.feed(data)

    def do_handshake(self) -> None:
        """Run the handshake to its end; an alert of ours is sent before the error is raised."""
        while True:
            try:
                done = self.peer.do_handshake()
            except TongsuoError:
                with contextlib.suppress(OSError):
                    self._send()
                raise
            self._send()
            if done:
                return
            self._receive()

    def write(self, data: bytes) -> None:
        """Send application data."""
        self.peer.write(data)
        self._send()

    def read(self) -> bytes:
        """Wait for application data; b"" after close_notify."""
        while (data := self.peer.read()) is None:
            self._send()
            self._receive()
        return data

    def read_exactly(self, size: int) -> bytes:
        """Wait for ``size`` bytes of application data."""
        out = bytearray()
        while len(out) < size:
            if not (data := self.read()):
                raise TongsuoError(f"close_notify after {len(out)} of {size} bytes", [])
            out += data
        return bytes(out)

    def shutdown(self) -> None:
        """Send close_notify; does not wait for the other side's."""
        self.peer.shutdown()
        self._send()

    def close(self) -> None:
        """Free the connection and close TCP."""
        self.peer.close()
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(context: TongsuoContext, port: int) -> TongsuoStream:
    """Connect to a TLCP server on 127.0.0.1 and run the handshake."""
    stream = TongsuoStream(context, socket.create_connection(("127.0.0.1", port), TIMEOUT))
    try:
        stream.do_handshake()
    except BaseException:
        stream.close()
        raise
    return stream


@dataclass
class Session:
    """What the echo server saw of one connection."""

    cipher_name: str = ""
    peer_certificate_der: bytes | None = None
    received: bytearray = field(default_factory=bytearray)
    alerts: list[Alert] = field(default_factory=list)
    clean: bool = False  # ended with the client's close_notify
    error: Exception | None = None


class TongsuoEchoServer:
    """A Tongsuo server on a free port of 127.0.0.1 that sends back what it gets.

    It serves one connection after the other in one thread, from ``with`` to its end.

    Attributes:
        port: the port it listens on.
        sessions: one entry for each connection that has ended, after ``with`` all of them.
    """

    def __init__(self, context: TongsuoContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.sessions: list[Session] = []
        self._live: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="tongsuo-echo", daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:  # the listener was shut down
                return
            self._live = sock
            with TongsuoStream(self._context, sock) as stream:
                session = Session(alerts=stream.peer.alerts)
                try:
                    self._echo(stream, session)
                except (TongsuoError, OSError) as error:
                    session.error = error
                self.sessions.append(session)

    def _echo(self, stream: TongsuoStream, session: Session) -> None:
        stream.do_handshake()
        session.cipher_name = stream.peer.cipher_name
        session.peer_certificate_der = stream.peer.peer_certificate_der
        while data := stream.read():
            session.received += data
            stream.write(data)
        session.clean = True
        stream.shutdown()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # a last connection may still be on its way out: let it end by itself unless a test failed
        for sock in (self._listener, self._live if kind else None):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT)
        self._listener.close()
        if self._thread.is_alive() and kind is None:
            raise TimeoutError("a connection of the Tongsuo echo server does not end")
