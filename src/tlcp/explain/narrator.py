"""``Narrator``: keeps what later messages need, and explains one message after the other.

Spec: GB/T 38636-2020 6.4.3 to 6.4.5
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tlcp.alerts import AlertDescription, AlertLevel
from tlcp.errors import TLCPError
from tlcp.events import TracedMessage
from tlcp.explain.certificates import tell_certificate, tell_certificate_request
from tlcp.explain.exchange import (
    tell_certificate_verify,
    tell_client_key_exchange,
    tell_server_key_exchange,
)
from tlcp.explain.hello import resumes, tell_client_hello, tell_server_hello
from tlcp.explain.told import Field, Told
from tlcp.explain.values import short_hex, text_or_hex
from tlcp.registry import ContentType, HandshakeType, number_label
from tlcp.suites import ALL_SUITES, CipherSuite
from tlcp.wire.messages import (
    Alert,
    Certificate,
    CertificateRequest,
    CertificateStatus,
    CertificateVerify,
    ChangeCipherSpec,
    ClientHello,
    ClientKeyExchange,
    Finished,
    Handshake,
    HelloRequest,
    NewSessionTicket,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
    decode_handshake,
)

__all__ = ["Narrator"]

Fields = tuple[Field, ...]

_RECORD_NAMES: dict[int, str] = {
    ContentType.CHANGE_CIPHER_SPEC: "ChangeCipherSpec",
    ContentType.ALERT: "Alert",
    ContentType.APPLICATION_DATA: "ApplicationData",
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Narrator:
    """Explains the messages of one connection, in the order of the wire.

    Args:
        now: the current time, aware; tells which random values may begin with a time.
    """

    now: Callable[[], datetime] = _utc_now
    count: int = 0
    suite: CipherSuite | None = None
    offered_session: bytes = b""
    resumed: bool = False
    subjects: dict[str, str] = field(default_factory=dict)

    def tell(self, message: TracedMessage) -> Told:
        """Explain the next message; never raises, whatever the bytes are."""
        self.count += 1
        name, fields = self._name_and_fields(message)
        return Told(
            number=self.count,
            direction="C->S" if message.sender == "client" else "S->C",
            name=name,
            length_bytes=len(message.data),
            protected=message.protected,
            fields=fields,
        )

    def _name_and_fields(self, message: TracedMessage) -> tuple[str, Fields]:
        kind, data = message.content_type, message.data
        name = _name(kind, data)
        try:
            if kind == ContentType.HANDSHAKE:
                return name, self._handshake(message.sender, decode_handshake(data))
            if kind == ContentType.ALERT:
                return name, _alert(message.sender, Alert.from_bytes(data))
            if kind == ContentType.CHANGE_CIPHER_SPEC:
                return name, _change_cipher_spec(message.sender, ChangeCipherSpec.from_bytes(data))
            if kind == ContentType.APPLICATION_DATA:
                return name, _application_data(data)
            return name, _raw(data, "no content type of TLCP (6.3.3.2)")
        except TLCPError as error:
            return name, _raw(data, f"does not decode: {error.what}")
        except Exception as bug:  # an explanation must never end the connection that it explains
            return name, _raw(data, f"could not be explained ({type(bug).__name__}, a bug of tlcp)")

    def _handshake(self, sender: str, message: Handshake) -> Fields:
        match message:
            case ClientHello():
                self.offered_session = message.session_id
                return tell_client_hello(message, self.now())
            case ServerHello():
                self.suite = ALL_SUITES.get(message.cipher_suite)
                self.resumed = resumes(message, self.offered_session)
                return tell_server_hello(message, self.now(), self.offered_session)
            case Certificate():
                fields, subject = tell_certificate(message, sender)
                self.subjects[sender] = subject or f"the {sender}"
                return fields
            case ServerKeyExchange():
                return tell_server_key_exchange(message, self.suite, self._who("server"))
            case CertificateRequest():
                return tell_certificate_request(message)
            case ClientKeyExchange():
                return tell_client_key_exchange(message, self.suite, self._who("server"))
            case CertificateVerify():
                return tell_certificate_verify(message, self.suite, self._who("client"))
            case NewSessionTicket():
                return _new_session_ticket(message, resumed=self.resumed)
            case _:
                return _other(sender, message)

    def _who(self, end: str) -> str:
        return self.subjects.get(end, f"the {end}")


def _name(kind: int, data: bytes) -> str:
    if kind == ContentType.HANDSHAKE:
        if not data:
            return "handshake message without a header"
        label = number_label(HandshakeType, data[0])
        if label.startswith("unknown"):
            return f"handshake message of type {data[0]}"
        return "".join(part.capitalize() for part in label.partition("(")[0].split("_"))
    return _RECORD_NAMES.get(kind, f"record of type {kind}")


def _raw(data: bytes, why: str) -> Fields:
    return (Field("raw", short_hex(data), f"{len(data)} bytes: {why}"),)


def _other(sender: str, message: Handshake) -> Fields:
    """The messages that need no memory."""
    match message:
        case ServerHelloDone():
            return (Field("body", "(empty)", "the server's part is complete (6.4.5.6)"),)
        case HelloRequest():
            return (Field("body", "(empty)", "the server asks for a new handshake; refused here"),)
        case Finished(verify_data=data):
            meaning = (
                f'PRF over the master secret, "{sender} finished" and the hash of all messages '
                "so far: both sides saw the same handshake (6.4.5.10)"
            )
            return (Field("verify_data", data.hex(), meaning),)
        case CertificateStatus(status_type=kind, response=response):
            return (
                Field("status_type", str(kind), "1 is OCSP (RFC 6066; not in the standard)"),
                Field("response", short_hex(response), f"{len(response)} bytes"),
            )
        case _:
            return _raw(message.encode(), "a message without an explanation")


def _new_session_ticket(message: NewSessionTicket, *, resumed: bool) -> Fields:
    """Spec: RFC 5077 3.3."""
    seconds, ticket = message.lifetime_s, message.ticket
    age = "how long it may be used, a hint" if seconds else "the server does not say how long"
    if not ticket:
        what = "the server gives none after all"
    else:
        new = "a fresh ticket for the session" if resumed else "the session with its master secret"
        what = (
            f"{len(ticket)} bytes: {new}, sealed with a key of the server's; the client keeps it "
            "unread and brings it back to resume (RFC 5077; not in the standard)"
        )
    return (Field("lifetime", f"{seconds} s", age), Field("ticket", short_hex(ticket), what))


def _change_cipher_spec(sender: str, message: ChangeCipherSpec) -> Fields:
    meaning = f"all that the {sender} sends from here on is protected by the new keys (6.4.3)"
    if message.value != 1:
        meaning = "only 1 is defined (6.4.3)"
    return (Field("value", str(message.value), meaning),)


def _alert(sender: str, alert: Alert) -> Fields:
    levels = {AlertLevel.WARNING: "the connection may go on", AlertLevel.FATAL: "it ends here"}
    known = alert.level in levels
    level = number_label(AlertLevel, alert.level)
    what = AlertDescription.explain(alert.description)
    if alert.description == AlertDescription.CLOSE_NOTIFY:
        level_meaning = "an orderly end"
    else:
        level_meaning = levels[AlertLevel(alert.level)] if known else "only 1 and 2 are defined"
    return (
        Field("level", level, f"{level_meaning} (6.4.4)"),
        Field("description", AlertDescription.label(alert.description), f"the {sender}: {what}"),
    )


def _application_data(data: bytes) -> Fields:
    if not data:
        return (Field("data", "(empty)", "not an end: some stacks send one before their data"),)
    return (Field("data", text_or_hex(data), f"{len(data)} bytes"),)
