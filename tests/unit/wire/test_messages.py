"""Messages: the same bytes both ways, and nothing malformed gets through."""

from __future__ import annotations

import pytest

from support.samples import RANDOM, SAMPLES
from tlcp.errors import DecodeError, UnexpectedMessage
from tlcp.wire.messages import (
    MESSAGES,
    Alert,
    Certificate,
    ChangeCipherSpec,
    ClientHello,
    Extension,
    Handshake,
    ServerHello,
    ServerKeyExchange,
    decode_handshake,
)
from tlcp.wire.reader import Notes


def _name(message: Handshake) -> str:
    return type(message).__name__


def _resized(body: bytes, kind: int) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def test_every_message_class_has_a_sample() -> None:
    assert {type(m) for m in SAMPLES} == set(MESSAGES.values())


@pytest.mark.parametrize("message", SAMPLES, ids=_name)
def test_round_trip(message: Handshake) -> None:
    raw = message.encode()
    assert decode_handshake(raw) == message
    assert decode_handshake(raw).encode() == raw


@pytest.mark.parametrize("message", SAMPLES, ids=_name)
def test_every_truncation_is_refused(message: Handshake) -> None:
    """Cut at each byte, with the header's length wrong and with it mended.

    A body that stays opaque until the suite is known has no shape of its own; a hello cut at the
    border of its extension block is another valid hello.
    """
    raw = message.encode()
    for size in range(len(raw)):
        with pytest.raises(DecodeError):
            decode_handshake(raw[:size])
    if "body" in message.spec:
        return
    for size in range(len(raw) - 4):
        cut = _resized(raw[4 : 4 + size], raw[0])
        try:
            shorter = decode_handshake(cut)
        except DecodeError:
            continue
        assert isinstance(shorter, ClientHello | ServerHello)
        assert shorter.extensions is None
        assert shorter.encode() == cut


@pytest.mark.parametrize("message", SAMPLES, ids=_name)
def test_trailing_bytes_are_refused(message: Handshake) -> None:
    raw = message.encode()
    with pytest.raises(DecodeError):
        decode_handshake(raw + b"\0")
    if "body" not in message.spec:
        with pytest.raises(DecodeError):
            decode_handshake(_resized(raw[4:] + b"\0", raw[0]))


@pytest.mark.parametrize("message", SAMPLES, ids=_name)
def test_notes_cover_the_body_without_gap(message: Handshake) -> None:
    """The outer fields lie one behind the other; each note's value is the decoded field."""
    raw, notes = message.encode(), Notes()
    decode_handshake(raw, notes)
    outer = [note for note in notes.found if "." not in note.path and "[" not in note.path]
    assert [note.path for note in outer] == list(message.spec)
    at = 0
    for note in outer:
        assert note.start == at
        assert note.value == getattr(message, note.path)
        at = note.end
    assert at == len(raw) - 4


def test_notes_name_inner_fields() -> None:
    hello = ClientHello(0x0101, RANDOM, b"", (1, 2), b"\0", (Extension(5, b"xyz"),))
    notes = Notes()
    ClientHello.from_bytes(hello.to_bytes(), notes)
    found = {note.path: note for note in notes.found}
    assert found["cipher_suites[1]"].value == 2
    data = found["extensions[0].data"]
    assert hello.to_bytes()[data.start : data.end] == b"\0\3xyz"


def test_unknown_type_is_unexpected_not_malformed() -> None:
    with pytest.raises(UnexpectedMessage, match=r"unknown\(99\)"):
        decode_handshake(_resized(b"", 99))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"\1\1" + RANDOM + b"\x21" + bytes(33) + b"\0\2\xe0\x13\1\0", "session_id"),
        (b"\1\1" + RANDOM + b"\0" + b"\0\0" + b"\1\0", "cipher_suites"),
        (b"\1\1" + RANDOM + b"\0" + b"\0\3\xe0\x13\0" + b"\1\0", "cipher_suites"),
        (b"\1\1" + RANDOM + b"\0" + b"\0\2\xe0\x13" + b"\0", "compression_methods"),
        (b"\1\1" + RANDOM + b"\0" + b"\0\2\xe0\x13" + b"\1\0" + b"\0\3\0\0\0", "extensions"),
        (b"\1\1" + RANDOM + b"\0" + b"\0\2\xe0\x13" + b"\1\0" + b"\0\5\0\0\0\2a", "extensions"),
        (b"\1\1" + RANDOM + b"\0" + b"\0\2\xe0\x13" + b"\1\0" + b"\0\x08" + bytes(8), "extensions"),
    ],
)
def test_client_hello_bounds_name_the_field(body: bytes, field: str) -> None:
    """Session id over 32, no or half a suite, no compression, broken or repeated extensions."""
    with pytest.raises(DecodeError, match=f"ClientHello: {field}"):
        decode_handshake(_resized(body, 1))


def test_empty_certificate_in_a_list_is_refused() -> None:
    with pytest.raises(DecodeError, match=r"Certificate: certificates: \[0\]"):
        decode_handshake(_resized(b"\0\0\3" + b"\0\0\0", 11))


def test_inner_length_cannot_reach_beyond_its_window() -> None:
    with pytest.raises(DecodeError):
        decode_handshake(_resized(b"\0\0\5" + b"\0\0\3" + b"abcd", 11))


def test_values_of_ours_that_do_not_fit_are_our_bug() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ClientHello(0x0101, b"short", b"", (1,), b"\0").encode()
    with pytest.raises(ValueError, match="outside"):
        ClientHello(0x0101, RANDOM, bytes(33), (1,), b"\0").encode()
    with pytest.raises(ValueError, match="does not fit"):
        ServerHello(0x10000, RANDOM, b"", 1, 0).encode()
    with pytest.raises(ValueError, match="outside"):
        Certificate((b"",)).encode()


def test_opaque_bodies_are_kept_as_they_came() -> None:
    assert ServerKeyExchange(b"\xff\0").encode() == b"\x0c\0\0\2\xff\0"


@pytest.mark.parametrize(("kind", "raw"), [(ChangeCipherSpec, b"\1"), (Alert, b"\2\x28")])
def test_small_structures(kind: type[Alert | ChangeCipherSpec], raw: bytes) -> None:
    assert kind.from_bytes(raw).to_bytes() == raw
    for bad in (b"", raw + b"\0", raw[:-1]):
        with pytest.raises(DecodeError):
            kind.from_bytes(bad)
