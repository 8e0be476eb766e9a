"""Where every field of a message lies, what it holds, and its number's name.

The ranges and values come from the codec's own notes; the parts that depend on the cipher suite
and the bodies of known extensions are read by the structures that the handshake uses.

Spec: GB/T 38636-2020 6.2, 6.4.5
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tlcp.alerts import AlertDescription, AlertLevel
from tlcp.errors import DecodeError
from tlcp.registry import (
    ClientCertificateType,
    ContentType,
    ExtensionType,
    HandshakeType,
    number_label,
)
from tlcp.suites import CipherSuite, KeyExchangeKind, suite_label
from tlcp.wire.bodies import (
    EccClientKeyExchange,
    EccServerKeyExchange,
    EcdheServerKeyExchange,
    decode_ecdhe_client_key_exchange,
)
from tlcp.wire.codec import Structure
from tlcp.wire.extensions import EXTENSION_BODIES, StapledStatus
from tlcp.wire.messages import (
    HANDSHAKE_HEADER_BYTES,
    Alert,
    ChangeCipherSpec,
    ClientKeyExchange,
    Extension,
    Handshake,
    ServerHello,
    ServerKeyExchange,
    message_class,
)
from tlcp.wire.reader import Note, Notes

__all__ = ["Field", "fields_of"]

_ENCRYPTED = (KeyExchangeKind.ECC, KeyExchangeKind.RSA)
_VERSIONS = {0x0101: "TLCP 1.1", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2"}
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        path: as declared, such as "extensions[0].data.names[0].name".
        start, end: its bytes in the message, header included; a vector's length belongs to it.
        value: a number, bytes in hex, or None for a field that is made of others.
        label: what a number is called; "" where there is no name.
    """

    path: str
    start: int
    end: int
    value: int | str | None
    label: str = ""


def fields_of(
    content_type: int, data: bytes, parsed: Structure | None, suite: CipherSuite | None
) -> list[Field]:
    """The fields of one message, outer ones before inner ones.

    Args:
        content_type: of its record.
        data: the message, a handshake message with its header.
        parsed: what it was parsed to, None if it could not be.
        suite: the one agreed on, None while unknown.
    """
    if content_type == ContentType.HANDSHAKE:
        return _handshake(data, parsed, suite)
    if content_type == ContentType.ALERT:
        return _plain(Alert, data)
    if content_type == ContentType.CHANGE_CIPHER_SPEC:
        return _plain(ChangeCipherSpec, data)
    return [Field("data", 0, len(data), None)]


def _plain(kind: type[Structure], data: bytes) -> list[Field]:
    return [_field(note, 0) for note in _noted(kind, data)]


def _noted(kind: type[Structure], data: bytes) -> list[Note]:
    """What could be read, up to the field that is wrong."""
    notes = Notes()
    with contextlib.suppress(DecodeError):
        kind.from_bytes(data, notes)
    return notes.found


def _handshake(data: bytes, parsed: Structure | None, suite: CipherSuite | None) -> list[Field]:
    if len(data) < HANDSHAKE_HEADER_BYTES:
        return []
    size = int.from_bytes(data[1:HANDSHAKE_HEADER_BYTES], "big")
    fields = [
        Field("type", 0, 1, data[0], number_label(HandshakeType, data[0])),
        Field("length", 1, HANDSHAKE_HEADER_BYTES, size),
    ]
    if data[0] not in set(HandshakeType):
        return fields
    for note in _noted(message_class(data[0]), data[HANDSHAKE_HEADER_BYTES:]):
        fields.append(_field(note, HANDSHAKE_HEADER_BYTES))
        if isinstance(note.value, Extension):
            continue
        fields += _inside(note, data, parsed, suite)
    return fields


def _inside(
    note: Note, data: bytes, parsed: Structure | None, suite: CipherSuite | None
) -> Iterator[Field]:
    """Fields within a field of bytes whose form is known."""
    value = note.value
    if not isinstance(value, bytes) or not value or not isinstance(parsed, Handshake):
        return
    inner: list[Note] = []
    if note.path == "body":
        inner = _body_notes(parsed, value, suite)
    elif note.path.endswith(".data"):
        kind = _extension_type(note, data)
        inner = _extension_notes(parsed, kind, value)
    shift = HANDSHAKE_HEADER_BYTES + note.end - len(value)
    for one in inner:
        path = f"{note.path}.{one.path}"
        yield _field(Note(path, one.start, one.end, one.value), shift)


def _extension_type(note: Note, data: bytes) -> int:
    at = HANDSHAKE_HEADER_BYTES + note.start - 2  # the type lies right before the data
    return int.from_bytes(data[at : at + 2], "big")


def _extension_notes(parsed: Handshake, kind: int, value: bytes) -> list[Note]:
    body = EXTENSION_BODIES.get(kind)
    if isinstance(parsed, ServerHello) and kind == ExtensionType.STATUS_REQUEST:
        body = StapledStatus
    return _noted(body, value) if body is not None else []


def _body_notes(parsed: Handshake, body: bytes, suite: CipherSuite | None) -> list[Note]:
    exchange = suite.key_exchange if suite is not None else None
    if exchange in _ENCRYPTED and isinstance(parsed, ServerKeyExchange):
        return _noted(EccServerKeyExchange, body)
    if exchange in _ENCRYPTED and isinstance(parsed, ClientKeyExchange):
        return _noted(EccClientKeyExchange, body)
    if exchange is KeyExchangeKind.ECDHE and isinstance(parsed, ServerKeyExchange):
        return _noted(EcdheServerKeyExchange, body)
    notes = Notes()
    if exchange is KeyExchangeKind.ECDHE and isinstance(parsed, ClientKeyExchange):
        with contextlib.suppress(DecodeError):
            decode_ecdhe_client_key_exchange(body, notes)
    return notes.found


def _field(note: Note, shift: int) -> Field:
    value = note.value
    shown: int | str | None = None
    if isinstance(value, int):
        shown = int(value)
    elif isinstance(value, bytes):
        shown = value.hex()
    return Field(note.path, note.start + shift, note.end + shift, shown, _label(note.path, value))


def _label(path: str, value: object) -> str:
    if not isinstance(value, int):
        return _text(path, value)
    match _INDEX.sub("[]", path):
        case "version":
            return _VERSIONS.get(value, "")
        case "cipher_suite" | "cipher_suites[]":
            return suite_label(value)
        case "extensions[].type":
            return number_label(ExtensionType, value)
        case "level":
            return number_label(AlertLevel, value)
        case "description":
            return AlertDescription.label(value)
        case _:
            return ""


def _text(path: str, value: object) -> str:
    """Names and protocols are text; the kinds of certificates have names."""
    if isinstance(value, bytes):
        if path.endswith(".name") or ".data.protocols[" in path:
            return value.decode("ascii", "backslashreplace")
        if path == "certificate_types":
            return ", ".join(number_label(ClientCertificateType, kind) for kind in value)
    return ""
