"""Messages that are missing, repeated, swapped, foreign, cut, extended or forged, on both sides.

The offender is a ``Connection`` of ours whose messages are changed on their way out. Whatever it
does, the other end fails with the alert of the standard, never completes, and never fails with
an internal error.

Spec: GB/T 38636-2020 6.4.4, 6.4.5
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.ends import ALL, ECC, ECDHE, Side, client, drain, run, server
from support.mutants import CCS, dropped, edited, inserted, record, repeated, swapped
from support.samples import SAMPLES
from tlcp.alerts import AlertDescription as A
from tlcp.config import ClientAuth
from tlcp.connection import Connection
from tlcp.errors import (
    AlertReceived,
    BadRecordMAC,
    DecodeError,
    DecryptError,
    IllegalParameter,
    PeerError,
    ProtocolVersionError,
    RecordOverflow,
    TLCPError,
    TruncatedError,
    UnexpectedMessage,
    UnsupportedExtension,
)
from tlcp.registry import ContentType, HandshakeType
from tlcp.suites import CipherSuite
from tlcp.wire.messages import (
    ClientHello,
    Extension,
    Finished,
    HelloRequest,
    NewSessionTicket,
    ServerHello,
)

CLIENT_SENDS = (
    "ClientHello", "Certificate", "ClientKeyExchange", "CertificateVerify",
    "ChangeCipherSpec", "Finished",
)  # fmt: skip
SERVER_SENDS = (
    "ServerHello", "Certificate", "ServerKeyExchange", "CertificateRequest", "ServerHelloDone",
    "ChangeCipherSpec", "Finished",
)  # fmt: skip
SUITES = pytest.mark.parametrize("suite", ALL, ids=lambda s: s.name)
EVERY = pytest.mark.parametrize(
    ("role", "index"),
    [("client", i) for i in range(len(CLIENT_SENDS))]
    + [("server", i) for i in range(len(SERVER_SENDS))],
    ids=[f"client {n}" for n in CLIENT_SENDS] + [f"server {n}" for n in SERVER_SENDS],
)


def meet(
    role: str, kind: type[Connection], suite: CipherSuite = ALL[0], *, mutual: bool = True
) -> tuple[Side, Side]:
    """A handshake in which ``role`` is of that kind; returns (victim, offender)."""
    auth = ClientAuth.REQUIRED if mutual else ClientAuth.NONE
    if role == "client":
        one, other = client(kind, suites=(suite,)), server(suites=(suite,), client_auth=auth)
        offender, victim = run(one, other)
        last = other
    else:
        one, other = client(suites=(suite,)), server(kind, suites=(suite,))
        victim, offender = run(one, other)
        last = one
    if victim.error is None:  # it waits for more: the offender hangs up
        last.receive_eof()
        drain(last, victim)
    return victim, offender


def must_fail(victim: Side, offender: Side, *errors: type[TLCPError]) -> None:
    """The victim fails with one of these and the offender hears why."""
    assert isinstance(victim.error, errors), repr(victim.error)
    assert victim.completed is None
    if isinstance(victim.error, PeerError):
        assert isinstance(offender.error, AlertReceived), repr(offender.error)
        assert offender.alert == victim.error.alert_to_send


@EVERY
def test_missing(role: str, index: int) -> None:
    """The next one is unexpected; after the last one there is nothing but the end."""
    names = CLIENT_SENDS if role == "client" else SERVER_SENDS
    victim, offender = meet(role, dropped(index))
    if names[index] == "ChangeCipherSpec":
        # Finished then comes protected where clear messages are due: it reads as garbage.
        must_fail(victim, offender, UnexpectedMessage, DecodeError, RecordOverflow)
    elif names[index] in ("Finished", "ServerHelloDone", "ClientHello"):
        must_fail(victim, offender, TruncatedError)
    elif names[index] == "CertificateRequest":
        _server_misses_a_certificate(victim, offender)
    else:
        must_fail(victim, offender, UnexpectedMessage)


def _server_misses_a_certificate(victim: Side, offender: Side) -> None:
    """The client was not asked, and answers as it may; the server wants a certificate."""
    assert isinstance(victim.error, AlertReceived)
    assert isinstance(offender.error, UnexpectedMessage)
    assert victim.completed is None


@EVERY
def test_repeated(role: str, index: int) -> None:
    victim, offender = meet(role, repeated(index))
    names = CLIENT_SENDS if role == "client" else SERVER_SENDS
    if names[index] == "Finished":
        # The handshake is through when the second one comes; the connection still dies.
        assert isinstance(victim.error, UnexpectedMessage)
        assert offender.alert == A.UNEXPECTED_MESSAGE
    elif names[index] == "ChangeCipherSpec":
        must_fail(victim, offender, BadRecordMAC)  # the second one is not protected
    else:
        must_fail(victim, offender, UnexpectedMessage)


@EVERY
def test_swapped_with_the_next(role: str, index: int) -> None:
    victim, offender = meet(role, swapped(index))
    names = CLIENT_SENDS if role == "client" else SERVER_SENDS
    if names[index] == "ChangeCipherSpec":
        must_fail(victim, offender, UnexpectedMessage, DecodeError, RecordOverflow)
    elif names[index] == "CertificateRequest":
        assert isinstance(victim.error, UnexpectedMessage)
        assert victim.completed is None
    elif names[index] in ("Finished", "ServerHelloDone", "ClientHello"):
        must_fail(victim, offender, TruncatedError)  # held back for good: no next one came
    else:
        must_fail(victim, offender, UnexpectedMessage)


@EVERY
@pytest.mark.parametrize("extra", [*{type(m): m for m in SAMPLES}.values(), CCS], ids=repr)
def test_foreign_message_in_front(role: str, index: int, extra: object) -> None:
    """Every kind of message in every place where it is not due."""
    names = CLIENT_SENDS if role == "client" else SERVER_SENDS
    name = type(extra).__name__ if extra != CCS else "ChangeCipherSpec"
    if name == names[index]:
        return  # due there: that is ``test_repeated``
    if (role, name) == ("server", "HelloRequest"):
        return  # ignored in a handshake: see below
    if (role, names[index], name) == ("server", "CertificateRequest", "ServerHelloDone"):
        return  # due there, too: a server need not ask for a certificate
    raw = extra if isinstance(extra, bytes) else extra.encode()  # type: ignore[attr-defined]
    victim, offender = meet(role, inserted(index, raw))
    if role == "server" and name == "Finished" and names[index] == "ServerHello":
        must_fail(victim, offender, UnexpectedMessage)
    must_fail(victim, offender, UnexpectedMessage)


@pytest.mark.parametrize("index", range(6))
def test_hello_request_in_a_handshake_is_ignored(index: int) -> None:
    """Spec: GB/T 38636-2020 6.4.5.2.3; not part of the transcript either."""
    victim, offender = meet("server", inserted(index, HelloRequest().encode()))
    assert victim.completed is not None
    assert offender.completed is not None


@pytest.mark.parametrize("raw", [b"\0\0\0\1x"], ids=["with a body"])
def test_hello_request_must_be_empty(raw: bytes) -> None:
    victim, offender = meet("server", inserted(1, raw))
    must_fail(victim, offender, UnexpectedMessage, DecodeError)


def _kinds(role: str) -> list[HandshakeType]:
    names = CLIENT_SENDS if role == "client" else SERVER_SENDS
    kinds = {type(m).__name__: m.kind for m in SAMPLES}
    return [kinds[name] for name in names if name != "ChangeCipherSpec"]


BODIES = [(role, kind) for role in ("client", "server") for kind in _kinds(role)]
EACH_BODY = pytest.mark.parametrize(
    ("role", "kind"), BODIES, ids=[f"{role} {kind.name}" for role, kind in BODIES]
)


def _length(role: str, kind: HandshakeType, suite: CipherSuite) -> int:
    sizes: list[int] = []

    def note(body: bytes) -> bytes:
        sizes.append(len(body))
        return body

    meet(role, edited(kind, note), suite)
    return sizes[0]


@EACH_BODY
@pytest.mark.parametrize("suite", [ECC[0], ECDHE[1]], ids=lambda s: s.name)
def test_truncated_at_every_byte(role: str, kind: HandshakeType, suite: CipherSuite) -> None:
    """The header tells the true length, and the body is too short for what it says inside."""
    for missing in range(1, _length(role, kind, suite) - 2):  # signatures vary by a byte or two
        victim, offender = meet(role, edited(kind, _cut(missing)), suite)
        if kind == HandshakeType.CLIENT_HELLO and victim.error is not None:
            # Cut in front of its extensions it is another valid hello; Finished tells.
            must_fail(victim, offender, DecodeError, DecryptError)
        elif kind == HandshakeType.CERTIFICATE_REQUEST:
            must_fail(victim, offender, DecodeError)
        else:
            must_fail(victim, offender, DecodeError)


def _cut(missing: int) -> Callable[[bytes], bytes]:
    return lambda body: body[:-missing]


@EACH_BODY
@SUITES
def test_trailing_byte(role: str, kind: HandshakeType, suite: CipherSuite) -> None:
    victim, offender = meet(role, edited(kind, lambda body: body + b"\0"), suite)
    must_fail(victim, offender, DecodeError)


@EACH_BODY
def test_length_field_too_long(role: str, kind: HandshakeType) -> None:
    """More than 64 KiB announced: refused at once, not waited for."""

    class Liar(Connection):
        def send_handshake(self, raw: bytes) -> None:
            super().send_handshake(raw[:1] + b"\xff\xff\xff" + raw[4:] if raw[0] == kind else raw)

    victim, offender = meet(role, Liar)
    assert victim.error is not None
    assert victim.error.alert_to_send == A.RECORD_OVERFLOW
    assert offender.alert == A.RECORD_OVERFLOW


# ---- forged contents ---------------------------------------------------------------------


def _flip(at: int) -> Callable[[bytes], bytes]:
    def edit(body: bytes) -> bytes:
        changed = bytearray(body)
        changed[at] ^= 1
        return bytes(changed)

    return edit


@SUITES
def test_wrong_signature_in_server_key_exchange(suite: CipherSuite) -> None:
    victim, offender = meet("server", edited(HandshakeType.SERVER_KEY_EXCHANGE, _flip(-1)), suite)
    must_fail(victim, offender, DecryptError)
    assert "ServerKeyExchange" in str(victim.error)


@SUITES
@pytest.mark.parametrize("at", [-1, -40, 4])
def test_wrong_signature_in_certificate_verify(suite: CipherSuite, at: int) -> None:
    victim, offender = meet("client", edited(HandshakeType.CERTIFICATE_VERIFY, _flip(at)), suite)
    must_fail(victim, offender, DecryptError)
    assert "CertificateVerify" in str(victim.error)


@pytest.mark.parametrize("der", [b"", b"\x30\0", b"\x30\x06\2\1\0\2\1\0", b"garbage"])
def test_signatures_that_are_none(der: bytes) -> None:
    body = len(der).to_bytes(2, "big") + der
    for role, kind in (
        ("server", HandshakeType.SERVER_KEY_EXCHANGE),
        ("client", HandshakeType.CERTIFICATE_VERIFY),
    ):
        victim, offender = meet(role, edited(kind, lambda _: body))
        must_fail(victim, offender, DecryptError)


@SUITES
def test_wrong_finished(suite: CipherSuite) -> None:
    for role in ("client", "server"):
        for at in range(12):
            victim, offender = meet(role, edited(HandshakeType.FINISHED, _flip(at)), suite)
            must_fail(victim, offender, DecryptError)
            assert f"{role}'s Finished" in str(victim.error)


def _ciphertext(edit: Callable[[bytes], bytes]) -> type[Connection]:
    """A client that changes the SM2 ciphertext in its ClientKeyExchange."""

    def change(body: bytes) -> bytes:
        der = edit(body[2:])
        return len(der).to_bytes(2, "big") + der

    return edited(HandshakeType.CLIENT_KEY_EXCHANGE, change)


@pytest.mark.parametrize("suite", ECC, ids=lambda s: s.name)
def test_an_undecryptable_key_exchange_tells_nothing(suite: CipherSuite) -> None:
    """Whatever is wrong inside, the server goes on and fails at Finished, always alike."""
    outcomes = set()
    for edit in (
        _flip(-1),  # C2
        _flip(-60),  # C3
        _flip(20),  # x
        lambda der: b"\x30\0",
        lambda der: b"no DER at all",
        lambda der: der[:-1],
        lambda der: bytes(len(der)),
    ):
        victim, offender = meet("client", _ciphertext(edit), suite, mutual=False)
        must_fail(victim, offender, BadRecordMAC)
        outcomes.add((str(victim.error), str(offender.error)))
    assert len(outcomes) == 1


@pytest.mark.parametrize("suite", ECC, ids=lambda s: s.name)
def test_a_pre_master_of_another_version_is_as_undecryptable(suite: CipherSuite) -> None:
    """Spec: GB/T 38636-2020 6.4.5.8: the version is the one of ClientHello."""
    from support.ends import world

    public = world().server.enc_cert
    assert public is not None
    for secret in (b"\3\3" + bytes(46), b"\1\1" + bytes(45), b"\1\1" + bytes(47), b"\1"):
        made = public.public_key.encrypt(secret)
        change = _ciphertext(lambda _, made=made: made)  # type: ignore[misc]
        victim, offender = meet("client", change, suite, mutual=False)
        must_fail(victim, offender, BadRecordMAC)


@pytest.mark.parametrize("suite", ECDHE, ids=lambda s: s.name)
@pytest.mark.parametrize("role", ["client", "server"])
def test_a_point_off_the_curve(suite: CipherSuite, role: str) -> None:
    """Refused by the server; a client sees the broken signature first."""
    kind = (
        HandshakeType.CLIENT_KEY_EXCHANGE if role == "client" else HandshakeType.SERVER_KEY_EXCHANGE
    )
    victim, offender = meet(role, edited(kind, _flip(40)), suite)
    must_fail(victim, offender, IllegalParameter if role == "client" else DecryptError)


@pytest.mark.parametrize("suite", ECDHE, ids=lambda s: s.name)
def test_points_that_are_none(suite: CipherSuite) -> None:
    for point in (b"\0", b"\4" + bytes(64), b"\2" + bytes(32), b"\4" + b"\xff" * 64, bytes(65)):
        body = b"\3\0\x29" + bytes((len(point),)) + point
        change = edited(HandshakeType.CLIENT_KEY_EXCHANGE, lambda _, body=body: body)  # type: ignore[misc]
        victim, offender = meet("client", change, suite)
        must_fail(victim, offender, IllegalParameter)


@pytest.mark.parametrize("suite", ECDHE, ids=lambda s: s.name)
def test_both_forms_and_any_curve_number_are_taken(suite: CipherSuite) -> None:
    """A length in front (the standard's letter), and curve numbers that nobody checks."""

    for edit in (lambda b: b"\0\x45" + b, lambda b: b[:1] + b"\0\0" + b[3:]):
        change = edited(HandshakeType.CLIENT_KEY_EXCHANGE, edit)
        victim, offender = meet("client", change, suite)
        # The exchange is accepted; our offender's transcript lacks the change, so that its
        # CertificateVerify, made over what it meant to send, fails next.
        must_fail(victim, offender, DecryptError)
        assert "CertificateVerify" in str(victim.error)


def test_server_hello_that_does_not_fit_the_offer() -> None:
    def answer(**changes: object) -> type[Connection]:
        def edit(body: bytes) -> bytes:
            hello = ServerHello.from_bytes(body)
            fields = {name: getattr(hello, name) for name in hello.spec}
            return ServerHello(**(fields | changes)).to_bytes()

        return edited(HandshakeType.SERVER_HELLO, edit)

    for kind, error in (
        (answer(version=0x0303), ProtocolVersionError),
        (answer(version=0x0102), ProtocolVersionError),
        (answer(cipher_suite=0xE011), IllegalParameter),
        (answer(cipher_suite=0xE019), IllegalParameter),
        (answer(cipher_suite=0x1301), IllegalParameter),
        (answer(compression_method=1), IllegalParameter),
        (answer(extensions=(Extension(35, b""),)), UnsupportedExtension),
        (answer(extensions=(Extension(22, b""),)), UnsupportedExtension),
        (answer(extensions=(Extension(23, b""),)), UnsupportedExtension),
    ):
        must_fail(*meet("server", kind), error)


def test_client_hello_that_cannot_be_answered() -> None:
    def offer(**changes: object) -> type[Connection]:
        def edit(body: bytes) -> bytes:
            hello = ClientHello.from_bytes(body)
            fields = {name: getattr(hello, name) for name in hello.spec}
            return ClientHello(**(fields | changes)).to_bytes()

        return edited(HandshakeType.CLIENT_HELLO, edit)

    for kind, error in (
        (offer(version=0x0303), ProtocolVersionError),
        (offer(version=0x0100), ProtocolVersionError),
        (offer(compression_methods=b"\1"), IllegalParameter),
        (offer(extensions=(Extension(0, b"x"),)), DecodeError),
        (offer(extensions=(Extension(0, b"\0\4\0\0\1\xff"),)), DecodeError),
    ):
        must_fail(*meet("client", kind), error)
    tls = offer(version=0x0303)
    victim, _ = meet("client", tls)
    assert "TLS and not TLCP" in str(victim.error)


# ---- around the handshake -------------------------------------------------------------------


def test_tickets_that_nobody_asked_for() -> None:
    """We offer no session_ticket, so a NewSessionTicket is out of place (RFC 5077 3.3)."""
    extra = NewSessionTicket(300, b"ticket").encode()
    must_fail(*meet("server", inserted(5, extra)), UnexpectedMessage)


def _complete() -> tuple[Connection, Connection]:
    one, other = client(), server()
    run(one, other)
    assert one.handshake_completed
    assert other.handshake_completed
    return one, other


@pytest.mark.parametrize("role", ["client", "server"])
def test_renegotiation_is_refused_with_a_warning_and_not_for_ever(role: str) -> None:
    """Spec: GB/T 38636-2020 6.4.4 no_renegotiation."""
    one, other = _complete()
    asker, asked = (one, other) if role == "client" else (other, one)
    ask = SAMPLES[1].encode() if role == "client" else HelloRequest().encode()
    for _ in range(4):
        asker.send_handshake(ask)
        asker_side, asked_side = run(asker, asked)
        assert asker_side.error is None
        assert asked_side.error is None
    asked_data = b"still alive"
    asker.send_data(asked_data)
    assert run(asker, asked)[1].data == asked_data
    asker.send_handshake(ask)
    _, asked_side = run(asker, asked)
    assert isinstance(asked_side.error, UnexpectedMessage)


@pytest.mark.parametrize("message", SAMPLES, ids=repr)
def test_handshake_messages_after_the_handshake(message: object) -> None:
    for role in ("client", "server"):
        one, other = _complete()
        sender, receiver = (one, other) if role == "client" else (other, one)
        if isinstance(message, HelloRequest) and role == "server":
            continue
        if isinstance(message, ClientHello) and role == "client":
            continue
        sender.send_handshake(message.encode())  # type: ignore[attr-defined]
        _, side = run(sender, receiver)
        assert isinstance(side.error, UnexpectedMessage)


def test_change_cipher_spec_after_the_handshake() -> None:
    one, other = _complete()
    one.send_change_cipher_spec()
    _, side = run(one, other)
    assert isinstance(side.error, UnexpectedMessage)


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"", UnexpectedMessage), (b"\1\1", DecodeError), (b"\2", IllegalParameter)],
)
def test_malformed_change_cipher_spec(data: bytes, error: type[TLCPError]) -> None:
    end = server()
    end.receive_data(record(ContentType.CHANGE_CIPHER_SPEC, data))
    with pytest.raises(error):
        end.next_event()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", UnexpectedMessage),
        (b"\3\x28", IllegalParameter),
        (b"\0\0", IllegalParameter),
        (b"\2\x28", AlertReceived),
        (b"\1\0", AlertReceived),
        (b"\2\xff", AlertReceived),
    ],
)
def test_alerts_in_the_handshake(data: bytes, error: type[TLCPError]) -> None:
    """A close_notify in the middle of a handshake is no clean end."""
    for end in (server(), client()):
        end.data_to_send()
        end.receive_data(record(ContentType.ALERT, data))
        with pytest.raises(error) as caught:
            end.next_event()
        if isinstance(caught.value, AlertReceived):
            assert end.data_to_send() == b"", "an alert is not answered"


def test_warnings_are_let_pass_but_not_for_ever() -> None:
    end = client()
    end.data_to_send()
    for _ in range(8):
        end.receive_data(record(ContentType.ALERT, b"\1\x70"))
        assert end.next_event() is None
    end.receive_data(record(ContentType.ALERT, b"\1\x70"))
    with pytest.raises(UnexpectedMessage, match="9 warning alerts"):
        end.next_event()


def test_warnings_in_mid_session_count_alike() -> None:
    """no_renegotiation is one of them: nobody here asked to renegotiate."""
    one, other = _complete()
    for _ in range(8):
        _send_alerts(one, b"\1\x64")
    assert run(one, other)[1].error is None
    _send_alerts(one, b"\1\x64")
    _, side = run(one, other)
    assert isinstance(side.error, UnexpectedMessage)


def _send_alerts(end: Connection, *records: bytes) -> None:
    """Send alert records with this content, well formed or not."""
    for data in records:
        end._send(ContentType.ALERT, data)


def _alerting(index: int, *records: bytes) -> type[Connection]:
    """Sends alerts before its message number ``index``."""

    class Alerting(Connection):
        count = 0

        def _alert_first(self) -> None:
            self.count += 1
            if self.count == index + 1:
                _send_alerts(self, *records)

        def send_handshake(self, raw: bytes) -> None:
            self._alert_first()
            super().send_handshake(raw)

        def send_change_cipher_spec(self) -> None:
            self._alert_first()
            super().send_change_cipher_spec()

    return Alerting


@EVERY
@pytest.mark.parametrize(
    "alert",
    [b"\1\0", b"\2\0", b"\2\x28", b"\2\x7b", b"\2\x64"],
    ids=["close_notify", "fatal close_notify", "fatal", "fatal unknown(123)", "fatal warning"],
)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "one byte in each record"])
def test_an_alert_that_ends_the_handshake_anywhere(
    role: str, index: int, alert: bytes, cut: bool
) -> None:
    """It ends there, in clear and protected, and is not answered."""
    records = [bytes((byte,)) for byte in alert] if cut else [alert]
    victim, offender = meet(role, _alerting(index, *records))
    assert isinstance(victim.error, AlertReceived)
    assert (victim.error.level, victim.error.description) == tuple(alert)
    assert A.label(alert[1]) in str(victim.error)
    assert victim.completed is None
    assert offender.error is None


@EVERY
@pytest.mark.parametrize("number", [A.USER_CANCELED, A.UNRECOGNIZED_NAME, 123])
def test_a_warning_anywhere_in_the_handshake_is_let_pass(
    role: str, index: int, number: int
) -> None:
    victim, offender = meet(role, _alerting(index, bytes((1, number))))
    assert isinstance(victim.error, TruncatedError)  # of ``meet``, when all was through
    assert victim.completed is not None
    assert offender.completed is not None


@pytest.mark.parametrize("records", [(b"\1\x5a", b"\1\0"), (b"\1\x5a\1\0",)], ids=["two", "one"])
def test_user_canceled_is_told_with_the_close_notify_that_follows(
    records: tuple[bytes, ...],
) -> None:
    victim, _ = meet("client", _alerting(1, *records))
    assert isinstance(victim.error, AlertReceived)
    assert victim.error.description == A.CLOSE_NOTIFY
    assert "user_canceled(90): its user canceled the handshake" in str(victim.error)


@pytest.mark.parametrize("alert", [b"\2\x50", b"\2\x7b"], ids=["fatal", "fatal unknown(123)"])
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "one byte in each record"])
def test_fatal_alerts_in_mid_session(alert: bytes, cut: bool) -> None:
    for role in ("client", "server"):
        one, other = _complete()
        sender, receiver = (one, other) if role == "client" else (other, one)
        sender.send_data(b"before")
        _send_alerts(sender, *([bytes((byte,)) for byte in alert] if cut else [alert]))
        sender.send_data(b"after")
        _, side = run(sender, receiver)
        assert isinstance(side.error, AlertReceived)
        assert side.error.description == alert[1]
        assert side.data == b"before"
        assert receiver.data_to_send() == b""


def test_several_alerts_in_one_record() -> None:
    """Read one by one; an end, orderly or not, is the last."""
    one, other = _complete()
    _send_alerts(one, b"\1\x64\1\x7b\1\0\2\x28\2")
    _, side = run(one, other)
    assert side.closed
    assert side.error is None
    end = server()
    end.receive_data(record(ContentType.ALERT, b"\1\x7b\2\x28\1\0"))
    with pytest.raises(AlertReceived, match="handshake_failure"):
        end.next_event()
    end = server()
    end.receive_data(record(ContentType.ALERT, b"\1\x7b" * 4000))
    with pytest.raises(UnexpectedMessage, match="9 warning alerts"):
        end.next_event()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (ContentType.HANDSHAKE, SAMPLES[1].encode()),
        (ContentType.CHANGE_CIPHER_SPEC, b"\1"),
        (ContentType.APPLICATION_DATA, b"data"),
    ],
)
def test_a_record_inside_an_alert(kind: ContentType, data: bytes) -> None:
    """Half an alert in clear must not be finished under new keys, or it forges one."""
    end = server()
    end.receive_data(record(ContentType.ALERT, b"\2"))
    assert end.next_event() is None
    end.receive_data(record(kind, data) + record(ContentType.ALERT, b"\x28"))
    with pytest.raises(UnexpectedMessage, match="in the middle of an alert"):
        end.next_event()
    assert end.data_to_send() == record(ContentType.ALERT, bytes((2, A.UNEXPECTED_MESSAGE)))


def test_half_an_alert_and_the_end() -> None:
    one, other = _complete()
    _send_alerts(one, b"\1")
    other.receive_data(one.data_to_send())
    other.receive_eof()
    with pytest.raises(TruncatedError):
        other.next_event()


@pytest.mark.parametrize("role", ["client", "server"])
def test_close_notify_goes_both_ways_once(role: str) -> None:
    """Spec: GB/T 38636-2020 6.4.4.1: each side closes its own direction."""
    one, other = _complete()
    first, second = (one, other) if role == "client" else (other, one)
    first.close()
    first.close()
    _, side = run(first, second)
    assert side.closed
    assert second.data_to_send() == b"", "answered when the program closes, not before"
    second.send_data(b"the rest")  # its own direction is still open
    second.close()
    side, _ = run(second, first)[::-1]
    assert side.data == b"the rest"
    assert side.closed
    assert first.data_to_send() == b""


def test_application_data_before_finished() -> None:
    for end in (server(), client()):
        end.receive_data(record(ContentType.APPLICATION_DATA, b"data"))
        with pytest.raises(UnexpectedMessage, match="before the handshake"):
            end.next_event()


@pytest.mark.parametrize("kind", [ContentType.CHANGE_CIPHER_SPEC, ContentType.APPLICATION_DATA])
def test_a_record_inside_a_handshake_message(kind: ContentType) -> None:
    end = server()
    end.receive_data(record(ContentType.HANDSHAKE, b"\1\0\0\x40half") + record(kind, b"\1"))
    with pytest.raises(UnexpectedMessage, match="in the middle of a handshake message"):
        end.next_event()


def test_bytes_behind_finished_in_its_record() -> None:
    class Chatty(Connection):
        def send_handshake(self, raw: bytes) -> None:
            extra = Finished(bytes(12)).encode() if raw[0] == HandshakeType.FINISHED else b""
            super().send_handshake(raw + extra)

    for role in ("client", "server"):
        victim, _ = meet(role, Chatty)
        assert isinstance(victim.error, UnexpectedMessage)
        assert victim.completed is None
