"""The extensions of GM/T 0024-2023: asked for, answered, checked.

Spec: GM/T 0024-2023 A; RFC 5746, RFC 6066 8
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from support import ends
from support.ends import HOST, world
from tlcp.connection import Connection
from tlcp.dialects import AUTO, DIALECTS
from tlcp.errors import DecodeError, UnsupportedExtension
from tlcp.handshake.server import ServerEndpoint
from tlcp.quirks import Quirk
from tlcp.registry import ExtensionType as X
from tlcp.wire.extensions import (
    AuthorityKind,
    ClientIdentity,
    SignatureAlgorithms,
    StapledStatus,
    StatusRequest,
    SupportedGroups,
    TrustedAuthority,
    TrustedCAKeys,
    find_extension,
)
from tlcp.wire.messages import ClientHello, Extension, ServerHello, decode_handshake

OCSP_RESPONSE = b"0\x03\n\x01\x06"  # OCSPResponse: unauthorized


def hello_of(connection: Connection) -> ClientHello:
    message = decode_handshake(connection.data_to_send()[5:])
    assert isinstance(message, ClientHello)
    return message


def types(extensions: Iterable[Extension] | None) -> list[int]:
    return [e.type for e in extensions or ()]


def rewritten(
    sender: str, change: Callable[[ServerHello], ServerHello]
) -> Callable[[str, bytes], bytes]:
    """A wire that changes the ServerHello."""

    def wire(who: str, data: bytes) -> bytes:
        if who != sender or data[0] != 22 or data[5] != 2:
            return data
        size = int.from_bytes(data[3:5], "big")
        hello = decode_handshake(data[5 : 5 + size])
        assert isinstance(hello, ServerHello)
        raw = change(hello).encode()
        return data[:3] + len(raw).to_bytes(2, "big") + raw + data[5 + size :]

    return wire


# ---- what a client sends ---------------------------------------------------------------------


def test_only_what_the_program_asks_for_is_sent() -> None:
    assert types(hello_of(ends.client()).extensions) == [X.SERVER_NAME]
    assert hello_of(ends.client(name="127.0.0.1")).extensions is None
    assert hello_of(ends.client(extensions=False, tickets=True)).extensions is None
    every: dict[str, Any] = {
        "trusted_ca_keys": True,
        "request_ocsp": True,
        "alpn_protocols": ("h2",),
        "tickets": True,
        "client_id": b"me",
    }
    assert types(hello_of(ends.client(**every)).extensions) == [
        X.SERVER_NAME, X.TRUSTED_CA_KEYS, X.STATUS_REQUEST, X.ALPN, X.SESSION_TICKET, X.CLIENT_ID
    ]  # fmt: skip


def test_the_bodies_are_the_standards() -> None:
    settings: dict[str, Any] = {
        "trusted_ca_keys": True,
        "request_ocsp": True,
        "client_id": b"me",
        "dialect": DIALECTS["standard"],
    }
    found = hello_of(ends.client(**settings)).extensions
    bodies = {e.type: e.data for e in found or ()}
    name = world().ca.certificate.subject_der
    authority = b"\x02" + len(name).to_bytes(2, "big") + name
    assert bodies[X.TRUSTED_CA_KEYS] == len(authority).to_bytes(2, "big") + authority
    assert bodies[X.STATUS_REQUEST] == b"\x01\0\0\0\0"
    assert bodies[X.SUPPORTED_GROUPS] == b"\0\x02\0\x29"
    assert bodies[X.SIGNATURE_ALGORITHMS] == b"\0\x02\x07\x04"
    assert bodies[X.CLIENT_ID] == b"\0\x02me"


def test_what_the_dialect_lacks_is_left_out() -> None:
    asked: dict[str, Any] = {"tickets": True, "client_id": b"me", "request_ocsp": True}
    sent = {
        name: set(types(hello_of(ends.client(dialect=dialect, **asked)).extensions))
        for name, dialect in DIALECTS.items()
    }
    assert sent["gmssl-3.1"] == set()
    assert X.SESSION_TICKET not in sent["gmssl-3.3"] | sent["gotlcp"] | sent["standard"]
    assert X.SESSION_TICKET in sent["tongsuo"] & sent["tassl"] & sent["auto"]
    assert X.CLIENT_ID not in sent["tongsuo"] | sent["kona"]


# ---- OCSP, in three forms ---------------------------------------------------------------------


def test_a_staple_in_a_message_of_its_own() -> None:
    near, _ = ends.handshake(
        ends.client(request_ocsp=True), ends.server(ocsp_response=OCSP_RESPONSE)
    )
    assert near.completed is not None
    assert near.completed.ocsp_response == OCSP_RESPONSE
    assert Quirk.STAPLE_IN_MESSAGE in near.completed.quirks


def test_nobody_staples_unasked_or_empty_handed() -> None:
    for asks, has in ((False, OCSP_RESPONSE), (True, b"")):
        near, _ = ends.handshake(ends.client(request_ocsp=asks), ends.server(ocsp_response=has))
        assert near.completed is not None
        assert near.completed.ocsp_response is None


@pytest.mark.parametrize(
    ("data", "response", "quirks"),
    [
        (StapledStatus(1, OCSP_RESPONSE).to_bytes(), OCSP_RESPONSE, {Quirk.STAPLE_IN_HELLO}),
        (b"", None, set()),
    ],
    ids=["gotlcp", "gmssl"],
)
def test_the_two_other_forms(
    monkeypatch: pytest.MonkeyPatch, data: bytes, response: bytes | None, quirks: set[Quirk]
) -> None:
    """A status inside the ServerHello, and an empty answer that nothing follows."""
    answers = (Extension(X.STATUS_REQUEST, data),)
    monkeypatch.setattr(ServerEndpoint, "_answers", lambda *_, **__: answers)
    near, _ = ends.handshake(ends.client(request_ocsp=True), ends.server())
    assert near.completed is not None
    assert near.completed.ocsp_response == response
    staples = {Quirk.STAPLE_IN_HELLO, Quirk.STAPLE_IN_MESSAGE}
    assert set(near.completed.quirks) & staples == quirks


# ---- what a server makes of them ---------------------------------------------------------------


def test_the_server_knows_the_client_id() -> None:
    _, far = ends.handshake(ends.client(client_id=b"\x00id"), ends.server())
    assert far.completed is not None
    assert far.completed.client_id == b"\x00id"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (X.CLIENT_ID, b"\0\0"),
        (X.CLIENT_ID, b"\0\x05me"),
        (X.TRUSTED_CA_KEYS, b"\0\x01\x01"),
        (X.TRUSTED_CA_KEYS, b"\0\x03\x05ab"),
        (X.STATUS_REQUEST, b""),
        (X.RENEGOTIATION_INFO, b"\x02a"),
        (X.SIGNATURE_ALGORITHMS, b"\0\x01\x07"),
    ],
)
def test_a_malformed_extension_is_refused(kind: int, body: bytes) -> None:
    hello = ClientHello(0x0101, bytes(32), b"", (0xE053,), b"\0", (Extension(kind, body),)).encode()
    far = ends.server()
    far.receive_data(b"\x16\x01\x01" + len(hello).to_bytes(2, "big") + hello)
    with pytest.raises(DecodeError, match=X(kind).name.lower()):
        far.next_event()


def test_renegotiation_info_is_answered_where_it_does_no_harm() -> None:
    """openHiTLS needs an answer to 00FF; GmSSL 2 sends 00FF too and takes no extension."""

    def answer(suites: tuple[int, ...], extensions: tuple[Extension, ...] | None) -> list[int]:
        hello = ClientHello(0x0101, bytes(32), b"", suites, b"\0", extensions).encode()
        far = ends.server()
        far.receive_data(b"\x16\x01\x01" + len(hello).to_bytes(2, "big") + hello)
        assert far.next_event() is None
        data = far.data_to_send()
        reply = decode_handshake(data[5 : 5 + int.from_bytes(data[3:5], "big")])
        assert isinstance(reply, ServerHello)
        return types(reply.extensions)

    groups = (Extension(X.SUPPORTED_GROUPS, SupportedGroups((41,)).to_bytes()),)
    info = (Extension(X.RENEGOTIATION_INFO, b"\0"),)
    assert answer((0xE053, 0x00FF), groups) == [X.RENEGOTIATION_INFO]
    assert answer((0xE053,), info) == [X.RENEGOTIATION_INFO]
    assert answer((0xE053, 0x00FF), None) == []
    assert answer((0xE053,), groups) == []


def test_an_answer_that_was_not_asked_for_is_refused() -> None:
    def add(hello: ServerHello) -> ServerHello:
        answers = (Extension(X.SESSION_TICKET, b""),)
        return ServerHello(
            hello.version, hello.random, hello.session_id, hello.cipher_suite, 0, answers
        )

    near, _ = ends.run(ends.client(), ends.server(), rewritten("server", add))
    assert isinstance(near.error, UnsupportedExtension)


# ---- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        TrustedCAKeys(()),
        TrustedCAKeys(
            (
                TrustedAuthority(AuthorityKind.PRE_AGREED, b""),
                TrustedAuthority(AuthorityKind.X509_NAME, b"0\0"),
                TrustedAuthority(AuthorityKind.KEY_SM3_HASH, bytes(32)),
                TrustedAuthority(AuthorityKind.CERT_SM3_HASH, bytes(range(32))),
            )
        ),
        StatusRequest(1, b"\0\x01a", b"b"),
        StapledStatus(1, OCSP_RESPONSE),
        ClientIdentity(b"id"),
        SignatureAlgorithms((0x0708, 0x0704)),
    ],
    ids=lambda body: type(body).__name__,
)
def test_bodies_round_trip_and_no_truncation_is_taken(body: Any) -> None:
    data = body.to_bytes()
    assert type(body).from_bytes(data) == body
    for size in range(len(data)):
        with pytest.raises(DecodeError):
            type(body).from_bytes(data[:size])
    with pytest.raises(DecodeError):
        type(body).from_bytes(data + b"\0")


def test_the_default_dialect_offers_the_host_name() -> None:
    assert find_extension(hello_of(ends.client(dialect=AUTO)).extensions, X.SERVER_NAME)
    assert HOST.encode() in (hello_of(ends.client()).extensions or ())[0].data
