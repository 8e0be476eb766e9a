"""Our end of a connection, and how to bring it together with a peer's."""

from __future__ import annotations

import contextlib
import socket

from peers.tongsuo import TongsuoError, TongsuoPeer
from tlcp.connection import Connection
from tlcp.errors import TLCPError
from tlcp.events import DataReceived, HandshakeCompleted, PeerClosed

TIMEOUT = 30.0  # seconds; a bound for what would hang, never a wait


class OurEnd:
    """A ``Connection`` that collects what it reports instead of raising.

    Attributes:
        completed: the event, once the handshake is through.
        received: all application data so far.
        peer_closed: whether the peer's close_notify has come.
        error: what ended the connection, None as long as nothing has.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.completed: HandshakeCompleted | None = None
        self.received = bytearray()
        self.peer_closed = False
        self.error: TLCPError | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes from the peer and look at every event in them."""
        self.connection.receive_data(data)
        self.look()

    def look(self) -> None:
        """Take every event that is ready."""
        try:
            while (event := self.connection.next_event()) is not None:
                if isinstance(event, HandshakeCompleted):
                    self.completed = event
                elif isinstance(event, DataReceived):
                    self.received += event.data
                elif isinstance(event, PeerClosed):
                    self.peer_closed = True
        except TLCPError as error:
            self.error = error


def meet(ours: OurEnd, theirs: TongsuoPeer) -> TongsuoError | None:
    """Run a handshake with Tongsuo until both are done or nothing more is said.

    Returns:
        What Tongsuo raised, None if it is content; what ended our side is in ``ours.error``.
    """
    failure: TongsuoError | None = None
    while True:
        said = ours.connection.data_to_send()
        theirs.feed(said)
        try:
            theirs.do_handshake()
        except TongsuoError as error:  # again in each later round: the first one tells
            failure = failure or error
        answer = theirs.take()
        if ours.error is None and answer:
            ours.feed(answer)
        if not said and not answer:
            return failure


class OurSocket:
    """Our end on a blocking TCP socket."""

    def __init__(self, connection: Connection, sock: socket.socket) -> None:
        self.end = OurEnd(connection)
        self.sock = sock
        sock.settimeout(TIMEOUT)

    def flush(self) -> None:
        """Send what is ready; a peer that has already gone does not matter."""
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(self.end.connection.data_to_send())

    def receive(self) -> bool:
        """Wait for bytes of the peer; False at the end of the stream."""
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionError:
            data = b""
        if data:
            self.end.feed(data)
        else:
            self.end.connection.receive_eof()
            self.end.look()
        self.flush()
        return bool(data)

    def handshake(self) -> None:
        """Run the handshake; raises what ends our side."""
        self.flush()
        while self.end.completed is None and self.end.error is None and self.receive():
            pass
        if self.end.error is not None:
            raise self.end.error

    def send(self, data: bytes) -> None:
        """Send application data."""
        self.end.connection.send_data(data)
        self.flush()

    def read(self, size: int) -> bytes:
        """Wait until ``size`` bytes of application data have come, and take them."""
        while len(self.end.received) < size and self.end.error is None and self.receive():
            pass
        data = bytes(self.end.received[:size])
        del self.end.received[:size]
        return data

    def drain(self) -> None:
        """Receive until the stream ends."""
        while self.receive():
            pass
