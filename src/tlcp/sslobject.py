"""``TLCPObject``: the twin of ``ssl.SSLObject``, TLCP between two ``ssl.MemoryBIO``.

Everything that drives an ``ssl.SSLObject`` (asyncio, anyio, trio, Twisted) drives this one the
same way. ``TLCPSocket`` does, too: it moves bytes between its socket and the two BIOs.

Spec: the Python documentation of ``ssl.SSLObject``; GB/T 38636-2020 6.4
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.errors import ClosedError, MisuseError, WantReadError
from tlcp.events import DataReceived, HandshakeCompleted, PeerClosed
from tlcp.suites import ALL_SUITES
from tlcp.x509.pair import VerifiedPair
from tlcp.x509.peercert import as_dictionary

if TYPE_CHECKING:
    from tlcp.context import TLCPContext

__all__ = ["VERSION_NAME", "TLCPObject"]

VERSION_NAME = "TLCPv1.1"
_READ_BYTES = 1024  # what ``ssl`` reads by default


class Source(Protocol):
    """Where the peer's bytes come from: ``ssl.MemoryBIO`` is one."""

    def read(self, size: int = ..., /) -> bytes: ...

    @property
    def eof(self) -> bool: ...


class Sink(Protocol):
    """Where our bytes go: ``ssl.MemoryBIO`` is one."""

    def write(self, data: bytes, /) -> int: ...


class TLCPObject:
    """One TLCP connection over two BIOs; made by ``TLCPContext.wrap_bio``.

    Not thread-safe, as ``ssl.SSLObject``.

    Attributes:
        context: the ``TLCPContext``; a server's ``sni_callback`` may assign another one.
        server_side: whether this is the server's end.
        server_hostname: the name a client verifies and asks for, None on servers.
    """

    def __init__(
        self,
        context: TLCPContext,
        incoming: Source,
        outgoing: Sink,
        *,
        server_side: bool,
        server_hostname: str | None,
        owner: object = None,
    ) -> None:
        self.context, self.server_side, self.server_hostname = context, server_side, server_hostname
        self._incoming, self._outgoing = incoming, outgoing
        self._owner = owner if owner is not None else self  # what an sni_callback is shown
        self._received = bytearray()
        self._completed: HandshakeCompleted | None = None
        self._peer_closed = self._closed = False
        config = context.config_for(server_side=server_side)
        self._connection = self._connect(config)
        context.count("accept" if server_side else "connect")

    def _connect(self, config: Config) -> Connection:
        if not self.server_side:
            return Connection.client(config, server_name=self.server_hostname)
        return Connection.server(replace(config, on_server_name=self._on_server_name))

    def _on_server_name(self, name: str | None) -> Config | None:
        before = self.context
        before.call_sni_callback(self._owner, name)
        if self.context is before:
            return None
        config = self.context.config_for(server_side=True)
        return replace(config, on_server_name=None)

    def __repr__(self) -> str:
        return f"<TLCPObject {self._connection.role} {self.cipher() or self._connection.expecting}>"

    # ---- the connection --------------------------------------------------------------------

    def do_handshake(self) -> None:
        """Run the handshake as far as the bytes that are there allow.

        Raises:
            WantReadError: more bytes of the peer are needed (also ``ssl.SSLWantReadError``).
            TLCPError: it failed; the alert for the peer is in the outgoing BIO.
        """
        while self._completed is None:
            self._pump()

    def read(self, len: int = _READ_BYTES, buffer: Any = None) -> Any:
        """Read up to ``len`` bytes, into ``buffer`` if given; returns the bytes, or their number.

        After the peer's close_notify there are none: b"" or 0.

        Raises:
            WantReadError: no data has come yet.
            TruncatedError: the transport ended without close_notify (``ssl.SSLEOFError``).
            ClosedError: both sides have closed (``ssl.SSLZeroReturnError``).
            TLCPError: the connection failed.
        """
        self.do_handshake()
        if len == 0 or (buffer is not None and not memoryview(buffer).nbytes):
            return b"" if buffer is None else 0
        while not self._received and not self._peer_closed:
            self._pump()
        if not self._received and self._closed:
            raise ClosedError("both sides have closed the connection")
        return self._take(len) if buffer is None else self._take_into(len, buffer)

    def _take(self, size: int) -> bytes:
        with memoryview(self._received) as view:
            data = bytes(view[:size])
        del self._received[: len(data)]
        return data

    def _take_into(self, size: int, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        count = min(len(self._received), len(target), size if size > 0 else len(target))
        with memoryview(self._received) as view:
            target[:count] = view[:count]
        del self._received[:count]
        return count

    def write(self, data: Any) -> int:
        """Seal all of ``data`` into the outgoing BIO; returns its length in bytes.

        Raises:
            WantReadError: the handshake has to go on first.
            ClosedError: this side has closed.
            TLCPError: the connection failed.
        """
        self.do_handshake()
        view = memoryview(data).cast("B")
        self._connection.send_data(view)
        self._flush()
        return view.nbytes

    def unwrap(self) -> None:
        """Send close_notify, and wait for the peer's.

        Data that comes before it is dropped, as ``ssl`` does.

        Raises:
            WantReadError: it has not come yet.
            TruncatedError: the transport ended without it.
            MisuseError: the handshake is not through (``ssl`` raises here, too).
        """
        if self._completed is None:
            raise MisuseError("unwrap() before the handshake is through")
        self.send_close_notify()
        while not self._peer_closed:
            self._received.clear()
            self._pump()

    def send_close_notify(self) -> None:
        """Say that nothing more will be sent; what the peer sends can still be read."""
        if not self._closed and self._completed is not None:
            self._closed = True
            self._connection.close()
            self._flush()

    def pending(self) -> int:
        """How many decrypted bytes can be read at once."""
        return len(self._received)

    def _pump(self) -> None:
        """Work through what the incoming BIO has; WantReadError if there is nothing."""
        self._flush()
        data = self._incoming.read()
        if data:
            self._connection.receive_data(data)
        elif self._incoming.eof:
            self._connection.receive_eof()
        else:
            raise WantReadError("more bytes of the peer are needed")
        try:
            while (event := self._connection.next_event()) is not None:
                self._on_event(event)
        finally:
            self._flush()

    def _on_event(self, event: object) -> None:
        match event:
            case DataReceived():
                self._received += event.data
            case PeerClosed():
                self._peer_closed = True
            case HandshakeCompleted():
                self._completed = event
                self.context.count("accept_good" if self.server_side else "connect_good")

    def _flush(self) -> None:
        if data := self._connection.data_to_send():
            self._outgoing.write(data)

    # ---- what was agreed on -----------------------------------------------------------------

    @property
    def negotiated(self) -> HandshakeCompleted | None:
        """What the handshake agreed on, None before its end."""
        return self._completed

    @property
    def peer_certificates(self) -> VerifiedPair | None:
        """The peer's pair and chains; None if it sent none or the handshake is not through."""
        return self._completed.peer if self._completed else None

    def getpeercert(self, binary_form: bool = False) -> dict[str, Any] | bytes | None:
        """The peer's signing certificate.

        Args:
            binary_form: True for its DER, verified or not.

        Returns:
            None if the peer sent none; an empty dictionary if it was not verified; else the
            dictionary that ``ssl`` documents.

        Raises:
            ValueError: the handshake is not through.
        """
        if self._completed is None:
            raise ValueError("handshake not done yet")
        peer = self._completed.peer
        if peer is None:
            return None
        if binary_form:
            return peer.sign.der
        return as_dictionary(peer.sign) if peer.verified else {}

    def get_verified_chain(self) -> list[bytes]:
        """DER from the peer's signing certificate up to the trust anchor; empty if unverified."""
        peer = self.peer_certificates
        return [c.der for c in peer.sign_chain] if peer else []

    def get_unverified_chain(self) -> list[bytes]:
        """DER of what the peer sent: signing, encryption, then the others."""
        peer = self.peer_certificates
        if peer is None:
            return []
        enc = [peer.enc] if peer.enc is not None else []
        return [c.der for c in (peer.sign, *enc, *peer.intermediates)]

    def cipher(self) -> tuple[str, str, int] | None:
        """Name of the suite, of the protocol, and secret bits; None before the handshake."""
        return (self._completed.suite.name, VERSION_NAME, 128) if self._completed else None

    def shared_ciphers(self) -> list[tuple[str, str, int]] | None:
        """The client's suites that are enabled here, on servers; None on clients or too early."""
        if self._completed is None or not self.server_side:
            return None
        ours = {s.id for s in self.context.config_for(server_side=True).suites}
        ids = (i for i in self._completed.offered_suites if i in ours)
        return [(ALL_SUITES[i].name, VERSION_NAME, 128) for i in ids]

    def version(self) -> str | None:
        """The protocol, "TLCPv1.1"; None before the handshake."""
        return VERSION_NAME if self._completed else None

    def selected_alpn_protocol(self) -> str | None:
        """The application protocol agreed on, or None."""
        return self._completed.alpn_protocol if self._completed else None

    def selected_npn_protocol(self) -> None:
        """None: NPN is gone, and ``ssl`` answers the same."""

    def compression(self) -> None:
        """None: there is no compression."""

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """The first Finished of the connection (RFC 5929 3); None before the handshake.

        Raises:
            ValueError: another type is asked for.
        """
        if cb_type != "tls-unique":
            raise ValueError(f"{cb_type} channel binding type not implemented")
        return self._completed.first_finished if self._completed else None

    @property
    def session(self) -> None:
        """None: sessions are not resumed yet."""
        return None

    @session.setter
    def session(self, session: None) -> None:
        if session is not None:
            raise TypeError("Value is not a session of tlcp: sessions are not resumed yet")

    @property
    def session_reused(self) -> bool:
        """Whether an earlier session was continued."""
        return self._completed is not None and self._completed.resumed

    def verify_client_post_handshake(self) -> NoReturn:
        """Not in TLCP: it is a message of TLS 1.3.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("TLCP has no post-handshake authentication; use verify_mode")
