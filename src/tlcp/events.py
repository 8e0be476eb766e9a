"""What ``Connection`` reports: events for the program, and traced messages for an onlooker.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tlcp.quirks import Quirk
    from tlcp.sessions.session import Session
    from tlcp.suites import CipherSuite
    from tlcp.x509.pair import VerifiedPair

__all__ = [
    "DataReceived",
    "Event",
    "HandshakeCompleted",
    "PeerClosed",
    "Recorder",
    "Tap",
    "TracedMessage",
]


@dataclass(frozen=True, slots=True)
class HandshakeCompleted:
    """Both Finished messages verified: from here on data may flow.

    Attributes:
        suite: the cipher suite agreed on.
        peer: the peer's certificates, None if it sent none. ``peer.verified`` tells whether
            they were checked against trust anchors.
        server_name: the name the client asked for (SNI), None if it asked for none.
        alpn_protocol: the application protocol agreed on (ALPN), None if none was.
        offered_suites: the ids in the client's list, best first.
        first_finished: verify_data of the first Finished, 12 bytes ("tls-unique", RFC 5929).
        resumed: whether an earlier session was continued.
        by_ticket: whether it was a ticket (RFC 5077) that brought it back, and not its id.
        session: for clients: what a later connection can continue, None if nothing.
        quirks: what was seen of the peer's stack.
        ocsp_response: the OCSP response that the server stapled (DER), not verified; None without.
        client_id: what the client said in client_id, for servers; empty for nothing.
    """

    suite: CipherSuite
    peer: VerifiedPair | None
    server_name: str | None
    alpn_protocol: str | None
    offered_suites: tuple[int, ...]
    first_finished: bytes
    resumed: bool = False
    session: Session | None = None
    quirks: tuple[Quirk, ...] = ()
    ocsp_response: bytes | None = None
    client_id: bytes = b""
    by_ticket: bool = False


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Authenticated application data, in order; record borders carry no meaning."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer sent close_notify: no data was lost, none will follow."""


Event = HandshakeCompleted | DataReceived | PeerClosed


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """One message as it was sent or received, for display.

    Attributes:
        sender: "client" or "server".
        content_type: the record's type, see ``tlcp.registry.ContentType``.
        data: a whole handshake message with its header, or the plaintext of another record.
        protected: whether it went encrypted.
    """

    sender: str
    content_type: int
    data: bytes
    protected: bool


class Tap(Protocol):
    """Hears what one connection's transport carries; it must not raise."""

    def sent(self, data: bytes) -> None:
        """These bytes were sent."""

    def received(self, data: bytes) -> None:
        """These bytes came; none: the peer has ended its side."""

    def reset(self) -> None:
        """The peer has reset the connection."""

    def closed(self) -> None:
        """We have ended our side, or closed the socket; may be called again."""


class Recorder(Protocol):
    """Records connections: ``tlcp.inspect.Recording`` is one."""

    def begin(self, *, server_side: bool, local: Any = None, peer: Any = None) -> Tap:
        """A connection that begins now, between two addresses, None where they are not known."""

    def keylog(self, line: str) -> None:
        """Take the ``CLIENT_RANDOM`` line of a connection, before the bytes that need it."""
