"""``TLCPObject`` between two BIOs, driven as asyncio, trio and others drive ``ssl.SSLObject``."""

from __future__ import annotations

import array
import copy
import gc
import pickle
import ssl
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from shells.bios import Bios
from support.ends import HOST, NOW, world
from support.sockets import client_context, server_context
from tlcp.alerts import AlertDescription
from tlcp.errors import (
    AlertReceived,
    BadRecordMAC,
    ClosedError,
    InternalError,
    NegotiationError,
    RefusedByProgram,
    TruncatedError,
    UnrecognizedName,
)
from tlcp.sslobject import TLCPObject
from tlcp.x509.peercert import as_dictionary


@pytest.fixture
def ends() -> Bios:
    """Two objects through their handshake."""
    return Bios().handshake()


# ---- before the handshake -----------------------------------------------------------------


def test_what_is_known_before_the_handshake() -> None:
    end = Bios().client
    for name in ("version", "cipher", "shared_ciphers", "selected_alpn_protocol", "compression"):
        assert getattr(end, name)() is None
    assert end.get_channel_binding() is None
    assert end.get_verified_chain() == end.get_unverified_chain() == []
    assert (end.pending(), end.session, end.session_reused) == (0, None, False)
    for binary in (False, True):
        with pytest.raises(ValueError, match="handshake not done yet"):
            end.getpeercert(binary)
    with pytest.raises(ssl.SSLError):
        end.unwrap()
    assert end.read(0) == b""
    assert end.read(9, bytearray()) == 0


def test_everything_wants_the_peer_until_it_speaks() -> None:
    ends = Bios()
    for action in (ends.client.do_handshake, ends.client.read, lambda: ends.client.write(b"x")):
        for _ in range(2):
            with pytest.raises(ssl.SSLWantReadError) as caught:
                action()
            assert caught.value.errno == ssl.SSL_ERROR_WANT_READ
    assert ends.carry() > 0, "the ClientHello"
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.do_handshake()
    assert ends.carry() == 0, "it is sent once"


def test_the_end_of_the_transport_in_the_handshake() -> None:
    for lead in (b"", b"\x16\x01\x01"):
        ends = Bios()
        ends.to_client.write(lead)
        ends.to_client.write_eof()
        for action in (ends.client.do_handshake, ends.client.read, ends.client.do_handshake):
            with pytest.raises(ssl.SSLEOFError) as caught:
                action()
            assert caught.value.errno == ssl.SSL_ERROR_EOF


def test_a_handshake_byte_by_byte() -> None:
    ends = Bios()
    raw: list[tuple[ssl.MemoryBIO, bytes]] = []
    real_carry = ends.carry

    def carry() -> int:
        there, back = ends._client_out.read(), ends._server_out.read()
        raw.extend((ends.to_server, there[i : i + 1]) for i in range(len(there)))
        raw.extend((ends.to_client, back[i : i + 1]) for i in range(len(back)))
        return len(there) + len(back)

    def step(end: Any) -> None:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            carry()
        else:
            carry()

    step(ends.client)
    while raw:
        bio, byte = raw.pop(0)
        bio.write(byte)
        step(ends.client if bio is ends.to_client else ends.server)
    assert ends.client.version() == ends.server.version() == "TLCPv1.1"
    assert real_carry() == 0


# ---- data ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"a view")[2:],
        array.array("I", [1, 2, 3]),
        memoryview(array.array("H", range(8))),
        memoryview(bytes(12)).cast("B", (3, 4)),
        b"",
        bytes(100_000),
    ],
)
def test_write_takes_any_buffer(ends: Bios, data: Any) -> None:
    octets = bytes(memoryview(data).cast("B"))
    assert ends.client.write(data) == len(octets)
    ends.carry()
    received = b""
    while len(received) < len(octets):
        received += ends.server.read(1 << 16)
    assert received == octets


@pytest.mark.parametrize("data", ["text", None, 3, memoryview(b"abcd")[::2]])
def test_write_refuses_what_is_none(ends: Bios, data: Any) -> None:
    with pytest.raises((TypeError, BufferError)):
        ends.client.write(data)
    ends.client.write(b"still well")
    ends.carry()
    assert ends.server.read() == b"still well"


def test_read_in_pieces(ends: Bios) -> None:
    ends.server.write(b"0123456789")
    ends.carry()
    assert ends.client.pending() == 0, "nothing is decrypted before it is asked for"
    assert ends.client.read(1) == b"0"
    assert ends.client.pending() == 9
    assert ends.client.read(0) == b""
    buffer = bytearray(b"--------")
    assert ends.client.read(3, buffer) == 3
    assert buffer == b"123-----"
    assert ends.client.read(99, memoryview(buffer)[4:6]) == 2
    assert buffer == b"123-45--"
    assert ends.client.read(0, buffer) == 0
    assert ends.client.read(-1, array.array("b", bytes(2))) == 2
    assert ends.client.read() == b"89"
    assert ends.client.pending() == 0
    with pytest.raises(ValueError, match="negative"):
        ends.client.read(-1)
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.read()


def test_pending_counts_all_that_has_come(ends: Bios) -> None:
    """Whoever waits with select() must not wait while there is data here."""
    for _ in range(300):  # many more records than are opened in one batch
        ends.server.write(b"0123456789")
    ends.carry()
    assert ends.client.read(10) == b"0123456789"
    assert ends.client.pending() == 2990
    assert ends.to_client.pending == 0


def test_an_error_comes_after_the_data_before_it(ends: Bios) -> None:
    ends.server.write(b"good")
    good = ends._server_out.read()
    ends.server.write(b"bad")
    bad = bytearray(ends._server_out.read())
    bad[-1] ^= 1
    ends.to_client.write(good + bad)
    assert ends.client.read(2) == b"go"
    assert ends.client.read() == b"od"
    for _ in range(2):
        with pytest.raises(BadRecordMAC):
            ends.client.read()
    with pytest.raises(BadRecordMAC):
        ends.client.write(b"x")
    ends.carry()
    with pytest.raises(AlertReceived) as caught:
        ends.server.read()
    assert caught.value.description == AlertDescription.BAD_RECORD_MAC


def test_the_end_of_the_transport_after_data(ends: Bios) -> None:
    ends.server.write(b"some")
    ends.carry()
    ends.to_client.write_eof()
    assert ends.client.read() == b"some"
    for _ in range(2):
        with pytest.raises(ssl.SSLEOFError) as caught:
            ends.client.read()
        assert isinstance(caught.value, TruncatedError)


# ---- closing ---------------------------------------------------------------------------------


def test_unwrap_on_both_sides(ends: Bios) -> None:
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.unwrap()
    ends.carry()
    assert ends.server.read() == b"", "the peer has closed"
    assert ends.server.read(9, bytearray(9)) == 0
    assert ends.server.peer_closed
    ends.server.unwrap()
    ends.carry()
    ends.client.unwrap()
    for end in (ends.client, ends.server):
        with pytest.raises(ssl.SSLZeroReturnError) as caught:
            end.read()
        assert caught.value.errno == ssl.SSL_ERROR_ZERO_RETURN
        with pytest.raises(ssl.SSLError):
            end.write(b"x")
        end.unwrap()  # nothing more to do
    assert ends.carry() == 0


def test_one_side_may_go_on_sending(ends: Bios) -> None:
    ends.client.send_close_notify()
    ends.carry()
    assert ends.server.read() == b""
    ends.server.write(b"an answer")
    ends.carry()
    assert ends.client.read() == b"an answer"
    with pytest.raises(ClosedError):
        ends.client.write(b"x")


def test_data_on_its_way_is_dropped_by_unwrap(ends: Bios) -> None:
    ends.server.write(b"late")
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.unwrap()
    ends.carry()
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.unwrap()
    ends.server.unwrap()
    ends.carry()
    ends.client.unwrap()


def test_what_follows_close_notify_stays_in_the_bio(ends: Bios) -> None:
    """trio and anyio take it from there."""
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.unwrap()
    ends.carry()
    ends.server.write(b"data that nobody waits for")
    ends.server.unwrap()
    ends.carry()
    ends.to_client.write(b"plain words")
    ends.client.unwrap()
    assert ends.to_client.read() == b"plain words"


def test_the_transport_ends_without_close_notify(ends: Bios) -> None:
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.unwrap()
    ends.to_client.write_eof()
    with pytest.raises(ssl.SSLEOFError):
        ends.client.unwrap()


# ---- what was agreed on --------------------------------------------------------------------


def test_peer_certificates(ends: Bios) -> None:
    w = world()
    assert ends.client.getpeercert() == as_dictionary(w.server.sign_cert)
    assert ends.client.getpeercert(True) == w.server.sign_cert.der
    assert ends.server.getpeercert() == as_dictionary(w.client.sign_cert)
    assert ends.client.get_verified_chain() == [w.server.sign_cert.der, w.ca.certificate.der]
    assert w.server.enc_cert is not None
    assert ends.client.get_unverified_chain() == [w.server.sign_cert.der, w.server.enc_cert.der]


def test_peer_certificates_without_verification() -> None:
    loose = client_context()
    loose.check_hostname = False
    loose.verify_mode = ssl.CERT_NONE
    ends = Bios(loose, server_context(verify_mode=ssl.CERT_NONE), name=None).handshake()
    assert ends.client.getpeercert() == {}
    assert ends.client.getpeercert(binary_form=True) == world().server.sign_cert.der
    assert ends.client.get_verified_chain() == []
    assert ends.server.getpeercert() is None
    assert ends.server.getpeercert(True) is None


def test_channel_binding(ends: Bios) -> None:
    binding = ends.client.get_channel_binding()
    assert binding == ends.server.get_channel_binding("tls-unique")
    assert len(binding) == 12
    assert binding != Bios().handshake().client.get_channel_binding()
    for other in ("tls-exporter", "tls-server-end-point", ""):
        with pytest.raises(ValueError, match="channel binding type not implemented"):
            ends.client.get_channel_binding(other)


def test_it_cannot_be_copied_or_pickled(ends: Bios) -> None:
    for action in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot pickle 'TLCPObject' object"):
            action(ends.client)


def test_sessions_and_contexts_are_checked(ends: Bios) -> None:
    with pytest.raises(TypeError):
        ends.client.session = object()
    with pytest.raises(TypeError):
        ends.client.context = ssl.create_default_context()
    with pytest.raises(AttributeError):
        ends.client.anything = 1


# ---- sni_callback -----------------------------------------------------------------------------


def other_identity() -> Any:
    return world().ca.issue_pair("other", ["other.example"], now=NOW).identity


def test_the_callback_is_told_who_asks_for_what() -> None:
    far = server_context()
    calls: list[tuple[Any, str | None, Any]] = []
    far.sni_callback = lambda *arguments: calls.append(arguments)
    ends = Bios(server=far).handshake()
    assert calls == [(ends.server, HOST, far)]
    near = client_context()
    near.check_hostname = False
    for name in (None, "127.0.0.1"):  # no server_name goes out for an address
        calls.clear()
        ends = Bios(near, far, name=name).handshake()
        assert calls == [(ends.server, None, far)]


def test_the_callback_may_choose_another_context() -> None:
    far, other = server_context(), server_context(identity=other_identity())
    other.set_ciphers("ECC_SM4_CBC_SM3")

    def choose(end: TLCPObject, name: str | None, context: Any) -> None:
        assert context is far is end.context
        if name == "other.example":
            end.context = other

    far.sni_callback = choose
    ends = Bios(server=far, name="other.example").handshake()
    assert ends.client.getpeercert()["subject"][-1] == (("commonName", "other"),)
    assert ends.server.context is other
    assert ends.server.cipher()[0] == "ECC_SM4_CBC_SM3"
    assert ends.server.shared_ciphers() == [("ECC_SM4_CBC_SM3", "TLCPv1.1", 128)]
    assert Bios(server=far).handshake().server.context is far


def test_the_callback_can_be_taken_away() -> None:
    far = server_context()
    far.sni_callback = lambda *_: 1 / 0
    assert callable(far.sni_callback)
    far.sni_callback = None
    assert far.sni_callback is None
    Bios(server=far).handshake()
    far.set_servername_callback(lambda *_: None)
    Bios(server=far).handshake()
    for wrong in (4, "", object()):
        with pytest.raises(TypeError):
            far.sni_callback = wrong
    with pytest.raises(ValueError, match="clients"):
        client_context().sni_callback = None


def ends_with(callback: Any) -> tuple[ssl.SSLError, AlertDescription]:
    """The server's error, and the alert that its client gets."""
    far = server_context()
    far.sni_callback = callback
    ends = Bios(server=far)
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.do_handshake()
    ends.carry()
    with pytest.raises(ssl.SSLError) as theirs:
        ends.server.do_handshake()
    ends.carry()
    with pytest.raises(AlertReceived) as ours:
        ends.client.do_handshake()
    return theirs.value, AlertDescription(ours.value.description)


def failing(error: Exception) -> Any:
    def callback(*_: Any) -> None:
        raise error

    return callback


def test_the_callback_may_refuse() -> None:
    error, alert = ends_with(lambda *_: ssl.ALERT_DESCRIPTION_ACCESS_DENIED)
    assert isinstance(error, RefusedByProgram)
    assert alert is AlertDescription.ACCESS_DENIED
    error, alert = ends_with(lambda *_: ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)
    assert alert is AlertDescription.UNRECOGNIZED_NAME
    error, alert = ends_with(failing(UnrecognizedName("not here")))
    assert alert is AlertDescription.UNRECOGNIZED_NAME
    assert "not here" in str(error)


def test_the_callback_fails() -> None:
    error, alert = ends_with(failing(ZeroDivisionError("oops")))
    assert isinstance(error, NegotiationError)
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert alert is AlertDescription.HANDSHAKE_FAILURE
    assert "ZeroDivisionError: oops" in str(error)


@pytest.mark.parametrize("answer", ["foo", 3000, 1.5, object()])
def test_the_callback_answers_nonsense(answer: Any) -> None:
    error, alert = ends_with(lambda *_: answer)
    assert isinstance(error, InternalError)
    assert alert is AlertDescription.INTERNAL_ERROR
    assert "expected None or an alert's number" in str(error)


# ---- references ------------------------------------------------------------------------------


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("callback", [None, lambda *_: None])
def test_a_connection_dies_with_its_last_name(callback: Any) -> None:
    """No cycles: a server with many connections does not depend on the collector."""
    far = server_context()
    far.sni_callback = callback
    ends = Bios(server=far).handshake()
    dead = [weakref.ref(ends.client), weakref.ref(ends.server)]
    del ends
    assert [one() for one in dead] == [None, None]


@pytest.mark.usefixtures("no_collector")
def test_a_context_dies_with_its_callback() -> None:
    """Even if the callback names the context that holds it, the collector finds both."""
    far = server_context()

    def callback(*_: Any, context: Any = far) -> None: ...

    far.sni_callback = callback
    dead = weakref.ref(far)
    del far, callback
    gc.collect()
    assert dead() is None
