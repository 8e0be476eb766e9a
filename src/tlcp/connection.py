"""``Connection``: the whole engine behind bytes in, events out, bytes out.

It owns the record layer and one handshake, hands messages to the flow, and is the only place
that sends alerts. It touches no socket, clock, file or thread.

A shell does::

    connection = Connection.client(config, server_name="bank.example")
    transport.write(connection.data_to_send())
    connection.receive_data(transport.read())
    while (event := connection.next_event()) is not None: ...
    transport.write(connection.data_to_send())      # also after an error: it holds the alert

After a fatal error a connection is dead: every further call raises that same error.

Spec: GB/T 38636-2020 6.3, 6.4
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal, Self

from tlcp import advice
from tlcp.alerts import AlertDescription, AlertLevel
from tlcp.config import Config
from tlcp.dialects import Dialect
from tlcp.errors import (
    AlertReceived,
    BadRecordMAC,
    ClosedError,
    DecodeError,
    IllegalParameter,
    InternalError,
    MisuseError,
    RecordOverflow,
    TLCPError,
    TruncatedError,
    UnexpectedMessage,
)
from tlcp.events import DataReceived, Event, HandshakeCompleted, PeerClosed, TracedMessage
from tlcp.handshake.client import ClientEndpoint, client_flow
from tlcp.handshake.flow import Machine
from tlcp.handshake.resumption import forget
from tlcp.handshake.server import ServerEndpoint, server_flow
from tlcp.record.layer import RecordLayer
from tlcp.record.protect import Protection
from tlcp.registry import ContentType, HandshakeType
from tlcp.sessions.session import Session, SessionStore
from tlcp.wire.messages import HANDSHAKE_HEADER_BYTES, Alert, ChangeCipherSpec

__all__ = ["Connection"]

Role = Literal["client", "server"]
_ALERT_BYTES = 2
_Suggestion = Callable[[int | None, str], Dialect | None]


class Connection:
    """One TLCP connection without its transport; make one with ``client`` or ``server``.

    Not thread-safe: one caller at a time.
    """

    def __init__(
        self,
        config: Config,
        role: Role,
        server_name: str | None = None,
        session: Session | None = None,
    ) -> None:
        self._config, self.role = config, role
        self.peer_role: Role = "server" if role == "client" else "client"
        self._records = RecordLayer(max_empty_records=config.limits.empty_records)
        self._records.max_plaintext_bytes = config.dialect.max_plaintext_bytes
        self._kept: tuple[SessionStore, bytes] | None = None
        self._outgoing = list[bytes]()
        self._events: deque[Event] = deque()
        self._handshake_bytes, self._alert_bytes = bytearray(), bytearray()
        self._error: TLCPError | None = None
        self._eof = self._peer_closed = self._closed = False
        self._warnings = self._renegotiations = 0
        self._taken_bytes = self._taken_messages = 0  # of the handshake
        self._last_warning: int | None = None
        self._machine: Machine[HandshakeCompleted]
        if role == "client":
            client = ClientEndpoint(config, self, server_name, session)
            self._next_dialect: _Suggestion | None = client.next_dialect
            self._machine = Machine(client_flow(client), client.transcript)
        else:
            self._next_dialect = None
            server = ServerEndpoint(config, self)
            self._machine = Machine(server_flow(server), server.transcript)

    @classmethod
    def client(
        cls, config: Config, *, server_name: str | None, session: Session | None = None
    ) -> Self:
        """A client's connection; its ClientHello is ready to be sent.

        Args:
            config: settings.
            server_name: host name or IP address that the server's certificates must be for; a
                host name is also sent as SNI.
            session: of an earlier connection, to continue; where that may not be, or the server
                does not, a full handshake follows.

        Raises:
            ConfigError: nothing to verify the server by, or no suite to offer.
        """
        return cls(config, "client", server_name, session)

    @classmethod
    def server(cls, config: Config) -> Self:
        """A server's connection, waiting for a ClientHello.

        Raises:
            ConfigError: no pair of certificates, or nothing to verify clients by.
        """
        return cls(config, "server")

    def __repr__(self) -> str:
        state = (
            "failed" if self._error else "open" if self._machine.done else self._machine.expecting
        )
        return f"<Connection {self.role}: {state}>"

    # ---- what the shell sees ------------------------------------------------------------

    @property
    def handshake_completed(self) -> bool:
        """Whether both Finished messages were verified."""
        return self._machine.done

    @property
    def greeted(self) -> bool:
        """Whether a handshake message of the peer has been taken."""
        return self._taken_messages > 0

    @property
    def expecting(self) -> str:
        """What the handshake waits for, by name; "nothing more" when it is through."""
        return self._machine.expecting

    @property
    def dialect_if_ended(self) -> str:
        """For clients: the dialect to try if the server hung up now, or ""."""
        if self._next_dialect is None or self._error is not None:
            return ""
        found = self._next_dialect(None, self._machine.expecting)
        return found.name if found is not None else ""

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the transport, cut anywhere; ``next_event`` looks at them.

        What follows the peer's close_notify is dropped.
        """
        if self._error is None and not self._peer_closed:
            self._records.receive(data)

    def receive_eof(self) -> None:
        """Note that the transport has ended; ``next_event`` tells whether that was clean."""
        self._eof = True

    def data_to_send(self) -> bytes:
        """Take the bytes that are ready for the transport; also after an error."""
        data = self._outgoing[0] if len(self._outgoing) == 1 else b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    def next_event(self) -> Event | None:
        """The next event, or None if more bytes of the peer are needed.

        Raises:
            PeerError: the peer broke a rule; an alert for it is in ``data_to_send``.
            AlertReceived: the peer gave up.
            TruncatedError: the transport ended without close_notify.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)  # or each call would add its frames
        try:
            while not self._events:
                record = None if self._peer_closed else self._records.next_record()
                if record is None:
                    if self._eof and not self._peer_closed:
                        raise self._truncated()
                    return None
                self._dispatch(*record)
            return self._events.popleft()
        except TLCPError as error:
            raise self._fail(error) from error.__cause__
        except Exception as bug:  # whatever the peer sends, only a TLCPError may leave
            raise self._fail(InternalError(f"{type(bug).__name__} in the engine")) from bug

    def send_data(self, data: bytes | bytearray | memoryview) -> None:
        """Seal application data; an empty write sends nothing.

        Raises:
            MisuseError: the handshake is not through.
            ClosedError: ``close`` was called.
            TLCPError: the connection has failed before.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        if self._closed:
            raise ClosedError("this side has closed the connection and cannot send any more")
        if not self._machine.done:
            raise MisuseError(f"no data can be sent yet: waiting for {self._machine.expecting}")
        if len(data):
            self._send(ContentType.APPLICATION_DATA, bytes(data))

    def close(self) -> None:
        """Send close_notify, once, and nothing after it; a failed connection has nothing to send.

        What the peer still sends can be read, but a handshake that is not through ends here.

        Spec: GB/T 38636-2020 6.4.4.1
        """
        if not self._closed and self._error is None:
            self._closed = True
            self._send_alert(AlertLevel.WARNING, AlertDescription.CLOSE_NOTIFY)

    # ---- what the flows order (handshake.endpoint.Channel) ---------------------------------

    def send_handshake(self, raw: bytes) -> None:
        """Send one message in a record of its own: GmSSL reads no other way."""
        self._send(ContentType.HANDSHAKE, raw)

    def send_change_cipher_spec(self) -> None:
        """Send a ChangeCipherSpec."""
        self._send(ContentType.CHANGE_CIPHER_SPEC, ChangeCipherSpec().to_bytes())

    def protect_writes(self, protection: Protection) -> None:
        """Use new keys for what is sent."""
        self._records.protect_writes(protection)

    def protect_reads(self, protection: Protection) -> None:
        """Use new keys for what is received."""
        self._records.protect_reads(protection)

    def limit_plaintext(self, size: int) -> None:
        """Put no more than so many bytes into a record."""
        self._records.max_plaintext_bytes = min(size, self._records.max_plaintext_bytes)

    def session_kept(self, store: SessionStore, session_id: bytes) -> None:
        """Note where the session is, to end it if the connection fails."""
        self._kept = store, session_id

    # ---- incoming records ------------------------------------------------------------------

    def _dispatch(self, content_type: int, data: bytes) -> None:
        if self._alert_bytes or self._handshake_bytes:
            self._refuse_in_between(content_type)
        if self._closed and not self._machine.done and content_type != ContentType.ALERT:
            raise ClosedError("this side has closed the connection in the middle of the handshake")
        if content_type == ContentType.HANDSHAKE:
            self._on_handshake(data)
            return
        if content_type == ContentType.ALERT:
            self._on_alerts(data)
            return
        self._trace(self.peer_role, content_type, data, protected=self._records.reads_protected)
        if content_type == ContentType.APPLICATION_DATA:
            self._on_data(data)
        else:
            self._on_change_cipher_spec(data)

    def _refuse_in_between(self, content_type: int) -> None:
        """A message cut over records goes on in the next one: keys must not change inside it.

        Only an alert may come inside a handshake message.
        """
        unfinished = ""
        if self._alert_bytes and content_type != ContentType.ALERT:
            unfinished = "an alert"
        elif self._handshake_bytes and content_type not in (
            ContentType.HANDSHAKE,
            ContentType.ALERT,
        ):
            unfinished = "a handshake message"
        if unfinished:
            raise UnexpectedMessage(
                f"a record of type {ContentType(content_type).name.lower()} came in the middle of "
                f"{unfinished}",
                expected="the rest of that message",
            )

    def _on_handshake(self, data: bytes) -> None:
        """Cut messages out of the stream of handshake records."""
        buffer, limit = self._handshake_bytes, self._config.limits.handshake_bytes
        if not self._machine.done:
            self._count_bytes(len(data))
        if not buffer and HANDSHAKE_HEADER_BYTES <= len(data) <= limit:
            size = HANDSHAKE_HEADER_BYTES + int.from_bytes(data[1:HANDSHAKE_HEADER_BYTES], "big")
            if len(data) == size:  # one message fills one record: nearly always
                self._on_message(data)
                return
        buffer += data
        while len(buffer) >= HANDSHAKE_HEADER_BYTES:
            size = HANDSHAKE_HEADER_BYTES + int.from_bytes(buffer[1:HANDSHAKE_HEADER_BYTES], "big")
            if size > limit:
                raise RecordOverflow(
                    f"a handshake message of {size} bytes was announced",
                    expected=f"at most {limit} bytes",
                )
            if len(buffer) < size:
                return
            raw = bytes(buffer[:size])
            del buffer[:size]
            self._on_message(raw)

    def _count_bytes(self, size: int) -> None:
        self._taken_bytes += size
        limit = self._config.limits.handshake_bytes_in_all
        if self._taken_bytes > limit:
            raise RecordOverflow(
                f"the {self.peer_role}'s handshake messages have {self._taken_bytes} bytes so far",
                expected=f"at most {limit} bytes in all (Limits.handshake_bytes_in_all)",
            )

    def _count_message(self) -> None:
        self._taken_messages += 1
        limit = self._config.limits.handshake_messages
        if self._taken_messages > limit and not self._machine.done:
            raise UnexpectedMessage(
                f"the {self.peer_role} has sent {self._taken_messages} handshake messages",
                expected=f"at most {limit} (Limits.handshake_messages)",
            )

    def _on_message(self, raw: bytes) -> None:
        self._count_message()
        if self._config.trace is not None:
            protected = self._records.reads_protected
            self._trace(self.peer_role, ContentType.HANDSHAKE, raw, protected=protected)
        if raw[0] <= HandshakeType.CLIENT_HELLO and self._asks_to_renegotiate(raw):
            return
        if self._machine.done:
            what = f"a handshake message of type {raw[0]} came after the handshake"
            raise UnexpectedMessage(what, expected="application data or alerts")
        self._machine.feed_handshake(raw)
        self._records.version_agreed()
        if (done := self._machine.result) is not None:
            self._next_dialect = None  # it holds the whole handshake
            if self._handshake_bytes:
                raise UnexpectedMessage("bytes follow the peer's Finished in its record")
            self._events.append(done)

    def _asks_to_renegotiate(self, raw: bytes) -> bool:
        """HelloRequest, or a ClientHello in mid-session: refused with a warning, and counted.

        During a handshake a HelloRequest is ignored without a word, as the standard says.
        """
        hello_request = self.role == "client" and raw == bytes(HANDSHAKE_HEADER_BYTES)
        client_hello = self.role == "server" and raw[0] == HandshakeType.CLIENT_HELLO
        if not hello_request and not (client_hello and self._machine.done):
            return False
        self._renegotiations += 1
        if self._renegotiations > self._config.limits.renegotiations:
            raise UnexpectedMessage(
                f"the {self.peer_role} asked {self._renegotiations} times to renegotiate",
                expected="no renegotiation",
            )
        if self._machine.done and not self._closed:  # behind our close_notify nothing goes
            self._send_alert(AlertLevel.WARNING, AlertDescription.NO_RENEGOTIATION)
        return True

    def _on_change_cipher_spec(self, data: bytes) -> None:
        try:
            message = ChangeCipherSpec.from_bytes(data)
        except DecodeError as error:
            raise DecodeError(f"ChangeCipherSpec: {error.what}") from None
        if message.value != 1:
            raise IllegalParameter(f"ChangeCipherSpec has the value {message.value}", expected="1")
        if self._machine.done:
            raise UnexpectedMessage("ChangeCipherSpec came after the handshake")
        self._machine.feed_change_cipher_spec()

    def _on_data(self, data: bytes) -> None:
        if not self._machine.done:
            raise UnexpectedMessage(
                "application data came before the handshake was through",
                expected=self._machine.expecting,
            )
        if data:
            self._events.append(DataReceived(data))

    def _on_alerts(self, data: bytes) -> None:
        """Cut alerts out of the stream of alert records; what follows an end is dropped.

        Records may hold several or a part of one.  Spec: GB/T 38636-2020 6.3.3.2
        """
        buffer = self._alert_bytes
        buffer += data
        while len(buffer) >= _ALERT_BYTES and not self._peer_closed:
            raw = bytes(buffer[:_ALERT_BYTES])
            del buffer[:_ALERT_BYTES]
            protected = self._records.reads_protected
            self._trace(self.peer_role, ContentType.ALERT, raw, protected=protected)
            self._on_alert(Alert.from_bytes(raw))

    def _on_alert(self, alert: Alert) -> None:
        """Spec: GB/T 38636-2020 6.4.4."""
        if alert.level not in (AlertLevel.WARNING, AlertLevel.FATAL):
            raise IllegalParameter(f"an alert of level {alert.level} came", expected="1 or 2")
        if alert.description == AlertDescription.CLOSE_NOTIFY and self._machine.done:
            self._peer_closed = True
            self._events.append(PeerClosed())
            return
        if alert.level == AlertLevel.FATAL or alert.description == AlertDescription.CLOSE_NOTIFY:
            raise AlertReceived(
                alert.level, alert.description, hint=self._advice(alert.description)
            )
        self._warnings, self._last_warning = self._warnings + 1, alert.description
        if self._warnings > self._config.limits.warning_alerts:
            raise UnexpectedMessage(
                f"{self._warnings} warning alerts came",
                expected=f"at most {self._config.limits.warning_alerts}",
            )

    # ---- outgoing records and errors ---------------------------------------------------------

    def _send(self, content_type: int, data: bytes) -> None:
        self._outgoing.append(self._records.seal(content_type, data))
        if self._config.trace is not None:
            protected = self._records.writes_protected
            self._trace(self.role, content_type, data, protected=protected)

    def _send_alert(self, level: int, description: int) -> None:
        self._send(ContentType.ALERT, Alert(level, description).to_bytes())

    def _trace(self, sender: str, content_type: int, data: bytes, *, protected: bool) -> None:
        if self._config.trace is not None:
            self._config.trace(TracedMessage(sender, content_type, data, protected))

    def _advice(self, alert: int) -> str:
        if self._machine.done:
            return ""
        held_back = len(self._config.client_suites()) < len(self._config.suites)
        return advice.on_alert(
            alert,
            role=self.role,
            awaited=self._machine.expecting,
            record_version=self._records.last_version,
            suites_held_back=held_back,
            warned=self._last_warning,
        )

    def _truncated(self) -> TLCPError:
        if self._machine.done:
            return TruncatedError(
                f"the {self.peer_role} ended the connection without close_notify",
                expected="close_notify: data may be missing",
            )
        awaited = self._machine.expecting
        return TruncatedError(
            f"the {self.peer_role} ended the connection in the middle of the handshake",
            expected=awaited,
            hint=advice.on_end(self.role, awaited, extensions=self._config.extensions),
        )

    def _suggest_dialect(self, error: TLCPError) -> None:
        """Say which dialect this failure points to."""
        alert = error.description if isinstance(error, AlertReceived) else None
        ended = isinstance(error, AlertReceived | TruncatedError)
        if self._next_dialect is None or not ended:
            return
        found = self._next_dialect(alert, self._machine.expecting)
        if found is not None:
            error.dialect = found.name
            error.advise(f"Or try the dialect {found.name!r}, for {found.peers}")

    def _fail(self, error: TLCPError) -> TLCPError:
        """Note the error for good, and owe the peer its alert."""
        if self._error is None:
            done = self._machine.done
            if isinstance(error, BadRecordMAC) and not done:
                error.hint = advice.DIFFERENT_KEYS
            error.at(self.role, "" if done else f"waiting for {self._machine.expecting}")
            self._error = error
            self._suggest_dialect(error)
            if self._kept is not None and not isinstance(error, TruncatedError):
                forget(*self._kept)
            if (alert := error.alert_to_send) is not None and not self._closed:
                self._send_alert(AlertLevel.FATAL, alert)
        return self._error
