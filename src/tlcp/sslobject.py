"""``TLCPObject``: the twin of ``ssl.SSLObject``, TLCP between two ``ssl.MemoryBIO``.

Everything that drives an ``ssl.SSLObject`` (asyncio, anyio, trio, Twisted) drives this one the
same way. ``TLCPSocket`` does, too: it moves bytes between its socket and the two BIOs.

Spec: the Python documentation of ``ssl.SSLObject``; GB/T 38636-2020 6.4
"""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from tlcp.alerts import AlertDescription
from tlcp.config import Config
from tlcp.connection import Connection
from tlcp.dialects import AUTO, Dialect
from tlcp.errors import (
    ClosedError,
    HandshakeEvicted,
    HandshakeTimeout,
    InternalError,
    NegotiationError,
    RefusedByProgram,
    TLCPError,
    TruncatedError,
    WantReadError,
)
from tlcp.events import DataReceived, Event, HandshakeCompleted, PeerClosed
from tlcp.record.counter import RecordCounter
from tlcp.sessions.client import TLCPSession, check_session
from tlcp.sessions.session import Session
from tlcp.suites import ALL_SUITES, BulkCipher, CipherSuite, KeyExchangeKind, KeyKind
from tlcp.x509.names import to_a_labels
from tlcp.x509.pair import VerifiedPair
from tlcp.x509.peercert import as_dictionary

if TYPE_CHECKING:
    from tlcp.context import TLCPContext

__all__ = ["VERSION_NAME", "TLCPObject", "describe_suite", "host_name"]

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

    __slots__ = (
        "__weakref__",
        "_begun",
        "_closed",
        "_completed",
        "_connection",
        "_context",
        "_counter",
        "_dialect",
        "_evicted",
        "_handshakes",
        "_incoming",
        "_limits",
        "_outgoing",
        "_owner",
        "_peer_closed",
        "_place",
        "_received",
        "_session",
        "_taken",
        "_until",
        "_unwrapping",
        "server_hostname",
        "server_side",
    )

    decrypts_all = True  # what was handed over is in ``pending``: nothing waits below

    def __init__(
        self,
        context: TLCPContext,
        incoming: Source,
        outgoing: Sink,
        *,
        server_side: bool,
        server_hostname: str | None,
        owner: object = None,
        session: TLCPSession | None = None,
        port: int | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        self._context, self.server_side = context, server_side
        self.server_hostname = server_hostname
        self._incoming, self._outgoing = incoming, outgoing
        self._received, self._taken = b"", 0  # decrypted bytes, and how many of them were read
        self._counter = RecordCounter()
        self._completed: HandshakeCompleted | None = None
        self._begun = self._peer_closed = self._closed = self._unwrapping = False
        self._session: TLCPSession | None = session
        self._dialect = dialect
        self._place = None if server_side else context.place(server_hostname, port)
        config = context.config_for(server_side=server_side)
        self._limits, self._until, self._evicted = config.limits, float("inf"), False
        self._owner = weakref.ref(owner) if owner is not None else None
        self._handshakes = context.handshakes  # an ``sni_callback`` may change the context
        if not server_side:
            self._connection = self._new_client()
            return
        if context.sni_callback is not None:
            shown = self if owner is None else owner
            config = replace(config, on_server_name=_chooser(self, shown))
        self._connection = Connection.server(config)

    def _new_client(self, *, anew: bool = False) -> Connection:
        """A client's connection; continues the session given, or the last one with this server."""
        config, context = self._context.config_for(server_side=False), self._context
        if self._dialect is not None and self._dialect is not config.dialect:
            config = replace(config, dialect=self._dialect)
        kept: Session | None = None
        if self._session is not None:
            kept = self._session.for_owner(context)
        elif self._place is not None and not anew:
            kept = context.client_sessions.find(self._place)
        return Connection.client(config, server_name=self.server_hostname, session=kept)

    @property
    def context(self) -> TLCPContext:
        """The settings; a server's ``sni_callback`` may assign others."""
        return self._context

    @context.setter
    def context(self, context: TLCPContext) -> None:
        if not hasattr(context, "config_for"):
            raise TypeError("The value must be a TLCPContext")
        self._context = context

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def __repr__(self) -> str:
        return f"<TLCPObject {self._connection.role} {self.cipher() or self._connection.expecting}>"

    # ---- the connection --------------------------------------------------------------------

    def do_handshake(self) -> None:
        """Run the handshake as far as the bytes that are there allow.

        Raises:
            WantReadError: more bytes of the peer are needed (also ``ssl.SSLWantReadError``).
            HandshakeTimeout: ``Limits.handshake_s`` are over. Bytes must come for it to be seen:
                whoever drives the object ends those that stay silent, as asyncio does.
            HandshakeEvicted: it made room: ``Limits.concurrent_handshakes`` are under way.
            TLCPError: it failed; the alert for the peer is in the outgoing BIO.
        """
        if self._completed is not None:
            return
        if not self._begun:
            self._begin()
        try:
            while self._completed is None:
                self._check_limits()
                self._pump()
        except WantReadError:
            if self._connection.greeted:
                self._handshakes.greeted(self)
            raise
        except BaseException:
            self._handshakes.over(self)
            raise
        self._handshakes.over(self)

    def _begin(self) -> None:
        self._begun = True
        self._context.count("accept" if self.server_side else "connect")
        if self._limits.handshake_s is not None:
            self._until = time.monotonic() + self._limits.handshake_s
        if self.server_side:
            self.count_in()

    def count_in(self) -> None:
        """Count this among the handshakes of the server's context that are under way."""
        if not self._evicted:
            self._handshakes.begun(self, self._limits.concurrent_handshakes)

    def _check_limits(self) -> None:
        """What is noticed here goes on no wire: no alert stands for it."""
        limits, role, awaited = self._limits, self._connection.role, self._connection.expecting
        if self._evicted:
            raise HandshakeEvicted(limits.concurrent_handshakes, awaited=awaited).at(role, "")
        if limits.handshake_s is not None and time.monotonic() >= self._until:
            raise HandshakeTimeout(limits.handshake_s, awaited=awaited).at(role, "")

    def evict(self) -> None:
        """Make the handshake fail at its next step, and wake the socket that waits for it.

        Any thread may call this and ``awaits_peer``, and nothing else.
        """
        self._evicted = True
        owner = self._owner() if self._owner is not None else None
        if self._completed is None and owner is not None and hasattr(owner, "hang_up"):
            owner.hang_up()

    @property
    def awaits_peer(self) -> bool:
        """Whether it is the peer's turn, as far as can be seen: between BIOs, always."""
        owner = self._owner() if self._owner is not None else None
        ask = getattr(owner, "awaits_peer", None)
        return ask is None or bool(ask())

    def read(self, len: int = _READ_BYTES, buffer: Any = None) -> Any:
        """Read up to ``len`` bytes, into ``buffer`` if given; returns the bytes, or their number.

        After the peer's close_notify there are none: b"" or 0.

        Raises:
            WantReadError: no data has come yet.
            TruncatedError: the transport ended without close_notify (``ssl.SSLEOFError``).
            ClosedError: both sides have closed (``ssl.SSLZeroReturnError``).
            TLCPError: the connection failed.
        """
        if len == 0 or (buffer is not None and not memoryview(buffer).nbytes):
            return b"" if buffer is None else 0
        if len < 0 and buffer is None:
            raise ValueError("size should not be negative")
        self.do_handshake()
        while not self.pending() and not self._peer_closed:
            self._pump()
        if not self.pending() and self._closed:
            raise ClosedError("both sides have closed the connection")
        if buffer is None:
            return self._take(len)
        target = memoryview(buffer).cast("B")
        part = self._take(min(len, target.nbytes) if len > 0 else target.nbytes)
        count = memoryview(part).nbytes  # ``len`` is a parameter here
        target[:count] = part
        return count

    def _take(self, size: int) -> bytes:
        at, whole = self._taken, self._received
        if not at and size >= len(whole):
            self._received = b""
            return whole
        part = whole[at : at + size]
        self._taken = at + len(part)
        if self._taken == len(whole):
            self._received, self._taken = b"", 0
        return part

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

        Data that comes before it is dropped. What comes after it stays in the incoming BIO.

        Raises:
            WantReadError: it has not come yet.
            TruncatedError: the transport ended without it.
            TLCPError: the handshake is not through, or the connection failed.
        """
        if self._completed is None:
            raise TLCPError("unwrap() was called before the handshake is through")
        self._unwrapping = True
        self.send_close_notify()
        while not self._peer_closed:
            self._received, self._taken = b"", 0
            self._pump()

    def send_close_notify(self) -> None:
        """Say that nothing more will be sent; what the peer sends can still be read."""
        if not self._closed and self._completed is not None:
            self._closed = True
            self._connection.close()
            self._flush()

    @property
    def peer_closed(self) -> bool:
        """Whether the peer's close_notify has come; data before it may still be unread."""
        return self._peer_closed

    def pending(self) -> int:
        """How many decrypted bytes can be read at once."""
        return len(self._received) - self._taken

    def _pump(self) -> None:
        """Work on to the next event, and through what has come with it.

        An error comes after the data before it: the connection raises it again.
        """
        self._flush()
        try:
            while (event := self._connection.next_event()) is None:
                self._fetch()
            parts = [self._received[self._taken :]]
            with contextlib.suppress(TLCPError):
                while event is not None:
                    self._on_event(event, parts)
                    event = self._connection.next_event()
            self._received, self._taken = b"".join(parts), 0
        except (WantReadError, TruncatedError):
            raise
        except TLCPError:  # the session ends with its connection. GB/T 38636-2020 6.4.4.2
            if self._place is not None:
                self._context.client_sessions.drop(self._place)
            raise
        finally:
            self._flush()

    def _fetch(self) -> None:
        """Hand over what the incoming BIO has.

        Raises:
            WantReadError: there is nothing, and more may come.
        """
        # While we wait for close_notify not a byte more: what follows is not ours.
        data = self._incoming.read(self._counter.missing if self._unwrapping else -1)
        if data:
            self._counter.feed(data)
            self._connection.receive_data(data)
        elif self._incoming.eof:
            self._connection.receive_eof()
        else:
            raise WantReadError("more bytes of the peer are needed")

    def _on_event(self, event: Event, parts: list[bytes]) -> None:
        match event:
            case DataReceived():
                parts.append(event.data)
            case PeerClosed():
                self._peer_closed = True
            case HandshakeCompleted():
                self._completed = event
                self._note_dialect()
                self._context.count("accept_good" if self.server_side else "connect_good")
                if event.resumed:
                    self._context.count("hits")
                if event.session is not None:
                    self._session = TLCPSession(event.session, self._context)
                    if self._place is not None:
                        self._context.client_sessions.keep(self._place, event.session)

    def _note_dialect(self) -> None:
        """That "auto" worked with this server: an attacker's alert is no reason to leave it."""
        auto = (self._dialect or self._context.dialect) is AUTO
        if auto and self._place is not None:
            self._context.remember_dialect(self._place[0], self._place[1], AUTO)

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
        ours = {s.id for s in self._context.config_for(server_side=True).suites}
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
        """The first Finished of the connection (RFC 5929 3).

        None before the handshake, and in a resumed one, where it binds nothing (RFC 7627 1).

        Raises:
            ValueError: another type is asked for.
        """
        if cb_type != "tls-unique":
            raise ValueError(f"{cb_type} channel binding type not implemented")
        if self._completed is None or self._completed.resumed:
            return None  # a man in the middle can make two resumed handshakes alike (RFC 7627 1)
        return self._completed.first_finished

    @property
    def session(self) -> TLCPSession | None:
        """A client's session, to be continued by a later connection; assign one before this one.

        None where the server gave none, and on servers, which keep sessions in a store. Assigning
        None asks for a full handshake.

        Raises:
            TypeError: what is assigned is no ``TLCPSession``.
            ValueError: it belongs to another context, this is a server, or the handshake has begun.
        """
        return self._session

    @session.setter
    def session(self, session: Any) -> None:
        if session is not None:
            check_session(session, self._context, server_side=self.server_side)
        if self._begun:
            raise ValueError("Cannot set session after handshake.")
        if not self.server_side:
            self._session = session
            self._connection = self._new_client(anew=session is None)

    @property
    def dialect_if_ended(self) -> str:
        """For clients: the dialect to try if the server hung up now, or ""."""
        return self._connection.dialect_if_ended

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


def _chooser(connection: TLCPObject, owner: object) -> Callable[[str | None], Config | None]:
    """Calls the ``sni_callback``; holds nothing that holds it."""
    weak, shown = weakref.ref(connection), weakref.ref(owner)

    def choose(name: str | None) -> Config | None:
        ours, theirs = weak(), shown()
        if ours is None or theirs is None:
            raise InternalError("the connection is gone")
        before = ours.context
        _ask(before.sni_callback, theirs, name, before)
        return None if ours.context is before else ours.context.config_for(server_side=True)

    return choose


def _ask(callback: Any, owner: object, name: str | None, context: TLCPContext) -> None:
    """Let the program choose by the name that a client asks for.

    Raises:
        TLCPError: it refused, or failed.
    """
    if callback is None:
        return
    try:
        alert = callback(owner, name, context)
    except TLCPError:
        raise
    except Exception as error:
        what = f"the sni_callback failed: {type(error).__name__}: {error}"
        raise NegotiationError(what) from error
    if alert is None:
        return
    try:
        chosen = AlertDescription(alert)
    except ValueError:
        what = f"the sni_callback returned {alert!r}; expected None or an alert's number"
        raise InternalError(what) from None
    raise RefusedByProgram(f"the sni_callback refused the server name {name!r}", chosen)


def host_name(given: str | bytes) -> str:
    """A ``server_hostname`` in A-labels, as ``ssl`` keeps it.

    Raises:
        TypeError: it is no text, or has a null in it.
        ValueError: it is empty, begins with a dot or cannot be a host name.
    """
    if not isinstance(given, str | bytes):
        raise TypeError(f"server_hostname must be str or bytes, not {type(given).__name__}")
    text = given.decode("ascii") if isinstance(given, bytes) else given
    if "\0" in text:
        raise TypeError("server_hostname cannot contain a null character")
    if not text or text[0] == ".":
        raise ValueError("server_hostname cannot be an empty string or start with a leading dot.")
    return to_a_labels(text)


def describe_suite(suite: CipherSuite) -> dict[str, Any]:
    """A suite with the keys that ``ssl.SSLContext.get_ciphers`` documents."""
    kind = "ecdhe" if suite.key_exchange is KeyExchangeKind.ECDHE else "ecc"
    key = suite.key_kind
    gcm = suite.cipher is BulkCipher.SM4_GCM
    return {
        "id": suite.id,
        "name": suite.name,
        "protocol": VERSION_NAME,
        "description": f"{suite.name} ({suite.openssl_name}) {VERSION_NAME} Au={key.value}",
        "strength_bits": 128,
        "alg_bits": 128,
        "aead": gcm,
        "symmetric": "sm4-gcm" if gcm else "sm4-cbc",
        "digest": None if gcm else suite.hash,
        "kea": "kx-rsa" if key is KeyKind.RSA else f"kx-sm2-{kind}",
        "auth": f"auth-{key.value.lower()}",
    }
