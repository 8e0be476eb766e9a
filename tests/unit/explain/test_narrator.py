"""What is told about every message of a connection, and about bytes that are none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peers.pki import PKI
from tlcp.config import ClientAuth, Config
from tlcp.connection import Connection
from tlcp.events import TracedMessage
from tlcp.explain import Field, Narrator, Told
from tlcp.registry import TLCP_VERSION, ContentType
from tlcp.suites import parse_suites
from tlcp.wire import messages
from tlcp.wire.bodies import EcdheClientKeyExchangeVector, EcdheParams
from tlcp.wire.extensions import ProtocolNameList, SignatureAlgorithms, SupportedGroups

SUITES = ("ECC_SM4_GCM_SM3", "ECC_SM4_CBC_SM3", "ECDHE_SM4_GCM_SM3", "ECDHE_SM4_CBC_SM3")
FULL = [
    ("C->S", "ClientHello"),
    ("S->C", "ServerHello"),
    ("S->C", "Certificate"),
    ("S->C", "ServerKeyExchange"),
    ("S->C", "CertificateRequest"),
    ("S->C", "ServerHelloDone"),
    ("C->S", "Certificate"),
    ("C->S", "ClientKeyExchange"),
    ("C->S", "CertificateVerify"),
    ("C->S", "ChangeCipherSpec"),
    ("C->S", "Finished"),
    ("S->C", "ChangeCipherSpec"),
    ("S->C", "Finished"),
    ("C->S", "ApplicationData"),
    ("S->C", "ApplicationData"),
    ("C->S", "Alert"),
    ("S->C", "Alert"),
]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HELLO = bytes.fromhex("6b02a440") + bytes(range(28))  # begins with a time on 2026-11-22


def converse(pki: PKI, suite: str, *, identity: bool = True) -> list[TracedMessage]:
    """All messages of one connection, as the client sees them."""
    seen: list[TracedMessage] = []
    client = Connection.client(
        Config(
            identity=pki.client.identity if identity else None,
            trust=pki.trust,
            suites=parse_suites(suite),
            trace=seen.append,
        ),
        server_name="localhost",
    )
    server = Connection.server(
        Config(identity=pki.server.identity, trust=pki.trust, client_auth=ClientAuth.OPTIONAL)
    )
    exchange(client, server)
    client.send_data(b"ping\n")
    exchange(client, server)
    server.send_data(bytes(range(200)))
    exchange(client, server)
    for end in (client, server):
        end.close()
        exchange(client, server)
    return seen


def exchange(client: Connection, server: Connection) -> None:
    quiet = False
    while not quiet:
        quiet = True
        for sender, receiver in ((client, server), (server, client)):
            if data := sender.data_to_send():
                quiet = False
                receiver.receive_data(data)
            while receiver.next_event() is not None:
                pass


@pytest.fixture(scope="module")
def conversations(pki: PKI) -> dict[str, list[TracedMessage]]:
    return {suite: converse(pki, suite) for suite in SUITES}


def tell_all(traced: list[TracedMessage]) -> list[Told]:
    narrator = Narrator()
    return [narrator.tell(message) for message in traced]


def tell(message: messages.Handshake, sender: str = "client", **known: object) -> Told:
    narrator = Narrator(now=lambda: NOW)
    for name, value in known.items():
        setattr(narrator, name, value)
    return narrator.tell(TracedMessage(sender, ContentType.HANDSHAKE, message.encode(), False))


def field(told: Told, name: str) -> Field:
    found = [one for one in told.fields if one.name == name]
    assert len(found) == 1, f"{name} in {told}"
    return found[0]


@pytest.mark.parametrize("suite", SUITES)
def test_a_whole_connection_is_told_in_wire_order(
    suite: str, conversations: dict[str, list[TracedMessage]]
) -> None:
    told = tell_all(conversations[suite])
    assert [(one.direction, one.name) for one in told] == FULL
    assert [one.number for one in told] == list(range(1, len(FULL) + 1))
    sizes = [len(message.data) for message in conversations[suite]]
    assert [one.length_bytes for one in told] == sizes
    protected = [one.number for one in told if one.protected]
    assert protected == [11, 13, 14, 15, 16, 17]
    assert all(one.fields for one in told)


@pytest.mark.parametrize("suite", SUITES)
def test_nothing_of_a_whole_connection_is_left_raw(
    suite: str, conversations: dict[str, list[TracedMessage]]
) -> None:
    for told in tell_all(conversations[suite]):
        assert not [
            one for one in told.fields if one.name in ("raw", "body") and one.value[0] != "("
        ]
        names = [one.name for one in told.fields]
        assert len(names) == len(set(names)), f"a field is told twice in {told.name}"


def test_certificates_are_told_by_role(conversations: dict[str, list[TracedMessage]]) -> None:
    server, client = (tell_all(conversations[SUITES[0]])[place] for place in (2, 6))
    assert "CN=a server" in field(server, "sign.subject").value
    assert "signing certificate" in field(server, "sign.subject").meaning
    assert "CN=a server" in field(server, "enc.subject").value
    assert "encryption certificate" in field(server, "enc.subject").meaning
    assert "CN=TLCP Root CA" in field(server, "enc.issuer").value
    assert field(server, "sign.key_usage").value == "digitalSignature, nonRepudiation"
    assert "keyEncipherment" in field(server, "enc.key_usage").value
    assert field(server, "sign.serial").value != field(server, "enc.serial").value
    assert field(server, "sign.hosts").value == "localhost, 127.0.0.1"
    assert "who the client is" in field(client, "sign.subject").meaning


def test_the_key_exchange_of_the_ecc_suites(conversations: dict[str, list[TracedMessage]]) -> None:
    told = tell_all(conversations["ECC_SM4_CBC_SM3"])
    assert field(told[1], "cipher_suite").value == "ECC_SM4_CBC_SM3 (E013)"
    signature = field(told[3], "signature").meaning
    assert "CN=a server" in signature
    assert "encryption certificate (6.4.5.4)" in signature
    assert "only the encryption key of CN=a server" in field(told[7], "ciphertext").meaning
    assert "CN=a client" in field(told[8], "signature").meaning


def test_the_key_exchange_of_the_ecdhe_suites(
    conversations: dict[str, list[TracedMessage]],
) -> None:
    told = tell_all(conversations["ECDHE_SM4_GCM_SM3"])
    assert field(told[3], "named_curve") == Field(
        "named_curve", "41 (SM2)", "not checked: stacks disagree on the number"
    )
    assert "party A" in field(told[3], "point").meaning
    assert "both randoms and this point" in field(told[3], "signature").meaning
    assert "party B" in field(told[7], "point").meaning
    assert field(told[7], "form").value == "bare"


def test_a_client_without_certificates_is_told(pki: PKI) -> None:
    traced = converse(pki, "ECC_SM4_GCM_SM3", identity=False)
    told = tell_all(traced)
    assert [one.name for one in told[6:9]] == [
        "Certificate",
        "ClientKeyExchange",
        "ChangeCipherSpec",
    ]
    assert field(told[6], "certificates").value == "(none)"
    assert "not authenticated" in field(told[6], "certificates").meaning


def test_application_data_is_text_or_short_hex(
    conversations: dict[str, list[TracedMessage]],
) -> None:
    told = tell_all(conversations[SUITES[0]])
    assert field(told[13], "data").value == '"ping\\n"'
    assert field(told[14], "data").value == "0001020304050607...c4c5c6c7"
    assert "200 bytes" in field(told[14], "data").meaning


def test_an_empty_record_is_no_end() -> None:
    traced = TracedMessage("server", ContentType.APPLICATION_DATA, b"", True)
    assert "not an end" in field(Narrator().tell(traced), "data").meaning


def test_the_alerts_are_explained(conversations: dict[str, list[TracedMessage]]) -> None:
    close = tell_all(conversations[SUITES[0]])[-1]
    assert field(close, "level").value == "warning(1)"
    assert field(close, "description").value == "close_notify(0)"
    fatal = Narrator().tell(TracedMessage("server", ContentType.ALERT, b"\x02\x30", False))
    assert field(fatal, "level").value == "fatal(2)"
    assert field(fatal, "description").value == "unknown_ca(48)"
    assert "the server: it does not know the CA" in field(fatal, "description").meaning
    odd = Narrator().tell(TracedMessage("server", ContentType.ALERT, b"\x09\x7b", False))
    assert field(odd, "level").value == "unknown(9)"
    assert field(odd, "description").value == "unknown(123)"


def client_hello(**changes: object) -> messages.ClientHello:
    values: dict[str, object] = {
        "version": TLCP_VERSION,
        "random": HELLO,
        "session_id": b"",
        "cipher_suites": (0xE053, 0xE019, 0x1301, 0x00FF),
        "compression_methods": b"\0",
        **changes,
    }
    return messages.ClientHello(**values)  # type: ignore[arg-type]


def test_suites_are_told_by_name_known_or_not() -> None:
    told = tell(client_hello())
    assert field(told, "cipher_suites").value == (
        "ECC_SM4_GCM_SM3 (E053), RSA_SM4_CBC_SM3 (E019), unknown (1301), "
        "TLS_EMPTY_RENEGOTIATION_INFO_SCSV (00FF)"
    )


def test_a_random_is_a_time_only_if_that_is_plausible() -> None:
    assert "2026-11-22" in field(tell(client_hello()), "random").meaning
    for random in (bytes(32), b"\xff" * 32):
        assert "time" not in field(tell(client_hello(random=random)), "random").meaning


@pytest.mark.parametrize(
    ("version", "meaning"), [(0x0101, "TLCP 1.1"), (0x0303, "TLS 1.2, not TLCP"), (0x7777, "no ")]
)
def test_versions_are_told(version: int, meaning: str) -> None:
    assert field(tell(client_hello(version=version)), "version").meaning.startswith(meaning)


def test_extensions_are_told_by_name_and_body() -> None:
    extensions = (
        messages.Extension(16, ProtocolNameList((b"h2", b"http/1.1")).to_bytes()),
        messages.Extension(10, SupportedGroups((41, 99)).to_bytes()),
        messages.Extension(13, SignatureAlgorithms((0x0708,)).to_bytes()),
        messages.Extension(35, b""),
        messages.Extension(0, b"\x00\x05\x00\x00\x09ab"),
        messages.Extension(4711, b"\x01\x02"),
    )
    told = tell(client_hello(extensions=extensions))
    assert field(told, "ext. ALPN(16)").value == "h2, http/1.1"
    assert field(told, "ext. supported_groups(10)").value == "curveSM2 (41), unknown (99)"
    assert "sm2sig_sm3" in field(told, "ext. signature_algorithms(13)").value
    assert "not in the standard" in field(told, "ext. session_ticket(35)").meaning
    assert "does not decode" in field(told, "ext. server_name(0)").meaning
    assert field(told, "ext. unknown(4711)").value == "0102"


def test_no_extensions_and_an_empty_block_are_told_apart() -> None:
    assert field(tell(client_hello()), "extensions").value == "(none)"
    assert field(tell(client_hello(extensions=())), "extensions").value == "(empty)"


def test_a_resumed_session_is_told() -> None:
    narrator = Narrator()
    session = bytes(range(32))
    for sender, message in (
        ("client", client_hello(session_id=session)),
        ("server", messages.ServerHello(TLCP_VERSION, HELLO, session, 0xE053, 0)),
    ):
        data = message.encode()
        told = narrator.tell(TracedMessage(sender, ContentType.HANDSHAKE, data, False))
    assert "that session goes on" in field(told, "session_id").meaning
    assert "master secret" in field(told, "cipher_suite").meaning  # no new key exchange


def test_a_ticket_is_told_from_its_request_to_its_return() -> None:
    narrator, ticket = Narrator(), b"t" * 40
    asked, promised = messages.Extension(35, b""), messages.Extension(35, b"")
    brought = messages.Extension(35, ticket)
    session = bytes(range(32))
    told = [
        narrator.tell(TracedMessage(sender, ContentType.HANDSHAKE, message.encode(), False))
        for sender, message in (
            ("client", client_hello(extensions=(asked,))),
            (
                "server",
                messages.ServerHello(TLCP_VERSION, HELLO, b"", 0xE053, 0, (promised,)),
            ),
            ("server", messages.NewSessionTicket(7200, ticket)),
            ("client", client_hello(session_id=session, extensions=(brought,))),
            ("server", messages.ServerHello(TLCP_VERSION, HELLO, session, 0xE053, 0)),
            ("server", messages.NewSessionTicket(0, ticket)),
            ("server", messages.NewSessionTicket(0, b"")),
        )
    ]
    extension = "ext. session_ticket(35)"
    assert "asks for a session ticket" in field(told[0], extension).meaning
    assert "the ticket that follows" in field(told[1], "session_id").meaning
    assert "a NewSessionTicket will follow" in field(told[1], extension).meaning
    assert "40 bytes: the session" in field(told[2], "ticket").meaning
    assert "goes with the ticket" in field(told[3], "session_id").meaning
    assert "the ticket of an earlier connection, 40 bytes" in field(told[3], extension).meaning
    assert "40 bytes: a fresh ticket" in field(told[5], "ticket").meaning
    assert "does not say how long" in field(told[5], "lifetime").meaning
    assert field(told[6], "ticket").meaning == "the server gives none after all"


@pytest.mark.parametrize(
    ("message", "name", "value"),
    [
        (messages.HelloRequest(), "body", "(empty)"),
        (messages.NewSessionTicket(7200, b"t" * 40), "lifetime", "7200 s"),
        (messages.CertificateStatus(1, b"\x30\x00"), "response", "3000"),
        (messages.CertificateRequest(b"\x01\x40\x63", ()), "authorities", "(none)"),
        (messages.CertificateRequest(b"\x40", (b"no DER",)), "authorities[0]", "6e6f20444552"),
        (messages.Certificate((b"no DER",)), "sign", "6e6f20444552"),
    ],
)
def test_messages_that_a_plain_handshake_lacks(
    message: messages.Handshake, name: str, value: str
) -> None:
    assert field(tell(message, "server"), name).value == value


def test_the_vector_form_of_the_ecdhe_key_exchange() -> None:
    body = EcdheClientKeyExchangeVector(EcdheParams(3, 249, b"\x04" * 65)).to_bytes()
    suite = parse_suites("ECDHE_SM4_CBC_SM3")[0]
    told = tell(messages.ClientKeyExchange(body), suite=suite)
    assert field(told, "form").value == "with length"
    assert field(told, "named_curve").value == "249 (SM2 in old stacks)"


def test_a_key_exchange_without_a_known_suite_is_shown_raw() -> None:
    for message in (messages.ServerKeyExchange(b"x"), messages.ClientKeyExchange(b"x")):
        assert field(tell(message), "body").value == "78"


@pytest.mark.parametrize("data", [b"", b"\x63\0\0\x01x", b"\x01\0\0\x02x", b"\x02\0\0\0", b"\x01"])
def test_a_message_that_does_not_decode_is_told_as_such(data: bytes) -> None:
    told = Narrator().tell(TracedMessage("client", ContentType.HANDSHAKE, data, False))
    assert "does not decode" in field(told, "raw").meaning


def test_a_record_of_an_unknown_type_is_told() -> None:
    told = Narrator().tell(TracedMessage("client", 80, b"abc", False))
    assert (told.name, field(told, "raw").value) == ("record of type 80", "616263")


def nothing_is_a_bug(told: Told) -> None:
    assert not [one for one in told.fields if "a bug of tlcp" in one.meaning], told
    assert told.name
    assert told.fields


@given(kind=st.sampled_from([20, 21, 22, 23, 80]), data=st.binary(max_size=200))
def test_random_bytes_are_told(kind: int, data: bytes) -> None:
    nothing_is_a_bug(Narrator().tell(TracedMessage("server", kind, data, False)))


Mutation = Callable[[bytes, int, int], bytes]
MUTATIONS: tuple[Mutation, ...] = (
    lambda data, at, value: data[:at] + bytes([value]) + data[at + 1 :],
    lambda data, at, value: data[:at],
    lambda data, at, value: data + bytes([value]),
    lambda data, at, value: data[:at] + data[at + 1 :],
)


@settings(max_examples=400)
@given(
    suite=st.sampled_from(SUITES),
    place=st.integers(0, len(FULL) - 1),
    change=st.sampled_from(MUTATIONS),
    at=st.floats(0, 1),
    value=st.integers(0, 255),
)
def test_mutated_messages_are_told(
    conversations: dict[str, list[TracedMessage]],
    suite: str,
    place: int,
    change: Mutation,
    at: float,
    value: int,
) -> None:
    """Also with the header's length set right, so that the change reaches the body's decoder."""
    narrator = Narrator()
    for number, message in enumerate(conversations[suite][: place + 1]):
        data = message.data
        if number == place:
            data = change(data, int(at * len(data)), value)
            if message.content_type == ContentType.HANDSHAKE and len(data) > 4:
                data = data[:1] + (len(data) - 4).to_bytes(3, "big") + data[4:]
        changed = TracedMessage(message.sender, message.content_type, data, message.protected)
        nothing_is_a_bug(narrator.tell(changed))
