"""``TLCPSocket``: a TLCP connection over a connected stream socket, blocking or with a timeout.

One lock guards the engine, never a blocking ``recv`` or ``send``, so a thread may read while
another writes.

Spec: GB/T 38636-2020 6.4
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.errors import TLCPError, TruncatedError
from tlcp.events import DataReceived, HandshakeCompleted, PeerClosed

__all__ = ["TLCPSocket", "connect"]

_READ_BYTES = 1 << 18
_WRITE_BYTES = 1 << 18
_LINGER_S = 1.0


class TLCPSocket:
    """A TLCP connection on a socket, which it owns from here on.

    Args:
        sock: connected; its timeout applies to every call.
        connection: a fresh ``Connection``.
    """

    def __init__(self, sock: socket.socket, connection: Connection) -> None:
        self._sock, self._connection = sock, connection
        self._engine = threading.Lock()
        self._sending = threading.Lock()  # keeps records in order on the wire
        self._unsent = bytearray()  # answers of the engine, before anything it seals later
        self._received = bytearray()
        self._ended = False
        self._completed: HandshakeCompleted | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def do_handshake(self, timeout_s: float | None = None) -> HandshakeCompleted:
        """Run the handshake to its end; returns what was agreed on.

        Args:
            timeout_s: seconds for the whole of it, so that a peer who dribbles bytes gains
                nothing; None = the socket's timeout for every step.

        Raises:
            TLCPError: it failed; the peer has been told.
            TimeoutError: the time is over.
            OSError: the transport failed.
        """
        before = self._sock.gettimeout()
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            self._flush()
            while self._completed is None:
                if deadline is not None:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise TimeoutError("the handshake took too long")
                    self._sock.settimeout(left)
                self._pump()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._last_words(error) from error
        self._sock.settimeout(before)
        return self._completed

    def settimeout(self, timeout_s: float | None) -> None:
        """Seconds that each later call may wait for the peer, None = forever."""
        self._sock.settimeout(timeout_s)

    def recv(self, size: int) -> bytes:
        """Read up to ``size`` bytes; b"" after the peer's close_notify.

        Raises:
            TLCPError, TimeoutError, OSError: as ``do_handshake``.
            TruncatedError: the peer vanished without close_notify.
        """
        if self._completed is None:
            self.do_handshake()
        while True:
            with self._engine:
                if self._received:
                    data = bytes(self._received[:size])
                    del self._received[: len(data)]
                    return data
            if self._ended:
                return b""
            self._pump()

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``.

        Raises:
            TLCPError, TimeoutError, OSError: as ``do_handshake``.
        """
        if self._completed is None:
            self.do_handshake()
        view = memoryview(data)
        for start in range(0, len(view), _WRITE_BYTES):
            with self._sending:
                with self._engine:
                    self._connection.send_data(view[start : start + _WRITE_BYTES])
                    out = self._take_unsent()
                self._sock.sendall(out)

    def close_notify(self) -> None:
        """Tell the peer that nothing more will be sent; what it sends can still be read."""
        with self._engine:
            if self._connection.handshake_completed:
                self._connection.close()
        with contextlib.suppress(OSError):  # it may be gone already
            self._flush()

    def close(self) -> None:
        """Send close_notify if the connection is up, and close the socket."""
        self.close_notify()
        self._sock.close()

    def fileno(self) -> int:
        """The socket's file descriptor."""
        return self._sock.fileno()

    # ---- plumbing ------------------------------------------------------------------------

    def _pump(self) -> None:
        """Read once from the transport, and work through what came."""
        try:
            data = self._sock.recv(_READ_BYTES)
        except ConnectionResetError as error:
            with self._engine:
                error_seen = self._reset(error)
            raise error_seen from error
        try:
            with self._engine:
                if data:
                    self._connection.receive_data(data)
                else:
                    self._connection.receive_eof()
                self._take_events()
                self._unsent += self._connection.data_to_send()
                answer = bool(self._unsent)
        except TLCPError:
            self._give_up()
            raise
        # Only with something to say: a writer may hold the lock until the peer reads, and the
        # peer may read only after we have read.
        if answer:
            self._flush()

    def _last_words(self, error: OSError) -> Exception:
        """The peer hung up while we were sending: its alert may have come before that."""
        try:
            while data := self._sock.recv(_READ_BYTES):
                with self._engine:
                    self._connection.receive_data(data)
                    self._take_events()
        except TLCPError as alert:
            return alert
        except OSError:  # nothing is left to read
            pass
        return self._reset(error)

    def _reset(self, error: OSError) -> Exception:
        """A reset in the handshake means that the peer hung up on us: say where."""
        if self._connection.handshake_completed:
            return error
        return TruncatedError(
            f"the {self._connection.peer_role} reset the connection in the middle of the handshake",
            expected=self._connection.expecting,
        ).at(self._connection.role, f"waiting for {self._connection.expecting}")

    def _take_events(self) -> None:
        while (event := self._connection.next_event()) is not None:
            if isinstance(event, DataReceived):
                self._received += event.data
            elif isinstance(event, HandshakeCompleted):
                self._completed = event
            elif isinstance(event, PeerClosed):
                self._ended = True

    def _flush(self) -> None:
        with self._sending:
            with self._engine:
                out = self._take_unsent()
            if out:
                self._sock.sendall(out)

    def _take_unsent(self) -> bytes:
        """All that is ready for the transport, in the order in which it was sealed."""
        out = bytes(self._unsent) + self._connection.data_to_send()
        self._unsent.clear()
        return out

    def _give_up(self) -> None:
        """Send the alert and make sure that it arrives: a close with unread bytes would reset."""
        with contextlib.suppress(OSError):
            self._flush()
            self._sock.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + _LINGER_S
            while (left := deadline - time.monotonic()) > 0:
                self._sock.settimeout(left)
                if not self._sock.recv(_READ_BYTES):
                    break


def connect(
    address: tuple[str, int],
    config: Config,
    *,
    server_name: str | None = None,
    timeout_s: float | None = None,
) -> TLCPSocket:
    """Connect over TCP and complete the handshake.

    Args:
        address: host and port.
        config: settings.
        server_name: the name to verify, if it is not the host of the address.
        timeout_s: seconds for connecting and for every later call, None = forever.

    Raises:
        ConfigError: see ``Connection.client``.
        TLCPError, TimeoutError, OSError: the connection or the handshake failed.
    """
    connection = Connection.client(config, server_name=server_name or address[0])
    sock = socket.create_connection(address, timeout_s)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = TLCPSocket(sock, connection)
        stream.do_handshake()
    except BaseException:
        sock.close()
        raise
    return stream
